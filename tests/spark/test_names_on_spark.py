"""Which names of lakeFS Spark can work with: what `names` says of them, held to Java, the S3A client and Delta."""

import itertools
from typing import Any

import lakefs
import pytest
from cloned_tables import Tables
from lakefs.client import Client

from lakefs_unity_export import names
from local_stack.lakefs.standin import LakeFSStandIn

pytestmark = pytest.mark.spark


def test_java_finds_a_host_in_every_name_but_those_that_end_in_a_hyphen(spark: Any) -> None:
    for length in (3, 4):
        for letters in itertools.product("a1-", repeat=length):
            name = "".join(letters)
            if not name.startswith("-"):
                host = spark._jvm.java.net.URI(f"s3a://{name}/x").getHost()
                assert (host == name) == (names.unreadable_repository(name) == ""), (name, host)


@pytest.mark.parametrize(
    ("name", "is_readable"),
    [
        ("a--b", True),
        ("123", True),
        ("a-x-s3", True),
        ("o" * 42 + "--op-s3", True),
        ("ab-", False),
        ("data--x-s3", False),
        ("x" * 43 + "--op-s3", False),
    ],
)
def test_s3a_reads_the_repositories_that_can_be_exported(
    spark: Any, server: LakeFSStandIn, name: str, is_readable: bool
) -> None:
    client = Client(host=server.url, username=server.access_key.id, password=server.access_key.secret)
    repository = lakefs.Repository(name, client=client).create(storage_namespace=f"local://{name}")
    repository.branch("main").object("t/a").upload(b"x", mode="wb")
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    settings = {"endpoint": server.url, "path.style.access": "true", "attempts.maximum": "1", "retry.limit": "1"}
    secrets = {"access.key": server.access_key.id, "secret.key": server.access_key.secret}
    for key, value in {**settings, **secrets, "endpoint.region": "us-east-1"}.items():
        hadoop.set(f"fs.s3a.bucket.{name}.{key}", value)

    assert (names.unreadable_repository(name) == "") == is_readable
    path = spark._jvm.org.apache.hadoop.fs.Path(f"s3a://{name}/main/t")
    if is_readable:
        assert [each.getPath().getName() for each in path.getFileSystem(hadoop).listStatus(path)] == ["a"]
    else:
        with pytest.raises(Exception, match=r"bucket is null|signature we calculated|Unrecognized hardware type"):
            path.getFileSystem(hadoop).listStatus(path)


def test_no_table_is_cloned_beside_a_folder_that_is_called_as_a_log_is(tables: Tables) -> None:
    tables.sql("CREATE TABLE {t} (id BIGINT) USING delta; INSERT INTO {t} VALUES (1)")
    folder = f"file:{tables.folder}/exports/main"
    for fine in ("_delta_logs", "first"):
        tables.clone(target_path=f"{folder}/{fine}")

    with pytest.raises(Exception, match="DELTA_MISSING_DELTA_TABLE"):
        tables.clone(target_path=f"{folder}/_delta_log")

    tables.clone(target_path=f"{folder}/first")
    with pytest.raises(Exception, match="DELTA_INVALID_PARTITION_PATH"):
        tables.clone(target_path=f"{folder}/second")
