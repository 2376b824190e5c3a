"""The gate: what it refuses before a commit or a merge, in which words, and what it asks of lakeFS for that."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from staged_double import FOLDER, StagedDouble, described

from lakefs_unity_export.commit import descriptors
from lakefs_unity_export.commit.descriptor_gate import GateRequest, GateRules, judge
from lakefs_unity_export.errors import InvalidEventError

RULES = GateRules(catalog="lake")
CASES = json.loads((Path(__file__).parents[3] / "fixtures/descriptor_cases.json").read_text())["cases"]


@pytest.fixture
def repository() -> StagedDouble:
    """A repository with two valid descriptors on `main`."""
    lakefs = StagedDouble()
    lakefs.put({**described("orders"), **described("parts"), "tables/orders/1": b"1"})
    lakefs.calls.clear()
    return lakefs


def before_commit(lakefs: StagedDouble, rules: GateRules = RULES) -> list[str]:
    request = GateRequest(event_type="pre-commit", repository="shop", branch="main", source_ref="main")
    return [str(problem) for problem in judge(request, rules, lakefs).problems]


def before_merge(lakefs: StagedDouble, source: str = "dev", strategy: str = "", rules: GateRules = RULES) -> list[str]:
    request = GateRequest(
        event_type="pre-merge",
        repository="shop",
        branch="main",
        source_ref=lakefs.head(source).id,
        strategy=strategy,
    )
    return [str(problem) for problem in judge(request, rules, lakefs).problems]


# Before a commit


def test_a_commit_that_changes_no_descriptor_costs_one_call(repository: StagedDouble) -> None:
    repository.put({f"{FOLDER}/broken.yaml": b"[]"})
    repository.stage({"tables/orders/2": b"2", f"{FOLDER}/README.md": b"[", f"{FOLDER}/_hidden.yaml": b"["})
    assert before_commit(repository) == []
    assert repository.calls == Counter(diff=1)


def test_a_commit_that_only_removes_descriptors_costs_one_call(repository: StagedDouble) -> None:
    repository.stage({}, removed=(f"{FOLDER}/orders.yaml",))
    assert before_commit(repository) == []
    assert repository.calls == Counter(diff=1)


def test_a_commit_with_valid_descriptors_is_let_through(repository: StagedDouble) -> None:
    repository.stage(described("suppliers"))
    assert before_commit(repository) == []
    assert repository.calls == Counter(diff=1, list_objects=1, read_object=3)


def test_a_commit_is_refused_with_every_problem_in_the_exporters_words(repository: StagedDouble) -> None:
    repository.stage(
        {
            **described("orders", file="again"),
            **described("inner", path="tables/parts/inner"),
            f"{FOLDER}/deep/bad.yaml": b"name: 1\ntype: delta\n",
            f"{FOLDER}/text.yaml": b"{",
        }
    )
    found = before_commit(repository)
    contents = {path: content for path, content in repository.staged["main"].items() if path.startswith(FOLDER)}
    files, _ = descriptors.select_files(contents, FOLDER, [])
    exporters = descriptors.read_descriptors(
        {file: contents[file] for file in sorted(files)}, RULES.naming("shop", "main")
    )
    assert found == [str(problem) for problem in exporters.problems]
    assert [line.partition(": ")[0].removeprefix(FOLDER + "/") for line in found] == [
        "deep/bad.yaml",
        "deep/bad.yaml",
        "text.yaml",
        "again.yaml",
        "orders.yaml",
        "inner.yaml",
    ]


def test_descriptors_that_are_not_exported_are_not_checked(repository: StagedDouble) -> None:
    repository.stage({f"{FOLDER}/other.yaml": b"{"})
    rules = replace(RULES, table_defs=("orders", "parts.yaml"))
    assert before_commit(repository, rules) == []
    assert repository.calls == Counter(diff=1)


def test_another_folder_and_catalog_are_those_of_the_job(repository: StagedDouble) -> None:
    repository.stage({"tables_of/x.yaml": b"name: x\ntype: delta\npath: p\n", f"{FOLDER}/broken.yaml": b"{"})
    rules = replace(RULES, folder="tables_of", catalog="a.b")
    assert before_commit(repository, rules) == [
        "tables_of/x.yaml: catalog: catalog 'a.b' holds '.'; use letters, digits, '_' and '-' in it"
    ]


def test_a_branch_whose_schema_could_not_be_named_is_a_problem_too(repository: StagedDouble) -> None:
    rules = replace(RULES, schema_template="x" * 255 + "{branch}")
    (line,) = before_commit(repository, rules)
    assert line.startswith("branch main: schema 'xxx")
    assert repository.calls == Counter()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_files_of_a_case_have_its_problems_and_no_others(case: dict[str, Any]) -> None:
    lakefs = StagedDouble()
    lakefs.stage({path: content.encode() for path, content in case["files"].items()})
    rules = replace(RULES, folder=case.get("folder", FOLDER), table_defs=tuple(case.get("table_defs", ())))
    left = before_commit(lakefs, rules)
    for problem in case["problems"]:
        start = ": ".join(part for part in (problem["file"], problem["field"]) if part)
        said = [line for line in left if line.startswith(f"{start}: ") and problem["says"] in line]
        assert said, problem
        left.remove(said[0])
    assert left == []


# Before a merge


def test_a_merge_that_brings_no_descriptor_costs_one_call(repository: StagedDouble) -> None:
    repository.branch("dev", repository.head().id)
    repository.put({"tables/orders/2": b"2"}, [f"{FOLDER}/parts.yaml"], branch="dev")
    repository.put(described("suppliers", path="tables/orders"))
    repository.calls.clear()
    assert before_merge(repository) == []
    assert repository.calls == Counter(diff=1)


def test_what_collides_only_after_the_merge_is_refused(repository: StagedDouble) -> None:
    repository.branch("dev", repository.head().id)
    repository.put(described("clicks", file="theirs"), branch="dev")
    repository.put(described("clicks", file="ours"))
    repository.calls.clear()
    assert before_merge(repository) == [
        f"{FOLDER}/ours.yaml: name: table 'clicks' is also described by {FOLDER}/theirs.yaml; "
        "rename one, they cannot share it",
        f"{FOLDER}/theirs.yaml: name: table 'clicks' is also described by {FOLDER}/ours.yaml; "
        "rename one, they cannot share it",
    ]
    assert repository.calls == Counter(diff=1, branch_head=1, list_objects=2, read_object=4)


def test_what_the_merge_mends_is_let_through(repository: StagedDouble) -> None:
    repository.put({f"{FOLDER}/orders.yaml": b"{"})
    repository.branch("dev", repository.head().id)
    repository.put({**described("orders"), **described("lines", file="new")}, branch="dev")
    assert before_merge(repository) == []


def test_a_file_that_the_source_moved_is_read_where_it_is_now(repository: StagedDouble) -> None:
    repository.branch("dev", repository.head().id)
    repository.put(described("orders", file="moved"), [f"{FOLDER}/orders.yaml"], branch="dev")
    assert before_merge(repository) == []


@pytest.mark.parametrize(("strategy", "refused"), [("source-wins", True), ("dest-wins", False)])
def test_where_both_changed_a_file_the_merges_strategy_says_whose_counts(
    repository: StagedDouble, strategy: str, refused: bool
) -> None:
    repository.branch("dev", repository.head().id)
    repository.put({f"{FOLDER}/orders.yaml": b"{"}, branch="dev")
    repository.put(described("orders", path="tables/orders2", file="orders"))
    assert bool(before_merge(repository, strategy=strategy)) == refused


# What is asked


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"repository": ""}, "event pre-merge: repository is empty"),
        ({"repository": "../users"}, "event pre-merge: repository is '../users'; lakeFS names are"),
        ({"branch": "a/../b"}, "event pre-merge: branch is 'a/../b'; lakeFS names are"),
        ({"source_ref": ""}, "event pre-merge: source_ref is missing or not a commit's id"),
        ({"source_ref": "../../../user"}, "source_ref is missing or not a commit's id"),
        ({"source_ref": "dev"}, "source_ref is missing or not a commit's id"),
    ],
)
def test_a_request_that_lakefs_would_not_send_is_refused_before_lakefs_is_asked(
    repository: StagedDouble, changes: dict[str, str], said: str
) -> None:
    request = GateRequest(event_type="pre-merge", repository="shop", branch="main", source_ref="c0ffee")
    with pytest.raises(InvalidEventError, match=said.replace(".", r"\.")):
        judge(replace(request, **changes), RULES, repository)
    assert repository.calls == Counter()


CONTENT = st.sampled_from(
    [b"{", b"", *(next(iter(described(name).values())) for name in ("a", "b", "A", "c")), b"name: d\npath: tables/a/d"]
)
FILES = st.dictionaries(st.sampled_from([f"{FOLDER}/{name}.yaml" for name in "abcd"]), CONTENT)


@given(FILES, FILES, FILES)
def test_a_merge_that_brings_a_descriptor_is_judged_by_what_it_leaves(
    base: dict[str, bytes], ours: dict[str, bytes], theirs: dict[str, bytes]
) -> None:
    lakefs = StagedDouble()
    root = lakefs.commit_content(base, lakefs.head().id, branch="main")
    lakefs.commit_content(ours, root.id, branch="main")
    lakefs.commit_content(theirs, root.id, branch="dev")
    brought = [file for file in theirs.keys() | base.keys() if theirs.get(file) not in (base.get(file), ours.get(file))]
    merged = {file: content for file, content in ours.items() if file not in brought}
    merged |= {file: theirs[file] for file in brought if file in theirs}
    problems = descriptors.read_descriptors(dict(sorted(merged.items())), RULES.naming("shop", "main")).problems
    is_judged = any(file in theirs or ours.get(file) != base.get(file) for file in brought)
    assert before_merge(lakefs, strategy="source-wins") == [str(each) for each in problems if is_judged]
