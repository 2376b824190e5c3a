"""The contract of lakeFS's S3 gateway: what Spark, delta-rs and other S3 clients do with a repository."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import deltalake
import httpx
import pyarrow
import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from lakefs_contract import Contract

pytest_plugins = ["lakefs_contract"]

PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes for a part that is not the last


def keys(page: dict[str, Any]) -> list[str]:
    return [entry["Key"] for entry in page.get("Contents", [])]


def prefixes(page: dict[str, Any]) -> list[str]:
    return [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]


def status(error: pytest.ExceptionInfo[ClientError]) -> int:
    return int(error.value.response["ResponseMetadata"]["HTTPStatusCode"])


def test_what_is_written_on_a_branch_is_read_back(contract: Contract) -> None:
    key = "main/t/ä+ü %&=#?日.txt"
    contract.s3.put_object(
        Bucket=contract.name, Key=key, Body=b"0123456789", ContentType="text/x", Metadata={"who": "me"}
    )

    answer = contract.s3.get_object(Bucket=contract.name, Key=key)
    assert answer["Body"].read() == b"0123456789"
    assert (answer["ContentType"], answer["Metadata"]) == ("text/x", {"who": "me"})
    part = contract.s3.get_object(Bucket=contract.name, Key=key, Range="bytes=2-4")
    assert (part["Body"].read(), part["ContentRange"]) == (b"234", "bytes 2-4/10")
    assert contract.s3.get_object(Bucket=contract.name, Key=key, Range="bytes=-3")["Body"].read() == b"789"
    assert contract.s3.head_object(Bucket=contract.name, Key=key)["ContentLength"] == 10
    assert keys(contract.s3.list_objects_v2(Bucket=contract.name, Prefix="main/t/")) == [key]
    assert [stat.path for stat in contract.repository.branch("main").objects()] == [key.removeprefix("main/")]


def test_a_range_beyond_the_end_is_a_416(contract: Contract) -> None:
    contract.put("main", "a", content=b"123")

    with pytest.raises(ClientError) as error:
        contract.s3.get_object(Bucket=contract.name, Key="main/a", Range="bytes=3-")
    assert status(error) == 416


def test_a_commit_is_read_by_its_id_also_after_its_branch_is_gone(contract: Contract) -> None:
    contract.branch("dev")
    commit = contract.commit("dev", "t/1", "t/2", "t/3", content=b"0123")
    contract.repository.branch("dev").delete()

    assert contract.s3.get_object(Bucket=contract.name, Key=f"{commit}/t/1", Range="bytes=1-2")["Body"].read() == b"12"
    first = contract.s3.list_objects_v2(Bucket=contract.name, Prefix=f"{commit}/t/", MaxKeys=2)
    rest = contract.s3.list_objects_v2(
        Bucket=contract.name, Prefix=f"{commit}/t/", ContinuationToken=first["NextContinuationToken"]
    )
    assert (keys(first), first["IsTruncated"]) == ([f"{commit}/t/1", f"{commit}/t/2"], True)
    assert (keys(rest), rest["IsTruncated"]) == ([f"{commit}/t/3"], False)


def test_nothing_is_written_to_a_commit_and_nothing_deleted(contract: Contract) -> None:
    commit = contract.commit("main", "a")

    with pytest.raises(ClientError) as error:
        contract.s3.put_object(Bucket=contract.name, Key=f"{commit}/b", Body=b"")
    assert status(error) == 404
    deleted = contract.s3.delete_object(Bucket=contract.name, Key=f"{commit}/a")
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert contract.s3.get_object(Bucket=contract.name, Key=f"{commit}/a")["Body"].read() == b"x"


def test_deleted_objects_are_gone_and_deleting_nothing_is_no_error(contract: Contract) -> None:
    contract.put("main", "a", "b", "c")

    contract.s3.delete_object(Bucket=contract.name, Key="main/a")
    contract.s3.delete_object(Bucket=contract.name, Key="main/a")
    many = contract.s3.delete_objects(
        Bucket=contract.name, Delete={"Objects": [{"Key": "main/b"}, {"Key": "main/none"}]}
    )

    assert "main/b" in [entry["Key"] for entry in many["Deleted"]]
    assert keys(contract.s3.list_objects_v2(Bucket=contract.name, Prefix="main/")) == ["main/c"]


def test_listings_fold_page_and_start_after(contract: Contract) -> None:
    contract.put("main", "t/a/1", "t/a/2", "t/b/1", "t/c", "t/d")

    folded = contract.s3.list_objects_v2(Bucket=contract.name, Prefix="main/t/", Delimiter="/")
    assert (prefixes(folded), keys(folded)) == (["main/t/a/", "main/t/b/"], ["main/t/c", "main/t/d"])
    first = contract.s3.list_objects_v2(Bucket=contract.name, Prefix="main/t/", Delimiter="/", MaxKeys=1)
    token = first["NextContinuationToken"]
    rest = contract.s3.list_objects_v2(Bucket=contract.name, Prefix="main/t/", Delimiter="/", ContinuationToken=token)
    assert (prefixes(first), prefixes(rest)) == (["main/t/a/"], ["main/t/b/"])
    later = contract.s3.list_objects_v2(Bucket=contract.name, Prefix="main/", StartAfter="main/t/b/1")
    assert keys(later) == ["main/t/c", "main/t/d"]
    old = contract.s3.list_objects(Bucket=contract.name, Prefix="main/t/", Marker="main/t/b/1")
    assert keys(old) == ["main/t/c", "main/t/d"]


def test_branches_are_folders_of_the_bucket(contract: Contract) -> None:
    contract.branch("dev")

    assert prefixes(contract.s3.list_objects_v2(Bucket=contract.name, Delimiter="/")) == ["dev/", "main/"]
    assert contract.name in [bucket["Name"] for bucket in contract.s3.list_buckets()["Buckets"]]
    contract.s3.head_bucket(Bucket=contract.name)
    contract.s3.get_bucket_location(Bucket=contract.name)


def test_large_objects_come_in_parts(contract: Contract) -> None:
    content = bytes(range(256)) * (PART_BYTES // 256) + b"the rest"
    upload = contract.s3.create_multipart_upload(Bucket=contract.name, Key="main/big")["UploadId"]
    parts = []
    for number, body in enumerate((content[:PART_BYTES], content[PART_BYTES:]), start=1):
        part = contract.s3.upload_part(
            Bucket=contract.name, Key="main/big", UploadId=upload, PartNumber=number, Body=body
        )
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    contract.s3.complete_multipart_upload(
        Bucket=contract.name, Key="main/big", UploadId=upload, MultipartUpload={"Parts": parts}
    )

    assert contract.s3.get_object(Bucket=contract.name, Key="main/big")["Body"].read() == content


def test_an_aborted_upload_leaves_nothing(contract: Contract) -> None:
    upload = contract.s3.create_multipart_upload(Bucket=contract.name, Key="main/big")["UploadId"]
    contract.s3.upload_part(Bucket=contract.name, Key="main/big", UploadId=upload, PartNumber=1, Body=b"x")

    contract.s3.abort_multipart_upload(Bucket=contract.name, Key="main/big", UploadId=upload)

    assert keys(contract.s3.list_objects_v2(Bucket=contract.name, Prefix="main/")) == []


def test_objects_are_copied(contract: Contract) -> None:
    commit = contract.commit("main", "a", content=b"copied")
    source = {"Bucket": contract.name, "Key": f"{commit}/a"}

    contract.s3.copy_object(Bucket=contract.name, Key="main/b", CopySource=source)

    assert contract.s3.get_object(Bucket=contract.name, Key="main/b")["Body"].read() == b"copied"


def test_a_conditional_write_takes_only_a_free_key(contract: Contract) -> None:
    contract.s3.put_object(Bucket=contract.name, Key="main/a", Body=b"first", IfNoneMatch="*")

    with pytest.raises(ClientError) as error:
        contract.s3.put_object(Bucket=contract.name, Key="main/a", Body=b"second", IfNoneMatch="*")
    assert status(error) == 412
    assert contract.s3.get_object(Bucket=contract.name, Key="main/a")["Body"].read() == b"first"


@pytest.mark.parametrize(("bucket", "key"), [("no-such-repository", "main/a"), (None, "main/none"), (None, "none/a")])
def test_what_is_not_there_is_a_404(bucket: str | None, key: str, contract: Contract) -> None:
    for read in (contract.s3.get_object, contract.s3.head_object):
        with pytest.raises(ClientError) as error:
            read(Bucket=bucket or contract.name, Key=key)
        assert status(error) == 404


@pytest.mark.parametrize("wrong", [{"aws_access_key_id": "AKIAUNKNOWN"}, {"aws_secret_access_key": "wrong"}])
def test_wrong_keys_are_a_403(wrong: dict[str, str], contract: Contract) -> None:
    client = contract.s3_with(**wrong)

    with pytest.raises(ClientError) as error:
        client.list_objects_v2(Bucket=contract.name, Prefix="main/")
    assert status(error) == 403


def test_an_unsigned_request_gets_a_web_page_and_changes_nothing(contract: Contract) -> None:
    contract.put("main", "a", content=b"kept")
    url = f"{contract.server.s3_endpoint_url}/{contract.name}/main/a"

    for answer in (httpx.get(url), httpx.put(url, content=b"other"), httpx.delete(url)):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert b"kept" not in answer.content
    assert contract.s3.get_object(Bucket=contract.name, Key="main/a")["Body"].read() == b"kept"


def test_presigned_urls_are_honoured(contract: Contract) -> None:
    contract.put("main", "a b", content=b"signed")
    url = contract.s3.generate_presigned_url("get_object", Params={"Bucket": contract.name, "Key": "main/a b"})

    assert httpx.get(url).content == b"signed"
    assert httpx.get(url.replace("a%20b", "a%20c")).status_code == 403


def test_a_stream_is_taken_in_chunks(contract: Contract) -> None:
    contract.s3.upload_fileobj(io.BytesIO(b"stream" * 1000), contract.name, "main/stream")

    assert contract.s3.head_object(Bucket=contract.name, Key="main/stream")["ContentLength"] == 6000


def test_delta_tables_are_written_and_read_by_delta_rs(contract: Contract) -> None:
    options = {
        "AWS_ENDPOINT_URL": contract.server.s3_endpoint_url,
        "AWS_ACCESS_KEY_ID": contract.server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": contract.server.secret_access_key,
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    place = f"s3://{contract.name}/main/tables/numbers"
    for numbers in ([1, 2], [3]):
        deltalake.write_deltalake(place, pyarrow.table({"n": numbers}), mode="append", storage_options=options)
    commit = contract.repository.branch("main").commit("a table").get_commit().id
    deltalake.write_deltalake(place, pyarrow.table({"n": [4]}), mode="append", storage_options=options)

    at_commit = deltalake.DeltaTable(place.replace("/main/", f"/{commit}/"), storage_options=options)
    assert sorted(at_commit.to_pyarrow_table()["n"].to_pylist()) == [1, 2, 3]
    assert deltalake.DeltaTable(place, storage_options=options).version() == 2
