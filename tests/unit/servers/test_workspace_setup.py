"""What a workspace allows, as the SDK asks for it: paths, pages, names, and refusals as our errors."""

from collections.abc import Callable, Iterator

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from loopback_server import Answer, LoopbackServer, loopback_server

from lakefs_unity_export.errors import SettingsError, WorkspaceAccessError, WorkspaceNotFoundError
from lakefs_unity_export.servers.workspace_setup import WorkspaceSetupClient
from lakefs_unity_export.setup_ports import ExternalLocation, Identity

ME = Identity(name="me@example.com", groups=frozenset({"data", "admins"}))


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[LoopbackServer, WorkspaceClient]]:
    """A server, and the real SDK for it. Its client asks for the host's own metadata when it is made."""
    with loopback_server([Answer(status=404, body=b"{}")]) as server:
        config = Config(host=server.url, token="dapi0", auth_type="pat", retry_timeout_seconds=1)
        yield server, WorkspaceClient(config=config)


@pytest.fixture
def server(running: tuple[LoopbackServer, WorkspaceClient]) -> LoopbackServer:
    server, _ = running
    server.asked.clear()
    return server


@pytest.fixture
def setup(running: tuple[LoopbackServer, WorkspaceClient]) -> WorkspaceSetupClient:
    return WorkspaceSetupClient(running[1])


def error(status: int, code: str) -> Answer:
    return Answer.of_json({"error_code": code, "message": "the reason"}, status=status)


def test_who_the_job_runs_as(server: LoopbackServer, setup: WorkspaceSetupClient) -> None:
    groups = [{"display": "data", "type": "direct"}, {"value": "5"}]
    server.answer_with(Answer.of_json({"userName": "me@example.com", "groups": groups}))
    found = setup.identity()
    assert found == Identity(name="me@example.com", groups=frozenset({"data", ""}))
    assert server.asked[0].path == "/api/2.0/preview/scim/v2/Me"
    assert [found.is_or_is_in(each) for each in ("me@example.com", "data", "account users", "", "other")] == [
        *(True, True, True),
        *(False, False),
    ]


def test_owners(server: LoopbackServer, setup: WorkspaceSetupClient) -> None:
    server.answer_with(
        Answer.of_json({"name": "lake", "owner": "a"}),
        Answer.of_json({"name": "main"}),
        Answer.of_json({"tables": [{"name": "t", "owner": "b"}, {"name": "u"}]}),
    )
    assert setup.owner("catalog", "lake") == "a"
    assert setup.owner("schema", "lake.main") == ""
    assert setup.table_owners("lake", "main") == {"t": "b", "u": ""}
    assert [asked.path.removeprefix("/api/2.1/unity-catalog") for asked in server.asked] == [
        *("/catalogs/lake", "/schemas/lake.main", "/tables"),
    ]


def granted(principal: str, *privileges: str, token: str = "") -> Answer:
    listed = [{"privilege": privilege} for privilege in privileges]
    body = {"privilege_assignments": [{"principal": principal, "privileges": listed}] if privileges else []}
    return Answer.of_json({**body, **({"next_page_token": token} if token else {})})


def test_privileges_are_those_of_the_identity_and_of_its_groups_over_all_pages(
    server: LoopbackServer, setup: WorkspaceSetupClient
) -> None:
    server.answer_with(
        granted("me@example.com", token="p2"),
        granted("me@example.com", "USE_CATALOG", "A_PRIVILEGE_OF_TOMORROW"),
        granted("account users", "BROWSE"),
        error(404, "PRINCIPAL_DOES_NOT_EXIST"),
        granted("data", "CREATE_SCHEMA"),
    )
    assert setup.privileges("catalog", "lake", ME) == {"USE CATALOG", "BROWSE", "CREATE SCHEMA"}
    assert {asked.path for asked in server.asked} == {"/api/2.1/unity-catalog/effective-permissions/catalog/lake"}
    assert [(asked.query["principal"], asked.query.get("page_token")) for asked in server.asked] == [
        ("me@example.com", None),
        ("me@example.com", "p2"),
        ("account users", None),
        ("admins", None),
        ("data", None),
    ]
    assert {asked.query["max_results"] for asked in server.asked} == {"0"}


