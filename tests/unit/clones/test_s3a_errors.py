"""What exceptions mean, on those that Spark and S3A really raised (fixtures/s3a_errors.json)."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tables_in_memory import REQUEST, SOURCE, TablesInMemory, tables

from lakefs_unity_export import errors
from lakefs_unity_export.clones.clone_errors import ShallowCloneRefusedError
from lakefs_unity_export.clones.spark_errors import Cause, causes, condition, described
from lakefs_unity_export.errors import (
    ExportError,
    LakeFSAccessError,
    LakeFSGoneError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
)
from lakefs_unity_export.tasks import clone_table
from lakefs_unity_export.tasks.clone_table import CloneFailedError, NoSourceTableError, TargetStorageError, clone

Recorded = dict[str, Any]
RECORDED: dict[str, Recorded] = json.loads(
    Path(__file__).parents[3].joinpath("fixtures", "s3a_errors.json").read_text(encoding="utf-8")
)
HOSTILE = [
    "timeout",
    "session_timeouts",
    "request timeout (s)",
    "403",
    "AccessDenied",
    "Connection refused",
    "Status Code: 404",
    "Status Code: 410",
    "(Service: S3, Status Code: 403, Request ID: R1):AccessDenied",
    "Caused by: java.net.ConnectException",
    "[DELTA_TABLE_NOT_FOUND] java.net.ConnectException: x",
    "SlowDown 503 NoSuchBucket NoSuchVersion UnknownHostException",
    "software.amazon.awssdk.services.s3.model.S3Exception",
]


@dataclass
class Throwable:
    """As Py4J shows a Java exception: any method seems to be there, and fails when it is called where it is not."""

    chain: list[Recorded]

    def __getattr__(self, name: str) -> Callable[[], Any]:
        def method() -> Any:
            cause = self.chain[0]
            found = {
                "getClass": lambda: Named(cause["java_class"]),
                "getMessage": lambda: cause["message"] or None,
                "getCause": lambda: Throwable(self.chain[1:]) if self.chain[1:] else None,
                **({"getCondition": lambda: cause["condition"]} if cause["condition"] else {}),
                **({"statusCode": lambda: cause["status"]} if cause["status"] else {}),
                **({"awsErrorDetails": lambda: Details(cause["code"])} if cause["code"] else {}),
            }
            if name not in found:
                raise RuntimeError(f"py4j.Py4JException: Method {name}([]) does not exist")
            return found[name]()

        return method


@dataclass
class Named:
    name: str

    def getName(self) -> str:  # noqa: N802, Java's
        return self.name


@dataclass
class Details:
    code: str

    def errorCode(self) -> str:  # noqa: N802, Java's
        return self.code


class Py4JError(Exception):
    """As Py4J raises a Java exception."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__("An error occurred while calling o1.clone.\n: " + recorded["text"])
        self.java_exception = Throwable(recorded["chain"])


class CapturedError(Exception):
    """As PySpark raises a Java exception that it knows."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__(recorded["chain"][0]["message"])
        self._origin = Throwable(recorded["chain"])


class ConnectError(Exception):
    """As Spark Connect raises what the server told: texts, of which the trace may be missing in the message."""

    def __init__(self, recorded: Recorded, *, shows_trace: bool = True) -> None:
        outer = recorded["chain"][0]
        super().__init__(f"({outer['java_class']}) {outer['message']}")
        self._recorded, self._shows_trace = recorded, shows_trace

    def getCondition(self) -> str | None:  # noqa: N802, PySpark's
        found: str | None = self._recorded["chain"][0]["condition"]
        return found

    def getStackTrace(self) -> str | None:  # noqa: N802, PySpark's
        # The server's first line names the class alone.
        first, *frames = self._recorded["text"].partition("\n\tat ")
        return first.partition(":")[0] + "".join(frames) if self._shows_trace else None


def printed(recorded: Recorded) -> Exception:
    """Py4J's error where the Java object is not to be had."""
    return RuntimeError("An error occurred while calling o1.clone.\n: " + recorded["text"])


