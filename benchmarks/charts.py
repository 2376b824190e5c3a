"""Draws results and the model as SVG: the same file for the same figures, so that only what changed shows in a diff.

Axes are named with their units, colours are few and can be told apart by those who see no red or green, and the ground
is white whatever lies behind.
"""

import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from assumptions import Workspace
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from model import Compute, Load, Outcome, Snapshot, outcome
from results import Result, Row

FOLDER = Path(__file__).with_name("charts")
COLOURS = BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#777777"
SETTINGS: Any = {
    # Without these, an SVG has the day in it, and names that are new each time.
    "svg.hashsalt": "lakefs-unity-export",
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
NO_DATE = {"Date": None, "Creator": None}
COMMITS_AN_HOUR = (1, 4, 8, 30)
TABLES_A_COMMIT = 10
_OF_COMPUTE = {Compute.JOB_CLUSTER: BLUE, Compute.POOL: ORANGE, Compute.RUNNING: GREY}
_OF_SNAPSHOT: Mapping[Snapshot, dict[str, Any]] = {
    Snapshot.COMMIT: {"linestyle": "--", "marker": "o", "markerfacecolor": "white"},
    Snapshot.LATEST: {"linestyle": "-", "marker": "o"},
}


def drawn(results: Mapping[str, Result]) -> dict[str, str]:
    """The SVG of each chart whose results there are, by the name of its file; that of the model always."""
    with mpl.rc_context(SETTINGS):
        charts = {"latency_and_cost": latency_and_cost(Workspace().measured(results))}
        charts |= {name: draw(results[name]) for name, draw in OF_RESULTS.items() if name in results}
        return {f"{name}.svg": _svg(figure) for name, figure in charts.items()}


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=NO_DATE)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def latency_and_cost(workspace: Workspace) -> Figure:
    """Latency against cost, for each compute and snapshot, by commits an hour; without where commits fall behind."""
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.subplots()
    for compute in Compute:
        for snapshot in Snapshot:
            points = _points(compute, snapshot, workspace)
            axes.plot(
                [found.dollars_a_day for _, found in points],
                [found.p95_latency / 60 for _, found in points],
                color=_OF_COMPUTE[compute],
                label=f"{compute}, {snapshot}",
                **_OF_SNAPSHOT[snapshot],
            )
            if snapshot is Snapshot.LATEST:
                _name_commits(axes, points, _OF_COMPUTE[compute])
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_yticks([1, 2, 5, 10, 20, 50, 100])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlim(left=0)
    axes.set_xlabel("US dollars a day, warehouse included")
    axes.set_ylabel("minutes within which 95 % of commits\nshow in Unity Catalog")
    _entitle(figure, f"Modelled: {TABLES_A_COMMIT} tables a commit; the numbers are commits an hour")
    figure.legend(loc="outside right center", title="clones on, snapshot", alignment="left")
    return figure


def _points(compute: Compute, snapshot: Snapshot, workspace: Workspace) -> list[tuple[int, Outcome]]:
    found = [
        (commits, outcome(Load(commits_an_hour=commits, tables=TABLES_A_COMMIT), compute, snapshot, workspace))
        for commits in COMMITS_AN_HOUR
    ]
    return [(commits, each) for commits, each in found if not each.is_behind]


def _name_commits(axes: Any, points: Iterable[tuple[int, Outcome]], colour: str) -> None:
    for commits, found in points:
        place = (found.dollars_a_day, found.p95_latency / 60)
        axes.annotate(f"{commits}", place, xytext=(0, -13), textcoords="offset points", color=colour, ha="center")


def finding_changes(result: Result) -> Figure:
    """Calls by the number of tables, in one folder and in many, by the number of objects, and by the share changed."""
    usual: dict[str, Any] = {"changed %": 10, "objects written": "all"}
    small = usual | {"objects a table": 20}
    panels = (
        ("tables in one folder", "tables", result.where(layout="flat", **small)),
        ("tables in many folders", "tables", result.where(layout="nested", **small)),
        ("objects of each of 100 tables", "objects a table", result.where(layout="flat", tables=100, **usual)),
        ("% of 1,000 tables in many folders", "changed %", _nested_by_share(result)),
    )
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    for axes, (name, column, rows) in zip(figure.subplots(1, len(panels), sharey=True), panels, strict=True):
        for way, colour in zip(_in_order(rows, "way"), COLOURS, strict=True):
            of_way = sorted((row[column], row["calls"]) for row in rows if row["way"] == way)
            axes.plot(*zip(*of_way, strict=True), color=colour, marker="o", label=way)
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            axis.set_minor_locator(NullLocator())
        axes.set_xticks(sorted(_in_order(rows, column)))
        axes.set_xlabel(name)
    figure.axes[0].set_ylabel("calls of lakeFS's API")
    _entitle(figure, "Finding the changed tables: 10 % of the tables written anew, where it is not said otherwise")
    _legend_below(figure)
    return figure


