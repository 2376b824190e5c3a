"""What Delta refuses to replace by a clone, and the changes of the target that it allows first.

A clone with `replace` is a change of the target to Delta, so a table that is not to be changed in this way stands in
the way of its own next commit, run after run. Delta's refusals are awaited and not foreseen: what a runtime does not
refuse needs no change. Each change is a commit of its own, in front of the clone's. The rows stay those of the commit
that was exported before, so that a run that ends in between leaves nothing half done: the next one clones again.
"""

import json
from collections.abc import Callable, Mapping, Sequence

from lakefs_unity_export.clones.delta_tables import TableDetail
from lakefs_unity_export.clones.spark_errors import Cause, causes
from lakefs_unity_export.errors import ExportError

Properties = Mapping[str, str]

_PREPARING = "lakefs.preparing"
_MODE = "delta.columnMapping.mode"
_APPEND_ONLY_REFUSED = "DELTA_CANNOT_MODIFY_APPEND_ONLY"
_MODE_REFUSED = "DELTA_UNSUPPORTED_COLUMN_MAPPING_MODE_CHANGE"
_FEATURES_REFUSED = "DELTA_FEATURES_REQUIRE_MANUAL_ENABLEMENT"
_REFUSALS = (_APPEND_ONLY_REFUSED, _MODE_REFUSED, _FEATURES_REFUSED)
# Delta takes this one from a clone only.
_NOT_SET_BY_HAND = {"clustering"}


class UnreplaceableTargetError(ExportError):
    """Delta knows no way to make the target replaceable by a clone of the source."""


def user_metadata(commit_id: str) -> str:
    """The user metadata of a commit that prepares a target for this lakeFS commit. It is no provenance."""
    return json.dumps({_PREPARING: commit_id})


def is_preparation(text: str | None) -> bool:
    """Whether a commit with this user metadata prepared a target."""
    return text is not None and text.startswith(f'{{"{_PREPARING}": ')


def mapping_properties(source: TableDetail) -> Properties:
    """The properties with which an empty table can be replaced by a clone of the source, whatever its mapping is."""
    return {name: text for name, text in source.properties.items() if name == _MODE}


def replaced(
    source: TableDetail,
    target: Callable[[], TableDetail],
    clone: Callable[[], None],
    change: Callable[[Properties], None],
) -> None:
    """Clone the source onto the target; where Delta refuses, change the target's properties and clone again.

    target: reads the target; called where Delta refuses. clone: makes the clone. change: sets properties of the target.

    Raises what `clone` and `change` raise, and UnreplaceableTargetError.
    """
    refused: set[str] = set()
    while True:
        try:
            return clone()
        except Exception as error:
            refusal = _refusal(causes(error))
            if refusal is None or refusal in refused:
                raise
            refused.add(refusal)
            changes = _changes(refusal, source, target())
        for properties in changes:
            change(properties)


def _refusal(chain: Sequence[Cause]) -> str | None:
    found = [cause.condition for cause in chain if cause.condition in _REFUSALS]
    return found[0] if found else None


def _changes(refusal: str, source: TableDetail, target: TableDetail) -> list[Properties]:
    if refusal == _APPEND_ONLY_REFUSED:
        # The clone brings the source's own setting back.
        return [{"delta.appendOnly": "false"}]
    if refusal == _FEATURES_REFUSED:
        lacking = source.features - target.features - _NOT_SET_BY_HAND
        return [{f"delta.feature.{name}": "supported" for name in sorted(lacking)}] if lacking else []
    before, after = (state.properties.get(_MODE, "none") for state in (target, source))
    if after == "id":
        raise UnreplaceableTargetError(
            f"the table at {source.location} has the column mapping mode 'id', the target {target.location} has "
            f"'{before}', and Delta has no way from one to the other: the target was left as it was. Move its files "
            "away and run again: the table is cloned anew, without its history; what is registered in Unity Catalog "
            "keeps its grants"
        )
    # Delta writes the rows anew without column mapping, from which the way to names is free.
    steps = ["none"] * (before != "none") + ["name"] * (after == "name")
    return [{_MODE: mode} for mode in steps]
