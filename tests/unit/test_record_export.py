"""Recording an export: when the watermark moves, when it stays, and what fails the run."""

import io
import json

import pytest
from doubles import UnityCatalogDouble

from lakefs_unity_export import record_export as module
from lakefs_unity_export.errors import InvalidDescriptorsError, NameTakenError, SettingsError, WatermarkConflictError
from lakefs_unity_export.record_export import Record, RecordedSchema, main, record_export


def _record(*, watermark: str = "", catalogs: tuple[str, ...] = ("lake",), **fields: object) -> Record:
    schemas = [RecordedSchema(catalog=catalog, schema="main", watermark=watermark) for catalog in catalogs]
    defaults = {"repository": "shop", "branch": "main", "commit_id": "c5", "commit_generation": 5, "schemas": schemas}
    return Record.model_validate({**defaults, **fields})


def _properties(commit_id: str, generation: int | str) -> dict[str, str]:
    return {
        "lakefs.shop.branch": "main",
        "lakefs.shop.commit_id": commit_id,
        "lakefs.shop.commit_generation": str(generation),
    }


OURS = _properties("c5", 5)


def test_the_first_watermark_is_set_beside_foreign_properties(
    unity_catalog: UnityCatalogDouble, out: io.StringIO
) -> None:
    unity_catalog.schema("lake", "main").properties = {"owner": "finance", "lakefs.other.branch": "dev"}
    record_export(_record(), unity_catalog, out)
    assert unity_catalog.writes == [("lake.main", {"owner": "finance", "lakefs.other.branch": "dev", **OURS})]
    assert out.getvalue() == "lake.main: exported up to commit c5 of branch main\n"


def test_two_repositories_share_a_schema(unity_catalog: UnityCatalogDouble, out: io.StringIO) -> None:
    unity_catalog.schema("lake", "main")
    record_export(_record(), unity_catalog, out)
    record_export(_record(repository="other", commit_id="d1", commit_generation=1), unity_catalog, out)
    assert unity_catalog.schema("lake", "main").properties == {
        **OURS,
        "lakefs.other.branch": "main",
        "lakefs.other.commit_id": "d1",
        "lakefs.other.commit_generation": "1",
    }


def test_every_schema_is_moved(unity_catalog: UnityCatalogDouble, out: io.StringIO) -> None:
    unity_catalog.catalogs["other"] = {}
    for catalog in ("lake", "other"):
        unity_catalog.schema(catalog, "main")
    record_export(_record(catalogs=("lake", "other")), unity_catalog, out)
    assert [name for name, _ in unity_catalog.writes] == ["lake.main", "other.main"]


@pytest.mark.parametrize(
    ("present", "listed_from", "moves"),
    [
        (_properties("c4", 4), "c4", True),
        (_properties("c9", 9), "c9", True),  # the head was reset since c9 was exported
        (_properties("c9", 9), "c4", False),  # another run moved it while this one worked
        (_properties("d5", 5), "c4", False),
        (_properties("c4", 4), "c3", True),
        (_properties("c9", "unknown"), "c4", True),
        (_properties("c9", 9), "", False),
    ],
)
def test_a_watermark_moves_unless_another_run_moved_it_further(
    unity_catalog: UnityCatalogDouble, out: io.StringIO, present: dict[str, str], listed_from: str, moves: bool
) -> None:
    unity_catalog.schema("lake", "main").properties = dict(present)
    record_export(_record(watermark=listed_from), unity_catalog, out)
    assert unity_catalog.schema("lake", "main").properties == (OURS if moves else present)
    if not moves:
        assert unity_catalog.writes == []
        other = present["lakefs.shop.commit_id"]
        assert out.getvalue() == f"lake.main: left at commit {other}, which another run has recorded since\n"


def test_recording_twice_writes_once(unity_catalog: UnityCatalogDouble, out: io.StringIO) -> None:
    unity_catalog.schema("lake", "main")
    record_export(_record(), unity_catalog, out)
    record_export(_record(), unity_catalog, out)
    assert len(unity_catalog.writes) == 1
    assert out.getvalue().endswith("lake.main: already at commit c5\n")


