"""The service's log: one JSON object a line, without secrets, and without line breaks from what was sent."""

import json
import logging
import sys
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

LOGGER = "lakefs_unity_export.webhook"
MAX_VALUE_LENGTH = 500


class RequestLog:
    """Writes lines to the logger `lakefs_unity_export.webhook`; the values in `confidential` become `***`."""

    def __init__(self, confidential: Iterable[str] = ()) -> None:
        self._logger = logging.getLogger(LOGGER)
        self._confidential = tuple(sorted(confidential, key=len, reverse=True))

    def write(self, level: int, message: str, **fields: Any) -> None:
        """One line: the fields, texts among them shortened and with control characters escaped as JSON does."""
        entry = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": logging.getLevelName(level).lower(),
            "message": message,
            **fields,
        }
        values = {name: self._clean(value) for name, value in entry.items() if value not in ("", None)}
        self._logger.log(level, "%s", json.dumps(values))

    def _clean(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        for secret in self._confidential:
            value = value.replace(secret, "***")
        return value[:MAX_VALUE_LENGTH]


def trace_of(error: BaseException) -> str:
    """Where an error came from, without its text, which may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} in {places}"


def log_to(stream: Any = None) -> None:
    """Send the lines to the stream, standard output by default, and nowhere else."""
    logger = logging.getLogger(LOGGER)
    output = logging.StreamHandler(stream or sys.stdout)
    output.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers[:] = [output]
    logger.setLevel(logging.INFO)
    logger.propagate = False
