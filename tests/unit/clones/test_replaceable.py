"""What stands in the way of replacing a target, and what is changed there first."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tables_in_memory import REQUEST, SOURCE, TableInMemory, tables, target

from lakefs_unity_export.clones import provenance, replaceable
from lakefs_unity_export.clones.decision import Action
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.replaceable import UnreplaceableTargetError
from lakefs_unity_export.tasks.clone_table import CloneFailedError, clone

APPEND_ONLY = "DELTA_CANNOT_MODIFY_APPEND_ONLY"
MODE = "DELTA_UNSUPPORTED_COLUMN_MAPPING_MODE_CHANGE"
FEATURES = "DELTA_FEATURES_REQUIRE_MANUAL_ENABLEMENT"


class DeltaError(Exception):
    """As PySpark shows an exception of Delta's."""

    def __init__(self, condition: str) -> None:
        super().__init__(f"[{condition}] no")
        self._condition = condition

    def getCondition(self) -> str:  # noqa: N802, PySpark's name
        return self._condition


@dataclass
class Target:
    """A target that refuses clones so often, and keeps what is changed."""

    refusals: list[str]
    done: list[Any] = field(default_factory=list)

    def clone(self) -> None:
        if self.refusals:
            raise DeltaError(self.refusals.pop(0))
        self.done.append("clone")

    def change(self, properties: Mapping[str, str]) -> None:
        self.done.append(dict(properties))


def mapped(state: TableInMemory, mode: str | None) -> TableInMemory:
    return replace(state, properties={"delta.columnMapping.mode": mode} if mode else {})


def changes(refusals: list[str], source: TableInMemory = SOURCE, at: TableInMemory | None = None) -> list[Any]:
    doubled = Target(list(refusals))
    replaceable.replaced(source.detail, lambda: (at or target()).detail, doubled.clone, doubled.change)
    return doubled.done


def test_a_target_that_is_not_refused_is_not_changed() -> None:
    frozen = replace(target(), properties={"delta.appendOnly": "true", "delta.columnMapping.mode": "id"})
    assert changes([], at=frozen) == ["clone"]


def test_a_target_that_takes_appends_only_takes_more() -> None:
    assert changes([APPEND_ONLY]) == [{"delta.appendOnly": "false"}, "clone"]


@pytest.mark.parametrize(
    ("before", "after", "modes"),
    [
        (None, "name", ["name"]),
        ("none", "name", ["name"]),
        ("name", None, ["none"]),
        ("name", "none", ["none"]),
        ("id", None, ["none"]),
        ("id", "name", ["none", "name"]),
    ],
)
def test_the_target_gets_the_column_mapping_of_the_source(
    before: str | None, after: str | None, modes: list[str]
) -> None:
    found = changes([MODE], mapped(SOURCE, after), mapped(target(), before))
    assert found == [*({"delta.columnMapping.mode": mode} for mode in modes), "clone"]


@pytest.mark.parametrize("before", [None, "none", "name"])
def test_a_mode_that_no_table_can_be_given_is_said_with_the_way_out(before: str | None) -> None:
    doubled, source, at = Target([MODE]), mapped(SOURCE, "id"), mapped(target(), before)
    with pytest.raises(UnreplaceableTargetError, match="Move its files away and run again") as error:
        replaceable.replaced(source.detail, lambda: at.detail, doubled.clone, doubled.change)
    assert f"'{before or 'none'}'" in str(error.value)
    assert doubled.done == []


def test_the_target_gets_the_features_that_the_source_has() -> None:
    source = replace(SOURCE, features=frozenset({"variantType", "appendOnly", "clustering"}))
    at = replace(target(), features=frozenset({"appendOnly"}))
    assert changes([FEATURES], source, at) == [{"delta.feature.variantType": "supported"}, "clone"]


def test_one_refusal_behind_another_is_answered_too() -> None:
    found = changes([MODE, APPEND_ONLY], mapped(SOURCE, "name"), mapped(target(), None))
    assert found == [{"delta.columnMapping.mode": "name"}, {"delta.appendOnly": "false"}, "clone"]


@pytest.mark.parametrize("refusals", [["DELTA_CONCURRENT_WRITE"], [APPEND_ONLY, APPEND_ONLY]])
def test_what_no_change_helps_is_raised(refusals: list[str]) -> None:
    with pytest.raises(DeltaError):
        changes(refusals)


def test_a_refused_clone_to_a_free_path_changes_nothing() -> None:
    at = tables(failures={"clone": DeltaError(APPEND_ONLY)})
    with pytest.raises(CloneFailedError):
        clone(at, REQUEST)
    assert at.calls == []


@pytest.mark.parametrize("commit", ["earlier", "this"])
def test_a_run_that_ends_between_the_change_and_the_clone_is_made_good_by_the_next(commit: str) -> None:
    is_this = {"commit_id": REQUEST.commit_id, "commit_generation": 5} if commit == "this" else {}
    at = tables(target(**is_this))
    # At this commit, somebody else's change is what the clone is to undo.
    at.commits = [at.found[REQUEST.target_path].newest]
    metadata = replaceable.user_metadata(REQUEST.commit_id)
    at.set_properties(REQUEST.target_path, {"delta.appendOnly": "false"}, user_metadata=metadata)
    result = clone(at, REQUEST)
    assert result.action is (Action.CLONED_AGAIN if is_this else Action.CLONED)
    assert result.reason == ""
    assert clone(at, REQUEST).action is Action.CURRENT


def test_the_commit_of_a_change_is_no_provenance() -> None:
    written = replaceable.user_metadata(REQUEST.commit_id)
    assert provenance.read_user_metadata(written) is None
    assert REQUEST.commit_id in json.loads(written).values()


@pytest.mark.parametrize("mode", [None, "id"])
def test_a_deep_clone_to_a_free_path_has_a_table_of_ours_to_copy_to(mode: str | None) -> None:
    request, source = replace(REQUEST, method=CloneMethod.DEEP), mapped(SOURCE, mode)
    at = tables(failures={"clone": OSError("disk full")})
    at.found[REQUEST.source_path] = source
    with pytest.raises(CloneFailedError):
        clone(at, request)
    assert at.found[REQUEST.target_path].properties == {**request.provenance.properties(), **source.properties}
    # What the copy left is no reason to leave the path alone.
    at.files.add(REQUEST.target_path)
    at.failures.clear()
    result = clone(at, request)
    assert (result.action, result.version, result.reason) == (Action.CLONED_AGAIN, 1, "")
    assert [call[0] for call in at.calls] == ["create", "deep clone"]
    assert clone(at, request).action is Action.CURRENT
