"""Reads of lakeFS through its published SDK, with time-outs and retries, and its answers as our errors."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import lakefs_sdk
import urllib3
from lakefs_sdk.exceptions import ApiException, OpenApiException

from lakefs_unity_export.errors import (
    LakeFSAccessError,
    LakeFSError,
    LakeFSGoneError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
    SettingsError,
)
from lakefs_unity_export.ports import Commit, DiffEntry, DiffPage, DiffReader, ObjectInfo

CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60
MAX_RETRY_AFTER_SECONDS = 60  # however long a server asks to wait
PAGE_SIZE = 1000  # the server's maximum
PARALLEL_READS = 8
API_PATH = "/api/v1"
SHOWN_WORDS = 200  # characters of what a server says
# Recorded of lakeFS 1.84 (server/version-health, refs/forms): a call that it does not have, a ref that it cannot read.
NO_SUCH_CALL = "invalid API endpoint"
INVALID_VALUE = "validation error"

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """An access key pair of lakeFS."""

    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"Credentials(access_key_id={self.access_key_id!r}, secret_access_key=...)"


class _BoundedRetry(urllib3.Retry):
    """Waits no longer than a bearable time, whatever a server's Retry-After asks for.

    urllib3's own `retry_after_max` is newer than the urllib3 of some Databricks environments.
    """

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, MAX_RETRY_AFTER_SECONDS)


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
        self._endpoint = check_endpoint(endpoint)
        self._repository = repository
        self._timeouts = timeouts
        configuration = lakefs_sdk.Configuration(
            host=self._endpoint + API_PATH,
            username=credentials.access_key_id,
            password=credentials.secret_access_key,
        )
        configuration.retries = _BoundedRetry(
            total=retries,
            backoff_factor=0.5,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=("GET",),
            raise_on_status=False,
        )
        configuration.connection_pool_maxsize = PARALLEL_READS
        client = lakefs_sdk.ApiClient(configuration)
        self._branches = lakefs_sdk.BranchesApi(client)
        self._commits = lakefs_sdk.CommitsApi(client)
        self._refs = lakefs_sdk.RefsApi(client)
        self._objects = lakefs_sdk.ObjectsApi(client)

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
            raise self._translated(error.status, what, server_words(error.body)) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise LakeFSUnavailableError(
                f"lakeFS at {self._endpoint} did not answer when asked for {what} of repository {self._repository!r} "
                f"({short_reason(error)}); check lakefs_endpoint, and that it can be reached from this task's compute"
            ) from error
        except (OpenApiException, ValueError) as error:
            raise self._not_lakefs(what) from error
        if answer is None:  # as the SDK reads 204 and `null`
            raise self._not_lakefs(what)
        return answer

    def _not_lakefs(self, what: str) -> LakeFSError:
        return LakeFSUnavailableError(
            f"{self._endpoint} answered something that is not lakeFS's when asked for {what}; check lakefs_endpoint"
        )

    def _translated(self, status: int | None, what: str, words: str) -> LakeFSError:
        shown = f" ({' '.join(words.split())[:SHOWN_WORDS]})" if words else ""
        where = (
            f"lakeFS at {self._endpoint} answered {status}{shown} "
            f"when asked for {what} of repository {self._repository!r}"
        )
        # Neither says that something is not there: a caller would go on without it.
        if status == 404 and words == NO_SUCH_CALL:
            return LakeFSError(f"{where}; check lakefs_endpoint, and the version of the server")
        if status == 500 and INVALID_VALUE in words:
            return LakeFSError(f"{where}: it cannot read what was asked for; check the job's parameters")
        if status in _REMEDIES:
            error, remedy = _REMEDIES[status]
            return error(f"{where}{remedy}")
        if status is not None and 300 <= status < 500:
            return LakeFSError(f"{where}; check lakefs_endpoint and the job's parameters")
        return LakeFSUnavailableError(f"{where}, also after retries; look at the server's log, then repair the run")


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


_TOO_MANY = (LakeFSUnavailableError, ": too many requests, also after retries; run the job again later")
_REMEDIES: dict[int | None, tuple[type[LakeFSError], str]] = {
    401: (LakeFSAccessError, "; check the access key and the secret key in the secret scope (secret_scope)"),
    403: (LakeFSAccessError, "; grant the access key's user read access to the repository (fs:Read*, fs:List*)"),
    404: (LakeFSNotFoundError, "; check that it exists, and the spelling"),
    409: (LakeFSError, "; look at the branch in lakeFS, and resolve the conflict there"),
    410: (LakeFSGoneError, ": its data was removed by garbage collection; export a newer commit"),
    420: _TOO_MANY,
    423: (LakeFSUnavailableError, ": others are writing to the branch; run the job again later"),
    429: _TOO_MANY,
}


def check_endpoint(endpoint: str) -> str:
    """The server's base URL, without a trailing `/` and without the API's path.

    Raises SettingsError where it is no http(s) URL.
    """
    bare = endpoint.rstrip("/").removesuffix(API_PATH)
    try:
        parts = urlsplit(bare)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        with_credentials = "@" in parts.netloc
        _ = parts.port
    except ValueError:
        valid, with_credentials = False, "@" in bare
    if with_credentials:  # and so the message does not show it
        raise SettingsError("lakefs_endpoint holds a user name or a password; put the access key into the secret scope")
    if not valid or not bare.isprintable() or " " in bare:
        raise SettingsError(
            f"lakefs_endpoint {endpoint!r} is no URL of a server; use one such as https://lakefs.example.com"
        )
    return bare


def server_words(body: object) -> str:
    """What the server's error body says, or nothing.

    A merge that conflicts is answered without a message (recorded of lakeFS 1.84: 409, `{"reference": ""}`); the words
    are then ours.
    """
    try:
        fields = json.loads(str(body))
    except ValueError:
        return ""
    if not isinstance(fields, dict):
        return ""
    if fields == {"reference": ""}:
        return "a conflict: both sides changed the same objects"
    return str(fields.get("message", ""))


def short_reason(error: Exception) -> str:
    """The innermost cause, short: `MaxRetryError` and its like wrap what matters."""
    cause: BaseException = error
    while isinstance(inner := getattr(cause, "reason", None), BaseException):
        cause = inner
    text = str(cause).rpartition(": ")[2] or str(cause)
    return f"{type(cause).__name__}: {text}"[:200]
