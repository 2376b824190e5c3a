"""The gate in Lua: what it asks of lakeFS, what it prints and raises, and the settings that it does not take."""

from collections import Counter
from typing import Any

import pytest
from gate_repository import FOLDER, ROOT, GateRepository, described

from local_stack.lakefs.standin.errors import RequestError
from local_stack.lakefs.standin.lua.runtime import LuaError

pytestmark = pytest.mark.lua

VALID = "the table descriptors are valid"


@pytest.fixture
def repository() -> GateRepository:
    """A repository with two valid descriptors on `main`, one that is not, and the branch `dev` at the same commit."""
    made = GateRepository()
    root = made.commit({**described("orders"), **described("parts"), f"{FOLDER}/README.md": b"["})
    made.commit(dict(files(made)), root, branch="dev")
    return made


def files(repository: GateRepository, branch: str = "main") -> dict[str, bytes]:
    tree = repository.repository.branch(branch).tree
    return {path: repository.blobs[entry.address] for path in tree.paths() if (entry := tree.get(path)) is not None}


def put(repository: GateRepository, changed: dict[str, bytes], *removed: str, branch: str = "dev") -> None:
    """Commit changes to a branch."""
    kept = {path: content for path, content in files(repository, branch).items() if path not in removed}
    repository.commit({**kept, **changed}, branch=branch)


# Before a commit


def test_a_commit_that_changes_no_descriptor_costs_one_call_and_prints_nothing(repository: GateRepository) -> None:
    put(repository, {f"{FOLDER}/broken.yaml": b"["}, branch="main")
    repository.stage({"tables/orders/1": b"1", f"{FOLDER}/README.md": b"{", f"{FOLDER}/_h.yaml": b"{"})
    assert repository.run("pre-commit") == []
    assert repository.view.calls == Counter(diff_branch=1)


def test_a_commit_that_only_removes_descriptors_costs_one_call(repository: GateRepository) -> None:
    repository.stage({f"{FOLDER}/orders.yaml": None})
    assert repository.run("pre-commit") == []
    assert repository.view.calls == Counter(diff_branch=1)


def test_a_commit_with_valid_descriptors_reads_each_once(repository: GateRepository) -> None:
    repository.stage(described("suppliers"))
    assert repository.run("pre-commit") == [VALID]
    assert repository.view.calls == Counter(diff_branch=1, list_objects=1, get_object=3)


def test_folders_of_many_objects_are_read_page_by_page(repository: GateRepository) -> None:
    others = {f"{FOLDER}/note-{number}.md": b"x" for number in range(2500)}
    repository.stage({**others, **described("suppliers")})
    assert repository.run("pre-commit") == [VALID]
    assert repository.view.calls == Counter(diff_branch=3, list_objects=3, get_object=3)


def test_descriptors_that_are_not_exported_are_neither_read_nor_checked(repository: GateRepository) -> None:
    repository.stage({f"{FOLDER}/other.yaml": b"{"})
    assert repository.run("pre-commit", table_defs=["orders", "parts.yaml"]) == []
    assert repository.view.calls == Counter(diff_branch=1)


def test_a_file_too_large_for_a_descriptor_is_not_read(repository: GateRepository) -> None:
    repository.stage({f"{FOLDER}/large.yaml": b"x" * 70_000})
    assert repository.in_lua() == [f"{FOLDER}/large.yaml: has 70000 bytes; a descriptor is a few lines of YAML"]
    assert repository.view.calls == Counter(diff_branch=1, list_objects=1, get_object=2)


def test_a_refusal_lists_every_problem_on_a_line_of_its_own(repository: GateRepository) -> None:
    repository.stage({**described("Orders", file="again"), f"{FOLDER}/a\nb.yaml": b"{", f"{FOLDER}/n.yaml": b"name: 1"})
    with pytest.raises(LuaError) as refused:
        repository.run("pre-commit")
    first, *lines = str(refused.value).split("\n")
    assert first == "6 problems in the table descriptors that this commit would leave; mend all, then try again:"
    assert lines[0].startswith(f"{FOLDER}/a\\nb.yaml: line ")
    assert "table 'orders' is also described by _lakefs_tables/orders.yaml" in lines[4]
    assert sorted(lines[1:4]) == [
        f"{FOLDER}/n.yaml: name: is not text; put its value in quotes",
        f"{FOLDER}/n.yaml: path: is missing; add it",
        f"{FOLDER}/n.yaml: type: is missing; add it",
    ]


def test_an_object_whose_data_was_collected_is_a_problem_of_its_file(repository: GateRepository) -> None:
    content = b"name: gone\ntype: delta\npath: gone\n"
    repository.stage({f"{FOLDER}/gone.yaml": content})
    repository.blobs.pop(next(address for address, held in repository.blobs.items() if held == content))
    assert repository.in_lua() == [f"{FOLDER}/gone.yaml: cannot be read, lakeFS answered 410"]


