"""An exception of Spark as data: the chain of its causes in Java, each with what it says by structure.

A text alone can hold any name of a table, a column, a path or a stack frame, so nothing is searched in it. Classes,
error conditions, HTTP status and AWS error code are asked of the Java objects (PySpark's errors and Py4J's hold them).
Where there are none (Spark Connect sends texts), they are read from the lines and the places where Java writes them.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

_MOST_CAUSES = 20

_CALLED = re.compile(r"An error occurred while calling \S+\n: ")
_TRACE = "\n\nJVM stacktrace:\n"
_CLASS = r"(?:[A-Za-z_$][\w$]*\.)+[A-Z][\w$]*"
_HEADER = re.compile(rf"(?:Caused by: )?({_CLASS})(?:: (.*))?", re.DOTALL)
_REASON = re.compile(rf"\(({_CLASS})\) (.*)", re.DOTALL)
_FRAME = re.compile(r"\s+(?:at [^()]+\(.*\)|\.\.\. \d+ (?:more|common frames omitted))")
_CONDITION_NAME = r"([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)"
_CONDITION = re.compile(rf"\[{_CONDITION_NAME}\] ")
_SERVICE_CONDITION = re.compile(rf"\[RequestId=\S+ ErrorClass={_CONDITION_NAME}\] ")

_AWS_CLASS = re.compile(r"\b(awssdk|amazonaws)\.")
# How AWS's SDK ends the message of a service's answer, in version 2 and version 1.
_STATUS = re.compile(
    r"(\(Service: [^,;()]+(?:, Status Code: (\d{3})|; Status Code: (\d{3}); Error Code: ([^;()]+))"
    r"[,;] Request ID: [^()]*\))"
    r"(?: \(SDK Attempt Count: \d+\)|, S3 Extended Request ID: \S+)?$"
)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One exception of a chain. `condition` is Spark's or Delta's own error class; status and code are a store's."""

    java_class: str
    message: str = ""
    condition: str | None = None
    status: int | None = None
    code: str | None = None

    @property
    def name(self) -> str:
        """The class without its package, which some runtimes shade."""
        return re.split(r"[.$]", self.java_class)[-1]

    @property
    def is_aws(self) -> bool:
        """Whether AWS's SDK or Hadoop's S3A raised it."""
        return bool(_AWS_CLASS.search(self.java_class)) or ".fs.s3a." in self.java_class

    @property
    def line(self) -> str:
        """Class, condition and the first line of the message, with the next one where that only announces it."""
        lines = [line.strip() for line in self.message.strip().splitlines()] or [""]
        said = " ".join(lines[: 2 if lines[0].endswith(":") else 1])
        if self.condition and self.condition not in said:
            said = f"[{self.condition}] {said}"
        return f"{self.java_class}: {said}" if said else self.java_class


def causes(error: BaseException) -> list[Cause]:
    """The exception and its causes, outermost first."""
    chain: list[Cause] = []
    seen: BaseException | None = error
    while seen is not None and len(chain) < _MOST_CAUSES:
        chain.extend(_causes_of_one(seen))
        seen = seen.__cause__
    return [replace(cause, condition=cause.condition or _of_service(cause.message)) for cause in chain[:_MOST_CAUSES]]


def _of_service(message: str) -> str | None:
    """The condition that Unity Catalog's service puts before what it says."""
    found = _SERVICE_CONDITION.match(message)
    return found[1] if found else None


def condition(error: BaseException) -> str | None:
    """The error class that PySpark gives the exception, such as `DELTA_TABLE_NOT_FOUND`."""
    # Spark 4 renamed getErrorClass to getCondition.
    return _text(_called(error, "getCondition", "getErrorClass"))


def described(error: BaseException) -> str:
    """The exception in one line as it is, with its class, and what lies at the bottom of it."""
    chain = causes(error)
    outer, inner = chain[0].line, chain[-1].line
    return outer if inner in outer else f"{outer}; caused by {inner}"


def _causes_of_one(error: BaseException) -> list[Cause]:
    # Py4J's errors and PySpark's hold the Java exception under different names.
    throwable = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    if throwable is not None:
        return list(_of_java(throwable))
    outer = condition(error)
    told = str(error).partition(_TRACE)[0]
    chain = _of_text(_text(_called(error, "getStackTrace")) or "", told) or _of_text(str(error))
    if not chain:
        kind = type(error)
        python_class = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        return [Cause(java_class=python_class, message=told, condition=outer)]
    return [replace(chain[0], condition=outer or chain[0].condition), *chain[1:]]


def _of_java(throwable: Any) -> Iterator[Cause]:
    for _ in range(_MOST_CAUSES):
        if throwable is None:
            return
        java_class = str(throwable.getClass().getName())
        status = code = None
        if _AWS_CLASS.search(java_class):
            found = _called(throwable, "statusCode", "getStatusCode")
            status = found if isinstance(found, int) and found else None
            details = _called(throwable, "awsErrorDetails")
            code = _text(_called(details, "errorCode") if details is not None else _called(throwable, "getErrorCode"))
        yield Cause(
            java_class=java_class,
            message=_text(throwable.getMessage()) or "",
            condition=_text(_called(throwable, "getCondition", "getErrorClass")),
            status=status,
            code=code,
        )
        throwable = throwable.getCause()


def _called(thing: Any, *names: str) -> Any:
    """The result of the first of these methods that there is. Py4J tells of a missing one only when it is called."""
    for name in names:
        method: Callable[[], Any] | None = getattr(thing, name, None)
        if method is not None:
            with suppress(Exception):
                return method()
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _of_text(text: str, told: str = "") -> list[Cause]:
    """The causes that a printed exception of Java names.

    They stand at the beginning, and behind `Caused by: ` after the frames of the one before: nowhere else.
    told: the outermost one's message, where its line has none, as in what Spark Connect sends.
    """
    chain: list[Cause] = []
    for block in _blocks(_CALLED.sub("", text.rpartition(_TRACE)[2], count=1)):
        header = _HEADER.fullmatch(block) or _REASON.fullmatch(block)
        if header is None:
            break
        message = header[2] or ("" if chain else told)
        chain.append(_of_header(header[1], message, chain[-1].message if chain else ""))
    return chain


def _blocks(printed: str) -> list[str]:
    blocks: list[list[str]] = [[]]
    in_frames = False
    for line in printed.split("\n"):
        if in_frames and line.startswith("Caused by: "):
            blocks.append([line])
            in_frames = False
        elif in_frames or _FRAME.fullmatch(line):
            in_frames = True
        else:
            blocks[-1].append(line)
    return ["\n".join(block).rstrip() for block in blocks]


def _of_header(java_class: str, message: str, message_above: str) -> Cause:
    named = _CONDITION.match(message)
    cause = Cause(java_class=java_class, message=message, condition=named[1] if named else None)
    answer = _STATUS.search(message) if _AWS_CLASS.search(java_class) else None
    if answer is None:
        return cause
    # S3A, which wraps version 2's exception, writes the error code behind the same request's status.
    coded = re.search(re.escape(answer[1]) + r":(\w+)", message_above)
    code = answer[4] or (coded[1] if coded and coded[1] != "null" else None)
    return replace(cause, status=int(answer[2] or answer[3]), code=code)
