"""What one run of the job reconcile asks of lakeFS, Unity Catalog and the jobs API, by the number of branches.

    python benchmarks/reconcile_calls.py [--branches 1 10 100]

It asks the local stack's servers over HTTP, where calls are counted. Every branch is exported before; then one of them
gets a commit. Prints calls and seconds for both.
"""

import argparse
import io
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from http_calls import JOBS, LAKEFS, OTHER, UNITY_CATALOG, counted_calls
from pretended_exports import CATALOG, Installation, installation
from results import Result, Row, print_result
from surroundings import surroundings

from lakefs_unity_export.servers.workspace import WorkspaceExportRuns, WorkspaceUnityCatalog
from lakefs_unity_export.tasks.reconcile import ReconcileRequest, reconcile

SERVICES = (LAKEFS, UNITY_CATALOG, JOBS, OTHER)
DESCRIPTOR = b"name: orders\ntype: delta\npath: tables/orders\n"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one reconcile took: its calls by service, and how many branches it looked at and runs it started."""

    calls: Counter[str]
    seconds: float
    branches: int
    started: int


def measure(branches: list[int]) -> Result:
    """One reconcile over each number of branches, with none of them behind and with one."""
    around, rows = surroundings(), list[Row]()
    with tempfile.TemporaryDirectory() as folder, installation(Path(folder)) as servers:
        servers.repository.upload("main", {"_lakefs_tables/orders.yaml": DESCRIPTOR})
        _commit(servers, "0")
        servers.export("main")
        _reconciled(servers, "warm-up")
        for count in sorted(branches):
            _make_branches(servers, count)
            rows += [_row(servers, count, behind) for behind in (0, 1)]
            servers.export("main")
        kind = servers.lakefs.kind
    return Result(
        name="reconcile_calls",
        title="HTTP calls of one reconcile",
        against=f"lakeFS: {kind}; workspace and Unity Catalog: stand-ins",
        rows=tuple(rows),
        notes=(
            "A call named other is the Databricks SDK's own, for what its host is. Seconds are those of one reconcile.",
        ),
        surroundings=around,
    )


def _row(servers: Installation, count: int, behind: int) -> Row:
    if behind:
        _commit(servers, str(count))
    cost = _reconciled(servers, f"{count}-{behind}")
    if (cost.branches, cost.started) != (count, behind):
        raise RuntimeError(f"{behind} of {count} branches are behind, but: {cost}")
    calls = {f"{service} calls": cost.calls[service] for service in SERVICES}
    return {"branches": count, "behind": behind, **calls, "seconds": cost.seconds}


def main() -> None:
    """Measure, and print the figures side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--branches", type=int, nargs="+", default=[1, 10, 100], help="default: 1 10 100")
    print_result(measure(parser.parse_args().branches))


def _make_branches(servers: Installation, count: int) -> None:
    """Branches beside main, that many with it, each of them exported."""
    present = servers.lakefs_client().branches()
    for number in range(len(present), count):
        servers.repository.create_branch(f"feature-{number}", "main")
        servers.export(f"feature-{number}")


def _commit(servers: Installation, content: str) -> None:
    servers.repository.upload("main", {"tables/orders/part": content.encode()})
    servers.repository.commit("main", f"Rows {content}")


def _reconciled(servers: Installation, run_id: str) -> Cost:
    """One reconcile with clients of its own, as in a task."""
    request = ReconcileRequest(
        repositories=servers.repository.name,
        lakefs_endpoint=servers.lakefs.endpoint_url,
        secret_scope="lakefs",  # noqa: S106, a scope's name
        catalog=CATALOG,
        export_job_id=servers.job_id,
        run_id=run_id,
    )
    started = time.monotonic()
    with counted_calls() as calls:
        client = servers.client()
        runs = WorkspaceExportRuns(client, request.export_job_id)
        reports = reconcile(
            request, lambda _: servers.lakefs_client(), WorkspaceUnityCatalog(client), runs, io.StringIO()
        )
    seconds = time.monotonic() - started
    started_runs = sum(report.run_id is not None for report in reports)
    return Cost(calls=Counter(calls), seconds=seconds, branches=len(reports), started=started_runs)


if __name__ == "__main__":
    main()
