"""The task check_lakefs_and_catalog: what it reads, what it leaves, and what it is without dbutils."""

import io
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

import pytest
from doubles import TaskValuesDouble
from export_story import descriptor, table
from followed_remedies import follow
from setup_double import HOOK, HOST, KEY_ID, SECRET_KEY, SETTINGS, Installation

from lakefs_unity_export.checks.catalogue import LAKEFS_AND_CATALOG
from lakefs_unity_export.checks.handed_over import HandedOver, OwnTable
from lakefs_unity_export.checks.model import RETRIES, Claim, Line, Status
from lakefs_unity_export.checks.redaction import PART_LENGTH
from lakefs_unity_export.checks.runner import run_checks
from lakefs_unity_export.checks.settings import CheckSettings, parse_settings
from lakefs_unity_export.commit.descriptor_gate import GateRules
from lakefs_unity_export.errors import SettingsError, WorkspaceAccessError, WorkspaceError, WorkspaceUnavailableError
from lakefs_unity_export.hook.files import (
    LUA_ACTION,
    LUA_SCRIPT,
    Authentication,
    HookKind,
    HookSettings,
    Variables,
    render,
    template,
)
from lakefs_unity_export.setup_ports import Answered, Identity, Trouble, Unanswered
from lakefs_unity_export.tasks import check_lakefs_and_catalog as module

OWN_BRANCHES = ("lakefs_unity_export_check_4711_1", "lakefs_unity_export_check_4711_2")
WEBHOOK_ACTION = "_lakefs_actions/unity_export_webhook.yaml"


@pytest.fixture
def installation() -> Installation:
    return Installation()


def test_a_sound_installation_passes_every_check(installation: Installation) -> None:
    lines = installation.check()
    assert [line.id for line in lines.values()] == [check.id for check in LAKEFS_AND_CATALOG]
    assert {line.status for line in lines.values()} == {Status.PASS}
    assert {line.remedy for line in lines.values()} == {""}
    assert lines["dbutils"].finding == "by databricks.sdk.runtime.dbutils"
    assert lines["lakefs_version"].claim is Claim.CONFIRMED
    assert "LAKEFSACTION_DATABRICKS_CLIENT_SECRET" in lines["hook_files"].finding


def test_it_leaves_its_lines_to_the_report(installation: Installation) -> None:
    lines = installation.check()
    assert [Line.of_json(each) for each in installation.values.values["lines"]] == list(lines.values())


def test_it_leaves_the_task_on_the_cluster_what_that_cannot_find_out(installation: Installation) -> None:
    installation.lakefs.put({"_lakefs_tables/parts.yaml": descriptor("parts", clone_method="deep")})
    installation.check()
    handed = HandedOver.of_json(installation.values.values["for_cluster"])
    content = installation.lakefs.content(installation.lakefs.head().id)["_lakefs_tables/orders.yaml"]
    assert handed == HandedOver(
        commit_id=installation.lakefs.head().id,
        commit_generation=installation.lakefs.head().generation,
        file="_lakefs_tables/orders.yaml",
        file_bytes=len(content),
        tables=("tables/orders", "tables/parts"),
        targets={"`lake`.`main`.`orders`": "tables/orders", "`lake`.`main`.`parts`": "tables/parts"},
        own_table=OwnTable(path="lakefs_unity_export_check/table", branches=OWN_BRANCHES),
        methods=("deep",),
        identity="0b1c2d3e-job",
        location="exports",
    )


def test_the_cluster_reads_another_object_where_no_table_is_described(installation: Installation) -> None:
    installation.set(table_descriptors_path="_tables")
    installation.lakefs.put({"README": b"x"})
    installation.check()
    handed = HandedOver.of_json(installation.values.values["for_cluster"])
    assert handed.file == "_lakefs_actions/unity_export.yaml"
    assert handed.tables == ()


def test_what_cannot_be_found_out_is_left_empty(installation: Installation) -> None:
    installation.set(branch="mian")
    installation.workspace.refuses["identity"] = KeyError("a fault")
    installation.check()
    assert HandedOver.of_json(installation.values.values["for_cluster"]) == HandedOver(location="exports")


