"""A schema that is made, changed, listed and removed again, to see that it can be."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lakefs_unity_export.errors import WorkspaceError
from lakefs_unity_export.ports import UnityCatalog
from lakefs_unity_export.property_values import MAX_LENGTH

# How the schema is named; the run's id comes after it.
PREFIX = "lakefs_unity_export_check_"
# After so many seconds such a schema is what a run left that was killed: no run takes as long.
LEFT_AFTER_SECONDS = 3600
# Names the check and the time, so that no file of others is taken for one that tells of a run's.
MARK = "made_by_check_setup_at_"
_MADE_BY = ("lakefs.created_by", "check_setup")
_MADE_AT = "lakefs.check_time"
_LONGEST = ("lakefs.".ljust(MAX_LENGTH, "k"), "v" * MAX_LENGTH)

Clock = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What became of the schema.

    properties: what it had after the change; listed: what the list of schemas shows of it, None where it is not there.
    left: why it is still there, empty where it is gone. swept: those that earlier runs left, and this one removed.
    """

    full_name: str
    wanted: dict[str, str]
    properties: dict[str, str] | None
    listed: dict[str, str] | None
    left: str
    swept: tuple[str, ...] = ()


def try_schema(unity_catalog: UnityCatalog, catalog: str, run_id: str, clock: Clock = time.time) -> Probe:
    """Removes what earlier runs left, then makes a schema, changes it and removes it.

    clock gives Unix time in seconds. Raises WorkspaceError, by cause; whatever is made is removed then too.
    """
    swept = tuple(_sweep(unity_catalog, catalog, clock()))
    schema = PREFIX + run_id
    made = made_properties(clock())
    wanted = made | dict([_LONGEST])
    unity_catalog.create_schema(catalog, schema, made)
    try:
        unity_catalog.set_schema_properties(catalog, schema, wanted)
        properties = unity_catalog.schema_properties(catalog, schema)
        listed = unity_catalog.schemas(catalog).get(schema)
    finally:
        left = _remove(unity_catalog, catalog, schema)
    return Probe(
        full_name=f"{catalog}.{schema}", wanted=wanted, properties=properties, listed=listed, left=left, swept=swept
    )


def _sweep(unity_catalog: UnityCatalog, catalog: str, now: float) -> list[str]:
    listed = unity_catalog.schemas(catalog)
    left = [name for name, properties in listed.items() if is_left(name, properties, now)]
    return [name for name in left if not _remove(unity_catalog, catalog, name)]


def made_properties(now: float) -> dict[str, str]:
    """The properties by which such a schema is known again. now: Unix time in seconds."""
    return dict([_MADE_BY, (_MADE_AT, str(int(now)))])


def and_swept(swept: Sequence[str]) -> str:
    """The end of a finding: what earlier runs left and this one removed too, or nothing."""
    return f"; so {'was' if len(swept) == 1 else 'were'} {', '.join(swept)}, which earlier runs left" if swept else ""


def is_ours(schema: str, properties: Mapping[str, str]) -> bool:
    """Whether a run of check_setup made the schema."""
    return schema.startswith(PREFIX) and properties.get(_MADE_BY[0]) == _MADE_BY[1]


def is_left(schema: str, properties: Mapping[str, str], now: float) -> bool:
    """Whether it was made by a run that is over, and that did not remove it."""
    made_at = properties.get(_MADE_AT, "")
    return is_ours(schema, properties) and made_at.isdigit() and now - int(made_at) > LEFT_AFTER_SECONDS


def is_left_by(mark: str, now: float) -> bool:
    """Whether a file of this name is the mark of a run that is over. now: Unix time in seconds."""
    made_at = mark.removeprefix(MARK)
    return mark.startswith(MARK) and made_at.isdigit() and now - int(made_at) > LEFT_AFTER_SECONDS


def _remove(unity_catalog: UnityCatalog, catalog: str, schema: str) -> str:
    """Removes the schema; why it cannot be, or nothing."""
    try:
        unity_catalog.delete_schema(catalog, schema)
    except WorkspaceError as error:
        return str(error)
    return ""
