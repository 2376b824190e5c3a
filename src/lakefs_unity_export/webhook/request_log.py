"""The service's log: one JSON object a line, without secrets, and without line breaks from what was sent."""

import json
import logging
import sys
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TextIO

LOGGER = "lakefs_unity_export.webhook"
MAX_VALUE_LENGTH = 500


class RequestLog:
    """Writes lines to the logger `lakefs_unity_export.webhook`; the values in `confidential` become `***`."""

    def __init__(self, confidential: Iterable[str] = ()) -> None:
        self._logger = logging.getLogger(LOGGER)
        self._confidential = tuple(sorted(confidential, key=len, reverse=True))

    def write(self, level: int, message: str, **fields: Any) -> None:
        """One line: the fields, texts among them shortened and with control characters escaped as JSON does."""
        self._logger.log(level, "%s", self.line(level, message, **fields))

    def line(self, level: int, message: str, **fields: Any) -> str:
        """The line itself."""
        entry = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": logging.getLevelName(level).lower(),
            "message": message,
            **fields,
        }
        return json.dumps({name: self._clean(value) for name, value in entry.items() if value not in ("", None)})

    def _clean(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        for secret in self._confidential:
            value = value.replace(secret, "***")
        return value[:MAX_VALUE_LENGTH]


class _OthersLines(logging.Formatter):
    """The lines of libraries and of the server, in the same form."""

    def __init__(self, log: RequestLog) -> None:
        super().__init__()
        self._log = log

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        return self._log.line(
            record.levelno, record.getMessage(), logger=record.name, error=trace_of(error) if error else ""
        )


def trace_of(error: BaseException) -> str:
    """Where an error came from, without its text, which may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} in {places}"


def log_to_output(confidential: Iterable[str], stream: TextIO | None = None) -> None:
    """Send every line of this process to the stream, standard output by default: ours, libraries' and uvicorn's.

    uvicorn's line for each request stays as it was set, since ours says more.
    """
    own, others = logging.StreamHandler(stream or sys.stdout), logging.StreamHandler(stream or sys.stdout)
    own.setFormatter(logging.Formatter("%(message)s"))
    others.setFormatter(_OthersLines(RequestLog(confidential)))
    logger, root = logging.getLogger(LOGGER), logging.getLogger()
    logger.handlers[:], root.handlers[:] = [own], [others]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
