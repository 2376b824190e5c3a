"""What the task list_changed_tables takes where one commit changes very many tables: pages, seconds, peak memory.

    python benchmarks/many_tables.py [--tables 2000] [--rounds 3] [--pages 5]

The task runs in a process of its own for each page, and asks the local stack's servers over HTTP; its tables are then
registered, but not cloned, and the task record_export starts the next page. Prints a line for each page, with the size
of the task value that holds its tables, beside a process that only imports the task's module; then one for commits that
change one of the tables. With `--pages`, no more than these are done, out of as many as it takes.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from http_calls import LAKEFS, UNITY_CATALOG
from pretended_exports import Installation, installation
from results import Result, Row, print_result
from surroundings import surroundings

LIST_TASK = Path(__file__).with_name("list_task.py")
UPLOADS_AT_A_TIME = 4
UPLOADS = 100


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What one list task took, with peak memory in MB and calls by service, and the task values it left.

    The seconds are from the start of the import, `import_seconds` of it.
    """

    import_seconds: float
    seconds: float
    megabytes: float
    calls: dict[str, int]
    values: dict[str, Any]


def measure(tables: int, rounds: int, pages: int = 0) -> Result:
    """The list task of every page of that many tables, or of the first `pages`, beside its imports alone.

    Then, where all pages were done, that of `rounds` commits that change one table. Raises ValueError for no tables.
    """
    if tables < 1 or rounds < 1:
        raise ValueError(f"at least 1 table and 1 round are measured, not {tables} and {rounds}")
    around = surroundings()
    with tempfile.TemporaryDirectory() as folder, installation(Path(folder)) as servers:
        _commit_descriptors(servers, tables)
        imports = [_list(servers, {}) for _ in range(rounds)]
        taken = {"imports alone": imports}
        taken |= {f"page {number}": [page] for number, page in enumerate(_pages(servers, pages), start=1)}
        if not pages:
            taken["one table changed"] = [_change_one(servers, tables, number) for number in range(rounds)]
        kind = servers.lakefs.kind
    return Result(
        name="many_tables",
        title=f"list_changed_tables with {tables:,} tables in one commit",
        against=f"lakeFS: {kind}; workspace and Unity Catalog: stand-ins",
        rows=tuple(_row(what, listed, imports) for what, listed in taken.items()),
        notes=(
            "A process of its own for each. Medians; a ratio is that of the peak memory to that of the imports alone.",
        ),
        surroundings=around,
    )


def _change_one(servers: Installation, tables: int, number: int) -> Listed:
    """The list task after a commit that changes one table, whose export is then finished."""
    servers.repository.upload("main", {f"tables/{_names(tables)[0]}/part": str(number).encode()})
    servers.repository.commit("main", f"Change {number}")
    listed = _list(servers, servers.task_parameters(branch="main"))
    if len(listed.values["tables"]) != 1:
        raise RuntimeError(f"one table changed, and {len(listed.values['tables'])} are listed")
    servers.finish("main", listed.values)
    return listed


def _row(what: str, listed: Sequence[Listed], imports: Sequence[Listed]) -> Row:
    first = listed[0]
    tables = first.values.get("tables", [])
    calls = {f"{service} calls": first.calls.get(service, 0) for service in (LAKEFS, UNITY_CATALOG)}
    megabytes = statistics.median(each.megabytes for each in listed)
    return {
        "list task": what,
        "tables": len(tables),
        "bytes a table": len(json.dumps(tables)) / len(tables) if tables else 0.0,
        "seconds": statistics.median(each.seconds for each in listed),
        "besides imports": statistics.median(each.seconds - each.import_seconds for each in listed),
        "peak MB": megabytes,
        "ratio": megabytes / statistics.median(each.megabytes for each in imports),
        **calls,
    }


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tables", type=int, default=2000, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="commits that change one table (default: %(default)s)")
    parser.add_argument("--pages", type=int, default=0, help="how many to measure; all by default")
    arguments = parser.parse_args()
    print_result(measure(arguments.tables, arguments.rounds, arguments.pages))


def _commit_descriptors(servers: Installation, tables: int) -> None:
    """A commit with that many tables. A first export looks at descriptors alone."""
    text = "name: {0}\ntype: delta\npath: tables/{0}\n"
    files = [(f"_lakefs_tables/{name}.yaml", text.format(name).encode()) for name in _names(tables)]
    parts = [dict(files[start : start + UPLOADS]) for start in range(0, tables, UPLOADS)]
    with ThreadPoolExecutor(UPLOADS_AT_A_TIME) as pool:
        list(pool.map(lambda part: servers.repository.upload("main", part), parts))
    servers.repository.commit("main", f"{tables} tables")


def _names(tables: int) -> list[str]:
    return [f"sales_of_the_store_{number:05}" for number in range(tables)]


def _pages(servers: Installation, at_most: int) -> list[Listed]:
    """The list task of each page, from the run for the commit to the one that moves the watermark."""
    pages = list[Listed]()
    job_parameters = {"branch": "main"}
    while job_parameters and len(pages) < (at_most or sys.maxsize):
        pages.append(_list(servers, servers.task_parameters(**job_parameters)))
        print(f"page {len(pages)}: {pages[-1].values['table_count']} tables", file=sys.stderr, flush=True)
        job_parameters = servers.finish("main", pages[-1].values)
    return pages


def _list(servers: Installation, parameters: dict[str, str]) -> Listed:
    """The list task in its own process. Raises RuntimeError with what it printed where it fails."""
    secrets = {
        "lakefs-access-key-id": servers.lakefs.access_key_id,
        "lakefs-secret-access-key": servers.lakefs.secret_access_key,
    }
    workspace = {"host": servers.workspace.url, "token": servers.workspace.token}
    given = json.dumps({"parameters": parameters, "secrets": secrets, "workspace": workspace})
    ended = subprocess.run([sys.executable, LIST_TASK], input=given, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"the list task failed:\n{ended.stderr}")
    return Listed(**json.loads(ended.stdout))


if __name__ == "__main__":
    main()
