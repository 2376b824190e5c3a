"""Writes README's figures and charts from the results in the repository, so that none is copied by hand.

    python benchmarks/figures.py [--check]

With `--check` nothing is written, and the command fails where README or a chart is not what the results make of it.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import charts
from assumptions import Workspace
from model import CLUSTER, WAREHOUSE, Compute, Load, Snapshot, minutes, outcome
from results import WIDTH, Result, Row, Value, read_results, text_of
from rich.console import Console
from rich.table import Table
from surroundings import ROOT

README = ROOT / "README.md"
HEAD = ("commits an hour", "clones on", "snapshot", "median", "95 % within", "cluster, $ a day", "warehouse, $ a day")
COLUMNS = ("work", "here", "beside", "limit", "ratio")
BEGIN, END = "<!-- figures: written by `make bench-figures` -->\n", "<!-- end of figures -->\n"
COMMITS_AN_HOUR = (4, 30)


def write_figures(results: Mapping[str, Result] | None = None) -> None:
    """README's part between the marks, and the charts. Raises ValueError where README has not the marks."""
    results = read_results() if results is None else results
    README.write_text(with_figures(README.read_text(), results))
    charts.FOLDER.mkdir(exist_ok=True)
    for path in charts.FOLDER.glob("*.svg"):
        path.unlink()
    for name, svg in charts.drawn(results).items():
        (charts.FOLDER / name).write_text(svg)


def outdated(results: Mapping[str, Result]) -> list[str]:
    """Which of README and the charts are not what the results make of them."""
    found = [] if README.read_text() == with_figures(README.read_text(), results) else [README.name]
    kept = {path.name: path.read_text() for path in charts.FOLDER.glob("*.svg")}
    made = charts.drawn(results)
    return found + [name for name in sorted(kept.keys() | made.keys()) if kept.get(name) != made.get(name)]


def with_figures(readme: str, results: Mapping[str, Result]) -> str:
    """The text with its figures as the results have them. Raises ValueError where it has not both marks."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{README.name} has not the lines {BEGIN.strip()!r} and {END.strip()!r} around its figures")
    return before + BEGIN + figures(results) + END + after


def figures(results: Mapping[str, Result]) -> str:
    """What stands between the marks."""
    parts = [_modelled(Workspace().measured(results)), *_measured(results)]
    return "\n" + "\n\n".join(parts) + "\n\n"


def _modelled(workspace: Workspace) -> str:
    rows = [
        [f"{commits}", compute, snapshot, *_outcome(commits, compute, snapshot, workspace)]
        for commits in COMMITS_AN_HOUR
        for compute in Compute
        for snapshot in Snapshot
    ]
    chart = _image("latency_and_cost", "Modelled latency against modelled cost, by what clones the tables")
    return f"{chart}\n\n{_table(HEAD, rows)}"


def _outcome(commits: float, compute: Compute, snapshot: Snapshot, workspace: Workspace) -> list[str]:
    """Latency and cost; neither where it falls behind, since that day's exports end on another."""
    found = outcome(Load(commits_an_hour=commits), compute, snapshot, workspace)
    if found.is_behind:
        return ["falls behind", "", "", ""]
    dollars = [f"{found.dollars[part]:.0f}" for part in (CLUSTER, WAREHOUSE)]
    return [minutes(found.median_latency), minutes(found.p95_latency), *dollars]


def lines(results: Mapping[str, Result]) -> list[list[str]]:
    """What is told of the results, a line each, in the columns of `COLUMNS`."""
    return [row for name, tell in LINES.items() if name in results for row in tell(results[name])]


def print_lines(results: Mapping[str, Result]) -> None:
    """The same on standard output."""
    shown = Table(title="Figures as README would have them")
    for column in COLUMNS:
        shown.add_column(column)
    for row in lines(results):
        shown.add_row(*row)
    Console(width=WIDTH).print(shown)


def _measured(results: Mapping[str, Result]) -> Iterator[str]:
    if told := lines(results):
        yield _table(COLUMNS, told)
    for name, words in CHARTS.items():
        if name in results:
            yield _image(name, words)
    if told:
        yield _origins(results)


