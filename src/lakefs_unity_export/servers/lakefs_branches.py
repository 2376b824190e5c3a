"""Branches of a lakeFS repository that are made for a while, written to, and deleted again."""

import json
from typing import Any

from lakefs_unity_export.access.lakefs_connection import PAGE_SIZE, Credentials
from lakefs_unity_export.access.lakefs_http import LakeFSHttp, flag, listed, text
from lakefs_unity_export.errors import LakeFSNotFoundError

# So far back a log is read, a page at a time.
MOST_LOG_PAGES = 20


class LakeFSBranchesClient:
    """The branches of one repository. Every method raises LakeFSError, by cause, on any answer but success."""

    def __init__(self, *, endpoint: str, repository: str, credentials: Credentials, retries: int = 4) -> None:
        """Raises SettingsError where the endpoint is no URL of a server. retries: of reads alone."""
        self._http = LakeFSHttp(endpoint=endpoint, repository=repository, credentials=credentials, retries=retries)

    def named(self, prefix: str) -> list[str]:
        """The branches whose names begin so."""
        what = f"branches {prefix}*"
        return list(self._http.entries(what, lambda entry: text(entry["id"]), str, "branches", prefix=prefix))

    def protection(self) -> list[str]:
        """The patterns of the names of branches that may not be written to."""

        def of_answer(rules: Any) -> list[str]:
            return [text(rule["pattern"]) for rule in listed(rules)]

        return self._http.ask("branch protection rules", of_answer, "settings", "branch_protection")

    def oldest_commit(self, branch: str) -> str:
        """The last commit of the branch's log, by first parents, or of its first 20 pages."""
        oldest, has_more = self._last_of_page(branch)
        for _ in range(MOST_LOG_PAGES - 1):
            if not has_more:
                break
            oldest, has_more = self._last_of_page(branch, after=oldest)
        return oldest

    def _last_of_page(self, branch: str, **after: str) -> tuple[str, bool]:
        """The last commit of the page, and whether more come. Of a log it is not known what an empty `after` means."""

        def of_answer(answer: Any) -> tuple[str, bool]:
            *_, last = listed(answer["results"])
            return text(last["id"]), flag(answer["pagination"]["has_more"])

        query = {"amount": str(PAGE_SIZE), "first_parent": "true", **after}
        return self._http.ask(f"the log of branch {branch!r}", of_answer, "refs", branch, "commits", **query)

    def holds(self, commit_id: str, prefix: str) -> bool:
        """Whether the commit has an object whose path begins so."""
        what, parts = f"objects under {prefix!r} at {commit_id!r}", ("refs", commit_id, "objects", "ls")
        found, _ = self._http.page(what, lambda entry: text(entry["path"]), *parts, after="", prefix=prefix)
        return bool(found)

    def create(self, name: str, commit_id: str) -> None:
        """Make a branch at the commit. LakeFSError also where there is one of the name."""
        body = json.dumps({"name": name, "source": commit_id}).encode()
        self._http.write("POST", f"a new branch {name!r}", "branches", success=201, body=body)

    def write(self, name: str, path: str, content: bytes) -> None:
        """Write an object on the branch, without committing it."""
        what, kind = f"a new object {path!r} on branch {name!r}", "application/octet-stream"
        self._http.write(
            "POST", what, "branches", name, "objects", success=201, body=content, content_type=kind, path=path
        )

    def uncommitted(self, name: str, prefix: str) -> list[str]:
        """The paths that begin so of objects on the branch that differ from its last commit."""
        what, parts = f"uncommitted changes of branch {name!r}", ("branches", name, "diff")
        return list(self._http.entries(what, lambda entry: text(entry["path"]), str, *parts, prefix=prefix))

    def is_there(self, name: str) -> bool:
        """Whether there is such a branch."""
        try:
            self._http.read(f"branch {name!r}", "branches", name)
        except LakeFSNotFoundError:
            return False
        return True

    def delete(self, name: str) -> None:
        """Delete the branch, with what is not committed on it; nothing where there is none."""
        try:
            self._http.write("DELETE", f"the deletion of branch {name!r}", "branches", name, success=204)
        except LakeFSNotFoundError:
            return
