"""Recording an export: when the watermark moves, when it stays, what goes on, and what fails the run."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from doubles import ExportRunsDouble, TaskValuesDouble, UnityCatalogDouble

from lakefs_unity_export.errors import (
    IncompleteExportError,
    InvalidDescriptorsError,
    NameTakenError,
    SettingsError,
    WatermarkConflictError,
    WorkspaceUnavailableError,
)
from lakefs_unity_export.export.record import Record, RecordedSchema
from lakefs_unity_export.export.recording import record_export
from lakefs_unity_export.export.schema_properties import CREATED_BY
from lakefs_unity_export.export.state import FOLLOWS_NOTHING, ExportState, read_state, with_state
from lakefs_unity_export.ports import Commit, RegisteredTable
from lakefs_unity_export.tasks import record_export as module
from lakefs_unity_export.tasks.record_export import main

C4, C5, C6, C9, D5 = (
    Commit(id=name * 32, generation=generation)
    for name, generation in (("c4", 4), ("c5", 5), ("c6", 6), ("c9", 9), ("d5", 5))
)
NEXT = {"repository": "shop", "branch": "main", "commit_id": C5.id, "event": "next_page", "page_after": "lake.main.m"}


@pytest.fixture
def runs() -> ExportRunsDouble:
    return ExportRunsDouble()


def _record(
    *,
    watermark: str = "",
    catalogs: tuple[str, ...] = ("lake",),
    line: int = 0,
    covered: tuple[str, ...] = (),
    **fields: object,
) -> Record:
    schemas = [
        RecordedSchema(catalog=catalog, schema="main", watermark=watermark, line=line, covered=covered)
        for catalog in catalogs
    ]
    commit = {"commit_id": C5.id, "commit_generation": 5}
    return Record.model_validate({"repository": "shop", "branch": "main", **commit, "schemas": schemas, **fields})


def _properties(state: ExportState, repository: str = "shop", branch: str = "main") -> dict[str, str]:
    return with_state({}, state, repository=repository, branch=branch)


def _state(unity_catalog: UnityCatalogDouble, catalog: str = "lake") -> ExportState:
    properties = unity_catalog.schema(catalog, "main").properties
    return read_state(properties, repository="shop", branch="main", schema=f"{catalog}.main")


OURS = ExportState(watermark=C5, catalogs=("lake",))


# The watermark


def test_the_first_watermark_is_set_beside_foreign_properties(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    foreign = {"owner": "finance", "lakefs.other.branch": "dev"}
    unity_catalog.schema("lake", "main").properties = dict(foreign)
    record_export(_record(), unity_catalog, runs, out)
    assert unity_catalog.schema("lake", "main").properties == {**foreign, **_properties(OURS)}
    assert out.getvalue() == f"lake.main: exported up to commit {C5.id} of branch main\n"
    assert runs.started == []


def test_two_repositories_share_a_schema(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    unity_catalog.schema("lake", "main")
    record_export(_record(), unity_catalog, runs, out)
    record_export(_record(repository="other"), unity_catalog, runs, out)
    assert unity_catalog.schema("lake", "main").properties == {
        **_properties(OURS),
        **_properties(OURS, repository="other"),
    }


def test_every_schema_is_moved_and_knows_of_the_others(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    unity_catalog.catalogs["other"] = {}
    for catalog in ("lake", "other"):
        unity_catalog.schema(catalog, "main")
    record_export(_record(catalogs=("lake", "other")), unity_catalog, runs, out)
    assert [name for name, _ in unity_catalog.writes] == ["lake.main", "other.main"]
    assert _state(unity_catalog).catalogs == _state(unity_catalog, "other").catalogs == ("lake", "other")


@pytest.mark.parametrize(
    ("present", "listed_from", "line", "moves"),
    [
        (ExportState(watermark=C4), C4.id, 0, True),
        (ExportState(watermark=C9, line=3), C9.id, 8, True),  # the head was reset since c9 was exported
        (ExportState(watermark=C9), C4.id, 0, False),  # another run moved it while this one worked
        (ExportState(watermark=D5), C4.id, 0, False),
        (ExportState(watermark=C9), "", 0, False),
        (ExportState(watermark=C4), "", 0, True),
        (ExportState(watermark=C4, line=8), C4.id, 3, False),  # another run follows the head that was reset
        (ExportState(watermark=C9, line=8), C4.id, 8, False),
    ],
)
def test_a_watermark_moves_unless_another_run_moved_it_further(
    unity_catalog: UnityCatalogDouble,
    runs: ExportRunsDouble,
    out: io.StringIO,
    present: ExportState,
    listed_from: str,
    line: int,
    moves: bool,
) -> None:
    unity_catalog.schema("lake", "main").properties = _properties(present)
    record_export(_record(watermark=listed_from, line=line), unity_catalog, runs, out)
    if moves:
        assert _state(unity_catalog) == replace(OURS, line=line)
        assert runs.started == []
        return
    assert _state(unity_catalog) == replace(present, attempts=(C5,), catalogs=("lake",))
    assert present.watermark is not None
    assert out.getvalue().startswith(
        f"lake.main: left at commit {present.watermark.id}, which another run has recorded since\n"
    )
    assert runs.started == [{"repository": "shop", "branch": "main", "event": "reconcile"}]


def test_attempts_that_the_listing_knew_of_are_made_up_for(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    present = ExportState(watermark=C4, attempts=(C5, D5, C6))
    unity_catalog.schema("lake", "main").properties = _properties(present)
    record_export(_record(watermark=C4.id, covered=(D5.id,)), unity_catalog, runs, out)
    assert _state(unity_catalog) == replace(OURS, attempts=(C6,))


def test_recording_twice_writes_once(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    unity_catalog.schema("lake", "main")
    record_export(_record(), unity_catalog, runs, out)
    record_export(_record(), unity_catalog, runs, out)
    assert len(unity_catalog.writes) == 1
    assert out.getvalue().endswith(f"lake.main: already at commit {C5.id}\n")


def test_what_another_writer_undoes_is_written_again(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema, theirs, write = unity_catalog.schema("lake", "main"), [0, 1], unity_catalog.set_schema_properties

    def undone(catalog: str, name: str, properties: dict[str, str]) -> None:
        write(catalog, name, properties)
        if theirs.pop():
            schema.properties = {"lakefs.other.commit_id": "c0ffee"}

    monkeypatch.setattr(unity_catalog, "set_schema_properties", undone)
    record_export(_record(), unity_catalog, runs, out)
    assert schema.properties == {"lakefs.other.commit_id": "c0ffee", **_properties(OURS)}


def test_properties_that_do_not_keep_what_is_written_are_an_error(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    unity_catalog.schema("lake", "main")
    monkeypatch.setattr(unity_catalog, "set_schema_properties", lambda *_: None)
    with pytest.raises(WorkspaceUnavailableError, match=r"schema lake\.main do not keep what is written to them"):
        record_export(_record(), unity_catalog, runs, out)


# What keeps it back


def test_refused_tables_keep_the_watermark_and_fail_the_run(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    unity_catalog.schema("lake", "main")
    record = _record(refused=("f.yaml: name: a is taken", "g.yaml: name: b is taken"), problems=("h.yaml: is wrong",))
    with pytest.raises(NameTakenError) as raised:
        record_export(record, unity_catalog, runs, out)
    assert str(raised.value) == (
        "2 tables were refused, so the watermark stays:\n  f.yaml: name: a is taken\n  g.yaml: name: b is taken"
    )
    assert unity_catalog.writes == []


def test_problems_fail_the_run_after_the_watermark_moved(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    unity_catalog.schema("lake", "main")
    with pytest.raises(InvalidDescriptorsError) as raised:
        record_export(_record(problems=("f.yaml: is wrong",)), unity_catalog, runs, out)
    assert str(raised.value) == "1 table descriptors are invalid, all others are exported:\n  f.yaml: is wrong"
    assert _state(unity_catalog) == OURS


def test_failed_tasks_keep_the_watermark_and_fail_the_run(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    unity_catalog.schema("lake", "main")
    with pytest.raises(IncompleteExportError, match=r"^clone_tables and register_tables did not end well"):
        record_export(_record(), unity_catalog, runs, out, failed=["clone_tables", "register_tables"])
    assert unity_catalog.writes == []
    assert runs.started == []


def test_a_schema_that_is_gone_is_an_error(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    with pytest.raises(SettingsError, match=r"^schema lake\.main is gone since the run began; run the job again$"):
        record_export(_record(), unity_catalog, runs, out)


def test_a_schema_that_follows_another_branch_is_an_error(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    unity_catalog.schema("lake", "main").properties = _properties(ExportState(watermark=C9), branch="dev")
    with pytest.raises(WatermarkConflictError, match="follows branch 'dev'"):
        record_export(_record(), unity_catalog, runs, out)
    assert unity_catalog.writes == []


# Pages


def test_the_next_page_is_started_and_the_watermark_stays(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    unity_catalog.schema("lake", "main")
    for _ in range(2):
        record_export(_record(next_page=NEXT, following=3), unity_catalog, runs, out, run_id="7")
    assert runs.started == [NEXT]
    assert out.getvalue() == "run 1 goes on after lake.main.m (pages left: 3)\n" * 2
    assert unity_catalog.writes == []
    record_export(_record(next_page=NEXT), unity_catalog, runs, out, run_id="8")
    assert len(runs.started) == 2


def test_a_failed_page_is_gone_on_from_and_told_to_the_next_ones(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    unity_catalog.schema("lake", "main")
    with pytest.raises(IncompleteExportError, match=r"^clone_tables did not end well"):
        record_export(_record(next_page=NEXT), unity_catalog, runs, out, failed=["clone_tables"], run_id="7")
    record_export(_record(next_page=NEXT, page_failed=True), unity_catalog, runs, out, run_id="8")
    assert runs.started == [{**NEXT, "page_failed": "true"}] * 2
    with pytest.raises(IncompleteExportError, match=r"^an earlier page of this export failed, so the watermark stays"):
        record_export(_record(page_failed=True), unity_catalog, runs, out, run_id="9")
    assert unity_catalog.writes == []


def test_a_repaired_page_starts_the_next_ones_anew(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    unity_catalog.schema("lake", "main")
    with pytest.raises(IncompleteExportError):
        record_export(_record(next_page=NEXT), unity_catalog, runs, out, failed=["clone_tables"], run_id="7")
    record_export(_record(next_page=NEXT), unity_catalog, runs, out, run_id="7")
    assert runs.started == [{**NEXT, "page_failed": "true"}, NEXT]


def test_a_page_that_another_run_passed_is_not_gone_on_from(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    present = ExportState(watermark=C9, catalogs=("lake",))
    unity_catalog.schema("lake", "main").properties = _properties(present)
    record_export(_record(next_page=NEXT, watermark=C4.id), unity_catalog, runs, out)
    assert runs.started == [{"repository": "shop", "branch": "main", "event": "reconcile"}]
    assert _state(unity_catalog) == replace(present, attempts=(C5,))


def test_each_run_that_was_late_has_its_tables_brought_to_the_head(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    """A branch that was deleted and made again at its commit can be late again, from the same watermark."""
    for run_id, started in (("7", 1), ("7", 1), ("8", 2)):
        unity_catalog.schema("lake", "main").properties = _properties(ExportState(watermark=C9, catalogs=("lake",)))
        record_export(_record(watermark=C4.id), unity_catalog, runs, out, run_id=run_id)
        assert len(runs.started) == started


# Branches that are gone


def _gone(unity_catalog: UnityCatalogDouble, properties: dict[str, str], *tables: str) -> Record:
    schema = unity_catalog.schema("lake", "main")
    schema.properties = {**_properties(OURS), **properties}
    schema.tables = {table: RegisteredTable(name=table, table_type="MANAGED", storage_location="") for table in tables}
    return _record(is_gone=True, commit_id="", commit_generation=0)


def test_the_empty_schema_of_a_gone_branch_is_dropped_where_the_export_made_it(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    record = _gone(unity_catalog, dict([CREATED_BY]))
    for _ in range(2):
        record_export(record, unity_catalog, runs, out)
    assert unity_catalog.catalogs == {"lake": {}}
    assert out.getvalue() == "lake.main: dropped, since branch main is gone and it is empty\n"


@pytest.mark.parametrize("refuses_empty_maps", [False, True])
@pytest.mark.parametrize(
    ("properties", "tables"),
    [
        ({}, []),
        ({"owner": "finance"}, []),
        (dict([CREATED_BY]), ["theirs"]),
        ({**dict([CREATED_BY]), "lakefs.other.branch": "main"}, []),
        ({CREATED_BY[0]: "somebody"}, []),
    ],
)
def test_another_schema_of_a_gone_branch_stays(
    unity_catalog: UnityCatalogDouble,
    runs: ExportRunsDouble,
    out: io.StringIO,
    properties: dict[str, str],
    tables: list[str],
    refuses_empty_maps: bool,
) -> None:
    unity_catalog.refuses_empty_maps = refuses_empty_maps
    record = _gone(unity_catalog, properties, *tables)
    for _ in range(2):
        record_export(record, unity_catalog, runs, out)
    assert unity_catalog.schema("lake", "main").properties == (properties or dict([FOLLOWS_NOTHING]))
    assert len(unity_catalog.writes) == 1
    assert out.getvalue() == "lake.main: no longer follows branch main, which is gone\n" * 2


def test_a_branch_that_cannot_be_forgotten_fails_the_run(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = _gone(unity_catalog, {})
    monkeypatch.setattr(unity_catalog, "set_schema_properties", lambda *_: None)
    with pytest.raises(WorkspaceUnavailableError, match=r"properties of schema lake\.main do not keep what is written"):
        record_export(record, unity_catalog, runs, out)
    assert out.getvalue() == ""


def test_a_schema_that_was_made_for_a_gone_branch_is_dropped_though_it_says_that_it_follows_nothing(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    record = _gone(unity_catalog, dict([CREATED_BY, FOLLOWS_NOTHING]))
    record_export(record, unity_catalog, runs, out)
    assert unity_catalog.catalogs == {"lake": {}}


def test_the_schema_of_a_gone_branch_stays_where_a_table_could_not_be_dropped(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    record = _gone(unity_catalog, dict([CREATED_BY]))
    with pytest.raises(IncompleteExportError):
        record_export(record, unity_catalog, runs, out, failed=["unregister_tables"])
    assert _state(unity_catalog) == OURS


def test_a_record_survives_the_way_through_a_task_value() -> None:
    record = _record(refused=("ä 'quoted' \"twice\"\n",), problems=("{{x}}",), next_page=NEXT, covered=(C4.id,))
    assert Record.model_validate_json(record.to_json()) == record
    assert json.loads(record.to_json())["schemas"] == [
        {"catalog": "lake", "schema": "main", "watermark": "", "line": 0, "covered": [C4.id]}
    ]


def test_a_record_of_the_version_before_is_gone_on_from(
    unity_catalog: UnityCatalogDouble, runs: ExportRunsDouble, out: io.StringIO
) -> None:
    """It did not say how many pages follow."""
    unity_catalog.schema("lake", "main")
    left = json.loads(_record(next_page=NEXT, following=3).to_json())
    del left["following"]
    record_export(Record.model_validate(left), unity_catalog, runs, out)
    assert (runs.started, out.getvalue()) == ([NEXT], "run 1 goes on after lake.main.m\n")


# The entry point


class _Runtime:
    def __init__(self, unity_catalog: UnityCatalogDouble, left: Mapping[tuple[str, str], object]) -> None:
        self.unity_catalog = unity_catalog
        self.task_values = TaskValuesDouble(left)
        self.runs = ExportRunsDouble()

    def export_runs(self, job_id: str) -> ExportRunsDouble:
        assert job_id in ("", "77")
        return self.runs


LEFT = ("list_changed_tables", "record")


def _run(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble, record: object, *arguments: str
) -> _Runtime:
    """Run the task after a listing that left this record; with None, after nothing."""
    runtime = _Runtime(unity_catalog, {} if record is None else {LEFT: record})
    monkeypatch.setattr(module, "task_runtime", lambda out: runtime)
    monkeypatch.setattr("sys.argv", ["record_export", *arguments])
    main()
    return runtime


def test_the_task_records(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    unity_catalog.schema("lake", "main")
    _run(monkeypatch, unity_catalog, _record().to_json())
    assert _state(unity_catalog) == OURS
    assert f"exported up to commit {C5.id}" in capsys.readouterr().out


def test_the_task_takes_the_job_parameters_that_databricks_adds(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble
) -> None:
    """Databricks documentation, "job parameters": they are pushed down to every task with named parameters."""
    unity_catalog.schema("lake", "main")
    names = ("repository", "branch", "commit_id", "event", "mode", "snapshot", "page_after", "base_commit", "later")
    _run(monkeypatch, unity_catalog, _record().to_json(), *(f"--{name}=x" for name in names))
    assert _state(unity_catalog) == OURS


@pytest.mark.parametrize(
    "value", ["", "{}", "no json", "[]", '{"repository": "shop"}', "{{tasks.list.values.record}}", {}, 1], ids=str
)
def test_the_task_exits_with_the_remedy_where_the_record_is_none(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble, value: object
) -> None:
    with pytest.raises(SystemExit) as raised:
        _run(monkeypatch, unity_catalog, value)
    assert raised.value.code == (
        "SettingsError: the task value record of list_changed_tables is not what this version leaves there; "
        "start the whole job anew"
    )


def test_the_task_exits_with_what_databricks_says_where_no_record_was_left(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble
) -> None:
    with pytest.raises(SystemExit) as raised:
        _run(monkeypatch, unity_catalog, None)
    assert raised.value.code == (
        "SettingsError: the task value record of list_changed_tables cannot be read "
        "(ValueError: Task key does not exist in run: list_changed_tables); start the whole job anew"
    )


def test_a_record_in_a_parameter_as_an_earlier_version_had_it_is_not_read(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble
) -> None:
    """A run with the settings of before left the same value under the same key."""
    unity_catalog.schema("lake", "main")
    _run(monkeypatch, unity_catalog, _record().to_json(), "--record=not read")
    assert _state(unity_catalog) == OURS


def test_the_task_exits_with_what_was_refused(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble
) -> None:
    with pytest.raises(SystemExit) as raised:
        _run(monkeypatch, unity_catalog, _record(refused=("f is taken",)).to_json())
    assert raised.value.code == "NameTakenError: 1 tables were refused, so the watermark stays:\n  f is taken"


@pytest.mark.parametrize("result", ["failed", "FAILED", "timedout", "canceled", "upstream_failed", "evicted"])
@pytest.mark.parametrize("task", ["clone_tables", "register_tables", "unregister_tables"])
def test_the_task_fails_where_a_task_before_it_did(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble, task: str, result: str
) -> None:
    unity_catalog.schema("lake", "main")
    with pytest.raises(SystemExit, match=f"^IncompleteExportError: {task} did not end well"):
        _run(monkeypatch, unity_catalog, _record().to_json(), f"--{task}={result}")
    assert unity_catalog.writes == []


def test_the_task_goes_on_from_tasks_that_had_nothing_to_do(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble
) -> None:
    unity_catalog.schema("lake", "main")
    results = ("--clone_tables=success", "--register_tables=SUCCESS", "--unregister_tables=excluded")
    _run(monkeypatch, unity_catalog, _record().to_json(), *results, "--job_id=77", "--run_id=9")
    assert _state(unity_catalog) == OURS


def test_the_task_starts_the_next_page_of_its_job(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble
) -> None:
    unity_catalog.schema("lake", "main")
    record = _record(next_page=NEXT).to_json()
    assert _run(monkeypatch, unity_catalog, record, "--job_id=77", "--run_id=9").runs.started == [NEXT]
