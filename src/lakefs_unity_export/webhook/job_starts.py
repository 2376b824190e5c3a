"""Starts of the job: one call to Databricks for each token at a time, its failures as answers to lakeFS."""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import Protocol

from databricks.sdk import WorkspaceClient

from lakefs_unity_export.errors import (
    WorkspaceAccessError,
    WorkspaceError,
    WorkspaceNotFoundError,
    WorkspaceUnavailableError,
)
from lakefs_unity_export.events import RunStart
from lakefs_unity_export.servers.workspace import WorkspaceExportRuns, workspace_client
from lakefs_unity_export.webhook.bounded_calls import BoundedCalls
from lakefs_unity_export.webhook.refusals import Refusal, later
from lakefs_unity_export.webhook.request_log import RequestLog, trace_of
from lakefs_unity_export.webhook.settings import Settings

# Together with a last attempt that begins just before the end, inside the time for an answer.
HTTP_TIMEOUT_SECONDS = 10
RETRY_TIMEOUT_SECONDS = 30
# Connecting to a workspace that does not answer takes half a minute, which not every waiting event is to spend anew.
RECONNECT_SECONDS = 5.0


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
        self._failure: tuple[float, str] | None = None

    def start(self, parameters: Mapping[str, str], *, idempotency_token: str) -> int:
        """As the port. Raises WorkspaceError, by cause."""
        return self._connected().start(parameters, idempotency_token=idempotency_token)

    def _connected(self) -> WorkspaceExportRuns:
        with self._lock:
            if self._runs is None:
                self._runs = WorkspaceExportRuns(self._connect(), self._settings.job_id)
            return self._runs

    def _connect(self) -> WorkspaceClient:
        if self._failure is not None and time.monotonic() - self._failure[0] < RECONNECT_SECONDS:
            raise WorkspaceAccessError(self._failure[1])
        try:
            return workspace_client(
                self._settings.workspace,
                http_timeout_seconds=HTTP_TIMEOUT_SECONDS,
                retry_timeout_seconds=RETRY_TIMEOUT_SECONDS,
                connections=self._settings.concurrency,
            )
        except WorkspaceError as error:
            self._failure = time.monotonic(), str(error)
            raise


class JobStarts:
    """Starts runs of the job over bounded calls."""

    def __init__(self, runs: Runs, calls: BoundedCalls, log: RequestLog, *, job_id: str) -> None:
        self._runs = runs
        self._calls = calls
        self._log = log
        self._job_id = job_id
        self._under_way: dict[str, asyncio.Future[int]] = {}

    async def start(self, wanted: RunStart, *, seconds: float) -> int:
        """The id of the run. Raises Refusal where there is none, or none within the time.

        The call goes on after that time: lakeFS tells of an event once, so an accepted one is not given up.
        """
        call = self._call(wanted)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(call)
        except TimeoutError as error:
            call.add_done_callback(partial(self._tell, wanted))
            raise Refusal(
                504, "Databricks has not answered yet; the service goes on trying to start the run"
            ) from error
        except WorkspaceError as error:
            raise self._refusal(error) from error

    def _call(self, wanted: RunStart) -> "asyncio.Future[int]":
        """The call for this event: the one under way, where it was delivered before."""
        token = wanted.idempotency_token
        call = self._under_way.get(token)
        if call is None:
            call = self._calls.start(partial(self._runs.start, wanted.job_parameters, idempotency_token=token))
            self._under_way[token] = call
            call.add_done_callback(lambda _: self._under_way.pop(token, None))
        return call

    def _tell(self, wanted: RunStart, call: "asyncio.Future[int]") -> None:
        """Log how a start ended for which nobody waits any longer."""
        error = call.exception()
        if error is None:
            self._log.write(logging.INFO, "started late", run_id=call.result(), **wanted.job_parameters)
        else:
            detail = str(error) if isinstance(error, WorkspaceError) else trace_of(error)
            self._log.write(logging.ERROR, "not started", detail=detail, **wanted.job_parameters)

    def _refusal(self, error: WorkspaceError) -> Refusal:
        detail = str(error)
        if isinstance(error, WorkspaceAccessError):
            message = (
                "Databricks refused the webhook service, or is not at DATABRICKS_HOST: give the service valid "
                f"DATABRICKS_ credentials, and its principal CAN MANAGE RUN on job {self._job_id}"
            )
            return Refusal(502, message, detail=detail)
        if isinstance(error, WorkspaceNotFoundError):
            return Refusal(502, f"the workspace has no job {self._job_id}: correct EXPORT_JOB_ID", detail=detail)
        if isinstance(error, WorkspaceUnavailableError):
            return later("Databricks did not answer, also after retries; reconcile exports what is missed", detail)
        return Refusal(
            502,
            "Databricks refused to start the run: check EXPORT_JOB_ID, and that job and webhook are of one version",
            detail=detail,
        )
