"""A branch of a lakeFS repository that a hook is written to, through lakeFS's SDK with the user's own settings."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import lakefs_sdk
import urllib3
from lakefs.client import Client
from lakefs.exceptions import LakeFSException, ServerException
from lakefs.object import WriteableObject
from lakefs_sdk.exceptions import ApiException, OpenApiException

from lakefs_unity_export.access.lakefs_connection import (
    CONNECT_TIMEOUT_SECONDS,
    READ_TIMEOUT_SECONDS,
    server_words,
    short_reason,
)
from lakefs_unity_export.errors import (
    HookError,
    LakeFSAccessError,
    LakeFSError,
    LakeFSHookError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
)
from lakefs_unity_export.hook.action_folders import remedy, told_folders

TIMEOUTS = {"_request_timeout": (CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS)}
# The hooks before a commit run while it is waited for, and one of them may take minutes.
COMMIT_TIMEOUTS = {"_request_timeout": (CONNECT_TIMEOUT_SECONDS, 600)}
PAGE_SIZE = 1000  # the server's maximum
# How lakeFS begins to tell that it ran the hooks of an operation, or could not (recorded: action-file/*, actions/*).
HOOK_ABORTED = "hook aborted"


class LakeFSHookBranch:
    """The branch. Every method raises LakeFSError, by cause."""

    def __init__(self, *, repository: str, branch: str, client: Client | None = None) -> None:
        """`client` is one of its own; without it lakeFS's address and key come from where `lakectl` has them.

        Raises HookError where there are none.
        """
        self._repository, self._branch = repository, branch
        self._place = f"{repository}/{branch}"
        self._client = client or _configured_client()

    def head(self) -> str:
        """The id of the commit that the branch is at. Raises LakeFSNotFoundError where there is no such branch."""
        with self._translated("its head"):
            answer = self._client.sdk_client.branches_api.get_branch(self._repository, self._branch, **TIMEOUTS)
            return str(_given(answer).commit_id)

    def server_version(self) -> str:
        """The version that the server says it is; nothing where it says none, or not to this user."""
        try:
            with self._translated("the server's version"):
                config = self._client.sdk_client.config_api.get_config(**TIMEOUTS)
        except (LakeFSAccessError, LakeFSNotFoundError):
            return ""
        version = config and config.version_config and config.version_config.version
        return str(version or "")

    def uncommitted(self, limit: int) -> list[str]:
        """Paths of objects that were changed and not committed, at most so many."""
        with self._translated("its uncommitted changes"):
            page = self._client.sdk_client.branches_api.diff_branch(
                self._repository, self._branch, amount=limit, **TIMEOUTS
            )
            return [change.path for change in _given(page).results]

    def folders(self, path: str) -> list[str]:
        """The folders in a folder of the branch, each with a `/` at its end; what is not committed counts."""
        with self._translated(f"the folders in {path}"):
            page = self._client.sdk_client.objects_api.list_objects(
                self._repository, self._branch, prefix=path, delimiter="/", amount=PAGE_SIZE, **TIMEOUTS
            )
            return [entry.path for entry in _given(page).results if entry.path_type == "common_prefix"]

    def read(self, ref: str, path: str) -> str | None:
        """A file's text at the ref, None where it is not there."""
        try:
            with self._translated(path):
                content = _given(
                    self._client.sdk_client.objects_api.get_object(self._repository, ref, path, **TIMEOUTS)
                )
        except LakeFSNotFoundError:
            return None
        return content if isinstance(content, str) else bytes(content).decode("utf-8", "replace")

    def write(self, path: str, text: str) -> None:
        """Write a file, without committing it."""
        with self._translated(f"to write {path}"):
            # The raw API takes bytes for the name of a file to send.
            place = WriteableObject(self._repository, self._branch, path, client=self._client)
            place.upload(text.encode(), mode="wb", pre_sign=False)

    def delete(self, path: str) -> None:
        """Delete a file, without committing it."""
        with self._translated(f"to delete {path}"):
            self._client.sdk_client.objects_api.delete_object(self._repository, self._branch, path, **TIMEOUTS)

    def reset(self, path: str) -> None:
        """Take back what was written or deleted at the path and not committed."""
        what = lakefs_sdk.ResetCreation(type="object", path=path)
        with self._translated(f"to reset {path}"):
            self._client.sdk_client.branches_api.reset_branch(self._repository, self._branch, what, **TIMEOUTS)

    def commit(self, message: str, metadata: Mapping[str, str]) -> str:
        """Commit what was written; the commit's id."""
        what = lakefs_sdk.CommitCreation(message=message, metadata=dict(metadata))
        with self._translated("a commit"):
            answer = self._client.sdk_client.commits_api.commit(self._repository, self._branch, what, **COMMIT_TIMEOUTS)
            return str(_given(answer).id)

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except ApiException as error:
            raise self._refused(what, error.status, error.body) from error
        except ServerException as error:  # from an upload
            raise self._refused(what, error.status_code, json.dumps(error.body)) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise LakeFSUnavailableError(
                f"lakeFS did not answer when asked for {what} of {self._place} ({short_reason(error)}); check "
                "LAKECTL_SERVER_ENDPOINT_URL"
            ) from error
        except (LakeFSException, OpenApiException, ValueError) as error:
            raise LakeFSUnavailableError(
                f"what answers is no lakeFS server: it was asked for {what} of {self._place}; check "
                "LAKECTL_SERVER_ENDPOINT_URL"
            ) from error

    def _refused(self, what: str, status: int | None, body: object) -> LakeFSError:
        words = _words(body)
        answered = f"lakeFS answered {status}{words} when asked for {what} of {self._place}"
        if HOOK_ABORTED in words:
            folders = told_folders(words)
            return LakeFSHookError(f"{answered}; {remedy(folders)}" if folders else answered)
        if status == 404:
            return LakeFSNotFoundError(f"{answered}; check that it is there, and --repository and --branch")
        if status == 401:
            return LakeFSAccessError(f"{answered}; check the access key and the secret key that `lakectl` uses")
        if status == 403:
            return LakeFSAccessError(
                f"{answered}; the key's user must read and write objects of the repository and commit to the branch. "
                "Where the branch is protected, install the hook on a new branch and merge that; a repository that is "
                "read-only takes no hook"
            )
        return LakeFSError(f"{answered}{_remedy(status, words)}")