def test_it_leaves_nothing(installation: Installation) -> None:
    branches = installation.lakefs.branches()
    head, schemas = installation.lakefs.head(), dict(installation.unity_catalog.catalogs["lake"])
    properties = dict(schemas["main"].properties)
    installation.check()
    assert installation.lakefs.head() == head
    # What it made in lakeFS, the last task removed.
    assert installation.staged.keys() == set(OWN_BRANCHES)
    assert installation.lakefs.branches() == branches
    assert installation.unity_catalog.catalogs["lake"] == schemas
    assert installation.unity_catalog.catalogs["lake"]["main"].properties == properties
    assert {name for name, _ in installation.unity_catalog.writes} == {"lake.lakefs_unity_export_check_4711"}


def test_a_server_is_asked_once_for_what_several_checks_need(installation: Installation) -> None:
    installation.check()
    assert installation.lakefs.calls == {
        "branch_head": 1,
        "commit": 1,
        "list_objects": 2 + 1,  # descriptors, and folders among the action files; for the cluster
        "read_object": 8,  # six files of hooks, two descriptors
        "storage_namespace": 1,
    }
    of_own_table = {"named": 1, "protection": 1, "oldest_commit": 1, "holds": 1, "create": 2, "write": 3 + 5}
    # Whether it may delete; then what was made.
    assert installation.branches.calls == of_own_table | {"is_there": 2, "delete": 1 + 2}
    # Of the branch's schema; of the schema that is made and removed again.
    assert installation.unity_catalog.calls == {"schema_properties": 1 + 1, "tables": 1, "schemas": 2}


def test_tables_that_the_identity_or_its_group_owns_need_no_grant(installation: Installation) -> None:
    installation.workspace.owners["lake.main.orders"] = "data"
    lines = installation.check()
    assert lines["schema_grants"].finding == "0b1c2d3e-job has what an export needs on lake.main"
    assert lines["table_grants"].finding == "0b1c2d3e-job has what an export needs on 2 registered tables"


def test_a_branch_that_was_never_exported_passes_too(installation: Installation) -> None:
    del installation.unity_catalog.catalogs["lake"]["main"]
    lines = installation.check()
    assert {id_ for id_, line in lines.items() if line.status is not Status.PASS} == {"tables_listed"}
    assert lines["tables_listed"].status is Status.NOT_RUN
    assert lines["schema_grants"].finding.startswith("the schema is not there yet")


def test_a_schema_that_follows_another_branch_is_told(installation: Installation) -> None:
    installation.unity_catalog.schema("lake", "main").properties = {"lakefs.shop.branch": "dev"}
    line = installation.check()["names_free"]
    assert line.status is Status.FAIL
    assert "dev" in line.finding
    assert line.remedy


@pytest.mark.parametrize(
    ("held", "lacks"),
    [
        ({"ALL PRIVILEGES"}, "MANAGE"),
        ({"ALL PRIVILEGES", "MANAGE"}, ""),
        ({"USE SCHEMA", "CREATE TABLE"}, "MANAGE"),
        ({"USE SCHEMA", "MANAGE"}, "CREATE TABLE"),
    ],
)
def test_all_privileges_are_all_but_manage(installation: Installation, held: set[str], lacks: str) -> None:
    del installation.workspace.owners["lake.main"]
    installation.workspace.grants["schema", "lake.main"] = {"data": held}
    line = installation.check()["schema_grants"]
    assert line.status is (Status.FAIL if lacks else Status.PASS)
    assert line.remedy == (f"GRANT {lacks} ON SCHEMA `lake`.`main` TO `0b1c2d3e-job`;" if lacks else "")


@pytest.mark.parametrize("owner", ["0b1c2d3e-job", "data", "account users"])
def test_an_owner_needs_no_grant(installation: Installation, owner: str) -> None:
    installation.workspace.grants.clear()
    installation.workspace.owners["lake"] = owner
    assert installation.check()["catalog_grants"].status is Status.PASS


def test_grants_that_cannot_be_read_are_told_so(installation: Installation) -> None:
    installation.workspace.refuses["privileges"] = WorkspaceAccessError("may not; grant it MANAGE or BROWSE on it")
    line = installation.check()["catalog_grants"]
    assert (line.status, line.finding) == (
        Status.NOT_TRIED,
        "WorkspaceAccessError: may not; grant it MANAGE or BROWSE on it",
    )


