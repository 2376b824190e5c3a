"""REST routes of objects."""

from dataclasses import replace
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import formatdate

from starlette.responses import Response

from local_stack.lakefs.standin.checks import read_text
from local_stack.lakefs.standin.errors import (
    RequestError,
    bad_request,
    not_found,
    not_in_the_stand_in,
    precondition_failed,
)
from local_stack.lakefs.standin.ranges import ByteRange, RangeError, parse_range
from local_stack.lakefs.standin.rest.call import ApiCall, Endpoint, answer, empty, refusal
from local_stack.lakefs.standin.rest.versions import REPOSITORY
from local_stack.lakefs.standin.schemas import RANGE
from local_stack.lakefs.standin.versions.listings import describe_object, objects_page, stored_file
from local_stack.lakefs.standin.versions.object_tree import Entry
from local_stack.lakefs.standin.versions.store import LIST_OBJECTS, READ_OBJECT, WRITE_OBJECT

METADATA_HEADER = "x-lakefs-meta-"
MAXIMUM_PATHS = 1000
# REST clients get every object as bytes: the SDK decodes text types, whatever they hold.
AS_BYTES = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}


def _entry(call: ApiCall) -> tuple[str, Entry]:
    """The object that a request is about, its parameters checked first, and that it may be read."""
    path = call.required_query("path")
    call.check_allowed(READ_OBJECT)
    entry = call.repository.tree_at(call.path("ref")).get(path)
    if entry is None:
        raise not_found()
    return path, entry


def _check_no_presigning(call: ApiCall) -> None:
    if call.flag("presign"):
        if not call.repository.storage_namespace.startswith("local:"):
            raise not_in_the_stand_in("a presigned URL")
        raise bad_request("local adapter presigned URL: operation not supported")


def _stat(call: ApiCall) -> Response:
    with_user_metadata = call.flag("user_metadata", default=True)
    path, entry = _entry(call)
    _check_no_presigning(call)
    return answer(describe_object(path, entry, with_user_metadata=with_user_metadata))


def _get(call: ApiCall) -> Response:
    asked = call.request.headers.get("Range")
    if asked is not None:
        read_text("Range", asked, RANGE, "header")
    _check_no_presigning(call)
    _, entry = _entry(call)
    headers = {
        "ETag": f'"{entry.checksum}"',
        "Last-Modified": formatdate(entry.modified, usegmt=True),
        "Cache-Control": "no-store, must-revalidate",
    }
    if call.request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    try:
        part = _part(asked, entry.size)
    except RangeError:
        refused = RequestError(416, "Requested Range Not Satisfiable")
        return _refused(refused, headers | AS_BYTES | _beyond(asked, entry.size))
    return _described(entry, part, headers) if call.request.method == "HEAD" else _read(call, entry, part, headers)


def _described(entry: Entry, part: ByteRange | None, headers: dict[str, str]) -> Response:
    """What HEAD tells, also of an object whose file is gone."""
    size, status = (entry.size, 200) if part is None else (part.length, 206)
    more = {"Accept-Ranges": "bytes", "Content-Length": str(size), **_content_range(part)}
    return Response(b"", status, headers | more, media_type=entry.content_type)


def _read(call: ApiCall, entry: Entry, part: ByteRange | None, headers: dict[str, str]) -> Response:
    try:
        content = call.store.read_object(entry, *((part.start, part.length) if part else ()))
    except RequestError as error:
        return _refused(error, headers | AS_BYTES)
    status = 200 if part is None else 206
    return Response(content, status, headers | AS_BYTES | _content_range(part), media_type=entry.content_type)


def _content_range(part: ByteRange | None) -> dict[str, str]:
    return {} if part is None else {"Content-Range": part.header}


def _part(asked: str | None, size: int) -> ByteRange | None:
    """The range that is asked for. Raises RangeError also for one that the gateway would pass over."""
    part = parse_range(asked, size)
    if asked is not None and part is None:
        raise RangeError
    return part


def _beyond(asked: str | None, size: int) -> dict[str, str]:
    """How large the object is, for a range that can be read but lies outside."""
    try:
        parse_range(asked, size)
    except RangeError:
        return {"Content-Range": f"bytes */{size}"}
    return {}


def _refused(error: RequestError, headers: dict[str, str]) -> Response:
    response = refusal(error)
    response.headers.update(headers)
    return response


def _list(call: ApiCall) -> Response:
    window, with_user_metadata = call.window(), call.flag("user_metadata", default=True)
    call.check_allowed(LIST_OBJECTS)
    _check_no_presigning(call)
    return answer(objects_page(call.repository, call.path("ref"), window, with_user_metadata=with_user_metadata))


