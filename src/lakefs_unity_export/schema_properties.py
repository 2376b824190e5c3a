"""Changes of a branch's export state in the properties of its schema.

The API replaces all properties at once and knows no condition, so that of two writers at a time one can undo the
other. What was written is read again, which leaves a window of one call.
"""

from collections.abc import Callable

from lakefs_unity_export.errors import SettingsError, WorkspaceUnavailableError
from lakefs_unity_export.export_state import ExportState, read_state, with_state
from lakefs_unity_export.ports import UnityCatalog

# On a schema that the export made, and may drop once its branch is gone.
CREATED_BY = ("lakefs.created_by", "lakefs-unity-export")

WRITE_ATTEMPTS = 3


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
    before: ExportState | None = None
    for attempt in range(WRITE_ATTEMPTS + 1):
        properties = unity_catalog.schema_properties(catalog, schema)
        if properties is None:
            raise SettingsError(f"schema {full_name} is gone since the run began; run the job again")
        present = read_state(properties, repository=repository, branch=branch, schema=full_name)
        before = before or present
        wanted = change(present)
        if wanted == present:
            return before, present
        if attempt < WRITE_ATTEMPTS:
            written = with_state(properties, wanted, repository=repository, branch=branch)
            unity_catalog.set_schema_properties(catalog, schema, written)
    raise WorkspaceUnavailableError(
        f"the properties of schema {full_name} do not keep what is written to them, since others write them at the "
        "same time; repair the run later"
    )
