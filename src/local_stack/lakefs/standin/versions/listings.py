"""Pages of objects and of differences, as the REST API and the Lua module `lakefs` answer them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_stack.lakefs.standin.checks import read_integer, read_text
from local_stack.lakefs.standin.schemas import AMOUNT, DIFF_TYPE
from local_stack.lakefs.standin.versions.merging import changes_to_merge
from local_stack.lakefs.standin.versions.object_tree import Entry
from local_stack.lakefs.standin.versions.repository import Repository
from local_stack.lakefs.standin.versions.tree_changes import Diff, diff_trees, page_of

DEFAULT_AMOUNT = 100
MAXIMUM_AMOUNT = 1000


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which part of a listing is asked for."""

    prefix: str = ""
    after: str = ""
    delimiter: str = ""
    amount: int = DEFAULT_AMOUNT


def checked_amount(text: str) -> int:
    """How many results a page holds. Raises RequestError 400 beyond the maximum."""
    amount = read_integer("amount", text, AMOUNT)
    return amount if amount > 0 else DEFAULT_AMOUNT


def page_body(results: Sequence[Mapping[str, Any]], *, has_more: bool, next_offset: str) -> dict[str, Any]:
    """A page of results. `next_offset` is empty in the answer where nothing follows."""
    pagination = {
        "has_more": has_more,
        "next_offset": next_offset if has_more else "",
        "results": len(results),
        "max_per_page": MAXIMUM_AMOUNT,
    }
    return {"pagination": pagination, "results": list(results)}


def describe_object(path: str, entry: Entry, *, with_user_metadata: bool = True) -> dict[str, Any]:
    """An object as the API shows it."""
    return {
        "path": path,
        "path_type": "object",
        "physical_address": entry.address,
        "checksum": entry.checksum,
        "size_bytes": entry.size,
        "mtime": int(entry.modified),
        "metadata": dict(entry.metadata) if with_user_metadata else {},
        "content_type": entry.content_type,
    }


def stored_file(entry: Entry) -> str:
    """The place of the object's bytes in their block store: a path, where it is one of files."""
    return entry.address.partition("://")[2]


def objects_page(
    repository: Repository, ref: str, window: Window, *, with_user_metadata: bool = True
) -> dict[str, Any]:
    """The objects at a ref. Raises RequestError 404."""
    tree = repository.tree_at(ref)
    found = page_of(
        tree.paths(window.prefix),
        prefix=window.prefix,
        after=window.after,
        delimiter=window.delimiter,
        amount=window.amount,
    )
    results: list[dict[str, Any]] = []
    for item in found.items:
        entry = None if item.is_prefix else tree.get(item.path)
        if entry is not None:
            described = describe_object(item.path, entry, with_user_metadata=with_user_metadata)
            results.append({key: value for key, value in described.items() if key != "metadata" or value})
        else:
            common: dict[str, Any] = {"path": item.path, "path_type": "common_prefix", "physical_address": ""}
            results.append({**common, "checksum": "", "mtime": 0})
    offset = found.items[-1].path if found.items else ""
    return page_body(results, has_more=found.has_more, next_offset=offset)


def refs_diff_page(
    repository: Repository, left_ref: str, right_ref: str, window: Window, diff_type: str = "three_dot"
) -> dict[str, Any]:
    """The differences between two refs. Raises RequestError 404 on a ref, 400 on the type."""
    read_text("type", diff_type, DIFF_TYPE)
    left = repository.commit_at(left_ref, missing=f"get commit by branch {left_ref}: not found")
    right = repository.commit_at(right_ref, missing=f"get commit by ref {right_ref}: not found")
    if diff_type == "two_dot":
        return _diff_page(diff_trees(left.tree, right.tree), window)
    base = repository.merge_base(left, right)
    return _diff_page(changes_to_merge(base.tree, right.tree, left.tree), window)


def branch_diff_page(repository: Repository, branch_name: str, window: Window) -> dict[str, Any]:
    """What is not committed on a branch. Raises RequestError 404."""
    branch = repository.branch(branch_name)
    page = _diff_page(diff_trees(branch.head.tree, branch.tree), window)
    for entry in page["results"]:
        if entry["type"] == "removed":  # a diff of refs tells what size it had
            entry["size_bytes"] = 0
    return page


def _diff_page(diff: Diff, window: Window) -> dict[str, Any]:
    found = page_of(
        diff.paths,
        prefix=window.prefix,
        after=window.after,
        delimiter=window.delimiter,
        amount=window.amount,
        skip_after_prefix=True,
    )
    results: list[dict[str, Any]] = []
    for item in found.items:
        if item.is_prefix:
            results.append({"path": item.path, "path_type": "common_prefix", "type": "prefix_changed"})
        else:
            change = diff.changes[item.path]
            size = change.entry.size
            results.append({"path": item.path, "path_type": "object", "type": change.kind, "size_bytes": size})
    offset = results[-1]["path"] if results else ""
    return page_body(results, has_more=found.has_more, next_offset=offset)
