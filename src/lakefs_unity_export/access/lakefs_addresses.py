"""Where lakeFS keeps the objects of a commit, asked from the cluster that clones."""

from typing import Any

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.access.lakefs_http import LakeFSHttp, text


class LakeFSAddresses:
    """Physical addresses of the objects of one repository."""

    def __init__(self, *, endpoint: str, repository: str, credentials: Credentials, retries: int = 4) -> None:
        """Raises SettingsError where the endpoint is no URL of a server."""
        self._http = LakeFSHttp(endpoint=endpoint, repository=repository, credentials=credentials, retries=retries)

    def of_folder(self, commit_id: str, folder: str, *, but: str) -> dict[str, str]:
        """The physical address of every object under the folder at the commit, by its key inside the folder.

        but: a folder inside it that is passed over. Calls: one for 1,000 objects. Raises LakeFSError, by cause.
        """
        prefix, passed_over = f"{folder}/", f"{folder}/{but}/"

        def next_after(last: tuple[str, str]) -> str:
            # No key of the folder comes after it: pages are in the order of UTF-8's bytes.
            return f"{passed_over}\U0010ffff" if last[0].startswith(passed_over) else last[0]

        what, parts = f"the storage of objects under {prefix!r} at {commit_id!r}", ("refs", commit_id, "objects", "ls")
        entries = self._http.entries(what, _path_and_address, next_after, *parts, prefix=prefix, user_metadata="false")
        return {path.removeprefix(prefix): address for path, address in entries if not path.startswith(passed_over)}


def _path_and_address(entry: Any) -> tuple[str, str]:
    path, address = text(entry["path"]), text(entry["physical_address"])
    if not path or not address:
        raise ValueError(f"an entry without path or address: {entry!r:.80}")
    return path, address
