"""Counts HTTP calls by the service that they ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from urllib3 import HTTPConnectionPool

LAKEFS = "lakeFS"
UNITY_CATALOG = "Unity Catalog"
JOBS = "jobs"
OTHER = "other"
_SERVICES = {"/api/v1/": LAKEFS, "/api/2.1/unity-catalog/": UNITY_CATALOG, "/api/2.2/jobs/": JOBS}


@contextmanager
def counted_calls() -> Iterator[list[str]]:
    """One entry for each call of this process, retries included: the name of the service.

    Through urllib3, on which the SDKs of lakeFS and of Databricks are built.
    """
    calls = list[str]()
    ask = HTTPConnectionPool.urlopen

    def counting(pool: HTTPConnectionPool, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        calls.append(next((name for start, name in _SERVICES.items() if url.startswith(start)), OTHER))
        return ask(pool, method, url, *arguments, **options)

    HTTPConnectionPool.urlopen = counting  # type: ignore[method-assign, assignment]
    try:
        yield calls
    finally:
        HTTPConnectionPool.urlopen = ask  # type: ignore[method-assign]
