"""The action files of refs, kept for some seconds, as a lakeFS server keeps them (recorded: action-file/cached)."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from local_stack.lakefs.standin.hooks.action_file import FOLDER, Action, ActionFileError, parse_action
from local_stack.lakefs.standin.versions.blobs import BlobStore
from local_stack.lakefs.standin.versions.events import Event
from local_stack.lakefs.standin.versions.object_tree import ObjectTree
from local_stack.lakefs.standin.versions.repository import Repository

# Recorded: the files that a commit was made with are still those of the branch until 7 seconds later.
SECONDS_KEPT = 7.0


class ActionFilesError(Exception):
    """Action files that cannot be loaded or read: one line each. `status` is that of the answer."""

    def __init__(self, problems: Sequence[str], status: int) -> None:
        super().__init__(listed(problems))
        self.status = status


@dataclass(frozen=True)
class _Kept:
    found: tuple[Action, ...] | ActionFilesError
    until: float


class ActionCache:
    """Reads the actions of an event, or remembers those that its ref had.

    What is kept is that of a ref as the event names it (recorded: `source_ref`): a branch by its name, with what is not
    committed there, for the events before a commit and for a branch that is made of it; a commit by its id for those
    after. So a commit can run the actions that its branch had before, and its own post hooks are always of itself.
    The time counts from the read, however often they are asked for; files that could not be read are kept too.

    Parameters: where the files are, how long they are kept, and a clock in seconds.
    """

    def __init__(self, blobs: BlobStore, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._blobs = blobs
        self._seconds = seconds
        self._clock = clock
        self._kept: WeakKeyDictionary[Repository, dict[str, _Kept]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def actions(self, event: Event) -> tuple[Action, ...]:
        """Every action that the event's ref has, whatever it listens to. Raises ActionFilesError."""
        with self._lock:
            kept = self._kept.setdefault(event.repository, {})
            now = self._clock()
            for ref in [ref for ref, entry in kept.items() if entry.until <= now]:
                del kept[ref]
            if event.source_ref not in kept:
                tree = event.repository.tree_at(event.source_ref)
                kept[event.source_ref] = _Kept(self._read(tree), now + self._seconds)
            found = kept[event.source_ref].found
        if isinstance(found, ActionFilesError):
            raise found
        return found

    def _read(self, tree: ObjectTree) -> tuple[Action, ...] | ActionFilesError:
        actions, problems, status = list[Action](), list[str](), 500
        for path in _listing(tree):
            entry = tree.get(path)
            if entry is None:  # a folder: the server takes it for a file, and finds none
                problems.append(f"loading file {path}: get action file metadata {path}: not found")
                status = 404
                continue
            try:
                actions.append(parse_action(path, self._blobs.read(entry.address)))
            except ActionFileError as error:
                problems.append(str(error))
        return ActionFilesError(problems, status) if problems else tuple(actions)


def _listing(tree: ObjectTree) -> list[str]:
    """The files of the folder, of any name, and the folders in it, each once."""
    names = [path.removeprefix(FOLDER) for path in tree.paths(FOLDER)]
    folders = [name[: name.index("/") + 1] if "/" in name else name for name in names]
    return [FOLDER + name for name in dict.fromkeys(folders)]


def listed(problems: Sequence[str]) -> str:
    """Several errors as the server tells them."""
    count = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
    return f"{count} occurred:\n\t" + "\n\t".join(f"* {problem}" for problem in problems) + "\n\n"
