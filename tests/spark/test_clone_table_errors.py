"""What the clone task says of each way in which S3A fails, with S3A's own exceptions.

The exceptions are recorded in fixtures/s3a_errors.json, for tests without Spark. They are written anew by
`RECORD_S3A_ERRORS=1 pytest tests/spark/test_clone_table_errors.py`; read the difference before you commit it.
"""

import io
import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import lakefs
import pytest
from faulty_gateway import (
    Affects,
    Fault,
    FaultyGateway,
    answer,
    every_request,
    hang,
    hang_up,
    listing,
    reading_rows,
    reading_the_log,
)
from lakefs.client import Client

from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.clones.spark_errors import causes
from lakefs_unity_export.errors import (
    ExportError,
    LakeFSAccessError,
    LakeFSGoneError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
)
from lakefs_unity_export.tasks.clone_table import NoSourceTableError, TargetStorageError, clone_table
from local_stack.lakefs.standin import LakeFSStandIn

pytestmark = pytest.mark.spark

RECORDED = Path(__file__).parents[2] / "fixtures" / "s3a_errors.json"
IS_RECORDING = bool(os.environ.get("RECORD_S3A_ERRORS"))
NOWHERE = "http://127.0.0.1:1"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault of the gateway, or settings that are wrong, and what the clone task is to make of it."""

    kind: type[ExportError]
    says: str
    affects: Affects = every_request
    fault: Fault | None = None
    settings: dict[str, str] = field(default_factory=dict)


def _of_log(kind: type[ExportError], says: str, fault: Fault) -> Case:
    return Case(kind=kind, says=says, affects=reading_the_log, fault=fault)


def _of_all(kind: type[ExportError], says: str, fault: Fault) -> Case:
    return Case(kind=kind, says=says, fault=fault)


def _of_settings(kind: type[ExportError], says: str, **settings: str) -> Case:
    return Case(kind=kind, says=says, settings={name.replace("_", "."): value for name, value in settings.items()})


WEB_PAGE = answer(200, body="<!doctype html><title>lakeFS</title>", kind="html")
CASES = {
    "400": _of_log(NoSourceTableError, "(Service: S3, Status Code: 400", answer(400, "InvalidArgument")),
    "400-of-a-ref": Case(
        kind=LakeFSNotFoundError, says="no such commit", affects=listing, fault=answer(400, "BadRequest")
    ),
    "401": _of_all(LakeFSAccessError, "(401)", answer(401, "Unauthorized")),
    "403": _of_all(LakeFSAccessError, "lakefs-access-key-id", answer(403, "AccessDenied")),
    "403-of-the-log": _of_log(LakeFSAccessError, "(403 AccessDenied)", answer(403, "AccessDenied")),
    "404-no-bucket": _of_log(LakeFSNotFoundError, "no repository", answer(404, "NoSuchBucket")),
    "404-no-bucket-in-listing": Case(
        kind=LakeFSNotFoundError, says="no repository", affects=listing, fault=answer(404, "NoSuchBucket")
    ),
    "404-no-key": _of_log(NoSourceTableError, "NoSuchKeyException", answer(404, "NoSuchKey")),
    "404-no-version": _of_log(LakeFSGoneError, "garbage collection (404 NoSuchVersion)", answer(404, "NoSuchVersion")),
    "410": _of_log(LakeFSGoneError, "garbage collection (410 Gone)", answer(410, "Gone")),
    "429": _of_log(LakeFSUnavailableError, "limiting requests (429", answer(429, "TooManyRequests")),
    "500": _of_all(LakeFSUnavailableError, "(500)", answer(500, "InternalError")),
    "503": _of_log(LakeFSUnavailableError, "limiting requests (503 SlowDown)", answer(503, "SlowDown")),
    "301": _of_log(LakeFSUnavailableError, "is not lakeFS's S3 gateway", answer(301, "PermanentRedirect")),
    "302": _of_all(
        LakeFSUnavailableError, "is not lakeFS's S3 gateway", answer(302, headers={"Location": f"{NOWHERE}/login"})
    ),
    "web-page": _of_log(LakeFSUnavailableError, "is not lakeFS's S3 gateway", WEB_PAGE),
    "web-page-of-all": _of_all(LakeFSUnavailableError, "is not lakeFS's S3 gateway", WEB_PAGE),
    "hung-up": _of_all(LakeFSUnavailableError, "cannot be reached", hang_up),
    "timed-out": replace(
        _of_settings(LakeFSUnavailableError, "cannot be reached", connection_timeout="500ms"), fault=hang
    ),
    "timed-out-in-all": replace(
        _of_settings(LakeFSUnavailableError, "cannot be reached", connection_request_timeout="500ms"), fault=hang
    ),
    "refused": _of_settings(LakeFSUnavailableError, "cannot be reached", endpoint=NOWHERE),
    "unknown-host": _of_settings(
        LakeFSUnavailableError, "UnknownHostException", endpoint="http://no-such-host.invalid"
    ),
    "tls-to-plain": _of_settings(LakeFSUnavailableError, "no TLS connection", endpoint="https://{plain}"),
    "tls-not-trusted": _of_settings(LakeFSUnavailableError, "no TLS connection", endpoint="https://{tls}"),
    "plain-to-tls": _of_settings(LakeFSUnavailableError, "cannot be reached", endpoint="http://{tls}"),
    "wrong-key": _of_settings(LakeFSAccessError, "lakefs-access-key-id", access_key="AKIAWRONG"),
    "wrong-secret": _of_settings(LakeFSAccessError, "lakefs-secret-access-key", secret_key="wrong"),
    "no-keys": _of_settings(LakeFSAccessError, "has no lakeFS credentials", access_key="", secret_key=""),
}
HOSTILE = [
    "timeout",
    "session_timeouts",
    "request timeout (s)",
    "403",
    "AccessDenied",
    "Connection refused",
    "Status Code: 404",
    "Status Code: 410",
    "SlowDown",
    "Caused by: java.net.ConnectException",
    "(Service: S3, Status Code: 403, Request ID: R1):AccessDenied",
    "NoSuchBucket",
    "UnknownHostException",
]


@dataclass
class Gateway:
    """The stand-in, with gateways before it that can fail."""

    spark: Any
    server: LakeFSStandIn
    plain: FaultyGateway
    tls: FaultyGateway

    def repository(self, settings: dict[str, str] | None = None) -> Any:
        """A repository, and S3A's settings for it, these changed. Nothing is tried for long."""
        client = Client(
            host=self.server.url, username=self.server.access_key.id, password=self.server.access_key.secret
        )
        name = f"errors-{secrets.token_hex(4)}"
        # Without keys S3A would ask the machine for some.
        credentials = "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider"
        conf = {
            "endpoint": self.plain.url,
            "path.style.access": "true",
            "access.key": self.server.access_key.id,
            "secret.key": self.server.access_key.secret,
            "aws.credentials.provider": credentials,
            "attempts.maximum": "1",
            "retry.limit": "1",
            "retry.interval": "10ms",
            "retry.throttle.limit": "1",
            "retry.throttle.interval": "10ms",
        }
        hosts = {"plain": self.plain.url.partition("//")[2], "tls": self.tls.url.partition("//")[2]}
        hadoop = self.spark.sparkContext._jsc.hadoopConfiguration()
        for key, value in {**conf, **(settings or {})}.items():
            hadoop.set(f"fs.s3a.bucket.{name}.{key}", value.format(**hosts))
        return lakefs.Repository(name, client=client).create(storage_namespace=f"local://{name}")


