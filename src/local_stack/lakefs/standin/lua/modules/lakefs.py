"""The module `lakefs` of Lua hooks: calls to the API as the user who set the hook off.

Observed on a server (`fixtures/lakefs_lua_recorded.json`): each function returns a status and what the REST API
answers, `get_object` and `stat_object` as text (the object, or JSON), the others as tables. A diff of refs is
three_dot. The order of the arguments differs between `diff_branch` and the others; what follows on the refs may be
left out, but not nil.
"""

from collections.abc import Callable
from typing import Any

from local_stack.lakefs.standin.checks import parameter_error
from local_stack.lakefs.standin.errors import RequestError, bad_request, gone, not_found
from local_stack.lakefs.standin.lua.arguments import Arguments
from local_stack.lakefs.standin.lua.modules.json import written
from local_stack.lakefs.standin.lua.values import LuaCallError, to_lua
from local_stack.lakefs.standin.versions.blobs import BlobStore
from local_stack.lakefs.standin.versions.listings import (
    DEFAULT_AMOUNT,
    Window,
    branch_diff_page,
    checked_amount,
    describe_object,
    objects_page,
    refs_diff_page,
)
from local_stack.lakefs.standin.versions.object_tree import Entry
from local_stack.lakefs.standin.versions.repository import REPOSITORY_NAME, Repository

NOT_HERE = ("create_tag", "update_object_user_metadata")


class LakeFSView:
    """What scripts may ask: one repository, with what its branches show before they are committed.

    Every method raises RequestError, by status. To a script the server has no other repository.
    """

    def __init__(self, repository: Repository, blobs: BlobStore) -> None:
        self._repository = repository
        self._blobs = blobs

    def repository(self, name: str) -> Repository:
        """The repository of the event. Raises RequestError for any other."""
        if not REPOSITORY_NAME.match(name):
            raise bad_request("argument repository: repository id: invalid value: validation error")
        if name != self._repository.name:
            raise RequestError(404, "repository not found")
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
        if not path:
            raise parameter_error("path", "empty value is not allowed")
        entry = self.repository(repository).tree_at(ref).get(path)
        if entry is None:
            raise not_found()
        return entry


def lakefs_module(runtime: Any, view: LakeFSView) -> dict[str, Any]:
    """The module's functions."""

    def page(ask: Callable[[], Any]) -> tuple[int, Any]:
        try:
            return 200, to_lua(runtime, ask())
        except RequestError as error:
            return error.status, to_lua(runtime, error.body)

    def diff_branch(*arguments: Any) -> tuple[int, Any]:
        given = Arguments(arguments)
        repository, branch = given.text(1), given.text(2)
        after, amount, prefix, delimiter = (
            given.optional_text(3),
            _amount(given, 4),
            given.optional_text(5),
            given.optional_text(6),
        )
        return page(lambda: view.diff_branch(repository, branch, _window(after, prefix, delimiter, amount)))

    def diff_refs(*arguments: Any) -> tuple[int, Any]:
        given = Arguments(arguments)
        repository, left, right = given.text(1), given.text(2), given.text(3)
        after, prefix, delimiter, amount = (
            given.optional_text(4),
            given.optional_text(5),
            given.optional_text(6),
            _amount(given, 7),
        )
        return page(lambda: view.diff_refs(repository, left, right, _window(after, prefix, delimiter, amount)))

    def list_objects(*arguments: Any) -> tuple[int, Any]:
        given = Arguments(arguments)
        repository, ref = given.text(1), given.text(2)
        after, prefix, delimiter, amount = (
            given.optional_text(3),
            given.optional_text(4),
            given.optional_text(5),
            _amount(given, 6),
        )
        return page(lambda: view.list_objects(repository, ref, _window(after, prefix, delimiter, amount)))

    def text(ask: Callable[[], bytes]) -> tuple[int, bytes]:
        try:
            return 200, ask()
        except RequestError as error:
            return error.status, written(error.body)

    def stat_object(*arguments: Any) -> tuple[int, bytes]:
        repository, ref, path = _object(Arguments(arguments))
        return text(lambda: written(view.stat_object(repository, ref, path)))

    def get_object(*arguments: Any) -> tuple[int, bytes]:
        repository, ref, path = _object(Arguments(arguments))
        return text(lambda: view.get_object(repository, ref, path))

    return {
        "diff_branch": diff_branch,
        "diff_refs": diff_refs,
        "list_objects": list_objects,
        "stat_object": stat_object,
        "get_object": get_object,
        **{name: _missing(name) for name in NOT_HERE},
    }


def _object(given: Arguments) -> tuple[str, str, str]:
    return given.text(1), given.text(2), given.text(3)


def _amount(given: Arguments, position: int) -> int:
    return given.integer(position) if given.given(position) else DEFAULT_AMOUNT


def _window(after: str, prefix: str, delimiter: str, amount: int) -> Window:
    return Window(after=after, prefix=prefix, delimiter=delimiter, amount=checked_amount(str(amount)))


def _missing(name: str) -> Callable[..., Any]:
    def missing(*_arguments: Any) -> Any:
        raise LuaCallError(f"lakefs.{name} is not in the stand-in")

    return missing