def test_the_innermost_external_location_counts(installation: Installation) -> None:
    (location,) = installation.workspace.locations
    outer = type(location)(name="whole", url="s3://bucket", owner="0b1c2d3e-job", read_only=False)
    installation.workspace.locations = [outer, location]
    assert "location exports (" in installation.check()["external_location"].finding


def test_a_catalog_that_may_not_be_used_names_the_grant(installation: Installation) -> None:
    installation.workspace.refuses["owner of catalog"] = WorkspaceAccessError("may not use the catalog lake")
    lines = installation.check()
    assert lines["catalogs"].remedy == "GRANT USE CATALOG ON CATALOG `lake` TO `0b1c2d3e-job`;"
    assert lines["external_location_grants"].status is Status.PASS


def test_lakefs_that_is_down_hides_nothing_of_the_catalog(installation: Installation) -> None:
    installation.server.everything = Answered(status=503, body=b"")
    installation.workspace.grants.clear()
    lines = installation.check()
    assert [line.id for line in lines.values() if line.status is Status.FAIL] == [
        "lakefs_reachable",
        "catalog_grants",
        "external_location_grants",
    ]


def test_a_lakefs_that_does_not_answer_is_not_asked_as_an_export_asks(installation: Installation) -> None:
    """Which waits minutes for one that is silent."""
    installation.server.trouble = Unanswered(trouble=Trouble.TIME, words="timed out")
    assert installation.check()["lakefs_reachable"].status is Status.FAIL
    assert installation.lakefs.calls == {}
    assert installation.values.values["for_cluster"]["commit_id"] == ""


def test_a_schema_that_cannot_be_removed_again_is_told_and_no_reason_to_fail(installation: Installation) -> None:
    def refuse(catalog: str, schema: str) -> None:
        raise WorkspaceAccessError("may not drop it")

    installation.unity_catalog.delete_schema = refuse  # type: ignore[method-assign]
    line = installation.check()["schema_made"]
    assert line.status is Status.WARN
    assert line.finding == "lake.lakefs_unity_export_check_4711 was made and cannot be removed: may not drop it"
    assert line.remedy == "DROP SCHEMA `lake`.`lakefs_unity_export_check_4711`;"


def test_properties_that_are_not_kept_refute_the_claim(installation: Installation) -> None:
    installation.unity_catalog.set_schema_properties = lambda *_: None  # type: ignore[method-assign]
    lines = installation.check()
    assert (lines["schema_made"].status, lines["schema_made"].claim) == (Status.FAIL, Claim.REFUTED)
    assert lines["schema_listed"].status is Status.NOT_RUN


def test_own_runs_that_may_not_be_listed_are_told(installation: Installation) -> None:
    class Refused:
        def active(self) -> list[dict[str, str]]:
            raise WorkspaceAccessError("may not use the runs of job 99")

    setup = installation.setup()
    setup.own_runs = Refused()  # type: ignore[assignment]
    lines = {line.id: line for line in run_checks(LAKEFS_AND_CATALOG, setup, setup.redaction)}
    assert lines["runs_listed"].status is Status.NOT_TRIED
    assert lines["runs_listed"].remedy == (
        "databricks permissions update jobs 99 --json "
        """'{"access_control_list": [{"service_principal_name": "0b1c2d3e-job", "permission_level": "CAN_VIEW"}]}'"""
    )


# Hooks


def test_a_webhook_s_files_are_read_too(installation: Installation) -> None:
    settings = webhook_files(service="https://unity-export.shop.com", branches=("main", "dev-*"))
    removed = [path for path in installation.lakefs.content(installation.lakefs.head().id) if "unity_export" in path]
    installation.lakefs.put({path: text.encode() for path, text in settings.items()}, removed=removed)
    lines = installation.check()
    assert {lines[id_].status for id_ in ("hook_files", "hook_valid", "hook_job", "hook_version")} == {Status.PASS}
    assert "LAKEFSACTION_WEBHOOK_SECRET" in lines["hook_files"].finding
    assert "the webhook service has it" in lines["hook_job"].finding


