"""The bytes of objects are where the stand-in says that they are, for readers that know nothing of lakeFS.

On the stand-in alone: whether a configured server's storage can be read from here is not known.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from lakefs_contract import Contract, contract_in, s3_client

from local_stack.lakefs.object_store import ObjectStore
from local_stack.lakefs.server import lakefs_of
from local_stack.lakefs.standin import LakeFSStandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = f"lake-storage-{secrets.token_hex(4)}"
# The least that S3 takes for a part that is not the last.
PART = b"p" * 5 * 1024 * 1024
SCHEMES = ("local", "s3")


@pytest.fixture(scope="module")
def object_store() -> Iterator[ObjectStore]:
    """An S3 beside lakeFS."""
    store = ObjectStore([BUCKET])
    store.start()
    yield store
    store.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its files."""
    return tmp_path_factory.mktemp("lakefs") / "objects"


@pytest.fixture(scope="module")
def standin(folder: Path, object_store: ObjectStore) -> Iterator[LakeFSStandIn]:
    """A server with a storage of each kind."""
    server = LakeFSStandIn(folder=folder, object_store=object_store)
    server.start()
    yield server
    server.stop()


def namespace(scheme: str) -> str:
    """A storage namespace that nobody used."""
    place = f"lake/{secrets.token_hex(4)}"
    return f"s3://{BUCKET}/{place}" if scheme == "s3" else f"local://{place}"


@pytest.fixture(params=SCHEMES)
def contract(request: pytest.FixtureRequest, standin: LakeFSStandIn) -> Iterator[Contract]:
    """A repository in each kind of storage."""
    made = contract_in(lakefs_of(standin), namespace(request.param))
    yield made
    made.repository.delete()


def storage_client(object_store: ObjectStore, **keys: str) -> Any:
    """A client of the object store, with its own keys or others."""
    own = {"aws_access_key_id": object_store.access_key.id, "aws_secret_access_key": object_store.access_key.secret}
    config = Config(signature_version="s3v4", retries={"max_attempts": 1}, s3={"addressing_style": "path"})
    return boto3.client("s3", endpoint_url=object_store.url, region_name="us-east-1", config=config, **{**own, **keys})


def read(address: str, object_store: ObjectStore) -> bytes:
    """What lies at a physical address, past lakeFS."""
    scheme, _, place = address.partition("://")
    if scheme == "local":
        return Path(place).read_bytes()
    bucket, _, key = place.partition("/")
    content: bytes = storage_client(object_store).get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def addresses(contract: Contract, ref: str) -> dict[str, str]:
    """The physical address of each object at a ref, as it is listed."""
    listed = contract.api.objects_api.list_objects(contract.name, ref, amount=1000).results
    for each in listed:
        stat = contract.api.objects_api.stat_object(contract.name, ref, each.path)
        assert stat.physical_address == each.physical_address
    return {each.path: each.physical_address for each in listed}


def test_every_way_of_writing_puts_the_bytes_where_the_address_says(
    contract: Contract, object_store: ObjectStore, folder: Path
) -> None:
    name, s3 = contract.name, contract.s3
    expected = {"by REST": b"rest", "gateway/ü x+%20.parquet": b"put", "copied": b"rest", "copied/by S3": b"put"}
    contract.put("main", "by REST", content=b"rest")
    s3.put_object(Bucket=name, Key="main/gateway/ü x+%20.parquet", Body=b"put")
    copy = {"src_path": "by REST"}
    url = f"/repositories/{name}/branches/main/objects/copy"
    assert contract.request("POST", url, params={"dest_path": "copied"}, json=copy).status_code == 201
    source = {"Bucket": name, "Key": "main/gateway/ü x+%20.parquet"}
    s3.copy_object(Bucket=name, Key="main/copied/by S3", CopySource=source)
    upload = s3.create_multipart_upload(Bucket=name, Key="main/parts")["UploadId"]
    place: dict[str, Any] = {"Bucket": name, "Key": "main/parts", "UploadId": upload}
    tags = [s3.upload_part(**place, PartNumber=n, Body=body)["ETag"] for n, body in ((1, PART), (2, b"end"))]
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, start=1)]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    expected["parts"] = PART + b"end"

    found = addresses(contract, "main")

    stored = contract.repository.properties.storage_namespace
    place_of_all = stored.replace("local://", f"local://{folder}/") if stored.startswith("local") else stored
    assert all(address.startswith(f"{place_of_all}/data/") for address in found.values())
    assert {path: read(address, object_store) for path, address in found.items()} == expected
    # A copy has bytes of its own.
    assert len(set(found.values())) == len(expected)


