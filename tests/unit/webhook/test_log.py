"""The service's log lines, and those of libraries and the server beside them."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from lakefs_unity_export.webhook.request_log import LOGGER, RequestLog, log_to_output


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """Where every line goes; afterwards logging is as it was."""
    names = ("", LOGGER, "uvicorn", "uvicorn.error", "uvicorn.access")
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in map(logging.getLogger, names)]
    stream = io.StringIO()
    log_to_output(["hush", "hush-hush"], stream)
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
    yield stream
    for logger, handlers, level, propagates in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagates


def _entries(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_line_is_written_once_without_secrets_and_without_empty_fields(output: io.StringIO) -> None:
    RequestLog(["hush", "hush-hush"]).write(
        logging.INFO, "answered", one="a hush-hush b\n", none=None, empty="", count=0
    )
    (entry,) = _entries(output)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {"level": "info", "message": "answered", "one": "a *** b\n", "count": 0}


def test_lines_of_libraries_are_of_the_same_form(output: io.StringIO) -> None:
    logging.getLogger("urllib3.connectionpool").warning("retry %s\nhush", 1)
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    first, second = _entries(output)
    assert (first["logger"], first["message"], first["level"]) == ("urllib3.connectionpool", "retry 1\n***", "warning")
    assert second["message"] == "Invalid HTTP request received."


def test_of_an_error_the_place_is_shown_and_not_the_text(output: io.StringIO) -> None:
    with pytest.raises(ValueError, match="what") as raised:
        raise ValueError("what a request held")
    logging.getLogger("library").error("it failed", exc_info=raised.value)
    (entry,) = _entries(output)
    assert entry["error"].startswith("ValueError in test_of_an_error_the_place_is_shown_and_not_the_text:")
    assert "what a request held" not in output.getvalue()