def test_both_kinds_of_hook_at_once_are_told(installation: Installation) -> None:
    files = webhook_files(service="https://unity-export.shop.com")
    installation.lakefs.put({path: text.encode() for path, text in files.items()})
    line = installation.check()["hook_files"]
    assert (line.status, "both kinds are there" in line.finding) == (Status.WARN, True)


def test_a_webhook_that_holds_its_secret_is_told_and_the_secret_is_not(installation: Installation) -> None:
    (action,) = webhook_files(service="https://unity-export.shop.com").values()
    files = {WEBHOOK_ACTION: action.replace("{{ ENV.LAKEFSACTION_WEBHOOK_SECRET }}", "hush-hush").encode()}
    installation.lakefs.put(files, removed=["_lakefs_actions/unity_export.yaml"])
    installation.ran("failed", "the service refused hush-hush")
    lines = installation.check()
    line = lines["hook_version"]
    assert (line.status, "holds a value for Authorization itself" in line.finding) == (Status.WARN, True)
    assert lines["hook_runs"].finding.endswith("failed: the service refused [secret]")
    assert "hush" not in installation.out.getvalue() + str(installation.values.values)


@pytest.mark.parametrize("address", ["https://hush-hush@{}", "https://bot:hush-hush@{}", "https://{}?key=hush-hush"])
def test_a_webhook_s_address_that_holds_a_secret_is_told_and_the_secret_is_not(
    installation: Installation, address: str
) -> None:
    (action,) = webhook_files(service="https://unity-export.shop.com").values()
    place = "unity-export.shop.com/events"
    assert f"https://{place}" in action
    files = {WEBHOOK_ACTION: action.replace(f"https://{place}", address.format(place)).encode()}
    installation.lakefs.put(files, removed=["_lakefs_actions/unity_export.yaml"])
    line = installation.check()["hook_version"]
    assert (line.status, "holds a value for url" in line.finding) == (Status.WARN, True)
    assert "hush" not in installation.out.getvalue()
    assert follow(installation, line.remedy)
    assert installation.check()["hook_version"].status is Status.PASS


def test_a_hook_that_leaves_its_job_to_a_variable_is_as_good(installation: Installation) -> None:
    installation.lakefs.put({path: template(path).encode() for path in (LUA_ACTION, LUA_SCRIPT)})
    lines = installation.check()
    assert lines["hook_version"].status is Status.PASS
    assert "LAKEFSACTION_EXPORT_JOB_ID" in lines["hook_job"].finding


def webhook_files(**settings: Any) -> dict[str, str]:
    return render(HookSettings(kind=HookKind.WEBHOOK, **settings))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "lacks `on`"),
        ("- a\n", "lacks `on`"),
        ("name: x\n", "lacks `on`"),
        ("on:\n  post-commit:\nhooks: []\n", "or a hook with properties"),
        ("on:\n  post-commit:\nhooks:\n  - id: x\n", "or a hook with properties"),
        ("on:\n  post-commit:\nhooks:\n  - properties: text\n", "or a hook with properties"),
        ("on: post-commit\nhooks:\n  - properties: {args: {job_id: '77'}}\n", "lacks `on`"),
        ("a: b: c\n", "is no YAML at line 1"),
        ("a: 2026-99-99\n", "is no YAML"),
    ],
)
def test_an_action_file_that_is_none_is_told_and_hides_nothing(
    installation: Installation, text: str, says: str
) -> None:
    installation.lakefs.put({"_lakefs_actions/unity_export.yaml": text.encode()})
    lines = installation.check()
    assert lines["hook_valid"].status is Status.FAIL
    assert says in lines["hook_valid"].finding
    assert not any("unexpected" in line.finding for line in lines.values())


