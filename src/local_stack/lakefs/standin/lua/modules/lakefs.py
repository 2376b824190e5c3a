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
        return describe_object(path, self._entry(repository, ref, path))

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
    functions = _Functions(runtime, view)
    return {
        "diff_branch": functions.diff_branch,
        "diff_refs": functions.diff_refs,
        "list_objects": functions.list_objects,
        "stat_object": functions.stat_object,
        "get_object": functions.get_object,
        **{name: _missing(name) for name in NOT_HERE},
    }


class _Functions:
    """What Lua calls. Each raises LuaCallError for arguments that it does not take, before it asks anything."""

    def __init__(self, runtime: Any, view: LakeFSView) -> None:
        self._runtime = runtime
        self._view = view

    def diff_branch(self, *arguments: Any) -> tuple[int, Any]:
        """`(repository, branch, after, amount, prefix, delimiter)`."""
        return self._page(self._view.diff_branch, Arguments(arguments), 2, ("after", "amount", "prefix", "delimiter"))

    def diff_refs(self, *arguments: Any) -> tuple[int, Any]:
        """`(repository, left, right, after, prefix, delimiter, amount)`."""
        return self._page(self._view.diff_refs, Arguments(arguments), 3, ("after", "prefix", "delimiter", "amount"))

    def list_objects(self, *arguments: Any) -> tuple[int, Any]:
        """`(repository, ref, after, prefix, delimiter, amount)`."""
        return self._page(self._view.list_objects, Arguments(arguments), 2, ("after", "prefix", "delimiter", "amount"))

    def stat_object(self, *arguments: Any) -> tuple[int, bytes]:
        """`(repository, ref, path)`."""
        return _text(lambda *names: written(self._view.stat_object(*names)), Arguments(arguments))

    def get_object(self, *arguments: Any) -> tuple[int, bytes]:
        """`(repository, ref, path)`."""
        return _text(self._view.get_object, Arguments(arguments))

    def _page(
        self, ask: Callable[..., dict[str, Any]], given: Arguments, names: int, options: tuple[str, ...]
    ) -> tuple[int, Any]:
        """A status and a table: so many names come first, then the options in this order."""
        named = [given.text(position) for position in range(1, names + 1)]
        window = {name: _option(given, position, name) for position, name in enumerate(options, start=names + 1)}
        try:
            window["amount"] = checked_amount(str(window["amount"]))
            return 200, to_lua(self._runtime, ask(*named, Window(**window)))
        except RequestError as error:
            return error.status, to_lua(self._runtime, error.body)


def _option(given: Arguments, position: int, name: str) -> Any:
    if name == "amount":
        return given.integer(position) if given.given(position) else DEFAULT_AMOUNT
    return given.optional_text(position)


def _text(ask: Callable[[str, str, str], bytes], given: Arguments) -> tuple[int, bytes]:
    """A status and a text, of a repository, a ref and a path."""
    repository, ref, path = given.text(1), given.text(2), given.text(3)
    try:
        return 200, ask(repository, ref, path)
    except RequestError as error:
        return error.status, written(error.body)


def _missing(name: str) -> Callable[..., Any]:
    def missing(*_arguments: Any) -> Any:
        raise LuaCallError(f"lakefs.{name} is not in the stand-in")

    return missing