def with_trace(recorded: Recorded) -> Exception:
    """PySpark's message with Java's trace behind it."""
    return RuntimeError(f"{recorded['chain'][0]['message']}\n\nJVM stacktrace:\n{recorded['text']}")


WITH_JAVA = [Py4JError, CapturedError]
WITH_TEXT = [ConnectError, printed, with_trace]


def raised(error: Exception, *, during: str = REQUEST.source_path) -> ExportError:
    """What the clone task raises where Spark raises this."""
    at = tables(failures={during: error})
    with pytest.raises(ExportError) as found:
        clone(at, REQUEST)
    assert at.calls == []
    assert found.value.__cause__ is error
    assert "\n" not in str(found.value)
    return found.value


def kind_of(recorded: Recorded) -> type[ExportError]:
    found: type[ExportError] = getattr(errors, recorded["kind"], None) or getattr(clone_table, recorded["kind"])
    return found


@pytest.mark.parametrize("made", WITH_JAVA + WITH_TEXT)
@pytest.mark.parametrize("name", RECORDED)
def test_what_s3a_raised_is_told_alike_from_java_and_from_text(
    name: str, made: Callable[[Recorded], Exception]
) -> None:
    error = raised(made(RECORDED[name]))
    assert type(error) is kind_of(RECORDED[name])
    assert RECORDED[name]["says"] in str(error)
    assert REQUEST.source_path in str(error)


@pytest.mark.parametrize("name", RECORDED)
def test_the_text_of_a_chain_says_what_its_java_objects_say(name: str) -> None:
    by_java, by_text = causes(Py4JError(RECORDED[name])), causes(printed(RECORDED[name]))
    assert [asked.java_class for asked in by_text] == [asked.java_class for asked in by_java]
    assert [asked.status for asked in by_text] == [asked.status for asked in by_java]
    # S3A leaves the code out where it tells of a redirect.
    assert name == "301" or [asked.code for asked in by_text] == [asked.code for asked in by_java]
    assert [asked.condition for asked in by_text] == [asked.condition for asked in by_java]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("made", WITH_JAVA + WITH_TEXT)
def test_names_in_paths_change_nothing(hostile: str, made: Callable[[Recorded], Exception]) -> None:
    for name, recorded in RECORDED.items():
        renamed = json.loads(json.dumps(recorded).replace("tables/t", f"tables/{hostile}"))
        error = raised(made(renamed))
        assert type(error) is kind_of(recorded), name
        assert recorded["says"] in str(error), name


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("made", WITH_JAVA + WITH_TEXT)
@pytest.mark.parametrize("during", [REQUEST.source_path, "clone"])
def test_an_error_of_deltas_own_is_shown_as_it_is(
    hostile: str, made: Callable[[Recorded], Exception], during: str
) -> None:
    java_class, name = (
        "org.apache.spark.sql.delta.DeltaUnsupportedTableFeatureException",
        "DELTA_UNSUPPORTED_FEATURES_FOR_READ",
    )
    message = f"[{name}] Unsupported Delta read feature: table {REQUEST.source_path}/{hostile} requires {hostile}"
    network = RECORDED["refused"]
    frames = (
        "\tat software.amazon.awssdk.core.internal.http.pipeline.stages.ApiCallTimeoutTrackingStage.execute(A.java:1)"
    )
    outer = {"java_class": java_class, "message": message, "condition": name, "status": None, "code": None}
    for below in ([], network["chain"]):
        text = f"{java_class}: {message}\n{frames}" + (f"\nCaused by: {network['text']}" if below else "")
        error = raised(made({"chain": [outer, *below], "text": text}), during=during)
        assert type(error) is (CloneFailedError if during == "clone" else NoSourceTableError)
        assert f"[{name}]" in str(error)
        for guess in ("cannot be reached", "garbage collection", "credentials", "external location", "no repository"):
            assert guess not in str(error)


@pytest.mark.parametrize("made", WITH_JAVA + WITH_TEXT)
@pytest.mark.parametrize("name", [name for name in RECORDED if RECORDED[name]["kind"].startswith("LakeFS")])
def test_lakefs_is_told_of_while_cloning_too(name: str, made: Callable[[Recorded], Exception]) -> None:
    recorded = RECORDED[name]
    error = raised(made(recorded), during="clone")
    names_its_path = "s3a://lake/" in "".join(each["message"] for each in recorded["chain"])
    assert type(error) is (kind_of(recorded) if names_its_path else CloneFailedError)


