"""REST routes of objects."""

from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import formatdate

from starlette.responses import Response

from local_stack.lakefs_standin.api_call import ApiCall, Endpoint, answer, empty
from local_stack.lakefs_standin.api_versions import REPOSITORY
from local_stack.lakefs_standin.errors import RequestError, bad_request, not_found, precondition_failed
from local_stack.lakefs_standin.listings import describe_object, objects_page
from local_stack.lakefs_standin.object_tree import Entry
from local_stack.lakefs_standin.ranges import RangeError, parse_range

METADATA_HEADER = "x-lakefs-meta-"


def _entry(call: ApiCall) -> tuple[str, Entry]:
    path = call.required_query("path")
    entry = call.repository.tree_at(call.path("ref")).get(path)
    if entry is None:
        raise not_found(f"object {path}")
    return path, entry


def _stat(call: ApiCall) -> Response:
    return answer(describe_object(call.repository, *_entry(call)))


def _get(call: ApiCall) -> Response:
    _, entry = _entry(call)
    headers = {
        "ETag": f'"{entry.checksum}"',
        "Last-Modified": formatdate(entry.modified, usegmt=True),
        "Accept-Ranges": "bytes",
    }
    if call.request.headers.get("If-None-Match", "").strip('"') == entry.checksum:
        return Response(status_code=304, headers=headers)
    try:
        part = parse_range(call.request.headers.get("Range"), entry.size)
    except RangeError:
        body = {"message": "Requested Range Not Satisfiable"}
        refused = answer(body, 416)
        refused.headers["Content-Range"] = f"bytes */{entry.size}"
        return refused
    if call.request.method == "HEAD":
        size = entry.size if part is None else part.length
        return _bytes_answer(b"", entry, {**headers, "Content-Length": str(size)}, 200 if part is None else 206)
    if part is None:
        return _bytes_answer(call.store.read_object(entry), entry, headers, 200)
    content = call.store.read_object(entry, part.start, part.length)
    return _bytes_answer(content, entry, {**headers, "Content-Range": part.header}, 206)


def _bytes_answer(content: bytes, entry: Entry, headers: dict[str, str], status: int) -> Response:
    # REST clients get every object as bytes: the SDK decodes text types, whatever they hold.
    disposition = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
    return Response(content, status, {**headers, **disposition}, media_type=entry.content_type)


def _list(call: ApiCall) -> Response:
    return answer(objects_page(call.repository, call.path("ref"), call.window()))


def _upload(call: ApiCall) -> Response:
    repository, path = call.repository, call.required_query("path")
    branch = repository.branch(call.path("branch"))
    content, content_type = _uploaded(call)
    metadata = {
        name[len(METADATA_HEADER) :]: value
        for name, value in call.request.headers.items()
        if name.startswith(METADATA_HEADER)
    }
    entry = call.store.put_object(
        repository,
        branch.name,
        path,
        call.store.blobs.put(repository.name, content),
        content_type=content_type,
        metadata=metadata,
        only_new=call.request.headers.get("If-None-Match") == "*",
    )
    if entry is None:
        raise precondition_failed("path already exists")
    return answer(describe_object(repository, path, entry), 201)


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
            return content.removesuffix(b"\r\n"), headers.get_content_type()
    raise bad_request("multipart upload missing key 'content'")


def _delete(call: ApiCall) -> Response:
    path = call.required_query("path")
    if not call.store.delete_objects(call.repository, call.path("branch"), [path]):
        raise not_found(f"object {path}")
    return empty()


def _delete_many(call: ApiCall) -> Response:
    paths = call.json(paths=list)["paths"]
    if len(paths) > 1000:
        raise RequestError(500, "request exceeds the maximum of 1000 paths")
    call.store.delete_objects(call.repository, call.path("branch"), [str(path) for path in paths])
    return answer({"errors": []})


def _copy(call: ApiCall) -> Response:
    fields = call.json(src_path=str)
    repository, target = call.repository, call.required_query("dest_path")
    branch = repository.branch(call.path("branch"))
    source = repository.tree_at(fields.get("src_ref") or branch.name).get(fields["src_path"])
    if source is None:
        raise not_found(f"object {fields['src_path']}")
    call.store.check_readable(source)
    with repository.lock:
        branch.tree = branch.tree.with_changes({target: source})
    return answer(describe_object(repository, target, source), 201)


ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", f"{REPOSITORY}/refs/{{ref}}/objects/stat"): _stat,
    ("GET", f"{REPOSITORY}/refs/{{ref}}/objects/ls"): _list,
    ("GET", f"{REPOSITORY}/refs/{{ref}}/objects"): _get,
    ("HEAD", f"{REPOSITORY}/refs/{{ref}}/objects"): _get,
    ("POST", f"{REPOSITORY}/branches/{{branch}}/objects"): _upload,
    ("DELETE", f"{REPOSITORY}/branches/{{branch}}/objects"): _delete,
    ("POST", f"{REPOSITORY}/branches/{{branch}}/objects/delete"): _delete_many,
    ("POST", f"{REPOSITORY}/branches/{{branch}}/objects/copy"): _copy,
}