@pytest.fixture(scope="module")
def gateway(spark: Any, server: LakeFSStandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    plain, tls = FaultyGateway(server.url), FaultyGateway(server.url)
    plain.start()
    tls.start(certificate=_certificate(tmp_path_factory.mktemp("certificate")))
    client_settings = spark._jvm.org.apache.hadoop.fs.s3a.impl.AWSClientConfig
    # S3A waits for 15 seconds at least, whatever is set.
    client_settings.setMinimumOperationDuration(spark._jvm.java.time.Duration.ofMillis(1))
    yield Gateway(spark, server, plain, tls)
    client_settings.resetMinimumOperationDuration()
    plain.stop()
    tls.stop()


def _certificate(folder: Path) -> Path:
    """One that nobody trusts, with its key."""
    file = folder / "own.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout key.pem -out own.pem"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + (folder / "key.pem").read_bytes())
    return file


@pytest.fixture(scope="module")
def recorded() -> Iterator[dict[str, Any]]:
    if not IS_RECORDING:
        yield json.loads(RECORDED.read_text(encoding="utf-8"))
        return
    made: dict[str, Any] = {}
    yield made
    RECORDED.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def commit_table(repository: Any, path: str, *, features: tuple[str, ...] = ()) -> str:
    """A commit with a table of one file without rows, whose readers need the features."""
    schema = {"type": "struct", "fields": [{"name": "id", "type": "long", "nullable": True, "metadata": {}}]}
    protocol: dict[str, Any] = {"minReaderVersion": 1, "minWriterVersion": 2}
    if features:
        protocol = {"minReaderVersion": 3, "minWriterVersion": 7}
        protocol |= {"readerFeatures": list(features), "writerFeatures": list(features)}
    metadata = {"id": "1", "format": {"provider": "parquet", "options": {}}, "schemaString": json.dumps(schema)}
    metadata |= {"partitionColumns": [], "configuration": {}, "createdTime": 1}
    rows = b"no rows" * 30
    file = {"path": "rows.parquet", "partitionValues": {}, "size": len(rows), "modificationTime": 1, "dataChange": True}
    log = [{"protocol": protocol}, {"metaData": metadata}, {"add": file}]
    text = "\n".join(json.dumps(action) for action in log)
    branch = repository.branch("main")
    branch.object(f"{path}/_delta_log/{0:020}.json").upload(text.encode())
    branch.object(f"{path}/rows.parquet").upload(rows)
    return str(branch.commit("a table").get_commit().id)


