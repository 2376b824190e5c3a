"""The Databricks side: what is read and written through the SDK, its errors as ours, secrets, and the task runtime."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import DatabricksError, platform
from loopback_server import Answer, LoopbackServer, loopback_server

from lakefs_unity_export.errors import (
    SettingsError,
    WorkspaceAccessError,
    WorkspaceError,
    WorkspaceNotFoundError,
    WorkspaceUnavailableError,
)
from lakefs_unity_export.ports import RegisteredTable
from lakefs_unity_export.servers.workspace import (
    WorkspaceAccess,
    WorkspaceExportRuns,
    WorkspaceUnityCatalog,
    task_runtime,
    workspace_client,
)


class _Client:
    """A workspace client of which every call fails with `error`, or with what `errors` says for its name."""

    def __init__(self, error: Exception, **errors: Exception | None) -> None:
        self._error, self._errors = error, errors
        names = ("get", "update", "list", "create", "delete")
        self.schemas = SimpleNamespace(**{name: self._call(f"schemas_{name}") for name in names})
        self.jobs = SimpleNamespace(run_now=self._call("run_now"), list_runs=self._call("list_runs"))
        self.catalogs = SimpleNamespace(get=self._call("catalogs_get"))
        self.tables = SimpleNamespace(list=self._call("tables_list"))

    def _call(self, name: str) -> Any:
        def call(*arguments: object, **options: object) -> None:
            if (error := self._errors.get(name, self._error)) is not None:
                raise error

        return call


def _failing(error: Exception, **errors: Exception | None) -> WorkspaceUnityCatalog:
    return WorkspaceUnityCatalog(_Client(error, **errors))  # type: ignore[arg-type]


def _failing_runs(error: Exception) -> WorkspaceExportRuns:
    return WorkspaceExportRuns(_Client(error), "77")  # type: ignore[arg-type]


# The SDK's errors


@pytest.mark.parametrize(
    ("error", "ours", "message"),
    [
        (
            platform.Unauthenticated("bad\n token"),
            WorkspaceAccessError,
            "refused the job's identity for the {}: bad token",
        ),
        (platform.PermissionDenied("no"), WorkspaceAccessError, "the job's identity may not use the {}: no; grant it "),
        (
            platform.TooManyRequests("slow"),
            WorkspaceUnavailableError,
            "did not answer for the {}, also after retries: slow",
        ),
        (
            platform.ResourceExhausted("no"),
            WorkspaceUnavailableError,
            "did not answer for the {}, also after retries: no",
        ),
        (
            platform.InternalError("oops"),
            WorkspaceUnavailableError,
            "did not answer for the {}, also after retries: oops",
        ),
        (platform.TemporarilyUnavailable(""), WorkspaceUnavailableError, "also after retries: "),
        (platform.DeadlineExceeded("late"), WorkspaceUnavailableError, "repair the run later"),
        (DatabricksError("odd"), WorkspaceUnavailableError, "did not answer for the {}"),
        (requests.ConnectionError("refused"), WorkspaceUnavailableError, "did not answer for the {}"),
        (requests.exceptions.JSONDecodeError("html", "<", 0), WorkspaceUnavailableError, "did not answer for the {}"),
        (TimeoutError("Timed out after 0:02:00"), WorkspaceUnavailableError, "did not answer for the {}"),
        (platform.BadRequest("no"), WorkspaceError, "Databricks refused what was asked of the {}: no"),
        (platform.InvalidParameterValue("no"), WorkspaceError, "Databricks refused what was asked of the {}: no"),
        (platform.ResourceConflict("no"), WorkspaceError, "Databricks refused what was asked of the {}: no"),
        (ValueError("default auth: none"), WorkspaceAccessError, "gave no access to the {}: default auth: none"),
    ],
)
def test_errors_of_the_sdk_become_ours_and_name_what_was_asked(
    error: Exception, ours: type[WorkspaceError], message: str
) -> None:
    catalog, runs = _failing(error), _failing_runs(error)
    calls = {
        "schema lake.main": lambda: catalog.schema_properties("lake", "main"),
        "tables of schema lake.main": lambda: catalog.tables("lake", "main"),
        "properties of schema lake.main": lambda: catalog.set_schema_properties("lake", "main", {"a": "1"}),
        "schemas of catalog lake": lambda: catalog.schemas("lake"),
        "schema lake.new": lambda: catalog.create_schema("lake", "new", {}),
        "schema lake.old": lambda: catalog.delete_schema("lake", "old"),
        "job 77": lambda: runs.start({}, idempotency_token="t"),
        "runs of job 77": runs.active,
    }
    for what, call in calls.items():
        with pytest.raises(WorkspaceError) as raised:
            call()
        assert type(raised.value) is ours
        assert message.format(what) in str(raised.value)
        assert raised.value.__cause__ is error
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("call", "arguments", "privilege"),
    [
        ("schema_properties", ("lake", "main"), "USE CATALOG and USE SCHEMA"),
        ("schemas", ("lake",), "USE CATALOG and USE SCHEMA"),
        ("tables", ("lake", "main"), "USE CATALOG and USE SCHEMA"),
        ("set_schema_properties", ("lake", "main", {"a": "1"}), "MANAGE (or ownership) on the schema"),
        ("create_schema", ("lake", "main", {}), "USE CATALOG and CREATE SCHEMA on the catalog"),
        ("delete_schema", ("lake", "main"), "MANAGE (or ownership) on the schema"),
    ],
)
def test_a_missing_privilege_is_named(call: str, arguments: tuple[Any, ...], privilege: str) -> None:
    with pytest.raises(WorkspaceAccessError) as raised:
        getattr(_failing(platform.PermissionDenied("no")), call)(*arguments)
    assert str(raised.value).endswith(f"; grant it {privilege}")


def test_a_missing_permission_on_the_job_is_named() -> None:
    runs = _failing_runs(platform.PermissionDenied("no"))
    for call in (runs.active, lambda: runs.start({}, idempotency_token="t")):
        with pytest.raises(WorkspaceAccessError, match=r"; grant it CAN MANAGE RUN on the job$"):
            call()


def test_a_job_that_is_not_there_is_to_be_deployed() -> None:
    runs = _failing_runs(platform.ResourceDoesNotExist("Job 77 does not exist."))
    with pytest.raises(WorkspaceNotFoundError) as raised:
        runs.start({}, idempotency_token="t")
    assert str(raised.value) == ("the workspace has no job 77: Job 77 does not exist.; deploy the bundle anew")


@pytest.mark.parametrize("job_id", ["", "{{job.id}}", "7 7"])
def test_what_is_no_id_of_a_job_is_named(job_id: str) -> None:
    runs = WorkspaceExportRuns(_Client(platform.InternalError("asked")), job_id)  # type: ignore[arg-type]
    for call in (runs.active, lambda: runs.start({}, idempotency_token="t")):
        with pytest.raises(SettingsError) as raised:
            call()
        assert str(raised.value) == f"job_id is {job_id!r}, not the id of a job; deploy the bundle anew"


def test_a_long_error_is_cut() -> None:
    with pytest.raises(WorkspaceUnavailableError) as raised:
        _failing(platform.InternalError("x" * 9999)).tables("lake", "main")
    assert len(str(raised.value)) < 500


def test_a_schema_that_is_not_there_is_none() -> None:
    assert _failing(platform.NotFound("no schema"), catalogs_get=None).schema_properties("lake", "main") is None


def test_a_catalog_that_is_not_there_is_an_error() -> None:
    with pytest.raises(WorkspaceNotFoundError) as raised:
        _failing(platform.NotFound("does not exist")).schema_properties("lake", "main")
    assert str(raised.value) == ("Unity Catalog has no catalog lake: does not exist; create it, or correct the catalog")


# What is asked, and read of the answers


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with loopback_server() as running:
        yield running


@pytest.fixture
def client(server: LoopbackServer) -> WorkspaceClient:
    """The real SDK, which asks the loopback server."""
    server.answer_with(Answer(status=404))  # the SDK looks for metadata of the host first
    config = Config(host=server.url, token="token", retry_timeout_seconds=1)
    client = WorkspaceClient(config=config)
    server.asked.clear()
    return client


@pytest.fixture
def catalog(client: WorkspaceClient) -> WorkspaceUnityCatalog:
    """Unity Catalog behind the real SDK."""
    return WorkspaceUnityCatalog(client)


@pytest.fixture
def runs(client: WorkspaceClient) -> WorkspaceExportRuns:
    """The runs of job 77 behind the real SDK."""
    return WorkspaceExportRuns(client, "77")


def _error(status: int, code: str, message: str) -> Answer:
    return Answer.of_json({"error_code": code, "message": message}, status=status)


def test_the_properties_of_a_schema(server: LoopbackServer, catalog: WorkspaceUnityCatalog) -> None:
    server.answer_with(Answer.of_json({"name": "main", "properties": {"a": "1"}}), Answer.of_json({"name": "main"}))
    assert catalog.schema_properties("lake", "feature-x") == {"a": "1"}
    assert catalog.schema_properties("lake", "feature-x") == {}
    assert {asked.path for asked in server.asked} == {"/api/2.1/unity-catalog/schemas/lake.feature-x"}


def test_a_missing_schema_in_a_catalog_that_is_there(server: LoopbackServer, catalog: WorkspaceUnityCatalog) -> None:
    missing = _error(404, "SCHEMA_DOES_NOT_EXIST", "Schema 'lake.main' does not exist.")
    server.answer_with(missing, Answer.of_json({"name": "lake"}))
    assert catalog.schema_properties("lake", "main") is None
    assert server.asked[-1].path == "/api/2.1/unity-catalog/catalogs/lake"


def test_the_properties_are_replaced(server: LoopbackServer, catalog: WorkspaceUnityCatalog) -> None:
    server.answer_with(Answer.of_json({"name": "main"}))
    catalog.set_schema_properties("lake", "main", {"a": "1", "lakefs.shop.commit_id": "c0ffee"})
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("PATCH", "/api/2.1/unity-catalog/schemas/lake.main")
    assert json.loads(asked.body) == {"properties": {"a": "1", "lakefs.shop.commit_id": "c0ffee"}}


def test_no_properties_are_never_sent(server: LoopbackServer, catalog: WorkspaceUnityCatalog) -> None:
    with pytest.raises(ValueError, match=r"no properties to replace those of schema lake\.main with"):
        catalog.set_schema_properties("lake", "main", {})
    assert server.asked == []


def test_properties_of_databricks_itself_are_not_read_and_so_not_sent_back(
    server: LoopbackServer, catalog: WorkspaceUnityCatalog
) -> None:
    found = {"unity.catalog.managed.x": "1", "unity.catalog": "theirs", "owner": "finance"}
    left = {"unity.catalog": "theirs", "owner": "finance"}
    server.answer_with(
        Answer.of_json({"name": "main", "properties": found}),
        Answer.of_json({"schemas": [{"name": "main", "properties": found}]}),
    )
    assert catalog.schema_properties("lake", "main") == left
    assert catalog.schemas("lake") == {"main": left}


def test_every_page_of_tables_is_read(server: LoopbackServer, catalog: WorkspaceUnityCatalog) -> None:
    first = {"name": "t1", "table_type": "EXTERNAL", "storage_location": "s3://b/t1"}
    first |= {"properties": {"lakefs.repository": "shop", "lakefs.path": "tables/t1"}}
    server.answer_with(
        Answer.of_json({"tables": [first], "next_page_token": "more"}),
        Answer.of_json({"tables": [{"name": "v", "table_type": "VIEW"}, {"name": "odd", "table_type": "NEWER"}, {}]}),
    )
    assert catalog.tables("lake", "main") == [
        RegisteredTable(
            name="t1", table_type="EXTERNAL", storage_location="s3://b/t1", repository="shop", path="tables/t1"
        ),
        RegisteredTable(name="v", table_type="VIEW", storage_location=""),
        RegisteredTable(name="odd", table_type="", storage_location=""),
        RegisteredTable(name="", table_type="", storage_location=""),
    ]
    expected = {"catalog_name": "lake", "schema_name": "main", "omit_columns": "true"}
    assert [asked.query for asked in server.asked] == [
        {**expected, **extra} for extra in (_sdk_own(server, 0), {**_sdk_own(server, 1), "page_token": "more"})
    ]


def _sdk_own(server: LoopbackServer, number: int) -> dict[str, str]:
    return {name: value for name, value in server.asked[number].query.items() if name == "max_results"}


@pytest.mark.parametrize(
    ("answer", "ours"),
    [
        (_error(401, "UNAUTHENTICATED", "Invalid access token"), WorkspaceAccessError),
        (_error(403, "PERMISSION_DENIED", "User does not have USE SCHEMA"), WorkspaceAccessError),
        (_error(400, "INVALID_PARAMETER_VALUE", "no name"), WorkspaceError),
        (_error(500, "INTERNAL_ERROR", "oops"), WorkspaceUnavailableError),
        (Answer(body=b"<html>Sign in</html>", content_type="text/html"), WorkspaceUnavailableError),
        (Answer(status=502, body=b"<html>Bad gateway</html>", content_type="text/html"), WorkspaceUnavailableError),
    ],
)
def test_answers_of_failure_become_ours(
    server: LoopbackServer, catalog: WorkspaceUnityCatalog, answer: Answer, ours: type[WorkspaceError]
) -> None:
    server.answer_with(answer)
    with pytest.raises(WorkspaceError, match=r"tables of schema lake\.main") as raised:
        catalog.tables("lake", "main")
    assert type(raised.value) is ours


def test_every_page_of_schemas_is_read(server: LoopbackServer, catalog: WorkspaceUnityCatalog) -> None:
    first = {"name": "main", "catalog_name": "lake", "properties": {"lakefs.shop.branch": "main"}}
    server.answer_with(
        Answer.of_json({"schemas": [first], "next_page_token": "more"}), Answer.of_json({"schemas": [{"name": "dev"}]})
    )
    assert catalog.schemas("lake") == {"main": {"lakefs.shop.branch": "main"}, "dev": {}}
    assert {asked.path for asked in server.asked} == {"/api/2.1/unity-catalog/schemas"}
    assert [asked.query for asked in server.asked] == [
        {"catalog_name": "lake", **_sdk_own(server, 0)},
        {"catalog_name": "lake", **_sdk_own(server, 1), "page_token": "more"},
    ]


def test_schemas_of_a_catalog_that_is_not_there(server: LoopbackServer, catalog: WorkspaceUnityCatalog) -> None:
    server.answer_with(_error(404, "CATALOG_DOES_NOT_EXIST", "Catalog 'lake' does not exist."))
    with pytest.raises(WorkspaceNotFoundError, match=r"^Unity Catalog has no schemas of catalog lake: Catalog 'lake'"):
        catalog.schemas("lake")


def test_a_schema_is_made_with_its_properties(server: LoopbackServer, catalog: WorkspaceUnityCatalog) -> None:
    server.answer_with(Answer.of_json({"name": "dev"}))
    catalog.create_schema("lake", "dev", {"a": "1"})
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/api/2.1/unity-catalog/schemas")
    assert json.loads(asked.body) == {"catalog_name": "lake", "name": "dev", "properties": {"a": "1"}}


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "SCHEMA_ALREADY_EXISTS"), (409, "SCHEMA_ALREADY_EXISTS"), (409, "RESOURCE_ALREADY_EXISTS")],
)
def test_a_schema_that_is_there_already_stays_as_it_is(
    server: LoopbackServer, catalog: WorkspaceUnityCatalog, status: int, code: str
) -> None:
    server.answer_with(_error(status, code, "Schema 'dev' already exists"))
    catalog.create_schema("lake", "dev", {"a": "1"})
    assert [asked.method for asked in server.asked] == ["POST"]


@pytest.mark.parametrize(
    ("answer", "ours"),
    [
        (_error(400, "INVALID_PARAMETER_VALUE", "no name"), WorkspaceError),
        (_error(403, "PERMISSION_DENIED", "User does not have CREATE SCHEMA"), WorkspaceAccessError),
        (_error(404, "CATALOG_DOES_NOT_EXIST", "Catalog 'lake' does not exist."), WorkspaceNotFoundError),
    ],
)
def test_a_schema_that_cannot_be_made_is_told(
    server: LoopbackServer, catalog: WorkspaceUnityCatalog, answer: Answer, ours: type[WorkspaceError]
) -> None:
    server.answer_with(answer)
    with pytest.raises(WorkspaceError, match=r"schema lake\.dev") as raised:
        catalog.create_schema("lake", "dev", {})
    assert type(raised.value) is ours


def test_a_schema_is_deleted_only_where_it_is_empty(server: LoopbackServer, catalog: WorkspaceUnityCatalog) -> None:
    server.answer_with(Answer.of_json({}), _error(400, "INVALID_STATE", "Schema 'lake.dev' is not empty."))
    catalog.delete_schema("lake", "dev")
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("DELETE", "/api/2.1/unity-catalog/schemas/lake.dev")
    assert asked.query.get("force", "false") == "false"
    with pytest.raises(WorkspaceError, match=r"schema lake\.dev: Schema 'lake\.dev' is not empty"):
        catalog.delete_schema("lake", "dev")


TEXT = Answer(body=b"200 OK", content_type="text/plain; charset=utf-8")


def test_a_delete_that_is_answered_with_a_text_is_looked_up(
    server: LoopbackServer, catalog: WorkspaceUnityCatalog
) -> None:
    gone = _error(404, "SCHEMA_NOT_FOUND", "Schema not found: lake.dev")
    server.answer_with(TEXT, gone, Answer.of_json({"name": "lake"}))
    catalog.delete_schema("lake", "dev")
    assert [asked.method for asked in server.asked] == ["DELETE", "GET", "GET"]


@pytest.mark.parametrize("answer", [TEXT, Answer(body=b"<html>Sign in</html>", content_type="text/html")])
def test_a_schema_that_is_there_after_its_delete_was_not_deleted(
    server: LoopbackServer, catalog: WorkspaceUnityCatalog, answer: Answer
) -> None:
    server.answer_with(answer, Answer.of_json({"name": "dev"}))
    with pytest.raises(WorkspaceUnavailableError, match=r"did not answer for the schema lake\.dev"):
        catalog.delete_schema("lake", "dev")


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (_error(503, "TEMPORARILY_UNAVAILABLE", "the metastore is down"), "the metastore is down"),
        (_error(429, "RESOURCE_EXHAUSTED", "slow down"), "slow down"),
    ],
)
def test_an_answer_that_was_retried_in_vain_is_named(
    server: LoopbackServer, catalog: WorkspaceUnityCatalog, answer: Answer, cause: str
) -> None:
    server.answer_with(replace(answer, headers=(("Retry-After", "1"),)))
    with pytest.raises(WorkspaceUnavailableError) as raised:
        catalog.tables("lake", "main")
    assert f"Timed out after 0:00:01, lastly with: {cause}; repair the run later" in str(raised.value)


def test_a_workspace_that_refuses_the_connection_is_named_after_the_retries(
    server: LoopbackServer, catalog: WorkspaceUnityCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests.ConnectionError("Connection refused")

    monkeypatch.setattr(requests.Session, "request", refuse)
    with pytest.raises(WorkspaceUnavailableError, match="lastly with: Connection refused; repair the run later"):
        catalog.tables("lake", "main")


# Runs of the job


def test_a_run_is_started_once_for_a_token(server: LoopbackServer, runs: WorkspaceExportRuns) -> None:
    server.answer_with(Answer.of_json({"run_id": 4711, "number_in_job": 4711}))
    parameters = {"repository": "shop", "branch": "main", "event": "reconcile"}
    assert runs.start(parameters, idempotency_token="ab" * 32) == 4711
    (asked,) = server.asked  # and none that waits for the run
    assert (asked.method, asked.path) == ("POST", "/api/2.2/jobs/run-now")
    assert json.loads(asked.body) == {
        "job_id": 77,
        "job_parameters": parameters,
        "idempotency_token": "ab" * 32,
    }


def test_the_parameters_of_every_active_run(server: LoopbackServer, runs: WorkspaceExportRuns) -> None:
    first = [
        {"name": "repository", "default": "", "value": "shop"},
        {"name": "event", "default": "manual"},
        {"name": "commit_id", "default": ""},
    ]
    second = [{"name": "branch", "default": "", "value": "dev"}]
    server.answer_with(
        Answer.of_json({"runs": [{"run_id": 1, "job_parameters": first}, {"run_id": 2}], "next_page_token": "more"}),
        Answer.of_json({"runs": [{"run_id": 3, "job_parameters": second}]}),
    )
    assert runs.active() == [{"repository": "shop", "event": "manual", "commit_id": ""}, {"branch": "dev"}]
    assert {asked.path for asked in server.asked} == {"/api/2.2/jobs/runs/list"}
    assert [asked.query for asked in server.asked] == [
        {"job_id": "77", "active_only": "true"},
        {"job_id": "77", "active_only": "true", "page_token": "more"},
    ]


def test_no_run_is_active(server: LoopbackServer, runs: WorkspaceExportRuns) -> None:
    server.answer_with(Answer.of_json({}))
    assert runs.active() == []


@pytest.mark.parametrize(
    ("answer", "ours"),
    [
        (_error(400, "INVALID_PARAMETER_VALUE", "Job 77 does not exist."), WorkspaceError),
        (_error(400, "INVALID_PARAMETER_VALUE", "bad parameter"), WorkspaceError),
        (_error(403, "PERMISSION_DENIED", "no Manage Run"), WorkspaceAccessError),
        (_error(429, "RESOURCE_EXHAUSTED", "too many queued runs"), WorkspaceUnavailableError),
    ],
)
def test_a_start_that_is_refused_becomes_ours(
    server: LoopbackServer, runs: WorkspaceExportRuns, answer: Answer, ours: type[WorkspaceError]
) -> None:
    server.answer_with(answer)
    with pytest.raises(WorkspaceError, match="job 77") as raised:
        runs.start({}, idempotency_token="t")
    assert type(raised.value) is ours


# Outside a task


def test_a_client_outside_a_task_uses_what_it_is_given_whatever_the_environment_holds(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-of-someone")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", "someone")
    monkeypatch.setenv("DATABRICKS_HOST", "https://elsewhere.example.com")
    server.answer_with(Answer.of_json({"run_id": 4711}))
    access = WorkspaceAccess(host=server.url, token="dapi0")
    client = workspace_client(access, http_timeout_seconds=5, retry_timeout_seconds=5, connections=7)
    assert WorkspaceExportRuns(client, "77").start({}, idempotency_token="t") == 4711
    assert server.asked[-1].authorization == "Bearer dapi0"
    assert (client.config.max_connection_pools, client.config.max_connections_per_pool) == (7, 7)


def test_what_an_access_shows_holds_no_secret() -> None:
    shown = repr(WorkspaceAccess(host="https://h", token="hush", client_id="principal", client_secret="hush"))
    assert "principal" in shown
    assert "hush" not in shown


# The running task


class _Secrets:
    def __init__(self, value: str | None) -> None:
        self.value = value

    def get(self, scope: str, key: str) -> str:
        if self.value is None:
            raise RuntimeError(f"Secret does not exist with scope: {scope} and key: {key}")
        return self.value


@pytest.fixture
def in_a_task(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A process that Databricks runs as a task: it has dbutils, a host and a token are known."""
    dbutils = SimpleNamespace(jobs=SimpleNamespace(taskValues=object()), secrets=_Secrets("key"))
    module = "lakefs_unity_export.servers.workspace"
    monkeypatch.setattr(f"{module}.task_dbutils", lambda out, *, with_task_values: dbutils)
    monkeypatch.setattr(f"{module}.WorkspaceClient", lambda config: ("client", config))
    monkeypatch.setattr(f"{module}.Config", SimpleNamespace)
    return dbutils


