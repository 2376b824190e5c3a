"""Starts of the job: one call to Databricks for each token at a time, its failures as answers to lakeFS."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from lakefs_unity_export.errors import (
    WorkspaceAccessError,
    WorkspaceError,
    WorkspaceNotFoundError,
    WorkspaceUnavailableError,
)
from lakefs_unity_export.events import RunStart
from lakefs_unity_export.webhook.bounded_calls import BoundedCalls
from lakefs_unity_export.webhook.refusals import Refusal, later
from lakefs_unity_export.webhook.settings import Settings
from lakefs_unity_export.workspace import WorkspaceExportRuns, workspace_client

# Together with a last attempt that begins just before the end, inside the time for an answer.
HTTP_TIMEOUT_SECONDS = 10
RETRY_TIMEOUT_SECONDS = 30


class Runs(Protocol):
    """Starts runs; a part of ExportRuns."""

    def start(self, parameters: Mapping[str, str], *, idempotency_token: str) -> int:
        """Start a run with these job parameters, or find the one that has the token; its id."""


class WorkspaceRuns:
    """Runs of the job in the workspace. The client is made at the first start, so that the service is up before."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._runs: WorkspaceExportRuns | None = None

    def start(self, parameters: Mapping[str, str], *, idempotency_token: str) -> int:
        """As the port. Raises WorkspaceError, by cause."""
        return self._connected().start(parameters, idempotency_token=idempotency_token)

    def _connected(self) -> WorkspaceExportRuns:
        with self._lock:
            if self._runs is None:
                client = workspace_client(
                    self._settings.workspace,
                    http_timeout_seconds=HTTP_TIMEOUT_SECONDS,
                    retry_timeout_seconds=RETRY_TIMEOUT_SECONDS,
                    connections=self._settings.concurrency,
                )
                self._runs = WorkspaceExportRuns(client, self._settings.job_id)
            return self._runs


class JobStarts:
    """Starts runs of the job over bounded calls."""

    def __init__(self, runs: Runs, calls: BoundedCalls, *, job_id: str) -> None:
        self._runs = runs
        self._calls = calls
        self._job_id = job_id
        self._under_way: dict[str, asyncio.Future[int]] = {}

    async def start(self, wanted: RunStart, *, seconds: float) -> int:
        """The id of the run. Raises Refusal where there is none, or none within the time.

        The call goes on after that time: lakeFS tells of an event once, so an accepted one is not given up.
        """
        token = wanted.idempotency_token
        if token not in self._under_way:
            call: Callable[[], int] = partial(self._runs.start, wanted.job_parameters, idempotency_token=token)
            self._under_way[token] = self._calls.start(call)
            self._under_way[token].add_done_callback(lambda _: self._under_way.pop(token, None))
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(self._under_way[token])
        except TimeoutError as error:
            raise Refusal(
                504, "Databricks has not answered yet; the service goes on trying to start the run"
            ) from error
        except WorkspaceError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: WorkspaceError) -> Refusal:
        detail = str(error)
        if isinstance(error, WorkspaceAccessError):
            message = (
                f"give it valid DATABRICKS_ credentials, and its service principal CAN MANAGE RUN on job {self._job_id}"
            )
            return Refusal(502, f"Databricks refused the webhook service: {message}", detail=detail)
        if isinstance(error, WorkspaceNotFoundError):
            return Refusal(502, f"the workspace has no job {self._job_id}: correct EXPORT_JOB_ID", detail=detail)
        if isinstance(error, WorkspaceUnavailableError):
            return later("Databricks did not answer, also after retries; reconcile exports what is missed", detail)
        return Refusal(
            502,
            "Databricks refused to start the run: check EXPORT_JOB_ID, and that job and webhook are of one version",
            detail=detail,
        )
