"""What the model of a workspace takes for given: each number with its unit, and how it is known."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from results import Result


class Kind(StrEnum):
    """How a constant is known."""

    DOCUMENTED = "documented"
    REPORTED = "reported"
    MEASURED = "measured"
    ASSUMED = "assumed"


def known(value: float, unit: str, kind: Kind, source: str) -> Any:
    """A constant with what it is of, and how it is known."""
    return field(default=value, metadata={"unit": unit, "kind": kind, "source": source})


_PERFORMANCE_MODES = "docs.databricks.com, compute/serverless/performance-modes"
_WAREHOUSE_TYPES = "docs.databricks.com, admin/sql/warehouse-types"
_POOLS = "docs.databricks.com, clusters/instance-pools"
LIST_TASK, RECORD_TASK = "list_changed_tables", "record_export"
_MEASURED_TASKS = {
    "list_seconds": LIST_TASK,
    "record_seconds": RECORD_TASK,
    "clone_seconds": "clone_tables, one table",
    "register_seconds": "register_tables, one table",
}
_LIST = "list price, AWS, premium, as databrickspricing.pages.dev has it (April 2026)"


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Everything that the model takes for given. Times are in seconds, prices in US dollars.

    Raises ValueError for a number below 0, or none, and for a concurrency or a page of less than one table.
    """

    serverless_start: float = known(
        40, "s", Kind.DOCUMENTED, f"typically less than a minute (performance-optimized): {_PERFORMANCE_MODES}"
    )
    job_cluster_start: float = known(
        300, "s", Kind.REPORTED, "3 to 8 minutes in public reports, such as NVIDIA/cudf-spark 15352 (5.5 to 7.5)"
    )
    pool_start: float = known(
        60, "s", Kind.REPORTED, "typically under 60 seconds with a preloaded runtime, in public reports"
    )
    warehouse_start: float = known(
        6, "s", Kind.DOCUMENTED, f"serverless: typically between 2 and 6 seconds: {_WAREHOUSE_TYPES}"
    )
    warehouse_stop: float = known(
        600,
        "s",
        Kind.REPORTED,
        "a setting of the warehouse; databrickslabs.github.io/brickster advises 10 minutes for a serverless one",
    )
    iteration_start: float = known(3, "s", Kind.ASSUMED, "what a job adds to each iteration of a for-each task")
    list_seconds: float = known(3, "s", Kind.MEASURED, "list_changed_tables on the local stack, imports included")
    record_seconds: float = known(2.5, "s", Kind.MEASURED, "record_export on the local stack, imports included")
    clone_seconds: float = known(1.5, "s", Kind.MEASURED, "a small table in clone_tables on the local stack")
    register_seconds: float = known(1.2, "s", Kind.MEASURED, "a table in register_tables on the local stack")
    clone_concurrency: float = known(4, "tables", Kind.DOCUMENTED, "clone_concurrency in databricks.yml")
    register_concurrency: float = known(8, "tables", Kind.DOCUMENTED, "register_concurrency in databricks.yml")
    tables_a_run: float = known(
        489, "tables", Kind.MEASURED, "what fits into a task value of 48 KB: names of 24 characters, paths of 31"
    )
    instance_price: float = known(
        0.312,
        "$/h",
        Kind.REPORTED,
        "one i3.xlarge on demand, as gist.github.com/ebekker/dcf12108d25e3d108a3bcf16f3b69083 lists it",
    )
    node_dbus: float = known(1, "DBU/h", Kind.ASSUMED, "one i3.xlarge; the price calculator of Databricks tells it")
    jobs_price: float = known(0.15, "$/DBU", Kind.REPORTED, f"jobs compute, {_LIST}")
    all_purpose_price: float = known(0.55, "$/DBU", Kind.REPORTED, f"all-purpose compute, {_LIST}")
    serverless_price: float = known(0.37, "$/DBU", Kind.REPORTED, f"serverless jobs, {_LIST}")
    serverless_dbus: float = known(2, "DBU/h", Kind.ASSUMED, "a task without Spark; system.billing.usage tells yours")
    warehouse_price: float = known(0.70, "$/DBU", Kind.REPORTED, f"serverless SQL, {_LIST}")
    warehouse_dbus: float = known(4, "DBU/h", Kind.DOCUMENTED, "2X-Small: docs.databricks.com, resources/pricing")
    pool_idle_dbus: float = known(
        0, "DBU/h", Kind.DOCUMENTED, f"none for idle instances, billed by the cloud: {_POOLS}"
    )

    def __post_init__(self) -> None:
        for name, value in self.values().items():
            least = 1 if name.endswith("_concurrency") or name == "tables_a_run" else 0
            if not (math.isfinite(value) and value >= least):
                raise ValueError(f"{name} is to be a number from {least} on, not {value}")

    def values(self) -> dict[str, float]:
        """Every constant by its name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def measured(self, results: Mapping[str, Result]) -> "Workspace":
        """The same with what these results measured of a run's parts, those of the local stack."""
        values = dict[str, float]()
        if "whole_export" in results:
            seconds = {str(row["task"]): float(row["seconds"]) for row in results["whole_export"].where(when="again")}
            values |= {name: seconds[task] for name, task in _MEASURED_TASKS.items()}
        if {"whole_export", "cold_starts"} <= results.keys():  # there the libraries of a task are imported already
            for name, entry_point in (("list_seconds", LIST_TASK), ("record_seconds", RECORD_TASK)):
                (row,) = results["cold_starts"].where(**{"entry point": entry_point})
                values[name] += float(row["import seconds"])
        if "many_tables" in results:
            values["tables_a_run"] = max(float(row["tables"]) for row in results["many_tables"].rows)
        return self.changed(values)

    def changed(self, values: Mapping[str, float]) -> "Workspace":
        """The same with other numbers. Raises ValueError for a name that there is not, and for an impossible number."""
        if unknown := values.keys() - self.values().keys():
            raise ValueError(
                f"there is no constant {', '.join(sorted(unknown))}; there are: {', '.join(self.values())}"
            )
        return replace(self, **values)