def request_for(repository: str, commit_id: str, path: str, target: str) -> CloneRequest:
    return CloneRequest(
        repository=repository,
        branch="main",
        commit_id=commit_id,
        commit_generation=2,
        path=path,
        table="`lake`.`main`.`t`",
        source_path=f"s3a://{repository}/{commit_id}/{path}",
        target_path=target,
    )


def raised_by(spark: Any, request: CloneRequest) -> ExportError:
    with pytest.raises(ExportError) as raised:
        clone_table(spark, request, output=io.StringIO())
    assert "\n" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("name", CASES)
def test_each_failure_of_s3a_is_told_by_its_structure(
    name: str, gateway: Gateway, recorded: dict[str, Any], tmp_path: Path
) -> None:
    case = CASES[name]
    repository = gateway.repository(case.settings)
    commit_id = commit_table(repository, "tables/t")
    if case.fault:
        gateway.plain.faults[repository.id] = (case.affects, case.fault)
    request = request_for(repository.id, commit_id, "tables/t", f"file:{tmp_path}/t")
    error = raised_by(gateway.spark, request)
    assert error.__cause__ is not None
    now = _record(error.__cause__, request, gateway)
    if IS_RECORDING:
        recorded[name] = {"kind": case.kind.__name__, "says": case.says, **now}
    assert isinstance(error, case.kind)
    assert case.says in str(error)
    shape = ("java_class", "condition", "status", "code")
    assert [[each[key] for key in shape] for each in now["chain"]] == [
        [each[key] for key in shape] for each in recorded[name]["chain"]
    ]
    assert not (tmp_path / "t").exists()