def test_branches_and_merges_copy_nothing(contract: Contract, object_store: ObjectStore) -> None:
    first = contract.commit("main", "kept", "changed", content=b"1")
    contract.branch("dev")
    contract.commit("dev", "changed", "added", content=b"2")
    at_dev = addresses(contract, "dev")
    contract.repository.branch("dev").merge_into("main")

    at_first = addresses(contract, first)
    assert addresses(contract, "main") == at_dev
    assert at_dev["kept"] == at_first["kept"]
    assert at_dev["changed"] != at_first["changed"]
    assert {path: read(address, object_store) for path, address in at_first.items()} == {"kept": b"1", "changed": b"1"}
    assert [read(at_dev[path], object_store) for path in ("changed", "added")] == [b"2", b"2"]


def test_what_is_collected_is_gone_from_its_address(
    contract: Contract, standin: LakeFSStandIn, object_store: ObjectStore
) -> None:
    first = contract.commit("main", "a", content=b"1")
    contract.commit("main", "a", content=b"2")
    (old, new) = (addresses(contract, ref)["a"] for ref in (first, "main"))

    assert standin.collect_garbage(contract.name) == 1

    assert read(new, object_store) == b"2"
    with pytest.raises((FileNotFoundError, ClientError)):
        read(old, object_store)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_bytes_outlive_the_server(scheme: str, tmp_path: Path, object_store: ObjectStore) -> None:
    server = LakeFSStandIn(folder=tmp_path, object_store=object_store)
    server.start()
    contract = contract_in(lakefs_of(server), namespace(scheme))
    contract.commit("main", "a", content=b"kept")
    address = addresses(contract, "main")["a"]

    server.stop()

    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)
    assert read(address, object_store) == b"kept"


def test_the_keys_of_lakefs_do_not_open_the_storage(standin: LakeFSStandIn, object_store: ObjectStore) -> None:
    contract = contract_in(lakefs_of(standin), namespace("s3"))
    contract.put("main", "a")
    bucket, _, key = addresses(contract, "main")["a"].removeprefix("s3://").partition("/")
    lakefs_keys = {
        "aws_access_key_id": standin.access_key.id,
        "aws_secret_access_key": standin.access_key.secret,
    }
    wrong_secret = {"aws_secret_access_key": "wrong"}

    for keys in (lakefs_keys, wrong_secret):
        with pytest.raises(ClientError, match="403"):
            storage_client(object_store, **keys).head_object(Bucket=bucket, Key=key)
    for unsigned in (f"{bucket}/{key}", f"{bucket}?list-type=2", bucket, ""):
        assert httpx.get(f"{object_store.url}/{unsigned}").status_code == 403, unsigned
    with pytest.raises(ClientError, match="AccessDenied"):
        s3_client(
            contract.server,
            aws_access_key_id=object_store.access_key.id,
            aws_secret_access_key=object_store.access_key.secret,
        ).get_object(Bucket=contract.name, Key="main/a")


@pytest.mark.parametrize(
    ("place", "refusal"),
    [
        ("s3://no-such-bucket/lake", "the bucket no-such-bucket does not exist"),
        ("local://lake/../../elsewhere", "names no folder below the block store's own"),
        ("gs://bucket/lake", "required regex ^(local|s3)://: invalid namespace"),
    ],
)
def test_a_namespace_in_which_nothing_can_be_kept_is_refused(standin: LakeFSStandIn, place: str, refusal: str) -> None:
    auth = (standin.access_key.id, standin.access_key.secret)
    new = {"name": "nowhere", "storage_namespace": place}
    answer = httpx.post(f"{standin.url}/api/v1/repositories", json=new, auth=auth)
    assert answer.status_code == 400
    assert refusal in answer.json()["message"]
    assert httpx.get(f"{standin.url}/api/v1/repositories/nowhere", auth=auth).status_code == 404


def test_presigned_urls_are_not_guessed(contract: Contract) -> None:
    contract.put("main", "a")
    url = f"/repositories/{contract.name}/refs/main/objects"
    answers = [
        contract.request("GET", f"{url}{below}", params={"presign": "true", "path": "a"})
        for below in ("/ls", "/stat", "")
    ]
    is_local = contract.repository.properties.storage_namespace.startswith("local:")
    assert {answer.status_code for answer in answers} == {400 if is_local else 501}


