"""Objects of the S3 gateway: read, write, copy, delete."""

from collections.abc import Mapping
from urllib.parse import unquote

from starlette.responses import Response

from local_stack.lakefs_standin.blobs import Blob
from local_stack.lakefs_standin.object_tree import Entry
from local_stack.lakefs_standin.ranges import RangeError, parse_range
from local_stack.lakefs_standin.s3_call import S3Call, find_entry, find_repository, object_headers, xml_answer
from local_stack.lakefs_standin.s3_errors import S3Error
from local_stack.lakefs_standin.s3_listing import instant
from local_stack.lakefs_standin.s3_xml import Element, parse, render


def read_object(call: S3Call) -> Response:
    """GetObject and HeadObject, with ranges and conditions."""
    entry = find_entry(call.repository, call.ref, call.key.partition("/")[2])
    headers = object_headers(entry)
    if "if-match" in call.headers and not _names(call.headers["if-match"], entry):
        raise S3Error("PreconditionFailed", "The object has another entity tag.")
    if "if-none-match" in call.headers and _names(call.headers["if-none-match"], entry):
        return Response(status_code=304, headers=headers)
    try:
        part = parse_range(call.headers.get("range"), entry.size)
    except RangeError as error:
        raise S3Error("InvalidRange", "The requested range lies beyond the object's end.") from error
    status, length = (200, entry.size) if part is None else (206, part.length)
    if part is not None:
        headers["Content-Range"] = part.header
    if call.method == "HEAD":
        return Response(status_code=status, headers={**headers, "Content-Length": str(length)})
    content = call.store.read_object(entry, part.start if part else 0, length if part else None)
    return Response(content, status, headers)


def write_object(call: S3Call) -> Response:
    """PutObject, with the conditions that make it a compare-and-set."""
    branch, path = call.writable_branch(), call.path
    entry = store_blob(call, branch, path, call.store.blobs.put(call.bucket, call.body))
    return Response(status_code=200, headers={"ETag": f'"{entry.checksum}"'})


def store_blob(
    call: S3Call,
    branch: str,
    path: str,
    blob: Blob,
    *,
    content_type: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Entry:
    """Put stored bytes on the branch under the request's conditions. Raises S3Error PreconditionFailed."""
    repository = call.repository
    with repository.lock:
        present = repository.branch(branch).tree.get(path)
        wanted = call.headers.get("if-match")
        if wanted is not None and (present is None or not _names(wanted, present)):
            raise S3Error("PreconditionFailed", "The object is not the one that the condition names.")
        entry = call.store.put_object(
            repository,
            branch,
            path,
            blob,
            content_type=content_type or call.headers.get("content-type"),
            metadata=call.metadata() if metadata is None else metadata,
            only_new=call.headers.get("if-none-match") == "*",
        )
    if entry is None:
        raise S3Error("PreconditionFailed", "There is an object at this key already.")
    return entry


def copy_object(call: S3Call) -> Response:
    """CopyObject; the copy shares the bytes of its source."""
    branch, path = call.writable_branch(), call.path
    source = copy_source(call)
    replaces = call.headers.get("x-amz-metadata-directive", "COPY") == "REPLACE"
    entry = store_blob(
        call,
        branch,
        path,
        Blob(address=source.address, checksum=source.checksum, size=source.size),
        content_type=call.headers.get("content-type") if replaces else source.content_type,
        metadata=call.metadata() if replaces else source.metadata,
    )
    fields: list[Element] = [("ETag", f'"{entry.checksum}"'), ("LastModified", instant(entry.modified))]
    return xml_answer(render("CopyObjectResult", fields))


def copy_source(call: S3Call) -> Entry:
    """The object that `x-amz-copy-source` names. Raises S3Error where there is none, RequestError where it is gone."""
    source = unquote(call.headers["x-amz-copy-source"]).removeprefix("/")
    bucket, _, key = source.partition("/")
    ref, _, path = key.partition("/")
    entry = find_entry(find_repository(call.store, bucket), ref, path)
    call.store.check_readable(entry)
    return entry


def delete_object(call: S3Call) -> Response:
    """DeleteObject: 204 also where there is nothing to delete, or where the ref is a commit."""
    repository = call.repository
    if call.ref in repository.branches:
        call.store.delete_objects(repository, call.ref, [call.path])
    return Response(status_code=204)


def delete_objects(call: S3Call) -> Response:
    """DeleteObjects: many keys in one request."""
    repository, root = call.repository, parse(call.body)
    keys = [element.findtext("Key", "") for element in root.iter("Object")]
    by_branch: dict[str, list[str]] = {}
    for key in keys:
        ref, _, path = key.partition("/")
        if ref in repository.branches and path:
            by_branch.setdefault(ref, []).append(path)
    for branch, paths in by_branch.items():
        call.store.delete_objects(repository, branch, paths)
    quiet = root.findtext("Quiet", "false").lower() == "true"
    deleted: list[Element] = [] if quiet else [("Deleted", [("Key", key)]) for key in keys]
    return xml_answer(render("DeleteResult", deleted))


def _names(condition: str, entry: Entry) -> bool:
    return any(tag.strip().strip('"') in ("*", entry.checksum) for tag in condition.split(","))
