"""A branch of a lakeFS repository that a hook is written to, through lakeFS's SDK with the user's own settings."""

from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from lakefs.branch import Branch
from lakefs.client import Client
from lakefs.exceptions import (
    ForbiddenException,
    LakeFSException,
    NotAuthorizedException,
    NotFoundException,
    ServerException,
)

from lakefs_unity_export.errors import (
    HookError,
    LakeFSAccessError,
    LakeFSError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
)


class LakeFSHookBranch:
    """The branch. Every method raises LakeFSError, by cause."""

    def __init__(self, *, repository: str, branch: str, client: Client | None = None) -> None:
        """`client` is one of its own; without it lakeFS's address and key come from where `lakectl` has them.

        Raises HookError where there are none.
        """
        self._place = f"{repository}/{branch}"
        try:
            self._client = client or Client()
        except (LakeFSException, ValueError) as error:
            raise HookError(
                "no lakeFS server is configured: set LAKECTL_SERVER_ENDPOINT_URL, LAKECTL_CREDENTIALS_ACCESS_KEY_ID "
                "and LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY, or run `lakectl config`"
            ) from error
        self._branch = Branch(repository, branch, client=self._client)

    def server_version(self) -> str:
        """The version that the server says it is, or nothing."""
        with self._translated("its version"):
            return str(self._client.version or "")

    def uncommitted(self, limit: int) -> list[str]:
        """Paths of objects that were changed and not committed, at most so many."""
        with self._translated("uncommitted changes"):
            return [change.path for change in self._branch.uncommitted(max_amount=limit)]

    def read(self, path: str) -> str | None:
        """A file's text, None where it is not there. Raises LakeFSNotFoundError where the branch is not."""
        try:
            with self._translated(path), self._branch.object(path).reader(mode="rb", pre_sign=False) as reader:
                content = bytes(reader.read())
        except LakeFSNotFoundError:
            self._head()
            return None
        return content.decode("utf-8", "replace")

    def write(self, path: str, text: str) -> None:
        """Write a file, without committing it."""
        with self._translated(f"writing {path}"):
            self._branch.object(path).upload(text.encode(), mode="wb", pre_sign=False)

    def delete(self, path: str) -> None:
        """Delete a file, without committing it."""
        with self._translated(f"deleting {path}"):
            self._branch.object(path).delete()

    def reset(self, path: str) -> None:
        """Take back what was written or deleted at the path and not committed."""
        with self._translated(f"resetting {path}"):
            self._branch.reset_changes("object", path)

    def commit(self, message: str) -> str:
        """Commit what was written; the commit's id."""
        with self._translated("a commit"):
            return str(self._branch.commit(message).get_commit().id)

    def _head(self) -> str:
        with self._translated("its head"):
            return str(self._branch.head.id)

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except NotFoundException as error:
            raise LakeFSNotFoundError(
                f"lakeFS knows no {self._place}, or not {what}{_said(error)}; check --repository and --branch"
            ) from error
        except (NotAuthorizedException, ForbiddenException) as error:
            raise LakeFSAccessError(
                f"lakeFS refused {what} of {self._place}{_said(error)}; the access key's user needs to read and write "
                "objects of the repository and to commit to the branch, which must not be protected for it"
            ) from error
        except ServerException as error:
            raise LakeFSError(f"lakeFS refused {what} of {self._place}{_said(error)}") from error
        except (LakeFSException, urllib3.exceptions.HTTPError, OSError) as error:
            raise LakeFSUnavailableError(
                f"lakeFS did not answer when asked for {what} of {self._place} ({type(error).__name__}); check "
                "LAKECTL_SERVER_ENDPOINT_URL"
            ) from error


def _said(error: ServerException) -> str:
    message = error.body.get("message") if isinstance(error.body, dict) else None
    return f" ({error.status_code}: {message})" if message else f" ({error.status_code})"