def _origins(results: Mapping[str, Result]) -> str:
    """What machine measured which, and by what command each is measured again, against what, of which version."""
    by_machine = dict[str, list[str]]()
    for name, result in results.items():
        by_machine.setdefault(_machine(result), []).append(name)
    machines = [f"Measured on {machine}: {', '.join(names)}." for machine, names in by_machine.items()]
    rows = [
        [
            name,
            f"`{result.made['command']}`",
            result.against,
            f"{result.surroundings['version']}, {result.surroundings['measured']}",
            text_of(result.surroundings["load_before"]),
        ]
        for name, result in results.items()
    ]
    table = _table(("figures of", "measured by", "against", "version and day", "load before"), rows)
    return "\n".join([*machines, "", table])


def _machine(result: Result) -> str:
    machine, versions = (result.surroundings[key] for key in ("machine", "versions"))
    return (
        f"{machine['cores']} cores {machine['processor']}, {machine['memory_gb']} GB, Python {versions['python']}, "
        f"Spark {versions['pyspark']}, Delta {versions['delta-spark']}"
    )


def _finding_changes(result: Result) -> Iterator[list[str]]:
    for layout, words in (("flat", "in one folder"), ("nested", "in many folders")):
        most = max(int(row["tables"]) for row in result.where(layout=layout))
        usual: dict[str, Value] = {"tables": most, "objects a table": 20, "changed %": 10, "objects written": "all"}
        ours, _, usual_page = result.where(layout=layout, **usual)
        what = f"finding the changed 10 % of {most:,} tables {words}, 20 objects each"
        yield _beside(what, ours, usual_page, "calls", "whole diff, 100 a page")


def _many_tables(result: Result) -> Iterator[list[str]]:
    (imports,) = result.where(**{"list task": "imports alone"})
    for row in result.rows:
        if row["list task"] in ("page 1", "one table changed"):
            what = f"list_changed_tables, {row['list task']}: {text_of(row['tables'])} tables listed"
            yield _beside(what, row, imports, "seconds", "its imports alone")


def _clone_tables(result: Result) -> Iterator[list[str]]:
    """One table at a time, the smallest and the largest; then many at a time, the smallest."""
    files = _ends(result, "files")
    together = sorted({int(row["at a time"]) for row in result.rows})
    for count, at_a_time in [*((count, together[0]) for count in files), *((files[0], each) for each in together[1:])]:
        rows = result.where(**{"files": count, "at a time": at_a_time})
        bare = {row["when"]: row for row in rows if row["clone"] == "bare clone"}
        for row in rows:
            if row["clone"] != "bare clone":
                what = f"clone_tables, {text_of(count)} files, {text_of(at_a_time)} at a time, {row['when']}"
                yield _beside(what, row, bare.get(row["when"], bare["again"]), "seconds", "a bare clone", row["ratio"])


def _clone_requests(result: Result) -> Iterator[list[str]]:
    rows = result.where(files=_ends(result, "files")[0])
    bare = {row["when"]: row for row in rows if row["clone"] == "bare clone"}
    for row in rows:
        if row["clone"] != "bare clone":
            what = f"clone_tables, requests to lakeFS and the target's store, {row['when']}"
            yield _beside(what, row, bare.get(row["when"], bare["again"]), "requests", "a bare clone")


def _clone_methods(result: Result) -> Iterator[list[str]]:
    """Each method for the smallest and for the largest table that it was measured with."""
    for method in dict.fromkeys(row["clone"] for row in result.rows if row["clone"] != "bare clone"):
        counts = [int(row["files"]) for row in result.where(clone=method, when="first")]
        for files in dict.fromkeys((min(counts), max(counts))):
            (row,) = result.where(files=files, clone=method, when="first")
            (bare,) = result.where(files=files, clone="bare clone", when="first")
            what = f"the clone task by method {method}, {text_of(files)} files, first"
            yield _beside(what, row, bare, "seconds", "a bare clone", row["ratio"])


def _whole_export(result: Result) -> Iterator[list[str]]:
    for row in result.where(when="again"):
        if row["task"] in ("clone_tables, one table", "register_tables, one table", "the whole run"):
            what = f"of a run with {text_of(row['tables'])} tables, no cluster to start: {row['task']}"
            yield [what, f"{text_of(row['seconds'])} s", "", "", ""]