def _nested_by_share(result: Result) -> list[Row]:
    usual: dict[str, Any] = {"objects a table": 20, "objects written": "all"}
    return result.where(layout="nested", tables=1000, **usual)


def clone_tables(result: Result) -> Figure:
    """Seconds of an iteration as a multiple of a bare clone's, by the number of files and how many run at a time."""
    files, together = _in_order(result.rows, "files"), _in_order(result.rows, "at a time")
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    panels = {"first": "cloned for the first time", "again": "cloned again", "nothing to do": "nothing to do"}
    width = 0.8 / len(together)
    for axes, (when, words) in zip(figure.subplots(1, len(panels), sharey=True), panels.items(), strict=True):
        for number, (count, colour) in enumerate(zip(together, COLOURS[: len(together)], strict=True)):
            rows = result.where(**{"when": when, "clone": "clone_tables", "at a time": count})
            places = [files.index(row["files"]) + (number - (len(together) - 1) / 2) * width for row in rows]
            axes.bar(places, [row["ratio"] for row in rows], width, color=colour, label=f"{count} at a time")
        axes.axhline(1, color="black", linewidth=1)
        axes.set_xticks(range(len(files)), [f"{count:,}" for count in files])
        axes.set_xlabel(f"files of the table, {words}")
        axes.grid(visible=False, axis="x")
    figure.axes[0].set_ylabel("seconds / seconds of a bare clone")
    _legend_below(figure)
    _entitle(figure, "An iteration of clone_tables, beside a bare DeltaTable.clone")
    return figure


def clone_requests(result: Result) -> Figure:
    """Requests of one clone to each of the two stores, by what is cloned."""
    files = _in_order(result.rows, "files")
    figure = Figure(figsize=(9, 3), layout="constrained")
    for axes, count in zip(figure.subplots(1, len(files), sharey=True, squeeze=False)[0], files, strict=True):
        rows = result.where(files=count)[::-1]
        names = [f"{row['clone']}, {row['when']}" for row in rows]
        begin = [0] * len(rows)
        for column, colour in (("lakeFS requests", BLUE), ("target requests", ORANGE)):
            widths = [int(row[column]) for row in rows]
            axes.barh(names, widths, left=begin, color=colour, label=f"to {_STORES[column]}")
            begin = [start + width for start, width in zip(begin, widths, strict=True)]
        axes.set_xlabel(f"requests, a table of {count:,} files")
        axes.grid(visible=False, axis="y")
    figure.axes[0].set_ylabel("clone")
    _legend_below(figure)
    _entitle(figure, "Requests of one clone, with nothing cached")
    return figure


_STORES = {"lakeFS requests": "lakeFS's gateway", "target requests": "the store of the target"}


def clone_methods(result: Result) -> Figure:
    """Seconds of each clone as a multiple of the bare clone's, by the number of files."""
    files = _in_order(result.rows, "files")
    kinds = [kind for kind in _in_order(result.rows, "clone") if kind != "bare clone"]
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    width = 0.8 / len(kinds)
    for axes, when in zip(figure.subplots(1, 2, sharey=True), ("first", "again"), strict=True):
        for number, (kind, colour) in enumerate(zip(kinds, COLOURS, strict=True)):
            bars = [
                (place, row["ratio"])
                for place, count in enumerate(files)
                for row in result.where(files=count, when=when, clone=kind)
            ]
            places = [place + (number - (len(kinds) - 1) / 2) * width for place, _ in bars]
            axes.bar(places, [ratio for _, ratio in bars], width, color=colour, label=kind)
        axes.axhline(1, color="black", linewidth=1)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_yticks([0.5, 1, 2, 5, 10, 20, 50])
        axes.set_xticks(range(len(files)), [f"{count:,}" for count in files])
        axes.set_xlabel(f"files of the table, cloned {'for the first time' if when == 'first' else when}")
        axes.grid(visible=False, axis="x")
    figure.axes[0].set_ylabel("seconds / seconds of a bare clone")
    _legend_below(figure)
    _entitle(figure, "Cloning a table, beside a bare DeltaTable.clone")
    return figure


OF_RESULTS: Mapping[str, Callable[[Result], Figure]] = {
    "finding_changes": finding_changes,
    "clone_tables": clone_tables,
    "clone_requests": clone_requests,
    "clone_methods": clone_methods,
}


def _legend_below(figure: Figure) -> None:
    """One legend for all panels."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)


def _entitle(figure: Figure, title: str) -> None:
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")


def _in_order(rows: Iterable[Row], column: str) -> list[Any]:
    """The values of a column, each once, as they come."""
    return list(dict.fromkeys(row[column] for row in rows))
