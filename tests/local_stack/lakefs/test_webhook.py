"""The webhook's action files in a lakeFS repository: the runs that its events start, and what its gate lets through."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lakefs
import pytest
from lakefs.client import Client
from lakefs.exceptions import LakeFSException
from waiting import wait_until
from webhook_double import RULES, SECRET, RunsDouble, make_settings

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.webhook import create_app
from lakefs_unity_export.webhook.settings import GateSettings
from local_stack.lakefs.standin import LakeFSStandIn
from local_stack.loopback_server import LoopbackServer

ACTIONS = Path(__file__).parents[3] / "resources/lakefs/_lakefs_actions"
EXAMPLE_URL = "https://unity-export.example.com"
BROKEN = b"name: orders\ntype: delta\n"
VALID = BROKEN + b"path: tables/orders\n"


@dataclass
class Repository:
    """A repository, the service that its hooks call, and the runs that it started."""

    repository: lakefs.Repository
    client: Client
    url: str
    runs: RunsDouble

    def put(self, branch: str, path: str, content: bytes) -> None:
        self.repository.branch(branch).object(path).upload(content, mode="wb")

    def install(self, action: str) -> None:
        text = (ACTIONS / action).read_text()
        assert EXAMPLE_URL in text
        self.put("main", f"_lakefs_actions/{action}", text.replace(EXAMPLE_URL, self.url).encode())
        self.commit("main")

    def commit(self, branch: str) -> str:
        return str(self.repository.branch(branch).commit("a commit").get_commit().id)

    def hook_output(self) -> str:
        """What the hook of the newest run wrote."""
        actions = self.client.sdk_client.actions_api
        newest = max(actions.list_repository_runs(self.repository.id).results, key=lambda run: run.start_time)
        (hook,) = actions.list_run_hooks(self.repository.id, newest.run_id).results
        return bytes(actions.get_run_hook_output(self.repository.id, newest.run_id, hook.hook_run_id)).decode()


@pytest.fixture(scope="module")
def server() -> Iterator[LakeFSStandIn]:
    """A lakeFS whose hooks know the secret."""
    running = LakeFSStandIn(hook_environment={"LAKEFSACTION_WEBHOOK_SECRET": SECRET}, action_seconds=0)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def shop(server: LakeFSStandIn) -> Iterator[Repository]:
    """A repository with a service of its own."""
    key = server.access_key
    runs = RunsDouble()
    gate = GateSettings(
        endpoint=server.url,
        credentials=Credentials(access_key_id=key.id, secret_access_key=key.secret),
        rules=RULES,
    )
    app = create_app(make_settings(repositories=("shop",), gate=gate), runs=runs)
    service = LoopbackServer(name="webhook")
    service.start(app)
    client = Client(host=server.url, username=key.id, password=key.secret)
    repository = lakefs.Repository("shop", client=client).create(
        storage_namespace=f"local://shop-{secrets.token_hex(4)}"
    )
    yield Repository(repository, client, service.url, runs)
    repository.delete()
    service.stop()
    app.state.service.close()


def test_each_event_that_leaves_a_commit_starts_its_run(shop: Repository) -> None:
    shop.install("unity_export_webhook.yaml")
    first = shop.repository.branch("main").get_commit().id
    shop.repository.branch("dev").create("main")
    shop.put("dev", "a", b"1")
    second = shop.commit("dev")
    merged = shop.repository.branch("dev").merge_into("main")
    wait_until(lambda: len(shop.runs.runs) == 4)
    runs = shop.runs.runs.values()
    assert sorted((run["event"], run["branch"], run["commit_id"]) for run in runs) == sorted(
        [
            ("post-commit", "main", first),
            ("post-create-branch", "dev", first),
            ("post-commit", "dev", second),
            ("post-merge", "main", merged),
        ]
    )
    wait_until(lambda: "/runs/" in shop.hook_output())
    assert "/jobs/1041/runs/" in shop.hook_output()
    assert SECRET not in shop.hook_output()


def test_a_commit_with_a_broken_descriptor_is_refused_and_its_run_lists_why(shop: Repository) -> None:
    shop.install("descriptor_gate_webhook.yaml")
    shop.put("main", "_lakefs_tables/orders.yaml", BROKEN)
    shop.put("main", "_lakefs_tables/parts.yaml", b"{")
    with pytest.raises(LakeFSException, match=r"status code: 412"):
        shop.commit("main")
    output = shop.hook_output()
    assert "2 problems in the table descriptors that this commit would leave" in output
    assert "_lakefs_tables/orders.yaml: path: is missing; add it" in output
    assert "_lakefs_tables/parts.yaml: line 1: is not YAML" in output
    shop.put("main", "_lakefs_tables/orders.yaml", VALID)
    shop.repository.branch("main").object("_lakefs_tables/parts.yaml").delete()
    shop.commit("main")
    assert shop.runs.calls == 0


def test_a_merge_whose_descriptors_collide_is_refused(shop: Repository) -> None:
    shop.install("descriptor_gate_webhook.yaml")
    shop.repository.branch("dev").create("main")
    shop.put("dev", "_lakefs_tables/orders.yaml", VALID)
    shop.commit("dev")
    shop.put("main", "_lakefs_tables/again.yaml", VALID)
    shop.commit("main")
    with pytest.raises(LakeFSException, match=r"status code: 412"):
        shop.repository.branch("dev").merge_into("main")
    assert "table 'orders' is also described by _lakefs_tables/again.yaml" in shop.hook_output()
    shop.repository.branch("main").object("_lakefs_tables/again.yaml").delete()
    shop.commit("main")
    assert shop.repository.branch("dev").merge_into("main")


def test_a_file_that_was_broken_before_holds_up_no_other_commit(shop: Repository) -> None:
    shop.put("main", "_lakefs_tables/orders.yaml", BROKEN)
    shop.commit("main")
    shop.install("descriptor_gate_webhook.yaml")
    shop.put("main", "tables/orders/1", b"1")
    assert shop.commit("main")