def _registration(result: Result) -> Iterator[list[str]]:
    for ours in result.where(way="ours"):
        (bare,) = result.where(versions=ours["versions"], when=ours["when"], way="bare statement")
        what = f"register_tables, versions of the table: {text_of(ours['versions'])}, {ours['when']}"
        yield _beside(what, ours, bare, "seconds", "the bare statement")


def _burst(result: Result) -> Iterator[list[str]]:
    commit, latest = result.rows
    yield _beside(
        f"a burst of {commit['commits']} commits, snapshot=latest", latest, commit, "seconds", "snapshot=commit"
    )


def _webhook(result: Result) -> Iterator[list[str]]:
    bare, starting = (_middle(result.where(what=what), "p50 ms") for what in ("bare application", "a run to start"))
    yield _beside("the webhook, an event that starts a run, p50", starting, bare, "p50 ms", "a bare application")


def _hook_worker(result: Result) -> Iterator[list[str]]:
    bare, hook = (_middle(result.where(what=what), "p50 ms") for what in ("bare request", "hook, token"))
    yield _beside("the Lua hook, p50", hook, bare, "p50 ms", "the request alone")


def _reconcile_calls(result: Result) -> Iterator[list[str]]:
    row = result.where(behind=0)[-1]
    calls = sum(int(value) for column, value in row.items() if column.endswith("calls"))
    yield [f"reconcile, {text_of(row['branches'])} branches, none behind", f"{calls} calls", "", "", ""]


def _cold_starts(result: Result) -> Iterator[list[str]]:
    alone, *entry_points = result.rows
    for row in entry_points:
        what = f"imports of {row['entry point']}: {text_of(row['import seconds'])} s"
        yield _beside(what, row, alone, "peak MB", "Python alone")


def _beside(what: str, here: Row, limit: Row, column: str, beside: str, ratio: Value | None = None) -> list[str]:
    """One line: what it took here, and beside it, in the unit that the column names; the ratio measured, or of both."""
    unit = {"seconds": "s", "p50 ms": "ms", "peak MB": "MB"}.get(column, column)
    values = [f"{text_of(row[column])} {unit}" for row in (here, limit)]
    shown = float(here[column]) / float(limit[column]) if ratio is None else float(ratio)
    return [what, values[0], beside, values[1], f"{shown:.2f}"]


def _ends(result: Result, column: str) -> list[int]:
    """The smallest and the largest value of a column, once where there is no other."""
    values = [int(row[column]) for row in result.rows]
    return list(dict.fromkeys((min(values), max(values))))


def _middle(rows: Iterable[Row], column: str) -> Row:
    """The row with the median of the column, of an even number the lower."""
    ordered = sorted(rows, key=lambda row: row[column])
    return ordered[(len(ordered) - 1) // 2]


LINES: Mapping[str, Callable[[Result], Iterator[list[str]]]] = {
    "finding_changes": _finding_changes,
    "many_tables": _many_tables,
    "clone_tables": _clone_tables,
    "clone_requests": _clone_requests,
    "clone_methods": _clone_methods,
    "registration": _registration,
    "whole_export": _whole_export,
    "burst": _burst,
    "reconcile_calls": _reconcile_calls,
    "webhook": _webhook,
    "hook_worker": _hook_worker,
    "cold_starts": _cold_starts,
}
CHARTS = {
    "finding_changes": "Calls of lakeFS's API to find the changed tables, as we read the diff, and by all of it",
    "clone_tables": "Seconds of an iteration of clone_tables, as a multiple of a bare clone's, by number of files",
    "clone_requests": "Requests of one clone to lakeFS and to the store of its target, beside a bare clone's",
    "clone_methods": "Seconds of a clone by each method, as a multiple of a bare clone's",
}


def _image(name: str, words: str) -> str:
    return f"![{words}]({charts.FOLDER.relative_to(ROOT).as_posix()}/{name}.svg)"


def _table(head: Sequence[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something would be written")
    if not parser.parse_args().check:
        write_figures()
    elif found := outdated(read_results()):
        sys.exit(f"figures: {', '.join(found)} are not what {Path('benchmarks/results')} has: run `make bench-figures`")


if __name__ == "__main__":
    main()
