"""What installing or removing a hook changes on a branch: each file as it is, and as it is to be."""

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from lakefs_unity_export.hook.files import ACTIONS_BY_SCRIPT, MARKS


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """A file of the repository: what it holds (None where it is not there) and what it is to hold (None: deleted)."""

    path: str
    before: str | None
    after: str | None

    @property
    def replaces_others(self) -> bool:
        """Whether the file is there and none of this hook's, so that what others wrote would be lost."""
        return is_of_others(self.path, self.before)

    def diff(self) -> str:
        """The change as a unified diff; of a script that comes or goes whole, a line."""
        if self.path.endswith(".lua") and None in (self.before, self.after):
            count = len((self.before or self.after or "").splitlines())
            return f"{'new' if self.before is None else 'deleted'}: {self.path}, {count} lines\n"
        before, after = ((text or "").splitlines(keepends=True) for text in (self.before, self.after))
        left = "/dev/null" if self.before is None else f"a/{self.path}"
        right = "/dev/null" if self.after is None else f"b/{self.path}"
        lines = difflib.unified_diff(before, after, left, right)
        return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """The files to change, and the paths at which files of others stay."""

    files: tuple[FileChange, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def scripts_left(self) -> tuple[FileChange, ...]:
        """The scripts to delete that an action file asks for which goes too, and which lakeFS may still go by."""
        deleted = [change for change in self.files if change.after is None]
        actions = {change.path for change in deleted}
        return tuple(change for change in deleted if ACTIONS_BY_SCRIPT.get(change.path) in actions)

    @property
    def at_once(self) -> tuple[FileChange, ...]:
        """The other files to change."""
        return tuple(change for change in self.files if change not in self.scripts_left)


def is_of_others(path: str, text: str | None) -> bool:
    """Whether a file at one of our paths is there without what each version of ours has in it."""
    return text is not None and MARKS[path] not in text


def find_changes(wanted: Mapping[str, str], deleted: Collection[str], read: Callable[[str], str | None]) -> Changes:
    """What to change so that the wanted files are there, and the deleted ones are not. `read` gives a file's text.

    A file of others is never deleted. Where a wanted one has its path, the change says so (`replaces_others`).
    """
    after = {**dict.fromkeys(deleted), **wanted}
    files, kept = list[FileChange](), list[str]()
    for path, text in sorted(after.items()):
        before = read(path)
        if text is None and is_of_others(path, before):
            kept.append(path)
        elif before != text:
            files.append(FileChange(path=path, before=before, after=text))
    return Changes(files=tuple(files), kept=tuple(kept))
