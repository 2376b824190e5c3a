"""What it takes to find the tables that a commit changed: our reading of the diff, beside all of it.

    python benchmarks/finding_changes.py [--short]

The whole diff is read in pages of 100, as the API gives them where nobody asks for more, and of 1,000. All ways use the
same plain client, and have to find the same tables. A changed table has all of its objects written anew, or three of
them, as an append does. The server has compared the two commits before the first way is measured.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lakefs_api import LakeFSApi
from lakefs_servers import BRANCH, Server, running_lakefs
from results import Result, Row, print_result
from side_by_side import medians, side_by_side, timed
from surroundings import surroundings

from lakefs_unity_export.commit.changes import find_changes
from lakefs_unity_export.ports import DiffReader
from local_stack.demo.repository import Repository, demo_repository

FOLDER = "_lakefs_tables"
OURS, WHOLE_1000, WHOLE_100 = "ours", "whole diff, 1,000 a page", "whole diff, 100 a page"
WAYS = (OURS, WHOLE_1000, WHOLE_100)
ALL_OBJECTS = "all"
APPENDED = 3


@dataclass(frozen=True, kw_only=True)
class Case:
    """A repository and the commit that changes it. `changed` is a percentage of the tables."""

    tables: int
    objects: int = 20
    changed: int = 10
    layout: str = "flat"
    written: str = ALL_OBJECTS

    def paths(self) -> list[str]:
        """The tables' paths: all in one folder, or in two levels of folders, alike on each."""
        if self.layout == "flat":
            return [f"tables/sales_{number:05}" for number in range(self.tables)]
        width = max(1, round(self.tables ** (1 / 3)))
        return [
            f"lake/region_{number % width:02}/area_{number // width % width:02}/sales_{number:05}"
            for number in range(self.tables)
        ]

    def changed_paths(self) -> list[str]:
        """The tables that the commit changes, evenly spread."""
        paths = self.paths()
        return paths[:: max(1, 100 // self.changed)]

    def objects_of(self, path: str) -> list[str]:
        """The paths of a table's objects."""
        return [f"{path}/day={number // 100:03}/part-{number:05}.parquet" for number in range(self.objects)]

    def written_to(self, path: str) -> list[str]:
        """The objects that the commit writes of a table that it changes."""
        objects = self.objects_of(path)
        return objects if self.written == ALL_OBJECTS else objects[-APPENDED:]


SHORT = (Case(tables=10), Case(tables=1000), Case(tables=1000, layout="nested"), Case(tables=100, objects=200))
FULL = (
    *(Case(tables=tables) for tables in (10, 100, 1000, 10_000)),
    *(Case(tables=100, objects=objects) for objects in (200, 2000)),
    *(Case(tables=1000, changed=changed) for changed in (1, 50)),
    Case(tables=1000, written=str(APPENDED)),
    *(Case(tables=tables, layout="nested") for tables in (10, 100, 1000, 10_000)),
    *(Case(tables=1000, changed=changed, layout="nested") for changed in (1, 50)),
)


def measure(cases: tuple[Case, ...], *, rounds: int) -> Result:
    """Each case in a repository of its own, on the server that is configured, or on a stand-in."""
    around = surroundings()
    rows = list[Row]()
    with tempfile.TemporaryDirectory() as folder, running_lakefs(Path(folder)) as server:
        for case in cases:
            with demo_repository(server.lakefs) as repository:
                rows += _measured(case, server, repository, rounds)
        against = server.against
    return Result(
        name="finding_changes",
        title="Finding the tables that a commit changed",
        against=against,
        rows=tuple(rows),
        notes=("A ratio is that of the seconds to ours. One client for all ways; a server's work is in the seconds.",),
        surroundings=around,
    )


def _measured(case: Case, server: Server, repository: Repository, rounds: int) -> Iterator[Row]:
    commits = _commits(case, server, repository)
    api, found = LakeFSApi(server.lakefs), dict[str, frozenset[str]]()
    actions: dict[str, Callable[[], None]] = {
        way: _action(way, case, api, (repository.name, *commits), found) for way in WAYS
    }
    cost = {way: _traffic(api, action) for way, action in actions.items()}
    seconds = medians(side_by_side({way: timed(action) for way, action in actions.items()}, rounds=rounds))
    if set(found.values()) != {frozenset(case.changed_paths())}:
        raise RuntimeError(f"{case}: not every way found the tables that changed")
    for way in WAYS:
        calls, received = cost[way]
        yield {
            "layout": case.layout,
            "tables": case.tables,
            "objects a table": case.objects,
            "changed %": case.changed,
            "objects written": case.written,
            "way": way,
            "calls": calls,
            "KB": received / 1000,
            "seconds": seconds[way],
            "ratio": seconds[way] / seconds[OURS],
        }


def _commits(case: Case, server: Server, repository: Repository) -> tuple[str, str]:
    """The commits before and after the change."""
    everything = [path for table in case.paths() for path in case.objects_of(table)]
    server.write(repository, everything, b"1", is_one_file=True)
    before = repository.commit(BRANCH, "Before")
    changed = [path for table in case.changed_paths() for path in case.written_to(table)]
    server.write(repository, changed, b"2", is_one_file=True)
    return before, repository.commit(BRANCH, "After")


def _action(
    way: str, case: Case, api: LakeFSApi, diff: tuple[str, str, str], found: dict[str, frozenset[str]]
) -> Callable[[], None]:
    """One reading by this way, which tells what it found."""
    reader = api.diff_reader(*diff, amount=100 if way == WHOLE_100 else 1000)
    tables = case.paths()

    def read() -> None:
        if way == OURS:
            found[way] = find_changes(reader, table_paths=tables, folder=FOLDER).table_paths
        else:
            found[way] = _by_whole_diff(reader, frozenset(tables))

    return read


def _by_whole_diff(read_page: DiffReader, tables: frozenset[str]) -> frozenset[str]:
    """The tables that hold a changed object, from every page of the diff."""
    changed, after = set[str](), ""
    while True:
        page = read_page(prefix="", after=after, delimiter="")
        for entry in page.entries:
            parts = entry.path.split("/")
            changed |= tables & {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        if not page.has_more:
            return frozenset(changed)
        after = page.entries[-1].path


def _traffic(api: LakeFSApi, action: Callable[[], None]) -> tuple[int, int]:
    """Calls and bytes of one reading; the first, so that the server knows the diff afterwards."""
    calls, received = api.traffic.calls, api.traffic.received
    action()
    return api.traffic.calls - calls, api.traffic.received - received


def main() -> None:
    """Measure, and print the figures side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer and smaller repositories")
    short = parser.parse_args().short
    print_result(measure(SHORT if short else FULL, rounds=3 if short else 5))


if __name__ == "__main__":
    main()