def test_a_task_has_task_values_unity_catalog_and_secrets(in_a_task: SimpleNamespace) -> None:
    runtime = task_runtime(io.StringIO())
    assert runtime.task_values is in_a_task.jobs.taskValues
    assert isinstance(runtime.unity_catalog, WorkspaceUnityCatalog)
    assert runtime.secret("lakefs", "access-key") == "key"
    _, config = runtime.unity_catalog._client  # type: ignore[misc]
    assert 0 < config.http_timeout_seconds <= 120
    assert 0 < config.retry_timeout_seconds <= 600


def test_a_task_without_task_values_has_the_rest(in_a_task: SimpleNamespace) -> None:
    del in_a_task.jobs
    assert task_runtime(io.StringIO(), with_task_values=False).secret("lakefs", "access-key") == "key"


def test_a_secret_that_cannot_be_read_is_named_with_the_remedy(in_a_task: SimpleNamespace) -> None:
    in_a_task.secrets.value = None
    with pytest.raises(WorkspaceAccessError) as raised:
        task_runtime(io.StringIO()).secret("lakefs", "access-key")
    assert str(raised.value) == (
        "secret 'access-key' of scope 'lakefs' could not be read (RuntimeError); create it with "
        "`databricks secrets put-secret lakefs access-key` and give the job's run_as identity READ on the scope"
    )


def test_an_empty_secret_is_refused(in_a_task: SimpleNamespace) -> None:
    in_a_task.secrets.value = ""
    with pytest.raises(
        SettingsError, match=r"^secret 'access-key' of scope 'lakefs' is empty; put the lakeFS key into it$"
    ):
        task_runtime(io.StringIO()).secret("lakefs", "access-key")


def test_a_task_that_gets_no_credentials_is_told(in_a_task: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: object) -> None:
        raise ValueError("default auth: cannot configure default credentials")

    monkeypatch.setattr("lakefs_unity_export.servers.workspace.Config", refuse)
    with pytest.raises(WorkspaceAccessError, match="gave no access to the workspace: default auth"):
        task_runtime(io.StringIO())
