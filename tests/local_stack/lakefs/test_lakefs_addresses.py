"""The listing of physical addresses that the clone method `storage` needs, on the stand-in's files."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import lakefs
import pytest
from lakefs.client import Client

from lakefs_unity_export.access.lakefs_addresses import LakeFSAddresses
from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.errors import LakeFSAccessError, LakeFSNotFoundError
from local_stack.lakefs.standin import LakeFSStandIn
from local_stack.lakefs.standin.versions.store import AccessKey

KEYS = ("part-0.parquet", "p=%2F /ä.parquet", "_delta_logs/x")
REPOSITORY = f"addresses-{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def standin() -> Iterator[LakeFSStandIn]:
    server = LakeFSStandIn()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def commit(standin: LakeFSStandIn) -> str:
    """A table of these keys, with a log, beside another table."""
    client = Client(host=standin.url, username=standin.access_key.id, password=standin.access_key.secret)
    repository = lakefs.Repository(REPOSITORY, client=client).create(storage_namespace=f"local://{REPOSITORY}")
    branch = repository.branch("main")
    for key in (*KEYS, "_delta_log/0.json"):
        branch.object(f"tables/t/{key}").upload(key.encode(), mode="wb")
    branch.object("tables/t2/part-0.parquet").upload(b"other", mode="wb")
    return str(branch.commit("a table").get_commit().id)


def addresses(standin: LakeFSStandIn, key: AccessKey) -> LakeFSAddresses:
    credentials = Credentials(access_key_id=key.id, secret_access_key=key.secret)
    return LakeFSAddresses(endpoint=standin.url, repository=REPOSITORY, credentials=credentials)


def test_each_object_of_the_table_is_where_its_address_says(standin: LakeFSStandIn, commit: str) -> None:
    found = addresses(standin, standin.access_key).of_folder(commit, "tables/t", but="_delta_log")
    assert {key: Path(address.removeprefix("local://")).read_text() for key, address in found.items()} == {
        key: key for key in KEYS
    }


def test_a_user_who_may_not_list_is_told_which_permission_is_missing(standin: LakeFSStandIn, commit: str) -> None:
    user = standin.add_user(denied={"fs:ListObjects"})
    with pytest.raises(LakeFSAccessError, match=r"insufficient permissions.*grant the access key's user read access"):
        addresses(standin, user).of_folder(commit, "tables/t", but="_delta_log")


def test_a_commit_that_is_not_there_is_no_empty_table(standin: LakeFSStandIn, commit: str) -> None:
    del commit
    with pytest.raises(LakeFSNotFoundError):
        addresses(standin, standin.access_key).of_folder("d" * 64, "tables/t", but="_delta_log")
