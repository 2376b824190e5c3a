"""Listings of the S3 gateway: buckets, and objects in both versions of the call.

As a lakeFS server has them (fixtures/lakefs_server_recorded.json): `encoding-type` and `fetch-owner` are ignored, a
token is the last key in plain text, and common prefixes come before objects.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import Response

from local_stack.lakefs.standin.errors import RequestError
from local_stack.lakefs.standin.gateway.call import S3Call, xml_answer
from local_stack.lakefs.standin.gateway.errors import S3Error, not_known
from local_stack.lakefs.standin.gateway.xml import Element, render
from local_stack.lakefs.standin.versions.object_tree import ObjectTree
from local_stack.lakefs.standin.versions.repository import Repository
from local_stack.lakefs.standin.versions.store import LIST_OBJECTS, Store
from local_stack.lakefs.standin.versions.tree_changes import Item, Page, page_of

MAXIMUM_KEYS = 1000
NUMBER = re.compile(r"^[+-]?[0-9]{1,18}$")
NOTHING = Page(items=(), has_more=False)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What one listing asks for. `maximum` is as the client said it, `after` the key that the page begins behind."""

    is_second_version: bool
    prefix: str
    delimiter: str
    maximum: int
    after: str

    @property
    def ref(self) -> str | None:
        """The ref whose objects are listed; None for the branches."""
        ref, slash, _ = self.prefix.partition("/")
        return ref if slash else None

    @property
    def amount(self) -> int:
        """The most lines that the page may have: a negative number asks for as many as there are."""
        return MAXIMUM_KEYS if self.maximum < 0 else min(self.maximum, MAXIMUM_KEYS)


def list_buckets(store: Store) -> Response:
    """All repositories."""
    buckets: list[Element] = [
        ("Bucket", [("CreationDate", instant(repository.created)), ("Name", name)])
        for name, repository in store.repositories().items()
    ]
    owner: Element = ("Owner", [("DisplayName", ""), ("ID", "")])
    return xml_answer(render("ListAllMyBucketsResult", [("Buckets", buckets), owner]))


def list_objects(call: S3Call) -> Response:
    """One page of objects, as ListObjectsV2 where `list-type=2` asks for it, else as ListObjects."""
    call.check_allowed(LIST_OBJECTS)
    listing = _listing(call.query)
    found, tree = _find(call.repository, listing)
    lines = [_line(item, tree) for item in found.items]
    counts_branches = listing.ref is not None or listing.is_second_version
    fields: list[Element] = [
        ("Name", call.place.bucket),
        ("IsTruncated", found.has_more),
        ("Prefix", listing.prefix),
        *([("Delimiter", listing.delimiter)] if listing.delimiter else []),
        ("KeyCount", len(lines) if counts_branches else 0),
        ("MaxKeys", listing.maximum),
        *(line for line in lines if line[0] == "CommonPrefixes"),
        *_paging(call.query, listing, found),
        *(line for line in lines if line[0] == "Contents"),
    ]
    return xml_answer(render("ListBucketResult", fields))


def _listing(query: Mapping[str, str]) -> Listing:
    if query.get("list-type", "2") != "2":
        raise not_known(f"list-type={query['list-type']}")
    is_second_version = "list-type" in query
    token = query.get("continuation-token") or query.get("start-after", "")
    maximum = query.get("max-keys", "")
    listing = Listing(
        is_second_version=is_second_version,
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        maximum=int(maximum) if NUMBER.match(maximum) else MAXIMUM_KEYS,
        after=token if is_second_version else query.get("marker", ""),
    )
    _check(listing)
    return listing


def _check(listing: Listing) -> None:
    """Raise S3Error where the listing begins outside of what it lists, or is of a kind that nothing of ours sends."""
    is_within = listing.after.endswith("/") if listing.ref is None else listing.after.startswith(f"{listing.ref}/")
    if listing.after and not is_within:
        raise S3Error("BadRequest")
    if listing.delimiter not in ("", "/"):
        raise not_known(f"the delimiter {listing.delimiter}")
    if listing.maximum == 0 and (listing.ref is None or not listing.is_second_version):
        raise not_known("max-keys=0 but for the objects of a ref in version 2")


def _find(repository: Repository, listing: Listing) -> tuple[Page, ObjectTree]:
    """The page, with whole keys, and the tree that its objects are in."""
    if listing.ref is None:
        branches = [f"{name}/" for name in sorted(repository.branches)]
        return (
            page_of(branches, prefix=listing.prefix, after=listing.after, delimiter="/", amount=listing.amount),
            ObjectTree(),
        )
    try:
        tree = repository.tree_at(listing.ref)
    except RequestError as error:
        if listing.is_second_version:
            raise S3Error("BadRequest") from error
        return NOTHING, ObjectTree()
    before = f"{listing.ref}/"
    prefix = listing.prefix.removeprefix(before)
    found = page_of(
        tree.paths(prefix),
        prefix=prefix,
        after=listing.after.removeprefix(before),
        delimiter=listing.delimiter,
        amount=listing.amount,
    )
    items = tuple(Item(path=before + item.path, is_prefix=item.is_prefix) for item in found.items)
    return Page(items=items, has_more=found.has_more), tree


def _paging(query: Mapping[str, str], listing: Listing, found: Page) -> list[Element]:
    last = found.items[-1].path if found.items else f"{listing.ref}/"
    if not listing.is_second_version:
        fields: list[Element] = [("Marker", listing.after)]
        return fields + ([("NextMarker", last)] if found.has_more and listing.delimiter else [])
    token: list[Element] = [("NextContinuationToken", last)] if found.has_more else []
    given = query.get("continuation-token")
    return token + ([("ContinuationToken", given)] if given else [])


def _line(item: Item, tree: ObjectTree) -> Element:
    entry = None if item.is_prefix else tree.get(item.path.partition("/")[2])
    if entry is None:
        return ("CommonPrefixes", [("Prefix", item.path)])
    return (
        "Contents",
        [
            ("Key", item.path),
            ("LastModified", instant(entry.modified)),
            ("ETag", f'"{entry.checksum}"'),
            ("Size", entry.size),
            ("StorageClass", "STANDARD"),
        ],
    )


def instant(seconds: float) -> str:
    """Seconds since the epoch as S3 writes them in XML."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
