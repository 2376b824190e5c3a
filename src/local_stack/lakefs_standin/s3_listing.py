"""Listings of the S3 gateway: buckets, and objects in both versions of the call."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

from starlette.responses import Response

from local_stack.lakefs_standin.errors import RequestError
from local_stack.lakefs_standin.object_tree import ObjectTree
from local_stack.lakefs_standin.s3_call import S3Call, xml_answer
from local_stack.lakefs_standin.s3_errors import S3Error
from local_stack.lakefs_standin.s3_xml import Element, render
from local_stack.lakefs_standin.store import USER_NAME
from local_stack.lakefs_standin.tree_changes import Item, Page, page_of

MAXIMUM_KEYS = 1000


def list_buckets(call: S3Call) -> Response:
    """All repositories."""
    buckets: list[Element] = [
        ("Bucket", [("Name", name), ("CreationDate", instant(repository.created))])
        for name, repository in call.store.repositories().items()
    ]
    owner: Element = ("Owner", [("ID", USER_NAME), ("DisplayName", USER_NAME)])
    return xml_answer(render("ListAllMyBucketsResult", [owner, ("Buckets", buckets)]))


def list_objects(call: S3Call) -> Response:
    """One page of objects, as ListObjectsV2 where `list-type=2` asks for it, else as ListObjects."""
    second_version = call.query.get("list-type") == "2"
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    maximum = _maximum(call.query.get("max-keys"))
    after = _after(call, second_version=second_version)
    found, tree = _find(call, prefix, delimiter, after, maximum)
    encoded: Callable[[str], str] = quote if call.query.get("encoding-type") == "url" else str
    fields: list[Element] = [
        ("Name", call.bucket),
        ("Prefix", encoded(prefix)),
        ("MaxKeys", maximum),
        ("IsTruncated", found.has_more),
    ]
    if delimiter:
        fields.append(("Delimiter", encoded(delimiter)))
    if "encoding-type" in call.query:
        fields.append(("EncodingType", call.query["encoding-type"]))
    fields += _paging(call, found, encoded, second_version=second_version)
    fields += [_line(item, tree, encoded) for item in found.items]
    return xml_answer(render("ListBucketResult", fields))


def _paging(call: S3Call, found: Page, encoded: Callable[[str], str], *, second_version: bool) -> list[Element]:
    last = found.items[-1].path if found.has_more else ""
    if second_version:
        fields: list[Element] = [("KeyCount", len(found.items))]
        fields += [
            (name, encoded(call.query[parameter]))
            for name, parameter in (("StartAfter", "start-after"), ("ContinuationToken", "continuation-token"))
            if parameter in call.query
        ]
        return fields + ([("NextContinuationToken", last.encode().hex())] if last else [])
    marker: list[Element] = [("Marker", encoded(call.query.get("marker", "")))]
    return marker + ([("NextMarker", encoded(last))] if last else [])


def _line(item: Item, tree: ObjectTree, encoded: Callable[[str], str]) -> Element:
    entry = None if item.is_prefix else tree.get(item.path.partition("/")[2])
    if entry is None:
        return ("CommonPrefixes", [("Prefix", encoded(item.path))])
    return (
        "Contents",
        [
            ("Key", encoded(item.path)),
            ("LastModified", instant(entry.modified)),
            ("ETag", f'"{entry.checksum}"'),
            ("Size", entry.size),
            ("StorageClass", "STANDARD"),
        ],
    )


def _find(call: S3Call, prefix: str, delimiter: str, after: str, maximum: int) -> tuple[Page, ObjectTree]:
    """The page, with whole keys, and the tree that its objects are in."""
    repository = call.repository
    ref, slash, path_prefix = prefix.partition("/")
    if not slash:
        branches = [f"{name}/" for name in sorted(repository.branches)]
        return page_of(branches, prefix=prefix, after=after, delimiter="/", amount=maximum), ObjectTree()
    try:
        tree = repository.tree_at(ref)
    except RequestError:
        return Page(items=(), has_more=False), ObjectTree()
    before = f"{ref}/"
    if after > before and not after.startswith(before):
        return Page(items=(), has_more=False), tree
    found = page_of(
        tree.paths(path_prefix),
        prefix=path_prefix,
        after=after.removeprefix(before) if after.startswith(before) else "",
        delimiter=delimiter,
        amount=maximum,
    )
    items = tuple(Item(path=before + item.path, is_prefix=item.is_prefix) for item in found.items)
    return Page(items=items, has_more=found.has_more), tree


def _after(call: S3Call, *, second_version: bool) -> str:
    if not second_version:
        return call.query.get("marker", "")
    token = call.query.get("continuation-token")
    if token is None:
        return call.query.get("start-after", "")
    try:
        return bytes.fromhex(token).decode()
    except ValueError as error:
        raise S3Error("InvalidArgument", "The continuation token is not one of this server's.") from error


def _maximum(text: str | None) -> int:
    if text is None:
        return MAXIMUM_KEYS
    if not text.isdecimal():
        raise S3Error("InvalidArgument", f"max-keys '{text}' is no number.")
    return min(int(text), MAXIMUM_KEYS)


def instant(seconds: float) -> str:
    """Seconds since the epoch as S3 writes them in XML."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
