"""A benchmark's table as a file: it comes back as it was, and a change of a row is one line."""

from dataclasses import replace
from pathlib import Path

import pytest
from results import Result, read_result, read_results, shown, text_of, write_result


def test_a_result_is_read_as_it_was_written_to_four_digits(result: Result, tmp_path: Path) -> None:
    path = write_result(result, tmp_path / "results")
    rows = ({**result.rows[0], "seconds": 0.1235}, result.rows[1])
    assert read_result(path) == replace(result, rows=rows)
    assert read_results(path.parent) == {"sums": replace(result, rows=rows)}


def test_a_row_is_a_line_of_the_file(result: Result, tmp_path: Path) -> None:
    lines = write_result(result, tmp_path).read_text().splitlines()
    assert '    {"way": "ours", "calls": 2, "seconds": 0.1235},' in lines
    assert '    {"way": "theirs", "calls": 2000, "seconds": 12.0}' in lines


@pytest.mark.parametrize("rows", [(), ({"calls": 1}, {"seconds": 1.0})])
def test_no_rows_and_rows_of_several_kinds_are_refused(result: Result, rows: tuple[dict[str, float], ...]) -> None:
    with pytest.raises(ValueError, match="sums: every row is to have the same columns"):
        replace(result, rows=rows)


@pytest.mark.parametrize("text", ["", "[]", '{"title": "Sums"}', "no JSON"])
def test_a_file_that_is_no_result_is_named_with_the_remedy(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sums.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"sums\.json is no benchmark's result: .*make bench-full"):
        read_results(tmp_path)


def test_rows_are_found_by_their_values_and_an_unknown_column_is_an_error(result: Result) -> None:
    assert result.where(way="theirs") == [result.rows[1]]
    assert result.where(way="nobody's") == []
    with pytest.raises(KeyError):
        result.where(seconds_=1)


def test_figures_are_written_as_people_read_them() -> None:
    assert [text_of(value) for value in (2000, 12.0, 1234.5, 0.1234, "ours")] == [
        "2,000",
        "12",
        "1,234",
        "0.123",
        "ours",
    ]


def test_the_table_says_what_it_was_measured_against(result: Result) -> None:
    table = shown(result)
    assert [column.header for column in table.columns] == ["way", "calls", "seconds"]
    assert table.row_count == 2
    assert table.caption == "against: no server\nA note."
