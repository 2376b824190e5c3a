"""The clone notebook on the cluster, reading a lakeFS repository by commit id through the S3 gateway."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import lakefs
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from lakefs.client import Client

from local_stack.cluster.cluster import Cluster, NotebookResult, NotebookRun
from local_stack.lakefs.server import LakeFS, start_lakefs

pytestmark = pytest.mark.spark

ROOT = Path(__file__).parents[2]
# Of which the method shallow uses none.
LAKEFS_SETTINGS = {
    "lakefs_endpoint": "http://127.0.0.1:9",
    "secret_scope": "lakefs",
    "access_key_name": "key",
    "secret_key_name": "secret",
}
REPOSITORY = "clone-source"
MISSING = "no-such-repository"
# The same gateway under other settings: Spark keeps settings for each bucket.
REFUSED, UNREACHABLE, WITHOUT_KEYS = "refused-bucket", "unreachable-bucket", "bucket-without-keys"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeFS]:
    running = start_lakefs(folder=tmp_path_factory.mktemp("lakefs"), hook_environment={})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def commits(server: LakeFS, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two commits of a table that delta-rs wrote: two rows, then three."""
    client = Client(host=server.endpoint_url, username=server.access_key_id, password=server.secret_access_key)
    repository = lakefs.Repository(REPOSITORY, client=client)
    namespace = f"local://{REPOSITORY}" if server.kind in ("stand-in", "binary") else None
    if namespace is None:
        pytest.skip("a configured server has its own storage; the end-to-end tests run on it")
    repository.create(storage_namespace=namespace, default_branch="main", exist_ok=True)
    local = tmp_path_factory.mktemp("table") / "orders"
    made = []
    for rows in ([1, 2], [3]):
        write_deltalake(str(local), pa.table({"id": rows}), mode="append", description="orders of the day")
        _upload(server, local, "main/tables/orders")
        made.append(str(repository.branch("main").commit(f"rows {rows}").get_commit().id))
    return made


def _upload(server: LakeFS, folder: Path, prefix: str) -> None:
    gateway = boto3.client(
        "s3",
        endpoint_url=server.s3_endpoint_url,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        region_name="us-east-1",
    )
    for path in folder.rglob("*"):
        if path.is_file():
            gateway.put_object(Bucket=REPOSITORY, Key=f"{prefix}/{path.relative_to(folder)}", Body=path.read_bytes())


@dataclass
class Clones:
    """Runs the notebook as the job does."""

    cluster: Cluster
    conf: dict[str, str]
    wheel: Path
    target_base: str

    @property
    def target(self) -> str:
        return f"{self.target_base}/main/orders"

    def run(self, commit: str, *, generation: int = 2, path: str = "tables/orders", **changes: str) -> NotebookResult:
        parameters = {
            "repository": REPOSITORY,
            "branch": "main",
            "source_commit_id": commit,
            "commit_generation": str(generation),
            "line": "0",
            "path": path,
            "table": "`lake`.`main`.`orders`",
            "target_base_location": self.target_base,
            "method": "shallow",
            **LAKEFS_SETTINGS,
            **changes,
        }
        run = NotebookRun(
            notebook=ROOT / "notebooks" / "clone_table.py",
            parameters=parameters,
            libraries=(self.wheel,),
            host="http://127.0.0.1:9",
            token="unused",
            task_run_id=1,
            job_id=1,
            run_id=1,
            task_key="clone_table",
        )
        return self.cluster.run_notebook(run, self.conf)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as a wheel holds it."""
    path = tmp_path_factory.mktemp("dist") / "lakefs_unity_export-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for module in (ROOT / "src" / "lakefs_unity_export").rglob("*.py"):
            archive.write(module, module.relative_to(ROOT / "src"))
    return path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(folder=tmp_path_factory.mktemp("cluster"))
    yield made
    made.stop()


@pytest.fixture
def clones(cluster: Cluster, server: LakeFS, wheel: Path, tmp_path: Path) -> Clones:
    keys = {"access.key": server.access_key_id, "secret.key": server.secret_access_key}
    # Without limits of its own, S3A tries for four and a half minutes to reach a gateway that is not there.
    gateway = {
        "endpoint": server.s3_endpoint_url,
        "path.style.access": "true",
        "attempts.maximum": "3",
        "retry.limit": "3",
        "connection.establish.timeout": "5000",
    }
    buckets: dict[str, dict[str, str]] = {
        REPOSITORY: {**gateway, **keys},
        MISSING: {**gateway, **keys},
        REFUSED: {**gateway, **keys, "secret.key": "wrong"},
        UNREACHABLE: {**gateway, **keys, "endpoint": "http://127.0.0.1:1"},
        WITHOUT_KEYS: gateway,
    }
    conf = {
        f"spark.hadoop.fs.s3a.bucket.{bucket}.{name}": value
        for bucket, settings in buckets.items()
        for name, value in settings.items()
    }
    return Clones(cluster, conf, wheel, f"file:{tmp_path}/exports")


def test_each_commit_is_cloned_by_its_id(clones: Clones, commits: list[str]) -> None:
    for number, commit in enumerate(commits):
        result = clones.run(commit, generation=number + 2)
        assert result.error is None, result.trace
        value = json.loads(result.exit_value or "")
        assert (value["action"], value["files"], value["commit_id"]) == ("cloned", number + 1, commit)
        assert f"lakeFS commit  {commit}" in result.log
    table = DeltaTable(clones.target.removeprefix("file:"))
    assert table.metadata().description == "orders of the day"
    assert table.metadata().configuration["lakefs.commit_id"] == commits[1]
    again = clones.run(commits[1], generation=3)
    assert json.loads(again.exit_value or "")["action"] == "already at this commit"
    older = clones.run(commits[0], generation=2)
    assert json.loads(older.exit_value or "")["action"] == "superseded by a newer commit"


@pytest.mark.parametrize(
    ("repository", "error", "advice"),
    [
        (MISSING, "LakeFSNotFoundError", f"no repository '{MISSING}'"),
        (REFUSED, "LakeFSAccessError", "lakefs-secret-access-key"),
        (UNREACHABLE, "LakeFSUnavailableError", "cannot be reached"),
        (WITHOUT_KEYS, "LakeFSAccessError", f"fs.s3a.bucket.{WITHOUT_KEYS}."),
    ],
)
def test_what_is_wrong_with_lakefs_is_said_in_the_last_line(
    clones: Clones, commits: list[str], repository: str, error: str, advice: str
) -> None:
    result = clones.run(commits[0], repository=repository)
    assert result.error is not None
    last_line = result.error.splitlines()[-1]
    assert last_line.startswith(f"{error}: cannot read s3a://{repository}/")
    assert advice in last_line
    assert "wrong" not in (result.trace or "")


def test_a_path_or_commit_without_a_table_is_named(clones: Clones, commits: list[str]) -> None:
    no_path = clones.run(commits[0], path="tables/nothing").error or ""
    assert no_path.startswith("NoSourceTableError: there is no Delta table at s3a://")
    assert f"{commits[0]}/tables/nothing" in no_path
    # A lakeFS server answers 400 to the listing of a ref that is not there, so S3A cannot tell that there is no table.
    no_commit = clones.run("e" * 64).error or ""
    assert f"Error: cannot read s3a://{REPOSITORY}/{'e' * 64}/tables/orders: " in no_commit
    assert not Path(clones.target.removeprefix("file:")).exists()
