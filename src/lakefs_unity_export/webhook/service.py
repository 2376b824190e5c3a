"""What the service does with an event, apart from HTTP: start a run, or check descriptors."""

import asyncio
from collections.abc import Callable
from functools import lru_cache, partial

from lakefs_unity_export.commit.descriptor_gate import GATED_EVENTS, GateReader, GateRequest, Verdict, judge
from lakefs_unity_export.errors import InvalidEventError, LakeFSError
from lakefs_unity_export.events import LAKEFS_EVENTS, NothingToStart, decide
from lakefs_unity_export.names import unreadable_repository
from lakefs_unity_export.servers.lakefs_client import LakeFSClient
from lakefs_unity_export.webhook.bounded_calls import BoundedCalls
from lakefs_unity_export.webhook.event_body import EventBody
from lakefs_unity_export.webhook.job_starts import JobStarts, Runs
from lakefs_unity_export.webhook.refusals import Refusal, later
from lakefs_unity_export.webhook.request_log import RequestLog
from lakefs_unity_export.webhook.settings import GATE_ENDPOINT, GateSettings, Settings

# lakeFS waits a minute for the answer, and the branch is locked meanwhile.
GATE_TIMEOUTS = (5.0, 15.0)
GATE_RETRIES = 1
MERGE_STRATEGY = ".lakefs.merge.strategy"

OpenRepository = Callable[[str], GateReader]


class Service:
    """The events and the gate of one configuration."""

    def __init__(self, settings: Settings, runs: Runs, open_repository: OpenRepository | None) -> None:
        self.settings = settings
        self.log = RequestLog(settings.confidential())
        self._start_calls = self._calls("start")
        self._gate_calls = self._calls("gate")
        self._starts = JobStarts(runs, self._start_calls, self.log, job_id=settings.job_id)
        self._open_repository = open_repository

    def _calls(self, name: str) -> BoundedCalls:
        return BoundedCalls(name=name, concurrency=self.settings.concurrency, queue=self.settings.queue)

    @property
    def accepted_calls(self) -> int:
        """The calls to Databricks and lakeFS that are running or waiting."""
        return self._start_calls.accepted + self._gate_calls.accepted

    @property
    def is_ready(self) -> bool:
        """Whether another event would be accepted."""
        return self._start_calls.takes_more and self._gate_calls.takes_more

    async def export(self, body: EventBody, *, seconds: float) -> tuple[str, str]:
        """Start the run that the event justifies, if any: the outcome, and what is answered. Raises Refusal."""
        try:
            wanted = decide(body.event)
        except InvalidEventError as error:
            raise Refusal(422, str(error)) from error
        if isinstance(wanted, NothingToStart):
            return "nothing", wanted.reason
        self._check_repository(body)
        if not self.settings.takes_branch(body.branch_id):
            return "nothing", f"branch {_shown(body.branch_id)} is not one that is exported (WEBHOOK_BRANCHES)"
        if reason := unreadable_repository(body.repository_id):
            raise Refusal(422, f"repository {_shown(body.repository_id)} cannot be exported, for {reason}")
        run_id = await self._starts.start(wanted, seconds=seconds)
        return "started", f"{self.settings.workspace.host}/jobs/{self.settings.job_id}/runs/{run_id}"

    async def validate(self, body: EventBody, *, seconds: float) -> tuple[str, str]:
        """Check the descriptors that a commit or merge would leave: the outcome, and what is answered.

        Raises Refusal, which lists every problem, where the commit or merge is not to be.
        """
        if body.event_type not in GATED_EVENTS:
            if body.event_type not in LAKEFS_EVENTS:
                raise Refusal(
                    422, f"event_type is missing, or not an event of lakeFS; send {' or '.join(GATED_EVENTS)}"
                )
            return "nothing", f"event {body.event_type} is not checked, only {' and '.join(GATED_EVENTS)} are"
        self._check_repository(body)
        if not self.settings.takes_branch(body.branch_id):
            return "nothing", f"branch {_shown(body.branch_id)} is not one that is exported (WEBHOOK_BRANCHES)"
        verdict = await self._verdict(body, seconds)
        if verdict.problems:
            raise Refusal(412, _list_of([_on_one_line(str(problem)) for problem in verdict.problems], body))
        notes = [f"note: {_on_one_line(note)}" for note in verdict.notes]
        return "valid", "\n".join(["the table descriptors are valid", *notes])

    async def _verdict(self, body: EventBody, seconds: float) -> Verdict:
        gate = self.settings.gate
        if gate is None or self._open_repository is None:
            raise Refusal(
                501, f"the gate is not set up: give the webhook service {GATE_ENDPOINT} and what belongs to it"
            )
        try:
            request = GateRequest(
                event_type=body.event_type,
                repository=body.repository_id,
                branch=body.branch_id,
                source_ref=body.source_ref,
                strategy=body.commit_metadata.get(MERGE_STRATEGY, ""),
            )
            call = self._gate_calls.start(partial(self._judge, request, gate, self._open_repository))
            async with asyncio.timeout(seconds):
                return await call
        except InvalidEventError as error:
            raise Refusal(422, str(error)) from error
        except TimeoutError as error:
            raise Refusal(504, "lakeFS did not let the descriptors be read in time; try again") from error
        except LakeFSError as error:
            raise later(
                "the descriptors could not be read from lakeFS; the service's log says why", str(error)
            ) from error

    @staticmethod
    def _judge(request: GateRequest, gate: GateSettings, open_repository: OpenRepository) -> Verdict:
        return judge(request, gate.rules, open_repository(request.repository))

    def _check_repository(self, body: EventBody) -> None:
        if not self.settings.takes_repository(body.repository_id):
            raise Refusal(
                403,
                f"repository {_shown(body.repository_id)} is not one that this service serves (WEBHOOK_REPOSITORIES)",
            )

    def close(self) -> None:
        """Takes nothing more, and finishes what was accepted."""
        self._start_calls.close()
        self._gate_calls.close()


def lakefs_repositories(gate: GateSettings) -> OpenRepository:
    """Clients of the gate's lakeFS server; those used last are kept, with their connections."""

    @lru_cache(maxsize=64)
    def open_repository(repository: str) -> GateReader:
        return LakeFSClient(
            endpoint=gate.endpoint,
            repository=repository,
            credentials=gate.credentials,
            retries=GATE_RETRIES,
            timeouts=GATE_TIMEOUTS,
        )

    return open_repository


def _list_of(problems: list[str], body: EventBody) -> str:
    what = "commit" if body.event_type == "pre-commit" else "merge"
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n".join(
        [f"{count} in the table descriptors that this {what} would leave; mend all, then try again:", *problems]
    )


def _on_one_line(text: str) -> str:
    """The text; with control characters, which a file's name may hold, written out."""
    return text if text.isprintable() else ascii(text)[1:-1]


def _shown(value: str) -> str:
    return ascii(value[:60])
