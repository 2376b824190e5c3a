"""The module `lakefs` of Lua hooks: calls to the API as the user who set the hook off.

Documented (lakeFS documentation, "Lua Hooks"): the functions, the order of their parameters, which differs between
`diff_branch` and the others, and that `get_object` returns a status and the content. Assumed: that the others return
a status and the body that the REST API gives; that a diff of refs is the API's default, three_dot; and that a refusal
is a status with a body that has a `message`.
"""

from collections.abc import Callable
from typing import Any

from local_stack.lakefs_standin.blobs import BlobStore
from local_stack.lakefs_standin.errors import RequestError, gone, not_found
from local_stack.lakefs_standin.listings import (
    DEFAULT_AMOUNT,
    Window,
    branch_diff_page,
    checked_amount,
    describe_object,
    objects_page,
    refs_diff_page,
)
from local_stack.lakefs_standin.lua_values import LuaCallError, text_of, to_lua
from local_stack.lakefs_standin.object_tree import Entry
from local_stack.lakefs_standin.repository import Repository

NOT_HERE = ("create_tag", "update_object_user_metadata")


class LakeFSView:
    """What scripts may ask: one repository, with what its branches show before they are committed.

    Every method raises RequestError, by status.
    """

    def __init__(self, repository: Repository, blobs: BlobStore) -> None:
        self._repository = repository
        self._blobs = blobs

    def repository(self, name: str) -> Repository:
        """The repository of the event. Raises LuaCallError for any other."""
        if name != self._repository.name:
            raise LuaCallError(f"lakefs: the stand-in's hooks see repository {self._repository.name}, not {name}")
        return self._repository

    def diff_branch(self, repository: str, branch: str, window: Window) -> dict[str, Any]:
        """A page of what is not committed on a branch."""
        return branch_diff_page(self.repository(repository), branch, window)

    def diff_refs(self, repository: str, left: str, right: str, window: Window) -> dict[str, Any]:
        """A page of what the right ref changed since it left the left one."""
        return refs_diff_page(self.repository(repository), left, right, window)

    def list_objects(self, repository: str, ref: str, window: Window) -> dict[str, Any]:
        """A page of the objects at a ref."""
        return objects_page(self.repository(repository), ref, window)

    def stat_object(self, repository: str, ref: str, path: str) -> dict[str, Any]:
        """What the API shows of an object."""
        return describe_object(self.repository(repository), path, self._entry(repository, ref, path))

    def get_object(self, repository: str, ref: str, path: str) -> bytes:
        """An object's content."""
        address = self._entry(repository, ref, path).address
        if not self._blobs.holds(address):
            raise gone()
        return self._blobs.read(address)

    def _entry(self, repository: str, ref: str, path: str) -> Entry:
        entry = self.repository(repository).tree_at(ref).get(path)
        if entry is None:
            raise not_found()
        return entry


def lakefs_module(runtime: Any, view: LakeFSView) -> dict[str, Any]:
    """The module's functions."""

    def answered(ask: Callable[[], Any]) -> tuple[int, Any]:
        try:
            return 200, to_lua(runtime, ask())
        except RequestError as error:
            return error.status, to_lua(runtime, {"message": error.message})

    def diff_branch(
        repository: Any, branch: Any, after: Any = None, amount: Any = None, prefix: Any = None, delimiter: Any = None
    ) -> tuple[int, Any]:
        return answered(
            lambda: view.diff_branch(text_of(repository), text_of(branch), _window(after, prefix, delimiter, amount))
        )

    def diff_refs(
        repository: Any,
        left: Any,
        right: Any,
        after: Any = None,
        prefix: Any = None,
        delimiter: Any = None,
        amount: Any = None,
    ) -> tuple[int, Any]:
        return answered(
            lambda: view.diff_refs(
                text_of(repository), text_of(left), text_of(right), _window(after, prefix, delimiter, amount)
            )
        )

    def list_objects(
        repository: Any, ref: Any, after: Any = None, prefix: Any = None, delimiter: Any = None, amount: Any = None
    ) -> tuple[int, Any]:
        return answered(
            lambda: view.list_objects(text_of(repository), text_of(ref), _window(after, prefix, delimiter, amount))
        )

    def stat_object(repository: Any, ref: Any, path: Any) -> tuple[int, Any]:
        return answered(lambda: view.stat_object(text_of(repository), text_of(ref), text_of(path)))

    def get_object(repository: Any, ref: Any, path: Any) -> tuple[int, bytes]:
        try:
            return 200, view.get_object(text_of(repository), text_of(ref), text_of(path))
        except RequestError as error:
            return error.status, error.message.encode("utf-8", "surrogateescape")

    return {
        "diff_branch": diff_branch,
        "diff_refs": diff_refs,
        "list_objects": list_objects,
        "stat_object": stat_object,
        "get_object": get_object,
        **{name: _missing(name) for name in NOT_HERE},
    }


def _window(after: Any, prefix: Any, delimiter: Any, amount: Any) -> Window:
    after_text, prefix_text, delimiter_text = (
        "" if value is None else text_of(value) for value in (after, prefix, delimiter)
    )
    return Window(
        after=after_text,
        prefix=prefix_text,
        delimiter=delimiter_text,
        amount=checked_amount(str(DEFAULT_AMOUNT) if amount is None else text_of(amount)),
    )


def _missing(name: str) -> Callable[..., Any]:
    def missing(*_arguments: Any) -> Any:
        raise LuaCallError(f"lakefs.{name} is not in the stand-in")

    return missing
