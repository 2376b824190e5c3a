"""README's figures and charts are those of the results in the repository."""

from dataclasses import replace

import charts
import figures
import pytest
from figures import BEGIN, END, outdated, with_figures
from results import Result, read_results
from suite import BENCHMARKS


def test_readme_and_charts_are_what_the_results_make_of_them() -> None:
    assert outdated(read_results()) == [], "run `make bench-figures`"


def test_another_figure_in_a_result_is_noticed() -> None:
    results, readme = read_results(), figures.README.read_text()
    for name in figures.LINES.keys() & results.keys():
        doubled = tuple(
            {key: value * 2 if _is_measured(key, value) else value for key, value in row.items()}
            for row in results[name].rows
        )
        assert with_figures(readme, {**results, name: replace(results[name], rows=doubled)}) != readme, name


def _is_measured(key: str, value: object) -> bool:
    return isinstance(value, float) or any(counted in key for counted in ("calls", "requests"))


def test_a_line_is_told_of_each_benchmark_and_a_chart_is_shown_where_there_is_one(results: dict[str, Result]) -> None:
    assert results.keys() == figures.LINES.keys() == {benchmark.module for benchmark in BENCHMARKS}
    for name, result in results.items():
        told = figures.lines({name: result})
        assert told, name
        assert {len(line) for line in told} == {len(figures.COLUMNS)}
    assert figures.CHARTS.keys() == charts.OF_RESULTS.keys()
    written = figures.figures(results)
    assert all(f"(benchmarks/charts/{name}.svg)" in written for name in figures.CHARTS)


def test_beside_every_figure_are_its_command_and_what_it_was_measured_on(results: dict[str, Result]) -> None:
    written = figures.figures(results)
    for name in results:
        command = f"`python benchmarks/suite.py --full {name}`"
        assert f"| {name} | {command} | nothing | 1 at abc, 2026-11-27 | 0.5 |" in written
    machine = "2 cores a processor, 25 GB, Python 3.11.7, Spark 4.0.5, Delta 4.0.1"
    assert f"Measured on {machine}: finding_changes, many_tables," in written


def test_what_stands_around_the_figures_stays() -> None:
    text = f"# Title\n{BEGIN}old\n{END}rest\n"
    written = with_figures(text, {})
    assert written.startswith(f"# Title\n{BEGIN}\n![Modelled")
    assert written.endswith(f"\n{END}rest\n")
    assert "old" not in written
    assert with_figures(written, {}) == written


@pytest.mark.parametrize("text", ["", BEGIN, END, END + BEGIN])
def test_a_readme_without_the_marks_is_left_as_it_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"README\.md has not the lines"):
        with_figures(text, {})