def _upload(call: ApiCall) -> Response:
    path, condition = call.required_query("path"), call.request.headers.get("If-None-Match")
    if condition not in (None, "*"):
        raise bad_request(f"If-None-Match: only * is supported, not {condition!r}")
    call.check_allowed(WRITE_OBJECT)
    repository, branch_name = call.repository, call.path("branch")
    if branch_name not in repository.branches:
        raise RequestError(404, f"branch '{branch_name}' not found")
    repository.check_unprotected(branch_name, "write to")
    content, content_type = _uploaded(call)
    metadata = {
        name[len(METADATA_HEADER) :]: value
        for name, value in call.request.headers.items()
        if name.startswith(METADATA_HEADER)
    }
    entry = call.store.put_object(
        repository,
        branch_name,
        path,
        call.store.blobs.put(repository.storage_namespace, content),
        content_type=content_type,
        metadata=metadata,
        only_new=condition == "*",
    )
    if entry is None:
        raise precondition_failed("path already exists")
    return answer(describe_object(path, entry), 201)


def _uploaded(call: ApiCall) -> tuple[bytes, str]:
    """The content and its type: the whole body, or the part `content` of a form."""
    content_type = call.request.headers.get("Content-Type", "application/octet-stream")
    if not content_type.lower().startswith("multipart/form-data"):
        return call.body, content_type
    boundary = Message()
    boundary["Content-Type"] = content_type
    for part in call.body.split(f"--{boundary.get_param('boundary')}".encode()):
        head, separator, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = BytesHeaderParser().parsebytes(head)
        if separator and headers.get_param("name", header="Content-Disposition") == "content":
            named = headers.get_content_type() if "Content-Type" in headers else "application/octet-stream"
            return content.removesuffix(b"\r\n"), named
    raise bad_request("multipart upload missing key 'content'")


def _delete(call: ApiCall) -> Response:
    path = call.required_query("path")
    call.store.delete_objects(call.repository, call.path("branch"), [path])
    return empty()


def _delete_many(call: ApiCall) -> Response:
    paths = call.fields("PathList")["paths"]
    if len(paths) > MAXIMUM_PATHS:
        raise RequestError(500, f"request exceeds the maximum of {MAXIMUM_PATHS} paths")
    call.store.delete_objects(call.repository, call.path("branch"), paths)
    return answer({"errors": []})


def _copy(call: ApiCall) -> Response:
    target, fields = call.required_query("dest_path"), call.fields("ObjectCopyCreation")
    if fields["shallow"]:
        raise not_in_the_stand_in("a shallow copy of an object")
    repository, branch_name = call.repository, call.path("branch")
    repository.branch(branch_name)
    call.check_allowed(READ_OBJECT)
    call.check_allowed(WRITE_OBJECT)
    source = repository.tree_at(fields.get("src_ref") or branch_name).get(fields["src_path"])
    if source is None:
        raise not_found()
    if not call.store.blobs.holds(source.address):
        raise RequestError(500, f"open {stored_file(source)}: no such file or directory")
    entry = call.store.put_object(
        repository,
        branch_name,
        target,
        replace(
            call.store.blobs.put(repository.storage_namespace, call.store.read_object(source)), checksum=source.checksum
        ),
        content_type=source.content_type,
        metadata=source.metadata,
    )
    assert entry is not None
    return answer(describe_object(target, entry), 201)


def _set_user_metadata(call: ApiCall) -> Response:
    path, fields = call.required_query("path"), call.fields("UpdateObjectUserMetadata")
    call.check_allowed(WRITE_OBJECT)
    repository, branch_name = call.repository, call.path("branch")
    with repository.lock:
        branch = repository.branch(branch_name)
        repository.check_unprotected(branch_name, "write to")
        entry = branch.tree.get(path)
        if entry is None:
            raise not_found()
        branch.tree = branch.tree.with_changes({path: replace(entry, metadata=fields["set"])})
    return empty()


ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", f"{REPOSITORY}/refs/{{ref}}/objects/stat"): _stat,
    ("GET", f"{REPOSITORY}/refs/{{ref}}/objects/ls"): _list,
    ("GET", f"{REPOSITORY}/refs/{{ref}}/objects"): _get,
    ("HEAD", f"{REPOSITORY}/refs/{{ref}}/objects"): _get,
    ("POST", f"{REPOSITORY}/branches/{{branch}}/objects"): _upload,
    ("DELETE", f"{REPOSITORY}/branches/{{branch}}/objects"): _delete,
    ("POST", f"{REPOSITORY}/branches/{{branch}}/objects/delete"): _delete_many,
    ("POST", f"{REPOSITORY}/branches/{{branch}}/objects/copy"): _copy,
    ("PUT", f"{REPOSITORY}/branches/{{branch}}/objects/stat/user_metadata"): _set_user_metadata,
}
