"""Objects of the S3 gateway: read, write, copy, delete."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote

from starlette.responses import Response

from local_stack.lakefs.standin.errors import RequestError
from local_stack.lakefs.standin.gateway.call import Place, S3Call, empty_answer, find_entry, object_headers, xml_answer
from local_stack.lakefs.standin.gateway.errors import S3Error, not_known
from local_stack.lakefs.standin.gateway.listing import instant
from local_stack.lakefs.standin.gateway.xml import NAMESPACE, Element, parse, render
from local_stack.lakefs.standin.ranges import RangeError, parse_range
from local_stack.lakefs.standin.versions.blobs import Blob
from local_stack.lakefs.standin.versions.listings import stored_file
from local_stack.lakefs.standin.versions.object_tree import Entry
from local_stack.lakefs.standin.versions.store import READ_OBJECT

CONDITIONS = frozenset({"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"})
# What S3A sends where it renames: the ETag that it saw. What lakeFS does with another is not recorded; S3 answers 412.
COPY_CONDITION = "x-amz-copy-source-if-match"
MOST_DELETED_KEYS = 1000


def read_object(call: S3Call) -> Response:
    """GetObject and HeadObject, with ranges; conditions are ignored, as a lakeFS server does."""
    call.check_allowed(READ_OBJECT)
    entry = find_entry(call.repository, call.place)
    is_head = call.method == "HEAD"
    if not is_head and not call.store.blobs.holds(entry.address):
        raise S3Error("NoSuchVersion")
    headers = object_headers(entry)
    try:
        part = parse_range(call.headers.get("range"), entry.size)
    except RangeError as error:
        if is_head:
            return empty_answer(416)
        raise S3Error("InvalidRange") from error
    status, length = (200, entry.size) if part is None else (206, part.length)
    if part is not None:
        headers["Content-Range"] = part.header
    if is_head:
        return Response(status_code=status, headers={**headers, "Content-Length": str(length)})
    content = call.store.blobs.read(entry.address, part.start if part else 0, length if part else None)
    return Response(content, status, headers)


def write_object(call: S3Call) -> Response:
    """PutObject, also with the condition that the key is free."""
    branch = call.writable_branch()
    conditions = {name: value for name, value in call.headers.items() if name in CONDITIONS}
    if conditions and conditions != {"if-none-match": "*"}:
        raise S3Error("NotImplemented")
    entry = store_blob(
        call,
        branch,
        call.store.blobs.put(call.repository.storage_namespace, call.body),
        content_type=call.headers.get("content-type"),
        metadata=call.metadata(),
        only_new=bool(conditions),
    )
    return empty_answer(headers={"ETag": f'"{entry.checksum}"'})


def store_blob(
    call: S3Call,
    branch: str,
    blob: Blob,
    *,
    content_type: str | None,
    metadata: Mapping[str, str],
    only_new: bool = False,
) -> Entry:
    """Put stored bytes on the branch. Raises S3Error PreconditionFailed where `only_new` is asked for and it is not."""
    entry = call.store.put_object(
        call.repository,
        branch,
        call.place.path,
        blob,
        content_type=content_type,
        metadata=metadata,
        only_new=only_new,
    )
    if entry is None:
        raise S3Error("PreconditionFailed")
    return entry


def copy_object(call: S3Call) -> Response:
    """CopyObject: the bytes are copied, and the content type in any case."""
    call.check_allowed(READ_OBJECT)
    branch, source = call.writable_branch(), _copy_source(call)
    refused = {name for name in call.headers if name in CONDITIONS or "copy-source-" in name} - {COPY_CONDITION}
    if refused:
        raise not_known(f"a copy with {', '.join(sorted(refused))}")
    if call.headers.get(COPY_CONDITION, source.checksum).strip('"') != source.checksum:
        raise S3Error("PreconditionFailed")
    replaces = call.headers.get("x-amz-metadata-directive") == "REPLACE"
    blob = call.store.blobs.put(call.repository.storage_namespace, call.store.blobs.read(source.address))
    entry = store_blob(
        call,
        branch,
        replace(blob, checksum=source.checksum),
        content_type=source.content_type,
        metadata=call.metadata() if replaces else source.metadata,
    )
    fields: list[Element] = [("LastModified", instant(entry.modified)), ("ETag", f'"{entry.checksum}"')]
    return xml_answer(render("CopyObjectResult", fields))


def _copy_source(call: S3Call) -> Entry:
    """The object that `x-amz-copy-source` names. Raises S3Error where there is none, or its bytes are gone."""
    bucket, _, key = unquote(call.headers["x-amz-copy-source"]).removeprefix("/").partition("/")
    place = Place(bucket=bucket, key=key)
    if not place.path:
        raise S3Error("InvalidArgument", bare=True)
    try:
        repository = call.store.repository(bucket)
    except RequestError as error:
        raise S3Error("NoSuchKey") from error
    entry = find_entry(repository, place)
    if not call.store.blobs.holds(entry.address):
        raise S3Error("InvalidRequest", f"open {stored_file(entry)}: no such file or directory")
    return entry


def delete_object(call: S3Call) -> Response:
    """DeleteObject: 204 also where there is nothing to delete, or where the ref is a commit."""
    _delete(call, call.place.ref, [call.place.path])
    return empty_answer(204)


def delete_objects(call: S3Call) -> Response:
    """DeleteObjects: many keys in one request."""
    root = parse(call.body)
    if root is None or root.tag != "Delete":
        raise S3Error("BadRequest")
    places = [Place(bucket=call.place.bucket, key=element.findtext("Key", "")) for element in root.iter("Object")]
    if len(places) > MOST_DELETED_KEYS:
        raise S3Error("BadRequest")
    by_branch: dict[str, list[str]] = {}
    for place in places:
        by_branch.setdefault(place.ref, []).extend([place.path] if place.path else [])
    for branch, paths in by_branch.items():
        _delete(call, branch, paths)
    quiet = root.findtext("Quiet", "false").strip().lower() == "true"
    deleted: list[Element] = [] if quiet else [("Deleted", [("Key", place.key)]) for place in places]
    return xml_answer(render("DeleteResult", deleted, namespace=NAMESPACE))


def _delete(call: S3Call, branch: str, paths: list[str]) -> None:
    if branch in call.repository.branches:
        call.store.delete_objects(call.repository, branch, paths)
