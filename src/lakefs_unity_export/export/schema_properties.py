"""Changes of what a schema's properties say, above all of a branch's export state.

The API replaces all properties at once and knows no condition, so that of two writers at a time one can undo the
other. What was written is read again, which leaves a window of one call, and tells what a server did not take: the
open-source one takes an empty map for no change.
"""

from collections.abc import Callable, Mapping

from lakefs_unity_export.errors import SettingsError, WorkspaceUnavailableError
from lakefs_unity_export.export.state import ExportState, forgetting, read_state, with_state
from lakefs_unity_export.ports import UnityCatalog

# On a schema that the export made, and may drop once its branch is gone.
CREATED_BY = ("lakefs.created_by", "lakefs-unity-export")

WRITE_ATTEMPTS = 3

Properties = Mapping[str, str]


def change_state(
    unity_catalog: UnityCatalog,
    *,
    catalog: str,
    schema: str,
    repository: str,
    branch: str,
    change: Callable[[ExportState], ExportState],
) -> tuple[ExportState, ExportState]:
    """Writes what `change` makes of the present state, where that is another one. The states before and after.

    `change` has to leave a state alone that it made.

    Raises SettingsError where the schema is gone, WatermarkConflictError where it follows another branch, and
    WorkspaceUnavailableError where other writers undo the change again and again.
    """
    full_name = f"{catalog}.{schema}"

    def state_of(properties: Properties) -> ExportState:
        return read_state(properties, repository=repository, branch=branch, schema=full_name)

    def changed(properties: Properties) -> Properties:
        present = state_of(properties)
        wanted = change(present)
        return properties if wanted == present else with_state(properties, wanted, repository=repository, branch=branch)

    before, after = _change_properties(unity_catalog, catalog, schema, changed)
    return state_of(before), state_of(after)


def forget_branch(unity_catalog: UnityCatalog, *, catalog: str, schema: str, repository: str) -> None:
    """Takes everything about the repository out of the schema's properties. Raises as change_state does."""
    _change_properties(unity_catalog, catalog, schema, lambda properties: forgetting(properties, repository=repository))


def _change_properties(
    unity_catalog: UnityCatalog, catalog: str, schema: str, change: Callable[[Properties], Properties]
) -> tuple[Properties, Properties]:
    """Writes what `change` makes of the properties until they are read back so. Before, and after."""
    before: Properties | None = None
    for attempt in range(WRITE_ATTEMPTS + 1):
        properties = unity_catalog.schema_properties(catalog, schema)
        if properties is None:
            raise SettingsError(f"schema {catalog}.{schema} is gone since the run began; run the job again")
        before = properties if before is None else before
        wanted = change(properties)
        if wanted == properties:
            return before, properties
        if attempt < WRITE_ATTEMPTS:
            unity_catalog.set_schema_properties(catalog, schema, wanted)
    raise WorkspaceUnavailableError(
        f"the properties of schema {catalog}.{schema} do not keep what is written to them: others write them at the "
        "same time, or the server does not take them; repair the run later"
    )