def _record(error: BaseException, request: CloneRequest, gateway: Gateway) -> dict[str, Any]:
    """The chain, and the text that a runtime without Java objects would show, a few frames of each."""
    java_error: Any = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    text = str(gateway.spark._jvm.org.apache.spark.util.Utils.exceptionString(java_error))
    kept: list[str] = []
    for line in text.splitlines():
        is_frame = line.startswith(("\tat ", "\t..."))
        # One frame of each, and the one whose name says timeout though nothing of the sort happened.
        after_frame = bool(kept) and kept[-1].startswith("\t")
        if not is_frame or not after_frame or ("ApiCallTimeoutTrackingStage" in line and "Timeout" not in kept[-1]):
            kept.append(line)
    names = {
        request.commit_id: "c" * 64,
        request.repository: "lake",
        gateway.plain.url.rpartition(":")[2]: "8000",
        gateway.tls.url.rpartition(":")[2]: "8443",
    }
    told = json.dumps({"chain": [asdict(cause) for cause in causes(error)], "text": "\n".join(kept)})
    for name, general in names.items():
        told = told.replace(name, general)
    replaced: dict[str, Any] = json.loads(told)
    return replaced


@pytest.mark.parametrize("name", HOSTILE)
def test_an_error_of_deltas_own_stays_one_whatever_names_it_quotes(name: str, gateway: Gateway, tmp_path: Path) -> None:
    repository = gateway.repository()
    commit_id = commit_table(repository, f"tables/{name}", features=(name,))
    request = request_for(repository.id, commit_id, f"tables/{name}", f"file:{tmp_path}/t")
    error = raised_by(gateway.spark, request)
    assert type(error) is NoSourceTableError
    assert "[DELTA_UNSUPPORTED_FEATURES_FOR_READ]" in str(error)
    for guess in ("cannot be reached", "garbage collection", "credentials", "no repository", "external location"):
        assert guess not in str(error)


@pytest.mark.parametrize("name", [name for name in HOSTILE if " " in name])
def test_the_answer_and_not_the_name_says_what_happened(name: str, gateway: Gateway, tmp_path: Path) -> None:
    repository = gateway.repository()
    commit_id = commit_table(repository, f"tables/{name}")
    for fault, kind in (
        (answer(404, "NoSuchVersion"), LakeFSGoneError),
        (answer(404, "NoSuchKey"), NoSourceTableError),
        (answer(400, "InvalidArgument"), NoSourceTableError),
    ):
        gateway.plain.faults[repository.id] = (reading_the_log, fault)
        request = request_for(repository.id, commit_id, f"tables/{name}", f"file:{tmp_path}/t")
        assert type(raised_by(gateway.spark, request)) is kind


@pytest.mark.parametrize("status", [403, 500])
def test_a_store_of_the_target_that_fails_is_not_taken_for_lakefs(status: int, gateway: Gateway) -> None:
    source, target = gateway.repository(), gateway.repository()
    commit_id = commit_table(source, "tables/t")
    writing: Affects = lambda method, _key, _query: method in ("PUT", "POST")  # noqa: E731
    gateway.plain.faults[target.id] = (writing, answer(status, "AccessDenied" if status == 403 else "InternalError"))
    request = request_for(source.id, commit_id, "tables/t", f"s3a://{target.id}/main/exports/t")
    error = raised_by(gateway.spark, request)
    assert type(error) is TargetStorageError
    assert "check that its external location exists" in str(error)
    gateway.plain.faults[target.id] = (every_request, answer(status, "AccessDenied"))
    error = raised_by(gateway.spark, request)
    assert type(error) is TargetStorageError
    assert str(error).startswith(f"cannot read the target path s3a://{target.id}/")


def test_rows_of_a_clone_whose_file_was_collected_cannot_be_read(gateway: Gateway, tmp_path: Path) -> None:
    """What readers of a clone see: Spark's own error, which knows nothing of lakeFS."""
    repository = gateway.repository()
    commit_id = commit_table(repository, "tables/t")
    gateway.plain.faults[repository.id] = (reading_rows, answer(404, "NoSuchVersion"))
    request = request_for(repository.id, commit_id, "tables/t", f"file:{tmp_path}/t")
    clone_table(gateway.spark, request, output=io.StringIO())
    with pytest.raises(Exception) as unreadable:  # noqa: PT011, whatever Spark wraps it in
        gateway.spark.read.format("delta").load(request.target_path).collect()
    chain = causes(unreadable.value)
    assert chain[0].condition == "FAILED_READ_FILE.FILE_NOT_EXIST"
    assert (chain[-1].status, chain[-1].code) == (404, "NoSuchVersion")
