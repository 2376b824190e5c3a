"""What a listing leaves to be recorded once its tables are exported: the task value `record`."""

from collections.abc import Callable, Mapping

import pydantic

from lakefs_unity_export.export.schema_properties import change_state
from lakefs_unity_export.export.state import ExportState
from lakefs_unity_export.ports import Commit, UnityCatalog


class RecordedSchema(pydantic.BaseModel):
    """A schema whose watermark is to be moved, and what the listing knew of it.

    `watermark` is the commit that it was exported up to, `covered` are the attempts that the listing made up for.
    """

    model_config = pydantic.ConfigDict(frozen=True)

    catalog: str
    schema_name: str = pydantic.Field(alias="schema")
    watermark: str
    line: int = 0
    covered: tuple[str, ...] = ()


class Record(pydantic.BaseModel):
    """What the listing leaves to be recorded when its tables are exported.

    `next_page` are the job parameters of the run that goes on, empty on the last page; `page_failed` says that an
    earlier page was not exported wholly. `is_gone` where the branch is deleted, and its tables were removed.
    `described` is what is kept of the commit's descriptors, see `known_tables`.
    """

    model_config = pydantic.ConfigDict(frozen=True)

    repository: str
    branch: str
    commit_id: str
    commit_generation: int
    schemas: tuple[RecordedSchema, ...]
    refused: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    next_page: Mapping[str, str] = pydantic.Field(default_factory=dict)
    page_failed: bool = False
    is_gone: bool = False
    described: str = ""

    @property
    def commit(self) -> Commit:
        """The exported commit."""
        return Commit(id=self.commit_id, generation=self.commit_generation)

    def to_json(self) -> str:
        """As a task value."""
        return self.model_dump_json(by_alias=True)


def change_recorded(
    record: Record, schema: RecordedSchema, unity_catalog: UnityCatalog, change: Callable[[ExportState], ExportState]
) -> tuple[ExportState, ExportState]:
    """change_state for one of the record's schemas."""
    return change_state(
        unity_catalog,
        catalog=schema.catalog,
        schema=schema.schema_name,
        repository=record.repository,
        branch=record.branch,
        change=change,
    )
