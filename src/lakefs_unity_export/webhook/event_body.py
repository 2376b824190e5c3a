"""The body of an event: read within limits, and only as what lakeFS sends."""

import asyncio
import json
from typing import Any

import pydantic
from starlette.requests import ClientDisconnect, Request

from lakefs_unity_export.events import Event
from lakefs_unity_export.webhook.refusals import Refusal, closing

MAX_BODY_BYTES = 64 * 1024


class EventBody(pydantic.BaseModel):
    """The fields that are read; a newer server may send others. lakeFS leaves empty ones out."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore", strict=True)

    event_type: str = ""
    repository_id: str = ""
    branch_id: str = ""
    source_ref: str = ""
    commit_id: str = ""
    commit_metadata: dict[str, str] = {}

    @property
    def event(self) -> Event:
        """What decides about a run."""
        return Event(
            event_type=self.event_type,
            repository_id=self.repository_id,
            branch_id=self.branch_id,
            commit_id=self.commit_id,
        )


async def read_event(request: Request, *, seconds: float) -> EventBody:
    """The event that the request carries. Raises Refusal for anything else, and for a body that takes too long."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise closing(415, "Content-Type must be application/json, as lakeFS sends it")
    try:
        async with asyncio.timeout(seconds):
            body = await _read_body(request)
    except TimeoutError as error:
        raise closing(408, f"the body did not arrive within {seconds:g} seconds") from error
    except ClientDisconnect as error:
        raise closing(400, "the body ended early") from error
    return parse_event(body)


async def _read_body(request: Request) -> bytes:
    """The body, never more of it than an event can have, whatever its length is said to be."""
    too_large = f"the body has more than {MAX_BODY_BYTES} bytes"
    said = request.headers.get("content-length", "0")
    if not (said.isascii() and said.isdigit()):
        raise closing(400, "Content-Length is not a number")
    if len(said) > len(str(MAX_BODY_BYTES)) or int(said) > MAX_BODY_BYTES:
        raise closing(413, too_large)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise closing(413, too_large)
    return bytes(body)


def parse_event(body: bytes) -> EventBody:
    """The event in a body. Raises Refusal where it is not JSON (400), or not an event's fields (422)."""
    try:
        content = json.loads(body.decode(), object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # also not UTF-8, and numbers of absurd length
        raise Refusal(400, "the body is not JSON, or has a key twice") from error
    if not isinstance(content, dict):
        raise Refusal(422, "the body is not a JSON object; send what lakeFS sends to a webhook")
    try:
        return EventBody.model_validate(content)
    except pydantic.ValidationError as error:
        fields = dict.fromkeys(str(problem["loc"][0]) for problem in error.errors(include_url=False))
        raise Refusal(422, "; ".join(f"{field} is not {_wanted(field)}" for field in fields)) from error


def _wanted(field: str) -> str:
    return "an object of texts" if field == "commit_metadata" else "text"


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may take different ones of two equal keys, so neither is taken."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key twice")
    return content


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