@pytest.mark.parametrize(
    ("installed", "options"),
    [
        (
            HookSettings(kind=HookKind.WEBHOOK, service="https://unity-export.shop.com", branches=("main", "dev-*")),
            "--trigger webhook --webhook-url https://unity-export.shop.com --branches 'main,dev-*'",
        ),
        (
            HookSettings(kind=HookKind.WEBHOOK, service="https://unity-export.shop.com", gate=True),
            "--trigger webhook --webhook-url https://unity-export.shop.com --gate",
        ),
        (
            replace(HOOK, authentication=Authentication.TOKEN, variables=Variables(token="LAKEFSACTION_T")),
            f"--databricks-host {HOST} --job-id 77 --authentication token --token-variable LAKEFSACTION_T",
        ),
        (
            replace(HOOK, gate=True, rules=GateRules(catalog="lake")),
            f"--databricks-host {HOST} --job-id 77 --gate --catalog lake --schema-template '{{branch}}' "
            "--table-descriptors-path _lakefs_tables",
        ),
    ],
)
def test_the_command_that_mends_a_hook_keeps_its_options(
    installation: Installation, installed: HookSettings, options: str
) -> None:
    files = {path: text.encode() for path, text in render(installed).items()}
    installation.lakefs.put(removed=render(HOOK))
    installation.lakefs.put(files)
    assert installation.check()["hook_version"].status is Status.PASS
    action = next(path for path in files if "unity_export" in path and path.endswith(".yaml"))
    installation.lakefs.put({action: files[action] + b"# by hand\n"})

    remedy = installation.check()["hook_version"].remedy

    assert remedy == (f'uvx --from "$(echo dist/*.whl)[hook]" install_hook --repository shop --branch main {options}')
    assert follow(installation, remedy)
    content = installation.lakefs.content(installation.lakefs.head().id)
    assert {path: content[path] for path in files} == files


def test_a_run_in_which_another_hook_failed_is_none_of_ours(installation: Installation) -> None:
    others = {"run_id": "r2", "branch": "main", "event_type": "post-commit", "commit_id": "c", "status": "failed"}
    hooks = Answered(status=200, body=b'{"results": [{"hook_id": "of_others", "status": "failed"}]}')
    installation.server.runs.insert(0, others)
    installation.server.answers["/repositories/shop/actions/runs/r2/hooks"] = hooks
    assert installation.check()["hook_runs"].status is Status.PASS


def test_a_key_that_may_not_see_runs_is_told(installation: Installation) -> None:
    refused = Answered(status=403, body=b'{"message": "insufficient permissions"}')
    installation.server.answers["/repositories/shop/actions/runs"] = refused
    line = installation.check()["hook_runs"]
    assert (line.status, line.remedy) == (Status.NOT_TRIED, "give the key's user ci:ReadAction")


def test_a_hook_s_principal_with_more_than_it_needs_is_told(installation: Installation) -> None:
    installation.workspace.levels["77"]["4c5d6e7f-hook"] = frozenset({"CAN_MANAGE"})
    line = installation.check()["hook_permission"]
    assert (line.status, "has CAN_MANAGE on the job" in line.finding) == (Status.WARN, True)


def test_a_job_that_is_not_there_is_told(installation: Installation) -> None:
    installation.set(export_job_id="79")
    lines = installation.check()
    assert lines["job_permission"].remedy == lines["hook_permission"].remedy == "databricks bundle deploy"


# Secrets


def test_no_secret_is_told_whatever_shows_it(installation: Installation) -> None:
    installation.ran("failed", f"Authorization: Basic {SECRET_KEY}, and {SECRET_KEY[:8]}")
    installation.workspace.refuses["external_locations"] = RuntimeError(f"cannot use {SECRET_KEY[3:]}")
    installation.server.answers["/repositories/shop"] = Answered(
        status=500, body=f'{{"message": "key {SECRET_KEY!s} of {KEY_ID}"}}'.encode()
    )
    lines = installation.check()
    assert "[secret]" in lines["lakefs_key"].finding
    told = installation.out.getvalue() + str(installation.values.values)
    parts = [SECRET_KEY[start : start + PART_LENGTH] for start in range(len(SECRET_KEY) - PART_LENGTH + 1)]
    assert [part for part in parts if part in told] == []


# The entry point


def test_named_parameters_become_settings() -> None:
    given = [f"--{each.name}={getattr(SETTINGS, each.name)}" for each in fields(CheckSettings)]
    assert parse_settings(given) == SETTINGS
    assert parse_settings([]) == CheckSettings()