def test_external_locations_over_all_pages(server: LoopbackServer, setup: WorkspaceSetupClient) -> None:
    first = {"name": "a", "url": "s3://a/", "owner": "o", "read_only": True}
    server.answer_with(
        Answer.of_json({"external_locations": [first], "next_page_token": "p2"}),
        Answer.of_json({"external_locations": [{"name": "b", "url": "s3://b"}]}),
    )
    assert setup.external_locations() == [
        ExternalLocation(name="a", url="s3://a/", owner="o", read_only=True),
        ExternalLocation(name="b", url="s3://b", owner="", read_only=False),
    ]


def test_levels_on_a_job(server: LoopbackServer, setup: WorkspaceSetupClient) -> None:
    def entry(levels: list[str], **who: str) -> dict[str, object]:
        return {**who, "all_permissions": [{"permission_level": level, "inherited": False} for level in levels]}

    server.answer_with(
        Answer.of_json(
            {
                "access_control_list": [
                    entry(["IS_OWNER"], user_name="me@example.com"),
                    entry(["CAN_MANAGE_RUN", "CAN_VIEW"], service_principal_name="hook"),
                    entry([], group_name="users"),
                ]
            }
        )
    )
    assert setup.job_levels("77") == {
        "me@example.com": {"IS_OWNER"},
        "hook": {"CAN_MANAGE_RUN", "CAN_VIEW"},
        "users": frozenset(),
    }
    assert server.asked[0].path == "/api/2.0/permissions/jobs/77"


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"schedule": {"quartz_cron_expression": "x", "timezone_id": "UTC", "pause_status": "PAUSED"}}, "PAUSED"),
        ({"schedule": {"quartz_cron_expression": "x", "timezone_id": "UTC"}}, "UNPAUSED"),
        ({"name": "x"}, ""),
    ],
)
def test_a_schedule(server: LoopbackServer, setup: WorkspaceSetupClient, settings: object, status: str) -> None:
    server.answer_with(Answer.of_json({"job_id": 88, "settings": settings}))
    assert setup.pause_status("88") == status


CALLS: list[tuple[str, Callable[[WorkspaceSetupClient], object]]] = [
    ("own identity", WorkspaceSetupClient.identity),
    ("catalog lake", lambda setup: setup.owner("catalog", "lake")),
    ("schema lake.main", lambda setup: setup.owner("schema", "lake.main")),
    ("tables of schema lake.main", lambda setup: setup.table_owners("lake", "main")),
    ("grants on table lake.main.t", lambda setup: setup.privileges("table", "lake.main.t", ME)),
    ("external locations", WorkspaceSetupClient.external_locations),
    ("permissions of job 77", lambda setup: setup.job_levels("77")),
    ("job 88", lambda setup: setup.pause_status("88")),
]


@pytest.mark.parametrize(("what", "call"), CALLS, ids=[what for what, _ in CALLS])
def test_a_refusal_names_what_was_asked_for(
    what: str, call: Callable[[WorkspaceSetupClient], object], server: LoopbackServer, setup: WorkspaceSetupClient
) -> None:
    server.answer_with(error(403, "PERMISSION_DENIED"))
    with pytest.raises(WorkspaceAccessError, match=f"may not use the {what}: the reason.*; grant it "):
        call(setup)
    server.answer_with(error(404, "RESOURCE_DOES_NOT_EXIST"))
    with pytest.raises(WorkspaceNotFoundError, match=f"has no {what}"):
        call(setup)


@pytest.mark.parametrize("job_id", ["", "x", "${resources.jobs.reconcile.id}"])
def test_what_is_no_job_is_refused(setup: WorkspaceSetupClient, job_id: str) -> None:
    with pytest.raises(SettingsError, match="is not the id of a job; deploy the bundle anew"):
        setup.job_levels(job_id)
    with pytest.raises(SettingsError, match="is not the id of a job; deploy the bundle anew"):
        setup.pause_status(job_id)