def _remedy(status: int | None, words: str) -> str:
    """What to do about an answer that is about the branch, as far as it is known."""
    if status == 400 and "no changes" in words:
        return "; the branch holds already what was to be committed: run install_hook again to see it"
    if status == 410:
        return "; the file's data is gone: delete the file or write it anew, commit that, and run install_hook again"
    if status in (409, 423):
        return "; others are writing to the branch: look at its last commits, and run install_hook again"
    if status in (420, 429):
        return "; too many requests: run install_hook again later"
    if status is not None and status >= 500:
        return "; look at the server's log"
    return ""


def _words(body: object) -> str:
    """What the server's error body says, or nothing. Whole: a hook before a commit may list many problems."""
    message = server_words(body)
    shown = "".join(letter for letter in message if letter.isprintable() or letter == "\n")
    return f" ({shown})" if shown else ""


def _given(answer: Any) -> Any:
    """The answer. Raises ValueError where it is none, as the SDK reads one of another kind or status than lakeFS's."""
    if answer is None:
        raise ValueError("no answer")
    return answer


def _configured_client() -> Client:
    try:
        client = Client()
    except Exception as error:  # whatever a file of others, its YAML and a provider of keys can fail with
        raise HookError(
            f"no lakeFS server is configured, or not so that it can be used ({type(error).__name__}): set "
            "LAKECTL_SERVER_ENDPOINT_URL, LAKECTL_CREDENTIALS_ACCESS_KEY_ID and "
            "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY, or run `lakectl config`"
        ) from error
    if not client.config.host:
        raise HookError("no lakeFS server is configured: set LAKECTL_SERVER_ENDPOINT_URL, or run `lakectl config`")
    return client
