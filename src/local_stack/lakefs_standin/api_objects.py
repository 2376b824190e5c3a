"""REST routes of objects."""

from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import formatdate
from typing import Any

from starlette.responses import Response

from local_stack.lakefs_standin.api_call import ApiCall, Endpoint, answer, empty, page
from local_stack.lakefs_standin.api_versions import REPOSITORY
from local_stack.lakefs_standin.errors import RequestError, bad_request, not_found, precondition_failed
from local_stack.lakefs_standin.object_tree import Entry
from local_stack.lakefs_standin.ranges import RangeError, parse_range
from local_stack.lakefs_standin.repository import Repository
from local_stack.lakefs_standin.tree_changes import page_of

METADATA_HEADER = "x-lakefs-meta-"


def _describe(repository: Repository, path: str, entry: Entry) -> dict[str, Any]:
    return {
        "path": path,
        "path_type": "object",
        "physical_address": f"{repository.storage_namespace.rstrip('/')}/{entry.address.partition('/')[2]}",
        "checksum": entry.checksum,
        "size_bytes": entry.size,
        "mtime": int(entry.modified),
        "metadata": dict(entry.metadata),
        "content_type": entry.content_type,
    }


def _entry(call: ApiCall) -> tuple[str, Entry]:
    path = call.required_query("path")
    entry = call.repository.tree_at(call.path("ref")).get(path)
    if entry is None:
        raise not_found(f"object {path}")
    return path, entry


def _stat(call: ApiCall) -> Response:
    return answer(_describe(call.repository, *_entry(call)))


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
    repository, amount = call.repository, call.amount()
    tree = repository.tree_at(call.path("ref"))
    prefix = call.query("prefix")
    found = page_of(
        tree.paths(prefix), prefix=prefix, after=call.query("after"), delimiter=call.query("delimiter"), amount=amount
    )
    results: list[dict[str, Any]] = []
    for item in found.items:
        entry = None if item.is_prefix else tree.get(item.path)
        if entry is not None:
            results.append(_describe(repository, item.path, entry))
        else:
            common: dict[str, Any] = {"path": item.path, "path_type": "common_prefix", "physical_address": ""}
            results.append({**common, "checksum": "", "size_bytes": 0, "mtime": 0})
    offset = found.items[-1].path if found.items else ""
    return page(results, has_more=found.has_more, next_offset=offset)


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
    return answer(_describe(repository, path, entry), 201)


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
    return answer(_describe(repository, target, source), 201)


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
