"""The tables whose clones are measured are those that the benchmark says, and their turns are of one size."""

import json

import pytest
from clone_tables import log_of, measure, path_of


def test_a_table_has_so_many_files_and_one_more_at_the_second_commit() -> None:
    first, second = ([json.loads(line) for line in version.splitlines()] for version in log_of(20))
    assert [next(iter(action)) for action in first] == ["protocol", "metaData", *["add"] * 20]
    assert [next(iter(action)) for action in second] == ["add"]
    added = [action["add"]["path"] for action in [*first, *second] if "add" in action]
    assert len(set(added)) == 21


def test_no_two_tables_share_a_path_or_a_name() -> None:
    paths = {path_of(files, number) for files in (10, 1000) for number in range(12)}
    assert len({path.rpartition("/")[2] for path in paths}) == len(paths) == 24


@pytest.mark.parametrize(("tables", "at_a_time"), [(12, [1, 5]), (0, [1]), (4, [0])])
def test_turns_of_several_sizes_are_refused_since_they_would_be_compared(tables: int, at_a_time: list[int]) -> None:
    with pytest.raises(ValueError, match=f"{tables} tables do not come in turns of {at_a_time[0]}"):
        measure([10], tables, at_a_time)
