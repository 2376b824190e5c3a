"""The repositories in which changes are sought are those that the benchmark says."""

import pytest
from finding_changes import FULL, SHORT, Case


@pytest.mark.parametrize("case", [*SHORT, *FULL], ids=str)
def test_a_case_has_the_tables_and_the_changes_that_it_names(case: Case) -> None:
    paths, changed = case.paths(), case.changed_paths()
    assert len(set(paths)) == case.tables
    assert len(changed) == case.tables * case.changed / 100
    assert set(changed) <= set(paths)
    assert len(set(case.objects_of(paths[0]))) == case.objects
    assert set(case.written_to(paths[0])) <= set(case.objects_of(paths[0]))
    assert len(case.written_to(paths[0])) == (case.objects if case.written == "all" else int(case.written))


def test_nested_tables_lie_in_folders_of_two_levels_with_many_in_each() -> None:
    folders = {path.rpartition("/")[0] for path in Case(tables=1000, layout="nested").paths()}
    assert len(folders) == 100
    assert {folder.count("/") for folder in folders} == {2}


def test_all_sizes_that_were_asked_for_are_measured() -> None:
    assert {case.tables for case in FULL} == {10, 100, 1000, 10_000}
    assert {case.objects for case in FULL} == {20, 200, 2000}
    assert {case.changed for case in FULL} == {1, 10, 50}
    assert {case.layout for case in FULL} == {"flat", "nested"}
