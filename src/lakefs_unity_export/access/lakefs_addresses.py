"""Where lakeFS keeps the objects of a commit, asked from the cluster that clones: without lakeFS's SDK.

`requests` is there on every Databricks Runtime (its release notes, "Installed Python libraries").
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

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


class LakeFSAddresses:
    """Physical addresses of the objects of one repository."""

    def __init__(self, *, endpoint: str, repository: str, credentials: Credentials, retries: int = 4) -> None:
        """Raises SettingsError where the endpoint is no URL of a server."""
        self._answers = Answers(endpoint=check_endpoint(endpoint), repository=repository)
        self._session = requests.Session()
        self._session.auth = (credentials.access_key_id, credentials.secret_access_key)
        adapter = HTTPAdapter(max_retries=BoundedRetry.of_reads(retries))
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def of_folder(self, commit_id: str, folder: str, *, but: str) -> dict[str, str]:
        """The physical address of every object under the folder at the commit, by its key inside the folder.

        but: a folder inside it that is passed over. Calls: one for 1,000 objects. Raises LakeFSError, by cause.
        """
        prefix, passed_over = f"{folder}/", f"{folder}/{but}/"
        return {
            str(entry["path"]).removeprefix(prefix): str(entry["physical_address"])
            for entry in self._entries(commit_id, prefix, passed_over)
        }

    def _entries(self, commit_id: str, prefix: str, passed_over: str) -> Iterator[dict[str, Any]]:
        after = ""
        while True:
            page = self._page(commit_id, prefix, after)
            yield from (entry for entry in page["results"] if not entry["path"].startswith(passed_over))
            if not page["pagination"]["has_more"] or not page["results"]:
                return
            after = page["results"][-1]["path"]
            if after.startswith(passed_over):
                # No key of the folder comes after it: pages are in the order of UTF-8's bytes.
                after = f"{passed_over}\U0010ffff"

    def _page(self, commit_id: str, prefix: str, after: str) -> dict[str, Any]:
        what = f"the storage of objects under {prefix!r} at {commit_id!r}"
        path = f"/repositories/{quote(self._answers.repository, safe='')}/refs/{quote(commit_id, safe='')}/objects/ls"
        try:
            answer = self._session.get(
                self._answers.endpoint + API_PATH + path,
                params={"prefix": prefix, "after": after, "amount": str(PAGE_SIZE), "user_metadata": "false"},
                timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise self._answers.unanswered(what, error) from error
        if answer.status_code != 200:
            raise self._answers.refused(answer.status_code, what, server_words(answer.text))
        return self._read(answer, what)

    def _read(self, answer: requests.Response, what: str) -> dict[str, Any]:
        try:
            page: dict[str, Any] = answer.json()
            whole = all(entry["path"] and entry["physical_address"] for entry in page["results"])
            whole = whole and isinstance(page["pagination"]["has_more"], bool)
        except (ValueError, KeyError, TypeError) as error:
            raise self._answers.not_lakefs(what) from error
        if not whole:
            raise self._answers.not_lakefs(what)
        return page
