"""What the real S3A client does to a branch, and that it reads tables wherever a descriptor may say that they lie."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lakefs
import pyarrow
import pytest
import yaml
from deltalake import write_deltalake
from faulty_gateway import FaultyGateway, answer
from lakefs.client import Client

from lakefs_unity_export import names
from lakefs_unity_export.tasks.clone_table import CloneRequest, clone_table
from local_stack.lakefs.standin import LakeFSStandIn

pytestmark = pytest.mark.spark

MEBIBYTE = 1024 * 1024
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class S3A:
    """A branch through S3A, and the repository through lakeFS's own client."""

    spark: Any
    hadoop: Any
    repository: Any

    def uri(self, path: str, ref: str = "main") -> str:
        return f"s3a://{self.repository.id}/{ref}/{path}"

    def path(self, path: str) -> Any:
        return self.spark._jvm.org.apache.hadoop.fs.Path(self.uri(path))

    def files(self) -> Any:
        return self.path("x").getFileSystem(self.hadoop)

    def objects(self) -> list[str]:
        return [each.path for each in self.repository.branch("main").objects()]


@pytest.fixture
def s3a(spark: Any, server: LakeFSStandIn) -> S3A:
    client = Client(host=server.url, username=server.access_key.id, password=server.access_key.secret)
    name = f"s3a-{secrets.token_hex(4)}"
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    settings = {"endpoint": server.url, "path.style.access": "true", "multipart.size": "5M", "attempts.maximum": "1"}
    keys = {"access.key": server.access_key.id, "secret.key": server.access_key.secret}
    for key, value in {**settings, **keys}.items():
        hadoop.set(f"fs.s3a.bucket.{name}.{key}", value)
    repository = lakefs.Repository(name, client=client).create(storage_namespace=f"local://{name}")
    return S3A(spark=spark, hadoop=hadoop, repository=repository)


def test_a_delta_table_is_written_changed_and_read_at_its_commits(s3a: S3A) -> None:
    commits = []
    for mode, rows in (("append", 3), ("append", 2), ("overwrite", 1)):
        s3a.spark.range(rows).write.format("delta").mode(mode).save(s3a.uri("tables/t"))
        commits.append(s3a.repository.branch("main").commit(mode).get_commit().id)

    counts = [s3a.spark.read.format("delta").load(s3a.uri("tables/t", commit)).count() for commit in commits]
    assert counts == [3, 5, 1]


def test_large_objects_are_uploaded_in_parts(s3a: S3A) -> None:
    content = secrets.token_bytes(12 * MEBIBYTE)
    out = s3a.files().create(s3a.path("big"))
    for start in range(0, len(content), MEBIBYTE):
        out.write(content[start : start + MEBIBYTE])
    out.close()

    assert s3a.objects() == ["big"]
    assert s3a.repository.branch("main").object("big").reader(mode="rb").read() == content


def test_folders_are_renamed_and_deleted(s3a: S3A) -> None:
    branch = s3a.repository.branch("main")
    for path in ("from/a b%20", "from/x/ü", "kept"):
        branch.object(path).upload(b"x", mode="wb")

    assert s3a.files().rename(s3a.path("from"), s3a.path("to"))
    assert [each for each in s3a.objects() if not each.endswith("/")] == ["kept", "to/a b%20", "to/x/ü"]
    assert s3a.files().delete(s3a.path("to"), True)
    assert [each for each in s3a.objects() if not each.endswith("/")] == ["kept"]


ODD_PATHS = [
    "a:b/ c ",
    "100%/a%20b",
    "a?b#c&d=e",
    "{x}/[y]*",
    "_hidden/.t",
    "_delta_log/t",
    "n=__HIVE_DEFAULT_PARTITION__",
]


@pytest.mark.parametrize("path", [*ODD_PATHS, "ä/日本/😀", "$x+~!,;|^<>@()", "C:", "..."])
def test_a_table_at_an_odd_path_is_cloned(s3a: S3A, path: str, tmp_path: Path) -> None:
    assert names.table_path(path) == path
    write_deltalake(str(tmp_path / "source"), pyarrow.table({"id": [1, 2, 3]}))
    branch = s3a.repository.branch("main")
    for file in (each for each in (tmp_path / "source").rglob("*") if each.is_file()):
        branch.object(f"{path}/{file.relative_to(tmp_path / 'source')}").upload(file.read_bytes(), mode="wb")
    commit = branch.commit("a table").get_commit().id
    request = CloneRequest(
        repository=s3a.repository.id,
        branch="_x",
        commit_id=commit,
        commit_generation=2,
        path=path,
        table="`lake`.`_x`.`t`",
        source_path=names.source_path(repository=s3a.repository.id, commit_id=commit, path=path),
        target_path=f"file:{tmp_path}/exports/_x/t",
    )

    clone_table(s3a.spark, request)

    assert s3a.spark.read.format("delta").load(request.target_path).count() == 3


def test_nothing_is_written_to_a_commit(s3a: S3A) -> None:
    s3a.repository.branch("main").object("a").upload(b"x", mode="wb")
    commit = s3a.repository.branch("main").commit("a").get_commit().id

    path = s3a.spark._jvm.org.apache.hadoop.fs.Path(s3a.uri("b", commit))
    with pytest.raises(Exception, match=r"NoSuchBucket|UnknownStore|does not exist"):
        s3a.files().create(path).close()


@pytest.fixture
def signed_regions(server: LakeFSStandIn) -> Iterator[tuple[FaultyGateway, set[str]]]:
    """A gateway, and the regions in the signatures of what was asked of the repository `signed` there."""
    found = set[str]()
    refuse = answer(404, "NoSuchKey")

    def note(handler: Any) -> None:
        found.update(re.findall(r"Credential=[^/]+/[0-9]+/([^/]*)/s3/", handler.headers["Authorization"] or ""))
        refuse(handler)

    gateway = FaultyGateway(upstream=server.url, faults={"signed": (lambda *_: True, note)})
    gateway.start()
    yield gateway, found
    gateway.stop()


BLOCK = "spark.hadoop.fs.s3a.bucket.example-repo."


def test_the_region_of_a_repositorys_block_is_what_s3a_signs_for(
    spark: Any, signed_regions: tuple[FaultyGateway, set[str]]
) -> None:
    """As `s3a_conf` has it, under a cluster whose own region is another."""
    gateway, found = signed_regions
    bundle = yaml.safe_load((ROOT / "databricks.yml").read_text())
    block = {
        key.removeprefix(BLOCK): value
        for key, value in bundle["variables"]["s3a_conf"]["default"].items()
        if key.startswith(BLOCK)
    }
    given = {"endpoint": gateway.url, "access.key": "A", "secret.key": "s", "attempts.maximum": "1", "retry.limit": "0"}
    hadoop = spark._jvm.org.apache.hadoop.conf.Configuration(spark.sparkContext._jsc.hadoopConfiguration())
    hadoop.set("fs.s3a.endpoint.region", "eu-north-1")
    for key, value in {**block, **given}.items():
        hadoop.set(f"fs.s3a.bucket.signed.{key}", value)
    path = spark._jvm.org.apache.hadoop.fs.Path("s3a://signed/main/x")
    files = spark._jvm.org.apache.hadoop.fs.FileSystem.newInstance(path.toUri(), hadoop)
    assert not files.exists(path)
    files.close()
    assert found == {block["endpoint.region"]} == {"us-east-1"}
