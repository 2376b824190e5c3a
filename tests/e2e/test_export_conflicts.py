"""Names and target paths that belong to something else are refused and left as they are; the rest is exported."""

from pathlib import Path

import pyarrow
import pytest
from databricks.sdk.service.catalog import ColumnInfo, ColumnTypeName, TableType
from deltalake import DeltaTable, write_deltalake
from deployed_exports import ALL_DONE, Exports
from table_repository import TableRepository, new_repository

from local_stack.stack import LocalStack

pytestmark = pytest.mark.e2e


@pytest.fixture
def targets(stack: LocalStack, repository: TableRepository) -> Path:
    """The folder of the branch's clones."""
    return stack.folder / "exports" / repository.branch


def test_names_taken_by_something_else_are_refused(
    exports: Exports, repository: TableRepository, stack: LocalStack
) -> None:
    schema = repository.branch
    elsewhere = stack.folder / "elsewhere" / schema
    write_deltalake(str(elsewhere), pyarrow.table({"word": ["theirs"]}))
    exports.client.schemas.create(schema, exports.catalog)
    exports.sql(f"CREATE TABLE {exports.quoted(schema, 'moved')} USING DELTA LOCATION '{elsewhere.as_uri()}'")
    field = '{"name": "word", "type": "string", "nullable": true, "metadata": {}}'
    column = ColumnInfo(
        name="word", type_name=ColumnTypeName.STRING, type_text="string", type_json=field, nullable=True, position=0
    )
    exports.client.api_client.do(
        "POST",
        "/api/2.1/unity-catalog/tables",
        body={
            "name": "seen",
            "catalog_name": exports.catalog,
            "schema_name": schema,
            "table_type": TableType.VIEW.value,
            "columns": [column.as_dict()],
            "view_definition": "SELECT 'theirs' AS word",
        },
    )
    for name in ("orders", "moved", "seen"):
        repository.add(name, ["ours"])
    repository.commit()
    before = {table.name: table.as_dict() for table in exports.client.tables.list(exports.catalog, schema)}

    run = exports.run(repository)

    assert (run.state, run.tasks) == ("FAILED", {**ALL_DONE, "record_export": "FAILED"})
    assert run.cloned == {"orders"}
    assert "2 tables were refused, so the watermark stays" in run.text
    assert f"_lakefs_tables/moved.yaml: name: main.{schema}.moved is already registered at {elsewhere.as_uri()}" in (
        run.text
    )
    assert f"_lakefs_tables/seen.yaml: name: main.{schema}.seen is already the name of something of type VIEW" in (
        run.text
    )
    assert exports.words(schema, "orders") == ["ours"]
    assert exports.words(schema, "moved") == ["theirs"]
    after = {table.name: table.as_dict() for table in exports.client.tables.list(exports.catalog, schema)}
    assert {name: after[name] for name in before} == before
    assert exports.watermark(repository) is None


def test_target_paths_that_hold_something_else_are_refused(
    exports: Exports, repository: TableRepository, stack: LocalStack, targets: Path
) -> None:
    schema = repository.branch
    repository.add("shared", ["ours"])
    first = repository.commit()
    assert exports.run(repository).state == "SUCCESS"
    write_deltalake(str(targets / "foreign"), pyarrow.table({"word": ["theirs"]}))
    (targets / "plain").mkdir()
    (targets / "plain" / "notes.txt").write_text("theirs")
    other = new_repository(stack.lakefs, branch=schema)
    for name in ("shared", "foreign", "plain", "orders"):
        other.add(name, ["the other's"])
    head = other.commit()

    run = exports.run(other)

    assert run.state == "FAILED"
    assert run.tasks["record_export"] == "FAILED"
    assert "IncompleteExportError: clone_tables and register_tables did not end well" in run.text
    assert run.cloned == {"orders"}
    place = targets.as_uri()
    assert (
        f"the target path {place}/foreign of `main`.`{schema}`.`foreign` holds a Delta table that this export did"
        in (run.text)
    )
    assert f"the target path {place}/plain of `main`.`{schema}`.`plain` holds files that are no Delta table" in run.text
    assert f"holds the export of branch '{schema}' of the lakeFS repository '{repository.name}'" in run.text
    assert (targets / "plain" / "notes.txt").read_text() == "theirs"
    assert [file.name for file in (targets / "plain").iterdir()] == ["notes.txt"]
    assert DeltaTable(str(targets / "foreign")).version() == 0
    shared = exports.table(schema, "shared")
    assert (shared.words, shared.commit_id) == (["ours"], first)
    assert exports.words(schema, "orders") == ["the other's"]
    assert exports.tables(schema) == {"shared", "orders"}
    assert exports.watermark(other, schema) is None
    assert head


def test_a_repair_exports_what_failed_only(exports: Exports, repository: TableRepository, targets: Path) -> None:
    schema = repository.branch
    repository.add("orders", ["o1"])
    repository.add("nation", ["n1"])
    head = repository.commit()
    (targets / "nation").mkdir(parents=True)
    notes = targets / "nation" / "notes.txt"
    notes.write_text("in the way")
    failed = exports.run(repository)
    assert (failed.state, failed.cloned) == ("FAILED", {"orders"})
    assert exports.tables(schema) == {"orders"}
    version = exports.version(schema, "orders")
    notes.unlink()

    repaired = exports.repair(failed)

    assert (repaired.state, repaired.tasks) == ("SUCCESS", ALL_DONE), repaired.text
    assert exports.words(schema, "nation") == ["n1"]
    assert exports.version(schema, "orders") == version
    assert exports.watermark(repository) == head
