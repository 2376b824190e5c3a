"""The deployed wheel with smaller pages, for a variant of the job: few tables then take several runs."""

import io
import zipfile
from typing import Any

from databricks.sdk import WorkspaceClient

MODULE = "lakefs_unity_export/export/pages.py"
# What is larger than a page is a page alone.
ONE_TABLE = 1
LIMIT = b"MAX_TASK_VALUE_BYTES = 48_000\n"


def with_small_pages(client: WorkspaceClient, dependencies: list[str], page_bytes: int) -> list[str]:
    """The dependencies of a wheel task, the wheel in a copy whose pages have at most so many bytes."""
    wheels = [path for path in dependencies if path.endswith(".whl")]
    (path,) = wheels
    changed = path.replace("-py3-", f".pages{page_bytes}-py3-")
    content = _changed(_read(client, path), page_bytes)
    client.api_client.do(
        "POST", f"/api/2.0/workspace-files/import-file{changed}", query={"overwrite": "true"}, data=content
    )
    return [changed if each == path else each for each in dependencies]


def _read(client: WorkspaceClient, path: str) -> bytes:
    answer: Any = client.api_client.do("GET", f"/api/2.0/workspace-files{path}", raw=True)
    content: bytes = answer["contents"].read()
    return content


def _changed(wheel: bytes, page_bytes: int) -> bytes:
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(wheel)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == MODULE:
                assert LIMIT in content
                content = content.replace(LIMIT, f"MAX_TASK_VALUE_BYTES = {page_bytes}\n".encode())
            new.writestr(name, content)
    return changed.getvalue()