def test_the_guide_shows_what_the_committer_sees(repository: GateRepository) -> None:
    """What lakeFS puts around the text is `actions/hook-fail-refused` of its recording."""
    repository.stage(
        {
            f"{FOLDER}/orders.yaml": b"name: orders\ntype: delta\n",
            f"{FOLDER}/parts.yaml": b"name: my parts\ntype: delta\npath: tables/parts\n",
        }
    )
    with pytest.raises(LuaError) as refused:
        repository.run("pre-commit")
    around = "hook 'descriptor_gate': action failed: {}\n\n```\n"
    assert around.format(refused.value) in (ROOT / "docs/descriptor_gate.md").read_text()


# What is told and refuses nothing


def test_a_file_that_lakefs_cannot_hand_over_is_let_through_with_a_line(repository: GateRepository) -> None:
    repository.stage({f"{FOLDER}/a.yaml": b"name: a\ntype: delta\npath: a\ndeep: " + b"[" * 99 + b"]" * 99})
    told, valid = repository.run("pre-commit")
    start = f"note: {FOLDER}/a.yaml is not checked: lakeFS's YAML library cannot read it ("
    assert (told.startswith(start), told.endswith("), the export can"), valid) == (True, True, VALID)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_let_through_with_a_line(repository: GateRepository, encoding: str) -> None:
    repository.stage({f"{FOLDER}/a.yaml": "\ufeffname: yes\ntype: delta\npath: a\n".encode(encoding)})
    note = f"note: {FOLDER}/a.yaml is not checked: lakeFS's YAML library cannot read it (UTF-16), the export can"
    assert repository.run("pre-commit") == [note, VALID]


def test_its_line_is_told_beside_the_problems_of_other_files(repository: GateRepository) -> None:
    repository.stage({f"{FOLDER}/a.yaml": b"~: x\n", f"{FOLDER}/b.yaml": b"{"})
    (line,) = repository.in_lua()
    assert line.startswith(f"{FOLDER}/b.yaml: line ")
    assert repository.printed == [
        f"note: {FOLDER}/a.yaml is not checked: lakeFS's YAML library cannot read it (table index is nil), "
        "the export can"
    ]


@pytest.mark.parametrize("name", ["a.yml", "a.YAML", "a.Yml", "sub/a.yml", "x.yaml/a.yml", "İ.yml", "a\nb.YML"])
def test_a_new_file_with_almost_the_ending_of_descriptors_is_told(repository: GateRepository, name: str) -> None:
    repository.stage({f"{FOLDER}/{name}": b"{"})
    shown = name.replace("\n", "\\n")
    note = f"note: {FOLDER}/{shown} is not read: descriptors end in .yaml; rename it"
    assert repository.run("pre-commit") == [note]
    assert [f"note: {told}" for told in repository.verdict().notes] == [note.replace("\\n", "\n")]
    assert repository.view.calls == Counter(diff_branch=1)


@pytest.mark.parametrize("name", ["a.yaml.bak", "a.json", "yml", "_a.yml", ".a.yml", ".yml", "_x/a.yml", "x.yml/a"])
def test_other_files_are_passed_over_in_silence(repository: GateRepository, name: str) -> None:
    repository.stage({f"{FOLDER}/{name}": b"{"})
    assert (repository.run("pre-commit"), repository.verdict().notes) == ([], ())


def test_a_file_of_that_kind_that_is_removed_or_was_there_before_is_not_told(repository: GateRepository) -> None:
    put(repository, {f"{FOLDER}/a.yml": b"{", f"{FOLDER}/b.yml": b"{"}, branch="main")
    repository.stage({f"{FOLDER}/a.yml": None, **described("suppliers")})
    assert (repository.run("pre-commit"), repository.verdict().notes) == ([VALID], ())


def test_a_merge_tells_of_them_too(repository: GateRepository) -> None:
    put(repository, {f"{FOLDER}/a.yml": b"{"})
    note = f"{FOLDER}/a.yml is not read: descriptors end in .yaml; rename it"
    assert (repository.run("pre-merge"), repository.verdict("pre-merge").notes) == ([f"note: {note}"], (note,))


def test_table_defs_says_which_of_them_are_told_and_its_own_entries_are(repository: GateRepository) -> None:
    repository.stage({f"{FOLDER}/{name}.yml": b"{" for name in "abc"})
    notes = [
        "table_defs names 'a.yml', and descriptors end in .yaml; write 'a' there",
        f"{FOLDER}/a.yml is not read: descriptors end in .yaml; rename it",
        f"{FOLDER}/b.yml is not read: descriptors end in .yaml; rename it",
    ]
    assert repository.run("pre-commit", table_defs=["a.yml", "b"]) == [f"note: {note}" for note in notes]
    assert sorted(repository.verdict(table_defs=("a.yml", "b")).notes) == sorted(notes)