@pytest.mark.parametrize("target", ["s3a://exports/lake/main/orders", "s3://exports/lake/main/orders"])
@pytest.mark.parametrize("name", ["403", "500", "refused", "404-no-bucket"])
def test_a_store_of_the_target_that_s3a_reads_too_is_not_lakefs(name: str, target: str) -> None:
    told = json.dumps(RECORDED[name]).replace(f"lake/{'c' * 64}/tables/t", target.partition("//")[2])
    at = TablesInMemory({REQUEST.source_path: SOURCE}, failures={"clone": Py4JError(json.loads(told))})
    with pytest.raises(TargetStorageError, match="check that its external location exists") as error:
        clone(at, replace(REQUEST, target_path=target))
    assert "lakeFS's S3 gateway" not in str(error.value)


def java(java_class: str, message: str, condition: str | None = None, status: int | None = None) -> Recorded:
    return {"java_class": java_class, "message": message, "condition": condition, "status": status, "code": None}


DENIED = "java.nio.file.AccessDeniedException"
ANALYSIS = "org.apache.spark.sql.AnalysisException"


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (java(DENIED, f"{REQUEST.target_path}/_delta_log: denied"), TargetStorageError),
        (java(DENIED, "/somewhere/else: denied"), CloneFailedError),
        (
            java("shaded.databricks.azurebfs.AbfsRestOperationException", f"{REQUEST.target_path}: 403"),
            TargetStorageError,
        ),
        (java(ANALYSIS, "no", "INSUFFICIENT_PERMISSIONS"), TargetStorageError),
        (java(ANALYSIS, "no", "NO_PARENT_EXTERNAL_LOCATION_FOR_PATH"), TargetStorageError),
        (
            java(ANALYSIS, "no", "CANNOT_SHALLOW_CLONE_NON_UC_MANAGED_TABLE_AS_SOURCE_OR_TARGET"),
            ShallowCloneRefusedError,
        ),
        (java(ANALYSIS, "AccessDenied", "DELTA_UNSUPPORTED_COLUMN_MAPPING_MODE_CHANGE"), CloneFailedError),
        (java(ANALYSIS, f"{REQUEST.target_path}: PERMISSION_DENIED"), CloneFailedError),
        (java("java.lang.OutOfMemoryError", "Java heap space"), CloneFailedError),
    ],
)
@pytest.mark.parametrize("made", [Py4JError, CapturedError, ConnectError])
def test_the_external_location_is_blamed_only_for_what_is_about_it(
    cause: Recorded, kind: type[ExportError], made: Callable[[Recorded], Exception]
) -> None:
    named = f"[{cause['condition']}] " if cause["condition"] else ""
    recorded = {"chain": [cause], "text": f"{cause['java_class']}: {named}{cause['message']}\n\tat A.b(A.java:1)"}
    error = raised(made(recorded), during="clone")
    assert type(error) is kind
    assert ("external location" in str(error)) == (kind is TargetStorageError)
    assert (cause["condition"] or cause["message"]) in str(error)


@pytest.mark.parametrize("error", [OSError("disk full"), OSError(f"{REQUEST.target_path}: Status Code: 403 timeout")])
def test_an_error_of_python_is_shown_as_it_is(error: OSError) -> None:
    assert type(raised(error, during="clone")) is CloneFailedError
    found = raised(error, during=REQUEST.target_path)
    assert type(found) is TargetStorageError
    assert f"OSError: {error}" in str(found)
    assert "external location" not in str(found)


