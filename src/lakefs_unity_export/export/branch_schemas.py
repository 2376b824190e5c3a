"""The schemas that a branch is exported to, one in each catalog that its descriptors name."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lakefs_unity_export.commit.descriptors import DescriptorSet, Problem
from lakefs_unity_export.errors import WorkspaceNotFoundError
from lakefs_unity_export.export.plan import SchemaState
from lakefs_unity_export.export.request import NamedRequest
from lakefs_unity_export.export.state import ExportState, read_state
from lakefs_unity_export.ports import UnityCatalog


class BranchSchemas:
    """The schemas of one branch, each looked at once."""

    def __init__(self, request: NamedRequest, unity_catalog: UnityCatalog) -> None:
        self._request = request
        self._unity_catalog = unity_catalog
        self._states: dict[str, SchemaState] = {}

    def exported(self) -> list[SchemaState]:
        """The state of the schema in the job's own catalog, then in each other one that had tables of the branch.

        Raises WorkspaceNotFoundError where one of the catalogs is not there, WatermarkConflictError where a schema
        follows another branch.
        """
        own = self._state(self._request.rules.catalog)
        return [own, *(self._state(catalog) for catalog in self._others(own, DescriptorSet()))]

    def described(self, found: DescriptorSet) -> tuple[list[SchemaState], DescriptorSet]:
        """The same and those of the descriptors' catalogs; descriptors with a catalog that is not there are problems.

        Raises WorkspaceNotFoundError where the job's own catalog is not there, WatermarkConflictError where a schema
        follows another branch.
        """
        own = self._state(self._request.rules.catalog)
        states, missing = [own], dict[str, str]()
        for catalog in self._others(own, found):
            try:
                states.append(self._state(catalog))
            except WorkspaceNotFoundError as error:
                missing[catalog] = str(error)
        return states, _without_catalogs(found, missing)

    @staticmethod
    def _others(own: SchemaState, found: DescriptorSet) -> list[str]:
        named = {descriptor.name.catalog for descriptor in found.tables}
        return sorted({*named, *own.exports.catalogs} - {own.catalog})

    def _state(self, catalog: str) -> SchemaState:
        if catalog not in self._states:
            self._states[catalog] = _schema_state(self._request, catalog, self._unity_catalog)
        return self._states[catalog]


def _schema_state(request: NamedRequest, catalog: str, unity_catalog: UnityCatalog) -> SchemaState:
    repository, branch, schema = request.repository, request.branch, request.rules.schema
    properties = unity_catalog.schema_properties(catalog, schema)
    registered = [] if properties is None else unity_catalog.tables(catalog, schema)
    return SchemaState(
        catalog=catalog,
        schema=schema,
        is_own=catalog == request.rules.catalog,
        properties=properties,
        exports=read_state(properties or {}, repository=repository, branch=branch, schema=f"{catalog}.{schema}"),
        registered={table.name.lower(): table for table in registered},
    )


def shown_commits(states: Iterable[SchemaState], *, but: str) -> str:
    """The commits that tables may show besides one, to tell later whether another run exported any in between."""
    return ";".join(_shown_commits(state.exports, but) for state in states)


def _shown_commits(exports: ExportState, but: str) -> str:
    watermark = exports.watermark.id if exports.watermark else ""
    others = [commit.id for commit in exports.attempts if commit.id != but]
    return ",".join(commit_id[:12] for commit_id in (watermark, *others))


def _without_catalogs(found: DescriptorSet, missing: dict[str, str]) -> DescriptorSet:
    lost = [each for each in found.tables if each.name.catalog in missing]
    problems: Sequence[Problem] = [
        Problem(file=each.file, field="catalog", message=missing[each.name.catalog]) for each in lost
    ]
    kept = tuple(each for each in found.tables if each.name.catalog not in missing)
    return replace(found, tables=kept, problems=(*found.problems, *problems))