@pytest.mark.parametrize("missing", ["repository", "branch", "lakefs_endpoint", "secret_scope", "catalog"])
def test_a_setting_that_is_missing_is_told_by_its_line(installation: Installation, missing: str) -> None:
    installation.set(**{missing: ""})
    line = installation.check()["settings"]
    assert (line.status, line.finding) == (Status.FAIL, f"{missing} is empty")
    assert line.remedy == "set the job parameter or the bundle variable of this name"


def test_the_task_s_own_clients_are_used(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    installation = Installation()
    values, opened = TaskValuesDouble(), []
    runtime = SimpleNamespace(
        secret=installation.secret,
        task_values=values,
        unity_catalog=installation.unity_catalog,
        export_runs={"99": installation.setup().own_runs}.__getitem__,
        client="the client",
    )

    def start(out: io.StringIO) -> SimpleNamespace:
        print("dbutils: pyspark.dbutils.DBUtils(spark)", file=out)
        return runtime

    def workspace(client: object) -> object:
        assert client == "the client"
        return installation.workspace

    def repository(*, endpoint: str, repository: str, credentials: object, retries: int) -> object:
        opened.append((endpoint, repository, retries))
        return installation.lakefs

    def server(*, endpoint: str, credentials: Any) -> object:
        installation.server.credentials = credentials
        return installation.server

    monkeypatch.setattr(module, "task_runtime", start)
    monkeypatch.setattr(module, "WorkspaceSetupClient", workspace)

    def branches(*, endpoint: str, repository: str, credentials: object, retries: int) -> object:
        opened.append(("branches", endpoint, repository, retries))
        return installation.branches

    monkeypatch.setattr(module, "LakeFSClient", repository)
    monkeypatch.setattr(module, "LakeFSBranchesClient", branches)
    monkeypatch.setattr(module, "LakeFSServerClient", server)
    options = [f"--{each.name}={getattr(SETTINGS, each.name)}" for each in fields(CheckSettings)]
    monkeypatch.setattr("sys.argv", ["check_lakefs_and_catalog", *options])
    module.main()
    ours = ("https://lakefs.example.com", "shop", RETRIES)
    assert opened == [ours, ("branches", *ours)]
    lines = {line["id"]: line for line in values.values["lines"]}
    assert lines["dbutils"] == {
        "id": "dbutils",
        "status": "pass",
        "finding": "by pyspark.dbutils.DBUtils(spark)",
    }
    assert {line["status"] for line in lines.values()} == {"pass"}
    assert "PASS       external_location_grants" in capsys.readouterr().out


@pytest.mark.parametrize("error", [WorkspaceError("no dbutils. Tried: a"), WorkspaceUnavailableError("no answer")])
def test_without_dbutils_every_line_is_printed_and_the_task_fails(
    error: WorkspaceError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(_: object) -> None:
        raise error

    monkeypatch.setattr(module, "task_runtime", start)
    monkeypatch.setattr("sys.argv", ["check_lakefs_and_catalog"])
    with pytest.raises(SystemExit, match=str(error)):
        module.main()
    printed = capsys.readouterr().out
    assert f"FAIL       dbutils                   {error}\n" in printed
    assert printed.count("NOT RUN") == len(LAKEFS_AND_CATALOG) - 1


def test_an_identity_that_is_not_known_hides_nothing(installation: Installation) -> None:
    installation.workspace.refuses["identity"] = SettingsError("who?")
    installation.secrets.clear()
    lines = installation.check()
    assert lines["secrets"].remedy.endswith("databricks secrets put-acl lakefs <who the job runs as> READ")
    assert lines["lakefs_reachable"].status is Status.PASS
    assert Identity(name="a").is_or_is_in("a")


def test_more_tables_than_are_looked_at_say_so(installation: Installation) -> None:
    names = [f"t{number:02}" for number in range(25)]
    installation.lakefs.put({path: text for name in names for path, text in table(name).items()})
    installation.register(*names)
    installation.workspace.owners |= dict.fromkeys((f"lake.main.{name}" for name in names), "0b1c2d3e-job")
    assert "the first 20 of each schema were looked at" in installation.check()["table_grants"].finding