def test_a_connect_error_without_a_trace_says_no_more_than_it_knows() -> None:
    for recorded in RECORDED.values():
        error = raised(ConnectError(recorded, shows_trace=False))
        # S3A's own exception says what happened where it is the outermost.
        assert type(error) in (NoSourceTableError, kind_of(recorded))
        assert recorded["chain"][0]["java_class"].rpartition(".")[2] in str(error) or kind_of(recorded) is type(error)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "(Service: Amazon S3; Status Code: 403; Error Code: AccessDenied; Request ID: R1; Proxy: null)",
            LakeFSAccessError,
        ),
        ("(Service: Amazon S3; Status Code: 403; Error Code: 403 Forbidden; Request ID: R1)", LakeFSAccessError),
        ("(Service: Amazon S3; Status Code: 404; Error Code: NoSuchVersion; Request ID: R1)", LakeFSGoneError),
        ("(Service: Amazon S3; Status Code: 404; Error Code: NoSuchBucket; Request ID: R1)", LakeFSNotFoundError),
        ("(Service: Amazon S3; Status Code: 503; Error Code: 503 Slow Down; Request ID: R1)", LakeFSUnavailableError),
        ("(Service: Amazon S3; Status Code: 404; Error Code: NoSuchKey; Request ID: R1)", NoSourceTableError),
    ],
)
def test_version_1_of_awss_sdk_is_understood(text: str, kind: type[ExportError]) -> None:
    """As its documentation prints its exceptions; some runtimes' S3A is built on it."""
    for shade in ("", "shaded.databricks."):
        above = f"{shade}org.apache.hadoop.fs.s3a.AWSS3IOException: open {REQUEST.source_path}: an answer"
        below = f"{shade}com.amazonaws.services.s3.model.AmazonS3Exception: The text {text}, S3 Extended Request ID: X"
        error = raised(RuntimeError(f"{above}\n\tat A.b(A.java:1)\nCaused by: {below}\n\t... 9 more"))
        assert type(error) is kind


@pytest.mark.parametrize(
    "text",
    [
        "no exception of Java",
        "",
        "java.net.ConnectException",
        "a: b: java.net.ConnectException: Connection refused",
        "\nCaused by: software.amazon.awssdk.services.s3.S3Exception: (Service: S3, Status Code: 403, Request ID: R)",
        "java.lang.A: x\nCaused by: java.net.ConnectException: y\n\tat A.b(C.java:1)",
    ],
)
def test_a_text_that_only_looks_like_a_chain_is_none(text: str) -> None:
    assert len(causes(ValueError(text))) == 1
    assert type(raised(ValueError(text))) is NoSourceTableError


def test_a_python_cause_is_part_of_the_chain() -> None:
    error = ValueError("outer")
    error.__cause__ = Py4JError(RECORDED["refused"])
    assert [cause.name for cause in causes(error)][:2] == ["ValueError", "ConnectException"]
    assert type(raised(error)) is LakeFSUnavailableError


def test_a_chain_without_an_end_is_cut() -> None:
    endless = Throwable([java("java.lang.A", "a")] * 100)
    error = Py4JError({"chain": [], "text": ""})
    error.java_exception = endless
    assert len(causes(error)) == 20


def test_a_line_of_an_error_has_class_and_condition_once() -> None:
    assert Cause(java_class="java.lang.A").line == "java.lang.A"
    assert Cause(java_class="a.B", message="first\nsecond", condition="C_D").line == "a.B: [C_D] first"
    assert Cause(java_class="a.B", message="[C_D] first", condition="C_D").line == "a.B: [C_D] first"


def test_what_lies_at_the_bottom_is_said_once() -> None:
    assert described(Py4JError({"chain": [java("a.A", "x")], "text": ""})) == "a.A: x"
    chain = [java("a.A", "x"), java("a.B", "y"), java("a.C", "z")]
    assert described(Py4JError({"chain": chain, "text": ""})) == "a.A: x; caused by a.C: z"
    assert described(Py4JError({"chain": [java("a.A", "a.C: z"), java("a.C", "z")], "text": ""})) == "a.A: a.C: z"


def test_the_condition_is_asked_of_old_and_new_errors_of_pyspark() -> None:
    class OldError(Exception):
        def getErrorClass(self) -> str:  # noqa: N802, PySpark's
            return "DELTA_TABLE_NOT_FOUND"

    assert condition(OldError()) == "DELTA_TABLE_NOT_FOUND"
    assert condition(ConnectError(RECORDED["500"])) is None
    assert condition(ValueError()) is None
