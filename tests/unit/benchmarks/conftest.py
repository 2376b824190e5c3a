"""Results to try things with."""

from collections.abc import Iterator
from typing import Any

import pytest
from results import Result

WAYS = ("ours", "whole diff, 1,000 a page", "whole diff, 100 a page")
AROUND = {
    "measured": "2026-11-27",
    "version": "1 at abc",
    "machine": {"processor": "a processor", "cores": 2, "memory_gb": 25, "system": "Linux x86_64"},
    "load_before": 0.5,
    "versions": {"python": "3.11.7", "pyspark": "4.0.5", "delta-spark": "4.0.1"},
}


@pytest.fixture
def result() -> Result:
    """Two rows of one benchmark."""
    return Result(
        name="sums",
        title="Sums",
        against="no server",
        rows=({"way": "ours", "calls": 2, "seconds": 0.123456}, {"way": "theirs", "calls": 2000, "seconds": 12.0}),
        notes=("A note.",),
        surroundings=AROUND,
    )


@pytest.fixture
def results() -> dict[str, Result]:
    """One of each benchmark, with rows as it makes them, or as much of them as README and charts show."""
    rows = {
        "finding_changes": finding_changes(),
        "many_tables": many_tables(),
        "clone_tables": clone_tables(),
        "clone_requests": clone_requests(),
        "clone_methods": clone_methods(),
        "registration": registration(),
        "whole_export": whole_export(),
        "burst": burst(),
        "reconcile_calls": iter([{"branches": 100, "behind": 0, "lakeFS calls": 1, "jobs calls": 4}]),
        "webhook": ({"what": what, "p50 ms": 2.0} for what in ("bare application", "a run to start")),
        "hook_worker": ({"what": what, "p50 ms": 3.0} for what in ("bare request", "hook, token")),
        "cold_starts": cold_starts(),
    }
    return {
        name: Result(
            name=name,
            title=name,
            against="nothing",
            rows=tuple(each),
            surroundings=AROUND,
            made={"command": f"python benchmarks/suite.py --full {name}", "sizes": {}, "seconds": 3},
        )
        for name, each in rows.items()
    }


def finding_changes() -> Iterator[dict[str, Any]]:
    usual = {"objects a table": 20, "changed %": 10, "objects written": "all"}
    for number, way in enumerate(WAYS, start=1):
        for layout in ("flat", "nested"):
            for tables in (100, 1000):
                yield {"layout": layout, "tables": tables, **usual, "way": way, "calls": number * tables}
        yield {"layout": "flat", "tables": 100, **usual, "objects a table": 200, "way": way, "calls": number}
        yield {"layout": "nested", "tables": 1000, **usual, "changed %": 50, "way": way, "calls": number}


def many_tables() -> Iterator[dict[str, Any]]:
    for task, tables in (("imports alone", 0), ("page 1", 500), ("one table changed", 1)):
        yield {"list task": task, "tables": tables, "seconds": 2.0}


def clone_tables() -> Iterator[dict[str, Any]]:
    for files in (10, 20_000):
        for together in (1, 4):
            for when in ("first", "again", "nothing to do"):
                for kind in ("bare clone", "clone_tables"):
                    if (when, kind) != ("nothing to do", "bare clone"):
                        row = {"files": files, "at a time": together, "when": when, "clone": kind}
                        yield {**row, "seconds": 1.0, "ratio": 1.0}


def clone_requests() -> Iterator[dict[str, Any]]:
    for files in (10, 1000):
        for when in ("first", "again", "nothing to do"):
            for kind in ("bare clone", "clone_tables"):
                if (when, kind) != ("nothing to do", "bare clone"):
                    row = {"files": files, "when": when, "clone": kind}
                    yield {**row, "lakeFS requests": 10, "target requests": 20, "requests": 30}


def clone_methods() -> Iterator[dict[str, Any]]:
    for files in (10, 100_000):
        for when in ("first", "again"):
            for number, kind in enumerate(("bare clone", "shallow", "storage", "deep")):
                if kind != "deep" or files == 10:  # the largest are not copied
                    yield {"files": files, "when": when, "clone": kind, "seconds": 2.0, "ratio": 1.0 + number}


def registration() -> Iterator[dict[str, Any]]:
    for versions in (1, 1000):
        for when in ("first", "again"):
            for way in ("bare statement", "ours"):
                yield {"versions": versions, "when": when, "way": way, "seconds": 0.5}


def whole_export() -> Iterator[dict[str, Any]]:
    tasks = ("list_changed_tables", "record_export", "clone_tables, one table", "register_tables, one table")
    for when in ("first", "again"):
        for task in (*tasks, "the whole run"):
            yield {"task": task, "when": when, "tables": 20, "seconds": 2.0}


def burst() -> Iterator[dict[str, Any]]:
    for snapshot, seconds in (("commit", 90.0), ("latest", 30.0)):
        yield {"snapshot": snapshot, "commits": 100, "seconds": seconds}


def cold_starts() -> Iterator[dict[str, Any]]:
    for name in ("Python alone", "list_changed_tables", "record_export"):
        yield {"entry point": name, "import seconds": 1.0, "peak MB": 60.0}
