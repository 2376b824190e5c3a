"""What a look of the job reconcile costs: calls to lakeFS and to Unity Catalog, by the number of branches.

    python benchmarks/reconcile_calls.py [--branches 1 10 100]

Over loopback HTTP, on lakeFS's stand-in and the embedded Unity Catalog, or the real ones that are configured. Each
number of branches is looked at three times: all exported up to their heads; one of them behind; none exported yet.
"""

import argparse
import io
import time

from rich.console import Console
from rich.table import Table
from services import CATALOG, REPOSITORY, Services, StartedRuns, started_services

from lakefs_unity_export.export_state import ExportState, with_state
from lakefs_unity_export.ports import Commit
from lakefs_unity_export.reconcile import ReconcileRequest, reconcile
from lakefs_unity_export.schema_properties import CREATED_BY

DESCRIPTOR = b"name: orders\ntype: delta\npath: tables/orders\n"


def look(services: Services, branches: str) -> tuple[int, int, int, float]:
    """Calls to lakeFS, calls to Unity Catalog, runs started, and seconds."""
    request = ReconcileRequest(
        repositories=REPOSITORY,
        branches=branches,
        lakefs_endpoint=services.lakefs.endpoint_url,
        secret_scope="unused",  # noqa: S106, no secret
        catalog=CATALOG,
        export_job_id="1",
        run_id="1",
    )
    reader, catalog, runs = services.reader, services.catalog, StartedRuns()
    services.calls.clear()
    started = time.monotonic()
    reconcile(request, lambda _: reader, catalog, runs, io.StringIO())
    seconds = time.monotonic() - started
    return services.calls["lakeFS"], services.calls["Unity Catalog"], len(runs.started), seconds


def exported(services: Services, branch: str, commit: Commit) -> None:
    """Make the branch's schema, as an export up to the commit leaves it."""
    state = ExportState(watermark=commit, catalogs=(CATALOG,))
    properties = with_state(dict([CREATED_BY]), state, repository=REPOSITORY, branch=branch)
    if services.catalog.schema_properties(CATALOG, branch) is None:
        services.catalog.create_schema(CATALOG, branch, properties)
    else:
        services.catalog.set_schema_properties(CATALOG, branch, properties)


def measure(services: Services, count: int, rows: Table) -> None:
    """The three looks at this many branches, which are all at one commit."""
    head = services.reader.commit("main")
    names = [f"b{count}_{number}" for number in range(count)]
    for name in names:
        services.repository.branch(name).create("main")
    cases: dict[str, dict[str, Commit]] = {"none exported yet": {}, "all at their heads": dict.fromkeys(names, head)}
    cases["one behind"] = {names[0]: Commit(id="c0ffee" * 4, generation=1)}
    for case, watermarks in cases.items():
        for name, commit in watermarks.items():
            exported(services, name, commit)
        lakefs_calls, catalog_calls, runs, seconds = look(services, f"b{count}_*")
        rows.add_row(str(count), case, str(lakefs_calls), str(catalog_calls), str(runs), f"{seconds:.2f}")


def main() -> None:
    """Print one row for each number of branches and each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--branches", type=int, nargs="+", default=[1, 10, 100])
    rows = Table("branches", "case", "calls to lakeFS", "calls to Unity Catalog", "runs started", "seconds")
    with started_services() as services:
        services.commit({"_lakefs_tables/orders.yaml": DESCRIPTOR})
        for count in parser.parse_args().branches:
            measure(services, count, rows)
    Console().print(rows)


if __name__ == "__main__":
    main()
