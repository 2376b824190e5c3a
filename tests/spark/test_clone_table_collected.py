"""Cloning at a commit whose objects lakeFS's garbage collection has removed, through the real S3A client.

On the stand-in alone: a server collects by a job of its own, after days of retention.
"""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lakefs
import pyarrow
import pytest
from deltalake import DeltaTable, write_deltalake
from lakefs.client import Client

from lakefs_unity_export.clones.decision import Action
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.clones.spark_errors import causes
from lakefs_unity_export.errors import LakeFSGoneError
from lakefs_unity_export.tasks.clone_table import CloneResult, clone_table
from local_stack.lakefs.standin import LakeFSStandIn

pytestmark = pytest.mark.spark

PATH = "tables/orders"
GONE = "404 NoSuchVersion"


@dataclass
class CollectedTable:
    """A table of one repository, and the target that it is cloned to."""

    spark: Any
    server: LakeFSStandIn
    repository: Any
    target: str

    @property
    def name(self) -> str:
        """The repository's name."""
        return str(self.repository.id)

    def write(self, *rows: int) -> None:
        """Make these the rows of the table, in a new version."""
        options = {
            "AWS_ENDPOINT_URL": self.server.url,
            "AWS_ACCESS_KEY_ID": self.server.access_key.id,
            "AWS_SECRET_ACCESS_KEY": self.server.access_key.secret,
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }
        content = pyarrow.table({"id": list(rows)})
        write_deltalake(f"s3://{self.name}/main/{PATH}", content, mode="overwrite", storage_options=options)

    def remove(self, below: str = "") -> None:
        """Delete the table's files on the branch, or those whose names begin so."""
        branch = self.repository.branch("main")
        branch.delete_objects([each.path for each in branch.objects(prefix=f"{PATH}/{below}")])

    def commit(self, message: str) -> str:
        """Commit the branch; the commit's id."""
        return str(self.repository.branch("main").commit(message).get_commit().id)

    def clone(self, commit_id: str, generation: int) -> CloneResult:
        """Run the clone task for a commit."""
        request = CloneRequest(
            repository=self.name,
            branch="main",
            commit_id=commit_id,
            commit_generation=generation,
            path=PATH,
            table="`lake`.`main`.`orders`",
            source_path=f"s3a://{self.name}/{commit_id}/{PATH}",
            target_path=self.target,
        )
        return clone_table(self.spark, request)

    def rows(self) -> list[int]:
        """What the clone shows."""
        return sorted(row["id"] for row in self.spark.read.format("delta").load(self.target).collect())

    def log(self) -> dict[str, bytes]:
        """Every file of the target with its content, to see that nothing was written."""
        folder = Path(self.target.removeprefix("file:"))
        return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def assert_unreadable(table: CollectedTable) -> None:
    """What readers see: Spark's own error, which knows nothing of lakeFS, with the gateway's answer below it."""
    with pytest.raises(Exception) as unreadable:  # noqa: PT011, whatever Spark wraps it in
        table.rows()
    chain = causes(unreadable.value)
    assert chain[0].condition == "FAILED_READ_FILE.FILE_NOT_EXIST"
    assert "File does not exist. It is possible the underlying files have been updated" in chain[0].message
    assert re.fullmatch(GONE, f"{chain[-1].status} {chain[-1].code}")


@pytest.fixture
def table(spark: Any, server: LakeFSStandIn, tmp_path: Path) -> CollectedTable:
    client = Client(host=server.url, username=server.access_key.id, password=server.access_key.secret)
    name = f"collected-{secrets.token_hex(4)}"
    repository = lakefs.Repository(name, client=client).create(storage_namespace=f"local://{name}")
    settings = {
        "endpoint": server.url,
        "path.style.access": "true",
        "access.key": server.access_key.id,
        "secret.key": server.access_key.secret,
        "attempts.maximum": "3",
        "retry.limit": "3",
    }
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    for key, value in settings.items():
        hadoop.set(f"fs.s3a.bucket.{name}.{key}", value)
    return CollectedTable(spark, server, repository, f"file:{tmp_path}/exports/main/orders")


def test_a_collected_commit_is_refused_and_the_head_heals_the_clone(table: CollectedTable) -> None:
    commits = []
    for rows in ((1,), (2, 2), (3, 3, 3)):
        table.remove()
        table.write(*rows)
        commits.append(table.commit(f"the table anew with {rows}"))
    assert table.clone(commits[0], 2).action is Action.CLONED
    assert table.rows() == [1]
    before = table.log()

    assert table.server.collect_garbage(table.name) > 0

    with pytest.raises(LakeFSGoneError) as error:
        table.clone(commits[1], 3)
    assert re.fullmatch(
        rf"cannot read s3a://{table.name}/{commits[1]}/{PATH}: its objects were removed by lakeFS garbage collection "
        rf"\({GONE}\); export a newer commit of the branch",
        str(error.value),
    )
    assert table.log() == before
    assert_unreadable(table)

    assert table.clone(commits[2], 4).action is Action.CLONED
    assert table.rows() == [3, 3, 3]


def test_a_commit_whose_log_is_kept_is_cloned_though_its_rows_are_gone(table: CollectedTable) -> None:
    """A shallow clone reads the log alone: so the next change of the branch has to heal it, and does."""
    table.write(1)
    old = table.commit("the table")
    table.remove("part-")
    table.write(2)
    head = table.commit("the rows replaced, the old files deleted")

    assert table.server.collect_garbage(table.name) == 1

    assert table.clone(old, 2).action is Action.CLONED
    assert_unreadable(table)
    assert table.clone(head, 3).action is Action.CLONED
    assert table.rows() == [2]
    assert DeltaTable(table.target.removeprefix("file:")).metadata().configuration["lakefs.commit_id"] == head
