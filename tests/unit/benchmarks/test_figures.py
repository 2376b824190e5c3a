"""README's figures and charts are those of the results in the repository."""

from dataclasses import replace

import figures
import pytest
from figures import BEGIN, END, outdated, with_figures
from results import read_results


def test_readme_and_charts_are_what_the_results_make_of_them() -> None:
    assert outdated(read_results()) == [], "run `make bench-figures`"


def test_another_figure_in_a_result_is_noticed() -> None:
    results, readme = read_results(), figures.README.read_text()
    for name in figures.LINES.keys() & results.keys():
        doubled = tuple(
            {key: value * 2 if isinstance(value, float) or "calls" in key else value for key, value in row.items()}
            for row in results[name].rows
        )
        assert with_figures(readme, {**results, name: replace(results[name], rows=doubled)}) != readme, name


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
