"""What a task can find out of its own rights, as `check_setup` asks the workspace and its Unity Catalog."""

from collections.abc import Iterator

import pytest
from databricks.sdk.service.jobs import CronSchedule, PauseStatus
from workspace_doubles import LocalWorkspace, runnable_job, running_workspace

from lakefs_unity_export.errors import WorkspaceAccessError, WorkspaceNotFoundError
from lakefs_unity_export.servers.workspace_setup import WorkspaceSetupClient
from lakefs_unity_export.setup_ports import ExternalLocation
from local_stack.unity_catalog import UnityCatalogServer
from local_stack.unity_catalog.stack_catalog import EXTERNAL_LOCATION, StackCatalog

HOOK = "4c6b6546-0000-4000-8000-686f6f6b0001"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalWorkspace]:
    folder = tmp_path_factory.mktemp("setup")
    server = UnityCatalogServer(folder=folder / "unity_catalog")
    server.start()
    try:
        with running_workspace(
            folder / "workspace", unity_catalog_url=server.url, unity_catalog_token=server.token
        ) as local:
            catalog = StackCatalog(url=server.url, token=server.token, name="main")
            catalog.create()
            catalog.allow(local.workspace.owner, "file:///exports")
            yield local
    finally:
        server.stop()


@pytest.fixture
def setup(local: LocalWorkspace) -> WorkspaceSetupClient:
    return WorkspaceSetupClient(local.client)


def test_the_stack_s_owner_has_what_an_export_needs(setup: WorkspaceSetupClient, local: LocalWorkspace) -> None:
    me = setup.identity()
    assert (me.name, me.groups) == (local.workspace.owner, frozenset({"admins", "users"}))
    assert setup.owner("catalog", "main") == "metastore-admin"
    assert setup.privileges("catalog", "main", me) == {"USE CATALOG", "CREATE SCHEMA"}
    assert setup.external_locations() == [
        ExternalLocation(name=EXTERNAL_LOCATION, url="file:///exports", owner="metastore-admin", read_only=False)
    ]
    assert setup.privileges("external_location", EXTERNAL_LOCATION, me) == {
        *("CREATE EXTERNAL TABLE", "READ FILES", "WRITE FILES"),
    }


def test_tables_and_schemas_belong_to_who_made_them(setup: WorkspaceSetupClient, local: LocalWorkspace) -> None:
    local.client.schemas.create("made", "main")
    assert setup.owner("schema", "main.made") == local.workspace.owner
    assert setup.table_owners("main", "made") == {}
    with pytest.raises(WorkspaceNotFoundError, match=r"has no schema main\.none"):
        setup.owner("schema", "main.none")


def test_who_may_start_a_job_and_whether_its_schedule_is_paused(
    setup: WorkspaceSetupClient, local: LocalWorkspace
) -> None:
    local.workspace.create_principal(HOOK, kind="service_principal")
    job_id = runnable_job(local, HOOK)
    levels = setup.job_levels(job_id)
    assert (levels[HOOK], levels[local.workspace.owner]) == ({"CAN_MANAGE_RUN"}, {"IS_OWNER"})
    assert setup.pause_status(job_id) == ""
    schedule = CronSchedule(quartz_cron_expression="0 0 * * * ?", timezone_id="UTC", pause_status=PauseStatus.PAUSED)
    made = local.client.jobs.create(
        name="reconcile", schedule=schedule, tasks=local.client.jobs.get(int(job_id)).settings.tasks
    )  # type: ignore[union-attr]
    assert setup.pause_status(str(made.job_id)) == "PAUSED"


def test_a_principal_that_may_not_view_the_job_is_refused(local: LocalWorkspace) -> None:
    job_id = runnable_job(local, "", may_run=False)
    other = WorkspaceSetupClient(local.client_of(local.workspace.create_principal("other", kind="service_principal")))
    with pytest.raises(WorkspaceAccessError, match=f"may not use the permissions of job {job_id}"):
        other.job_levels(job_id)
    with pytest.raises(WorkspaceAccessError, match=f"may not use the job {job_id}"):
        other.pause_status(job_id)
