"""Reads of lakeFS through its published SDK, with time-outs and retries, and its answers as our errors."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import lakefs_sdk
import urllib3
from lakefs_sdk.exceptions import ApiException, OpenApiException

from lakefs_unity_export.access.lakefs_connection import (
    API_PATH,
    CONNECT_TIMEOUT_SECONDS,
    PAGE_SIZE,
    READ_TIMEOUT_SECONDS,
    Answers,
    BoundedRetry,
    Credentials,
    check_endpoint,
    server_words,
)
from lakefs_unity_export.errors import LakeFSError, LakeFSGoneError, LakeFSNotFoundError
from lakefs_unity_export.ports import Commit, DiffEntry, DiffPage, DiffReader, ObjectInfo

PARALLEL_READS = 8

Answer = TypeVar("Answer")


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
        self._answers = Answers(endpoint=check_endpoint(endpoint), repository=repository)
        self._repository = repository
        self._timeouts = timeouts
        configuration = lakefs_sdk.Configuration(
            host=self._answers.endpoint + API_PATH,
            username=credentials.access_key_id,
            password=credentials.secret_access_key,
        )
        configuration.retries = BoundedRetry.of_reads(retries)
        configuration.connection_pool_maxsize = PARALLEL_READS
        client = lakefs_sdk.ApiClient(configuration)
        self._repositories = lakefs_sdk.RepositoriesApi(client)
        self._branches = lakefs_sdk.BranchesApi(client)
        self._commits = lakefs_sdk.CommitsApi(client)
        self._refs = lakefs_sdk.RefsApi(client)
        self._objects = lakefs_sdk.ObjectsApi(client)

    def storage_namespace(self) -> str:
        """Where the server keeps the repository's objects, as it names it."""
        answer = self._call("storage namespace", self._repositories.get_repository)
        return str(answer.storage_namespace)

    def branch_head(self, branch: str) -> str:
        """The id of the commit that the branch is at."""
        answer = self._call(f"branch {branch!r}", self._branches.get_branch, branch)
        return str(answer.commit_id)

    def branches(self) -> dict[str, str]:
        """Every branch of the repository, with the id of the commit that it is at."""
        found: dict[str, str] = {}
        after = ""
        while True:
            page = self._call("branches", self._branches.list_branches, after=after, amount=PAGE_SIZE)
            found |= {ref.id: ref.commit_id for ref in page.results}
            if not page.pagination.has_more or not page.results:
                return found
            after = page.results[-1].id

    def commit(self, commit_id: str) -> Commit:
        """The commit with this id."""
        answer = self._call(f"commit {commit_id!r}", self._commits.get_commit, commit_id)
        return Commit(id=answer.id, generation=answer.generation or 0)

    def is_on_branch(self, commit_id: str, branch: str) -> bool:
        """Whether the branch's head is the commit or descends from it; False for a commit that lakeFS does not know."""
        what = f"merge base of commit {commit_id!r} and branch {branch!r}"
        try:
            answer = self._call(what, self._refs.find_merge_base, commit_id, branch)
        except LakeFSNotFoundError:
            return False
        return str(answer.base_commit_id) == commit_id

    def list_objects(self, ref: str, prefix: str) -> Iterator[ObjectInfo]:
        """Every object under the prefix at the ref, in byte order of the paths."""
        after = ""
        while True:
            page = self._call(
                f"objects under {prefix!r} at {ref!r}",
                self._objects.list_objects,
                ref,
                prefix=prefix,
                after=after,
                amount=PAGE_SIZE,
            )
            for entry in page.results:
                yield ObjectInfo(path=entry.path, size=entry.size_bytes or 0)
            if not page.pagination.has_more or not page.results:
                return
            after = page.results[-1].path

    def read_objects(self, ref: str, paths: list[str]) -> dict[str, bytes | LakeFSError]:
        """The contents of the objects at the ref, read over one bounded pool; for each, its bytes or why not.

        Raises LakeFSAccessError and LakeFSUnavailableError, which are not about one object.
        """
        with ThreadPoolExecutor(max_workers=PARALLEL_READS) as pool:
            return dict(zip(paths, pool.map(lambda path: self._read_object(ref, path), paths), strict=True))

    def _read_object(self, ref: str, path: str) -> bytes | LakeFSError:
        try:
            content = self._call(f"object {path!r} at {ref!r}", self._objects.get_object, ref, path)
        except (LakeFSNotFoundError, LakeFSGoneError) as error:
            return error
        return bytes(content)

    def diff_reader(self, left: str, right: str) -> DiffReader:
        """A reader of the two_dot diff between two commits, for `changes.find_changes`."""

        def read_page(*, prefix: str, after: str, delimiter: str) -> DiffPage:
            page = self._call(
                f"diff of {left!r} and {right!r} under {prefix!r}",
                self._refs.diff_refs,
                left,
                right,
                type="two_dot",
                prefix=prefix,
                after=after,
                delimiter=delimiter,
                amount=PAGE_SIZE,
            )
            return _diff_page(page)

        return read_page

    def uncommitted_changes(self, branch: str, prefix: str) -> Iterator[DiffEntry]:
        """The objects under the prefix that differ between the branch and its last commit."""
        what = f"uncommitted changes of branch {branch!r} under {prefix!r}"
        return _every_entry(
            lambda after: self._call(
                what, self._branches.diff_branch, branch, prefix=prefix, after=after, amount=PAGE_SIZE
            )
        )

    def changes_to_merge(self, destination: str, source: str, prefix: str) -> Iterator[DiffEntry]:
        """The objects under the prefix that the source changed since it left the destination (the three_dot diff).

        What both changed is of type `conflict`.
        """
        what = f"changes of {source!r} since {destination!r} under {prefix!r}"
        return _every_entry(
            lambda after: self._call(
                what,
                self._refs.diff_refs,
                destination,
                source,
                type="three_dot",
                prefix=prefix,
                after=after,
                amount=PAGE_SIZE,
            )
        )

    def _call(self, what: str, method: Callable[..., Answer], *arguments: Any, **options: Any) -> Answer:
        """One API call about `what`, with a time-out, its failure as one of our errors."""
        try:
            answer = method(
                self._repository,
                *arguments,
                **options,
                _request_timeout=self._timeouts or (CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS),
            )
        except ApiException as error:
            raise self._answers.refused(error.status, what, server_words(error.body)) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._answers.unanswered(what, error) from error
        except (OpenApiException, ValueError) as error:
            raise self._answers.not_lakefs(what) from error
        if answer is None:  # as the SDK reads 204 and `null`
            raise self._answers.not_lakefs(what)
        return answer


def _diff_page(page: Any) -> DiffPage:
    entries = tuple(
        DiffEntry(path=entry.path, type=entry.type, is_prefix=entry.path_type == "common_prefix")
        for entry in page.results
    )
    return DiffPage(entries=entries, has_more=page.pagination.has_more)


def _every_entry(read_page: Callable[[str], Any]) -> Iterator[DiffEntry]:
    """The entries of every page, each page read once it is wanted."""
    after = ""
    while True:
        page = _diff_page(read_page(after))
        yield from page.entries
        if not page.has_more or not page.entries:
            return
        after = page.entries[-1].path