def test_refused_tables_keep_the_watermark_and_fail_the_run(
    unity_catalog: UnityCatalogDouble, out: io.StringIO
) -> None:
    unity_catalog.schema("lake", "main")
    record = _record(refused=("f.yaml: name: a is taken", "g.yaml: name: b is taken"), problems=("h.yaml: is wrong",))
    with pytest.raises(NameTakenError) as raised:
        record_export(record, unity_catalog, out)
    assert str(raised.value) == (
        "2 tables were refused, so the watermark stays:\n  f.yaml: name: a is taken\n  g.yaml: name: b is taken"
    )
    assert unity_catalog.writes == []


def test_problems_fail_the_run_after_the_watermark_moved(unity_catalog: UnityCatalogDouble, out: io.StringIO) -> None:
    unity_catalog.schema("lake", "main")
    with pytest.raises(InvalidDescriptorsError) as raised:
        record_export(_record(problems=("f.yaml: is wrong",)), unity_catalog, out)
    assert str(raised.value) == "1 table descriptors are invalid, all others are exported:\n  f.yaml: is wrong"
    assert unity_catalog.schema("lake", "main").properties == OURS


def test_a_schema_that_is_gone_is_an_error(unity_catalog: UnityCatalogDouble, out: io.StringIO) -> None:
    with pytest.raises(SettingsError, match=r"^schema lake\.main is gone since the run began; run the job again$"):
        record_export(_record(), unity_catalog, out)


def test_a_schema_that_follows_another_branch_is_an_error(unity_catalog: UnityCatalogDouble, out: io.StringIO) -> None:
    unity_catalog.schema("lake", "main").properties = {**_properties("c9", 9), "lakefs.shop.branch": "dev"}
    with pytest.raises(WatermarkConflictError, match="follows branch 'dev'"):
        record_export(_record(), unity_catalog, out)
    assert unity_catalog.writes == []


def test_a_record_survives_the_way_through_a_task_value() -> None:
    record = _record(refused=("ä 'quoted' \"twice\"\n",), problems=("{{x}}",))
    assert Record.model_validate_json(record.to_json()) == record
    assert json.loads(record.to_json())["schemas"] == [{"catalog": "lake", "schema": "main", "watermark": ""}]


# The entry point


class _Runtime:
    def __init__(self, unity_catalog: UnityCatalogDouble) -> None:
        self.unity_catalog = unity_catalog


def _run(monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble, *arguments: str) -> None:
    monkeypatch.setattr(module, "task_runtime", lambda: _Runtime(unity_catalog))
    monkeypatch.setattr("sys.argv", ["record_export", *arguments])
    main()


def test_the_task_records(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    unity_catalog.schema("lake", "main")
    _run(monkeypatch, unity_catalog, f"--record={_record().to_json()}")
    assert unity_catalog.schema("lake", "main").properties == OURS
    assert "exported up to commit c5" in capsys.readouterr().out


def test_the_task_takes_the_job_parameters_that_databricks_adds(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble
) -> None:
    """Databricks documentation, "job parameters": they are pushed down to every task with named parameters."""
    unity_catalog.schema("lake", "main")
    names = ("repository", "branch", "commit_id", "event", "mode", "snapshot", "page_after", "base_commit", "later")
    _run(monkeypatch, unity_catalog, *(f"--{name}=x" for name in names), f"--record={_record().to_json()}")
    assert unity_catalog.schema("lake", "main").properties == OURS


@pytest.mark.parametrize("text", ["", "{}", "no json", "[]", '{"repository": "shop"}', "{{tasks.list.values.record}}"])
def test_the_task_exits_with_the_remedy_where_there_is_no_record(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble, text: str
) -> None:
    with pytest.raises(SystemExit) as raised:
        _run(monkeypatch, unity_catalog, f"--record={text}")
    assert raised.value.code == (
        "SettingsError: the parameter record is not what list_changed_tables leaves; start the job, not this task alone"
    )


def test_the_task_exits_with_what_was_refused(
    monkeypatch: pytest.MonkeyPatch, unity_catalog: UnityCatalogDouble
) -> None:
    with pytest.raises(SystemExit) as raised:
        _run(monkeypatch, unity_catalog, f"--record={_record(refused=('f is taken',)).to_json()}")
    assert raised.value.code == "NameTakenError: 1 tables were refused, so the watermark stays:\n  f is taken"
