"""Reads of lakeFS, with time-outs and retries, and its answers as our errors."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.access.lakefs_http import LakeFSHttp, text, whole_number
from lakefs_unity_export.errors import LakeFSError, LakeFSGoneError, LakeFSNotFoundError
from lakefs_unity_export.ports import Commit, DiffEntry, DiffPage, DiffReader, ObjectInfo

PARALLEL_READS = 8


class LakeFSClient:
    """One repository of one lakeFS server. Every method raises LakeFSError, by cause, on any answer but success."""

    def __init__(
        self,
        *,
        endpoint: str,
        repository: str,
        credentials: Credentials,
        retries: int = 4,
        timeouts: tuple[float, float] | None = None,
    ) -> None:
        """`timeouts` are the seconds to connect and to wait for data, for a caller who cannot wait as long as a job."""
        self._http = LakeFSHttp(
            endpoint=endpoint,
            repository=repository,
            credentials=credentials,
            retries=retries,
            timeouts=timeouts,
            connections=PARALLEL_READS,
        )

    def storage_namespace(self) -> str:
        """Where the server keeps the repository's objects, as it names it."""
        return self._http.ask("storage namespace", lambda answer: text(answer["storage_namespace"]))

    def branch_head(self, branch: str) -> str:
        """The id of the commit that the branch is at."""
        return self._http.ask(f"branch {branch!r}", lambda answer: text(answer["commit_id"]), "branches", branch)

    def branches(self) -> dict[str, str]:
        """Every branch of the repository, with the id of the commit that it is at."""
        return dict(self._http.entries("branches", _branch, lambda branch: branch[0], "branches"))

    def commit(self, commit_id: str) -> Commit:
        """The commit with this id."""
        return self._http.ask(f"commit {commit_id!r}", _commit, "commits", commit_id)

    def is_on_branch(self, commit_id: str, branch: str) -> bool:
        """Whether the branch's head is the commit or descends from it; False for a commit that lakeFS does not know."""
        what = f"merge base of commit {commit_id!r} and branch {branch!r}"
        try:
            base = self._http.ask(
                what, lambda answer: text(answer["base_commit_id"]), "refs", commit_id, "merge", branch
            )
        except LakeFSNotFoundError:
            return False
        return base == commit_id

    def list_objects(self, ref: str, prefix: str) -> Iterator[ObjectInfo]:
        """Every object under the prefix at the ref, in byte order of the paths."""
        what, parts = f"objects under {prefix!r} at {ref!r}", ("refs", ref, "objects", "ls")
        return self._http.entries(what, _object, _path, *parts, prefix=prefix, user_metadata="false")

    def read_objects(self, ref: str, paths: list[str]) -> dict[str, bytes | LakeFSError]:
        """The contents of the objects at the ref, read over one bounded pool; for each, its bytes or why not.

        Raises LakeFSAccessError and LakeFSUnavailableError, which are not about one object.
        """
        with ThreadPoolExecutor(max_workers=PARALLEL_READS) as pool:
            return dict(zip(paths, pool.map(lambda path: self._read_object(ref, path), paths), strict=True))

    def _read_object(self, ref: str, path: str) -> bytes | LakeFSError:
        try:
            return self._http.read(f"object {path!r} at {ref!r}", "refs", ref, "objects", path=path)
        except (LakeFSNotFoundError, LakeFSGoneError) as error:
            return error

    def diff_reader(self, left: str, right: str) -> DiffReader:
        """A reader of the two_dot diff between two commits, for `changes.find_changes`."""

        def read_page(*, prefix: str, after: str, delimiter: str) -> DiffPage:
            what, parts = f"diff of {left!r} and {right!r} under {prefix!r}", ("refs", left, "diff", right)
            entries, has_more = self._http.page(
                what, _diff_entry, *parts, after=after, prefix=prefix, delimiter=delimiter, type="two_dot"
            )
            return DiffPage(entries=tuple(entries), has_more=has_more)

        return read_page

    def uncommitted_changes(self, branch: str, prefix: str) -> Iterator[DiffEntry]:
        """The objects under the prefix that differ between the branch and its last commit."""
        what = f"uncommitted changes of branch {branch!r} under {prefix!r}"
        return self._http.entries(what, _diff_entry, _path, "branches", branch, "diff", prefix=prefix)

    def changes_to_merge(self, destination: str, source: str, prefix: str) -> Iterator[DiffEntry]:
        """The objects under the prefix that the source changed since it left the destination (the three_dot diff).

        What both changed is of type `conflict`.
        """
        what = f"changes of {source!r} since {destination!r} under {prefix!r}"
        parts = ("refs", destination, "diff", source)
        return self._http.entries(what, _diff_entry, _path, *parts, prefix=prefix, type="three_dot")


def _path(entry: ObjectInfo | DiffEntry) -> str:
    return entry.path


def _branch(entry: Any) -> tuple[str, str]:
    return text(entry["id"]), text(entry["commit_id"])


def _commit(answer: Any) -> Commit:
    return Commit(id=text(answer["id"]), generation=whole_number(answer.get("generation") or 0))


def _object(entry: Any) -> ObjectInfo:
    return ObjectInfo(path=text(entry["path"]), size=whole_number(entry.get("size_bytes") or 0))


def _diff_entry(entry: Any) -> DiffEntry:
    kinds = {"common_prefix": True, "object": False}
    return DiffEntry(path=text(entry["path"]), type=text(entry["type"]), is_prefix=kinds[entry["path_type"]])