def test_a_user_who_may_not_list(contract: Contract, standin: LakeFSStandIn) -> None:
    commit = contract.commit("main", "t/a", content=b"1")
    contract.put("main", "t/b")
    key = standin.add_user(denied={"fs:ListObjects"})
    auth, repository = (key.id, key.secret), f"/repositories/{contract.name}"
    s3 = contract.s3_with(aws_access_key_id=key.id, aws_secret_access_key=key.secret)

    for listing in ("/refs/main/objects/ls", f"/refs/main/diff/{commit}", "/branches/main/diff"):
        answer = contract.request("GET", repository + listing, auth=auth)
        assert (answer.status_code, answer.json()) == (401, {"message": "insufficient permissions"}), listing
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket=contract.name, Prefix="main/t/")
    stat = contract.request("GET", f"{repository}/refs/main/objects/stat", params={"path": "t/a"}, auth=auth)
    assert stat.status_code == 200
    assert s3.get_object(Bucket=contract.name, Key="main/t/a")["Body"].read() == b"1"
    assert addresses(contract, "main").keys() == {"t/a", "t/b"}


def test_a_user_who_may_not_read(contract: Contract, standin: LakeFSStandIn) -> None:
    contract.put("main", "a")
    key = standin.add_user(denied={"fs:ReadObject"})
    auth, s3 = (key.id, key.secret), contract.s3_with(aws_access_key_id=key.id, aws_secret_access_key=key.secret)
    url = f"/repositories/{contract.name}/refs/main/objects"

    for below in ("", "/stat"):
        assert contract.request("GET", url + below, params={"path": "a"}, auth=auth).status_code == 401
    assert contract.request("GET", f"{url}/ls", auth=auth).status_code == 200
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket=contract.name, Key="main/a")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.copy_object(Bucket=contract.name, Key="main/b", CopySource={"Bucket": contract.name, "Key": "main/a"})
    assert len(s3.list_objects_v2(Bucket=contract.name, Prefix="main/")["Contents"]) == 1


def test_a_user_who_may_not_write(contract: Contract, standin: LakeFSStandIn) -> None:
    contract.put("main", "a")
    key = standin.add_user(denied={"fs:WriteObject"})
    auth, s3 = (key.id, key.secret), contract.s3_with(aws_access_key_id=key.id, aws_secret_access_key=key.secret)
    url, new = f"/repositories/{contract.name}/branches/main/objects", {"params": {"path": "b"}, "auth": auth}

    assert contract.request("POST", url, content=b"x", **new).status_code == 401
    copied = contract.request("POST", f"{url}/copy", params={"dest_path": "b"}, json={"src_path": "a"}, auth=auth)
    assert copied.status_code == 401
    described = contract.request("PUT", f"{url}/stat/user_metadata", params={"path": "a"}, json={"set": {}}, auth=auth)
    assert described.status_code == 401
    place = {"Bucket": contract.name, "Key": "main/b"}
    for write in (
        lambda: s3.put_object(**place, Body=b"x"),
        lambda: s3.copy_object(**place, CopySource={"Bucket": contract.name, "Key": "main/a"}),
        lambda: s3.create_multipart_upload(**place),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            write()
    assert addresses(contract, "main").keys() == {"a"}


@pytest.mark.parametrize(
    ("denied", "method", "path"),
    [
        ("fs:ListBranches", "GET", "/branches"),
        ("fs:CreateBranch", "POST", "/branches"),
        ("fs:DeleteBranch", "DELETE", "/branches/dev"),
    ],
)
def test_a_user_who_may_not_use_branches(
    contract: Contract, standin: LakeFSStandIn, denied: str, method: str, path: str
) -> None:
    contract.branch("dev")
    key = standin.add_user(denied={denied})
    body = {"json": {"name": "new", "source": "main"}} if method == "POST" else {}
    answer = contract.request(method, f"/repositories/{contract.name}{path}", auth=(key.id, key.secret), **body)
    assert (answer.status_code, answer.json()) == (401, {"message": "insufficient permissions"})
    assert {branch.id for branch in contract.repository.branches()} == {"main", "dev"}


def test_what_cannot_be_denied_is_said(standin: LakeFSStandIn) -> None:
    with pytest.raises(ValueError, match="cannot deny fs:DeleteRepository, only"):
        standin.add_user(denied={"fs:DeleteRepository"})
    with pytest.raises(RuntimeError, match="start it before"):
        LakeFSStandIn().add_user(denied=())