# Before a merge


def test_a_merge_that_brings_no_descriptor_costs_one_call(repository: GateRepository) -> None:
    put(repository, {"tables/orders/1": b"1"}, f"{FOLDER}/parts.yaml")
    put(repository, described("suppliers", path="tables/orders/x"), branch="main")
    assert repository.run("pre-merge") == []
    assert repository.view.calls == Counter(diff_refs=1)


def test_what_collides_only_after_the_merge_is_refused(repository: GateRepository) -> None:
    put(repository, described("clicks", file="theirs"))
    put(repository, described("clicks", file="ours"), branch="main")
    assert repository.in_lua("pre-merge") == [
        f"{FOLDER}/ours.yaml: name: table 'clicks' is also described by {FOLDER}/theirs.yaml; "
        "rename one, they cannot share it",
        f"{FOLDER}/theirs.yaml: name: table 'clicks' is also described by {FOLDER}/ours.yaml; "
        "rename one, they cannot share it",
    ]
    assert repository.view.calls == Counter(diff_refs=1, list_objects=2, get_object=4)


@pytest.mark.parametrize(("strategy", "refused"), [("source-wins", True), ("dest-wins", False)])
def test_where_both_changed_a_file_the_merges_strategy_says_whose_counts(
    repository: GateRepository, strategy: str, refused: bool
) -> None:
    put(repository, {f"{FOLDER}/orders.yaml": b"{"})
    put(repository, described("orders", path="tables/orders2"), branch="main")
    assert bool(repository.in_lua("pre-merge", strategy)) == refused


# Settings


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"catalog": None}, "catalog is missing or not text in the args of _lakefs_actions/descriptor_gate.yaml"),
        ({"catalog": ""}, "where it refers to {{ ENV.X }}, X must be set on the lakeFS server and begin with LAKEFS"),
        ({"catalog": 5}, "catalog is missing or not text"),
        ({"catalog": {"a": 1}}, "catalog is missing or not text"),
        ({"schema_template": "{branch}_{user}"}, "the placeholder {user}; use {branch} and {repository}"),
        ({"schema_template": True}, "schema_template is missing or not text"),
        ({"descriptor_folder": "a//b"}, "descriptor_folder: path 'a//b' has an empty segment"),
        ({"table_defs": 5}, "table_defs is not a list"),
        ({"table_defs": {"orders": "parts"}}, "table_defs is not a list"),
        ({"table_defs": [5]}, "table_defs has an entry that is not text"),
        ({"table_defs": ["orders", None, "parts"]}, "table_defs has an entry that is not text"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_lakefs_is_asked(
    repository: GateRepository, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(LuaError) as failure:
        repository.run("pre-commit", **arguments)
    assert str(failure.value).startswith("descriptor_gate: ")
    assert said in str(failure.value)
    assert repository.view.calls == Counter()


def test_a_folder_may_have_slashes_around_it(repository: GateRepository) -> None:
    repository.stage({"meta/tables/x.yaml": b"{"})
    (line,) = repository.in_lua(descriptor_folder="/meta/tables/")
    assert line.startswith("meta/tables/x.yaml: ")


def test_a_branch_whose_schema_has_no_valid_name_is_a_problem_too(repository: GateRepository) -> None:
    (line,) = repository.in_lua(schema_template="x" * 255 + "{branch}")
    assert line.startswith("branch main: schema 'xxx")
    assert repository.view.calls == Counter()


# Failures


@pytest.mark.parametrize("asked", ["diff_branch", "list_objects", "get_object"])
def test_an_answer_of_lakefs_that_is_none_refuses_the_commit(
    repository: GateRepository, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any) -> Any:
        raise RequestError(403, "not authorized")

    monkeypatch.setattr(repository.view.view, asked, refuse)
    repository.stage(described("suppliers"))
    with pytest.raises(LuaError, match=r"^descriptor_gate: lakeFS answered 403 .*when asked for "):
        repository.run("pre-commit")


def test_what_lakefs_says_in_the_place_of_an_object_is_told(repository: GateRepository) -> None:
    repository.before = """
      local ask = require
      require = function(name)
        if name ~= "lakefs" then return ask(name) end
        local module = ask(name)
        return {
          diff_branch = module.diff_branch,
          list_objects = module.list_objects,
          get_object = function() return 403, '{"message":"not authorized"}\\n' end,
        }
      end
    """
    repository.stage(described("suppliers"))
    with pytest.raises(
        LuaError, match=r"^descriptor_gate: lakeFS answered 403 \(not authorized\) when asked for object "
    ):
        repository.run("pre-commit")


def test_another_event_is_refused(repository: GateRepository) -> None:
    with pytest.raises(LuaError, match="event post-commit is not checked, list only pre-commit and pre-merge"):
        repository.run("post-commit")
