"""Physical addresses as URIs that Spark takes, and where clones must not lie."""

import pytest

from lakefs_unity_export.clones.storage_uris import check_target_base, place_of
from lakefs_unity_export.errors import SettingsError, StorageCloneError

AZURE = "https://account.blob.core.windows.net"
ABFSS = "abfss://lake@account.dfs.core.windows.net"


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("s3://bucket/pre/data/gab12/cd34", "s3://bucket/pre/data/gab12/cd34"),
        ("gs://bucket/data/x", "gs://bucket/data/x"),
        (f"{AZURE}/lake/pre/data/x", f"{ABFSS}/pre/data/x"),
        ("https://acc.blob.core.usgovcloudapi.net/c/k", "abfss://c@acc.dfs.core.usgovcloudapi.net/k"),
        ("local:///var/lakefs/shop/data/x", "file:///var/lakefs/shop/data/x"),
        # Imported objects keep their keys, whatever these hold.
        (
            "s3://other/day=2024-01-01/ä ö%2F+#?.parquet",
            "s3://other/day=2024-01-01/%C3%A4%20%C3%B6%252F%2B%23%3F.parquet",
        ),
        ("s3://other/a//b/😀", "s3://other/a//b/%F0%9F%98%80"),
    ],
)
def test_an_address_becomes_a_uri_that_spark_takes(address: str, uri: str) -> None:
    assert place_of(address).uri == uri


@pytest.mark.parametrize(
    "address",
    [
        "",
        "data/x",
        "mem://shop/data/x",
        "s3://bucket",
        "s3://bucket/",
        "s3:///key",
        "local://host/key",
        "S3://bucket/key",
        "https://example.com/lake/key",
        f"{AZURE}/lake",
        f"{AZURE}/lake/",
        f"{AZURE}/lake/a%20b",
    ],
)
def test_an_address_that_spark_cannot_read_is_refused(address: str) -> None:
    with pytest.raises(StorageCloneError, match="which a clone by the method storage cannot name"):
        place_of(address)


@pytest.mark.parametrize("by_storage", [False, True])
@pytest.mark.parametrize(
    ("namespace", "location"),
    [
        ("s3://lake/shop", "s3://lake/shop/data"),
        ("s3://lake/shop/", "s3a://lake/shop/data/exports"),
        (f"{AZURE}/lake/shop", f"{ABFSS}/shop/data/exports"),
    ],
)
def test_a_target_among_lakefs_objects_is_refused(namespace: str, location: str, by_storage: bool) -> None:
    with pytest.raises(SettingsError, match=r"lies among lakeFS's own objects, .*/shop/data, whose garbage collection"):
        check_target_base(location, storage_namespace=namespace, by_storage=by_storage)


@pytest.mark.parametrize("location", ["s3://lake", "s3a://lake/shop/"])
def test_a_target_around_lakefs_objects_is_refused_for_the_method_storage_alone(location: str) -> None:
    check_target_base(location, storage_namespace="s3://lake/shop", by_storage=False)
    with pytest.raises(SettingsError, match="encloses lakeFS's own objects, s3://lake/shop/data: a VACUUM"):
        check_target_base(location, storage_namespace="s3://lake/shop", by_storage=True)


@pytest.mark.parametrize(
    "location", ["s3://lake/exports", "s3://lake/shop/exports", "s3://lake/shop/data2", "s3://other/shop/data", ABFSS]
)
def test_a_target_beside_lakefs_objects_is_taken(location: str) -> None:
    check_target_base(location, storage_namespace="s3://lake/shop", by_storage=True)


def test_objects_on_lakefs_own_disk_are_read_on_that_machine_only() -> None:
    check_target_base("s3://lake/exports", storage_namespace="local://shop", by_storage=False)
    check_target_base("file:///exports", storage_namespace="local://shop", by_storage=True)
    with pytest.raises(SettingsError, match=r"on its own disk, .*use the clone method shallow or deep"):
        check_target_base("s3://lake/exports", storage_namespace="local://shop", by_storage=True)


def test_a_store_that_spark_does_not_know_is_refused_for_the_method_storage_alone() -> None:
    check_target_base("s3://lake/exports", storage_namespace="mem://shop", by_storage=False)
    with pytest.raises(SettingsError, match="Spark has no such store"):
        check_target_base("s3://lake/exports", storage_namespace="mem://shop", by_storage=True)
