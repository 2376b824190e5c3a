"""What the task list_changed_tables takes for a commit of many tables: pages, seconds and memory, page by page.

    python benchmarks/many_tables.py [--tables 2000]

The task runs as in the job, in a process of its own for each page, over loopback HTTP on lakeFS's stand-in and the
embedded Unity Catalog, or the real ones that are configured. Its memory stands beside that of a process which only
imports it. Clones and registrations are left out: record_export is told that they ended well.
"""

import argparse
import io
import json
import resource
import subprocess
import sys
import time
from typing import Any

from rich.console import Console
from rich.table import Table
from services import CATALOG, REPOSITORY, Services, StartedRuns, started_services

from lakefs_unity_export.export_request import Request
from lakefs_unity_export.list_changed_tables import hand_over, list_changed_tables
from lakefs_unity_export.record_export import Record, record_export
from local_stack.lakefs import LakeFS


class KeptValues:
    """Keeps task values."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def set(self, key: str, value: Any) -> None:
        """As the port."""
        self.values[key] = value


def peak_megabytes() -> float:
    """The most memory that this process has had resident, in megabytes (1,000,000 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def list_page(services: Services, parameters: dict[str, str]) -> dict[str, Any]:
    """One page as the task lists it, and what it took."""
    started = time.monotonic()
    request = Request(
        lakefs_endpoint=services.lakefs.endpoint_url,
        secret_scope="unused",  # noqa: S106, no secret
        catalog=CATALOG,
        target_base_location="s3://bucket/exports",
        job_id="1",
        run_id="1",
        **parameters,
    )
    values, said, unity_catalog = KeptValues(), io.StringIO(), services.catalog
    listing = list_changed_tables(request, services.reader, unity_catalog, said)
    hand_over(listing, values, unity_catalog, StartedRuns(), said)
    return {
        "seconds": time.monotonic() - started,
        "megabytes": peak_megabytes(),
        "tables": values.values["table_count"],
        "bytes": len(json.dumps(values.values["tables"])),
        "record": values.values["record"],
    }


def in_a_process(services: Services, parameters: dict[str, str] | None) -> dict[str, Any]:
    """A page as another process lists it, or what importing alone takes."""
    lake = services.lakefs
    given = {
        "lakefs": [lake.endpoint_url, lake.s3_endpoint_url, lake.access_key_id, lake.secret_access_key],
        "unity_catalog": [services.unity_catalog_url, services.unity_catalog_token],
        "parameters": parameters,
    }
    command = [sys.executable, __file__, "--page"]
    done = subprocess.run(command, input=json.dumps(given), text=True, check=True, stdout=subprocess.PIPE)
    return dict(json.loads(done.stdout))


def page_process() -> None:
    """What a process of `in_a_process` does."""
    given = json.load(sys.stdin)
    endpoint, gateway, key, secret = given["lakefs"]
    lake = LakeFS(
        endpoint_url=endpoint,
        s3_endpoint_url=gateway,
        access_key_id=key,
        secret_access_key=secret,
        kind="server",
        stop=lambda: None,
    )
    if given["parameters"] is None:
        print(json.dumps({"megabytes": peak_megabytes()}))
    else:
        print(json.dumps(list_page(Services(lake, *given["unity_catalog"]), given["parameters"])))


def measure(services: Services, tables: int, rows: Table) -> None:
    """Export a commit of this many tables, page by page."""
    paths = [f"warehouse/sales/region_{number % 40:02}/table_{number:05}" for number in range(tables)]
    services.commit(
        {
            f"_lakefs_tables/{path.replace('/', '-')}.yaml": f"name: {path[-11:]}\ntype: delta\npath: {path}\n".encode()
            for path in paths
        }
    )
    rows.add_row("import alone", "", "", "", f"{in_a_process(services, None)['megabytes']:.0f}")
    parameters, number, seconds, listed = {"repository": REPOSITORY, "branch": "main"}, 0, 0.0, 0
    while parameters:
        page = in_a_process(services, parameters)
        number, seconds, listed = number + 1, seconds + page["seconds"], listed + page["tables"]
        cells = str(page["tables"]), f"{page['bytes']:,}", f"{page['seconds']:.1f}", f"{page['megabytes']:.0f}"
        rows.add_row(f"page {number}", *cells)
        following = StartedRuns()
        record_export(Record.model_validate_json(page["record"]), services.catalog, following, io.StringIO())
        parameters = following.started[0] if following.started else {}
    rows.add_row(f"{number} pages", str(listed), "", f"{seconds:.1f}", "")


def main() -> None:
    """Print one row for each page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=2000)
    parser.add_argument("--page", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.page:
        page_process()
        return
    rows = Table("", "tables", "bytes of the list", "seconds", "megabytes at most")
    with started_services() as services:
        measure(services, arguments.tables, rows)
    Console().print(rows)


if __name__ == "__main__":
    main()
