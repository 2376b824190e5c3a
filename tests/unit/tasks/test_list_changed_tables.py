"""The task list_changed_tables from its request to its task values, on the doubles."""

import contextlib
import json
import re
from dataclasses import fields

import pytest
from doubles import LakeFSDouble, UnityCatalogDouble
from export_story import BASE, REQUEST, Story, descriptor, table
from task_double import TaskRuntimeDouble, run_task

from lakefs_unity_export.errors import (
    InvalidDescriptorsError,
    InvalidNameError,
    LakeFSAccessError,
    LakeFSGoneError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
    NameTakenError,
    SettingsError,
    WatermarkConflictError,
    WorkspaceNotFoundError,
)
from lakefs_unity_export.export import pages
from lakefs_unity_export.export.pages import MAX_TASK_VALUE_BYTES
from lakefs_unity_export.ports import RegisteredTable
from lakefs_unity_export.tasks import list_changed_tables as module


@pytest.fixture
def story(lakefs: LakeFSDouble, unity_catalog: UnityCatalogDouble) -> Story:
    """A story that begins with an empty branch `main`."""
    return Story(lakefs=lakefs, unity_catalog=unity_catalog)


@pytest.fixture
def three(story: Story) -> Story:
    """Three tables, wholly exported; calls counted from there."""
    story.lakefs.put({**table("t1"), **table("t2"), **table("t10")})
    story.export()
    story.lakefs.calls.clear()
    story.unity_catalog.calls.clear()
    story.unity_catalog.writes.clear()
    return story


# What is listed


def test_the_task_values_of_a_first_export(story: Story) -> None:
    commit = story.lakefs.put(table("line-item"))
    run = story.list(event="post-commit", commit_id=commit.id)
    record = json.loads(run.values.pop("record"))
    assert re.fullmatch(r"[0-9a-f]{32}", record.pop("described"))
    assert run.values == {
        "tables": [{"table": "`lake`.`main`.`line_item`", "path": "tables/line-item"}],
        "table_count": 1,
        "removed": [],
        "removed_count": 0,
        "commit_id": commit.id,
        "commit_generation": 2,
        "line": story.time,
        "target_base_location": "s3://bucket/exports",
        "method": "shallow",
    }
    assert record == {
        "repository": "shop",
        "branch": "main",
        "commit_id": commit.id,
        "commit_generation": 2,
        "schemas": [{"catalog": "lake", "schema": "main", "watermark": "", "line": story.time, "covered": []}],
        "refused": [],
        "problems": [],
        "next_page": {},
        "following": 0,
        "page_failed": False,
        "is_gone": False,
        "clone_method": "shallow",
    }
    assert run.printed == (
        f"post-commit: repository shop, branch main, commit {commit.id} (generation 2, the head)\n"
        "1 of 1 tables to export\n"
        f"  `lake`.`main`.`line_item`  <-  s3a://shop/{commit.id}/tables/line-item\n"
    )
    properties = story.unity_catalog.schema("lake", "main").properties
    assert properties["lakefs.created_by"] == "lakefs-unity-export"
    assert properties["lakefs.shop.attempts"] == f"{commit.id}:2"
    assert "lakefs.shop.commit_id" not in properties


def test_a_first_export_ends_with_the_watermark_at_its_commit(story: Story) -> None:
    commit = story.lakefs.put(table("t1"))
    run = story.export()
    assert story.unity_catalog.schema("lake", "main").properties == {
        "lakefs.created_by": "lakefs-unity-export",
        "lakefs.shop.branch": "main",
        "lakefs.shop.commit_id": commit.id,
        "lakefs.shop.commit_generation": "2",
        "lakefs.shop.line": str(story.time),
        "lakefs.shop.catalogs": "lake",
        "lakefs.shop.described": json.loads(run.values["record"])["described"],
        "lakefs.shop.checksum": story.unity_catalog.schema("lake", "main").properties["lakefs.shop.checksum"],
    }


def test_only_the_changed_table_is_listed(three: Story) -> None:
    three.lakefs.put({"tables/t1/part-2.parquet": b"2"})
    assert three.list().paths == ["tables/t1"]


def test_changes_of_every_commit_since_the_watermark_are_listed(three: Story) -> None:
    three.lakefs.put({"tables/t1/part-2.parquet": b"2"})
    three.lakefs.put(removed=["tables/t10/part-1.parquet"])
    head = three.lakefs.put({"README.md": b"x"})
    run = three.list()
    assert run.paths == ["tables/t1", "tables/t10"]
    assert run.values["commit_id"] == head.id


def test_each_run_of_an_export_in_pages_says_how_many_follow(three: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_TASK_VALUE_BYTES", 1)
    runs = three.export_pages(mode="full")
    assert [run.paths for run in runs] == [["tables/t1"], ["tables/t10"], ["tables/t2"]]
    assert [re.findall(r"runs of their own: (\d)|pages left: (\d)", run.printed) for run in runs] == [
        [("2", ""), ("", "2")],
        [("1", ""), ("", "1")],
        [],
    ]
    assert three.watermark() == three.lakefs.head().id


def test_a_change_that_was_taken_back_is_no_change(three: Story) -> None:
    three.lakefs.put({"tables/t1/part-2.parquet": b"2"})
    three.lakefs.put(removed=["tables/t1/part-2.parquet"])
    assert three.list().values["table_count"] == 0


def test_a_descriptor_that_alone_changed_exports_its_table(three: Story) -> None:
    three.lakefs.put({"_lakefs_tables/t2.yaml": descriptor("renamed", path="tables/t2")})
    (item,) = three.list().values["tables"]
    assert (item["table"], item["path"]) == ("`lake`.`main`.`renamed`", "tables/t2")


def test_a_table_whose_registration_is_lost_is_listed(three: Story) -> None:
    del three.unity_catalog.schema("lake", "main").tables["t2"]
    assert three.list().paths == ["tables/t2"]


def test_registered_names_are_compared_in_lower_case(three: Story) -> None:
    tables = three.unity_catalog.schema("lake", "main").tables
    at = tables.pop("t2").storage_location
    tables["T2"] = RegisteredTable(name="T2", table_type="EXTERNAL", storage_location=at)
    assert three.list().paths == []


def test_full_mode_lists_every_table_and_may_replace_anything(three: Story) -> None:
    run = three.list(mode="full")
    assert run.paths == ["tables/t1", "tables/t10", "tables/t2"]
    assert run.values["line"] == three.time
    assert three.lakefs.calls["diff"] == 0


def test_a_watermark_that_lakefs_does_not_know_lists_every_table(three: Story) -> None:
    three.unity_catalog.schema("lake", "main").properties["lakefs.shop.commit_id"] = "f" * 64
    run = three.list()
    assert len(run.paths) == 3
    assert run.values["line"] == three.time


def test_a_schema_that_lost_its_watermark_lists_every_table(three: Story) -> None:
    three.unity_catalog.schema("lake", "main").properties.clear()
    assert len(three.list().paths) == 3


def test_a_head_that_was_reset_is_followed(three: Story) -> None:
    before = three.lakefs.head()
    three.lakefs.put({"tables/t1/part-2.parquet": b"2"})
    newest = three.lakefs.put({"tables/t1/part-3.parquet": b"3"})
    three.export()
    three.lakefs.branch("main", before.id)
    run = three.export()
    assert run.cloned == ["tables/t1"]
    assert run.values["line"] == three.time
    assert three.watermark() == before.id
    assert three.clones[f"{BASE}/main/t1"].commit_id == before.id != newest.id


@pytest.mark.parametrize("snapshot", ["commit", "latest"])
def test_a_commit_below_the_head_is_exported_or_the_latest_asked_for(three: Story, snapshot: str) -> None:
    middle = three.lakefs.put({"tables/t1/part-2.parquet": b"2"})
    head = three.lakefs.put({"tables/t2/part-2.parquet": b"2"})
    run = three.export(commit_id=middle.id, snapshot=snapshot, event="post-commit")
    expected = middle if snapshot == "commit" else head
    assert run.paths == (["tables/t1"] if snapshot == "commit" else ["tables/t1", "tables/t2"])
    assert run.values["commit_id"] == expected.id
    assert three.watermark() == expected.id
    where = f"generation 3, the head is {head.id}" if snapshot == "commit" else "generation 4, the head"
    assert run.printed.startswith(
        f"post-commit: repository shop, branch main, commit {expected.id} ({where})\n"
        "descriptors that did not change since the last export are not read\n"
        f"{1 if snapshot == 'commit' else 2} of 3"
    )


def test_a_shortened_commit_id_is_listed_in_full(three: Story) -> None:
    head = three.lakefs.put({"tables/t1/part-2.parquet": b"2"})
    assert three.list(commit_id=head.id[:8]).values["commit_id"] == head.id


def test_a_new_branch_is_exported_to_its_own_schema_and_folder(three: Story) -> None:
    three.lakefs.branch("Feature-X", three.lakefs.head().id)
    run = three.export(branch="Feature-X", event="post-create-branch")
    assert run.values["tables"][0]["table"] == "`lake`.`feature-x`.`t1`"
    assert f"{BASE}/Feature-X/t1" in three.clones
    assert three.watermark(schema="feature-x") == three.watermark()


def test_table_defs_limits_the_tables(three: Story) -> None:
    run = three.list(mode="full", table_defs=" t1 , t2.yaml,nowhere,")
    assert run.paths == ["tables/t1", "tables/t2"]
    assert "note: table_defs names 'nowhere', and _lakefs_tables/nowhere.yaml does not exist\n" in run.printed


@pytest.mark.parametrize("file", ["orders.yml", "sub/orders.YAML"])
def test_a_file_with_almost_the_ending_of_descriptors_is_named_where_no_table_is_found(story: Story, file: str) -> None:
    story.lakefs.put({f"_lakefs_tables/{file}": descriptor("orders"), "tables/orders/1": b"1"})
    printed = story.list().printed
    assert "0 of 0 tables to export\n" in printed
    assert f"note: _lakefs_tables/{file} is not read: descriptors end in .yaml; rename it\n" in printed


@pytest.mark.parametrize("entry", ["t1.yml", "t1.YAML"])
def test_an_entry_of_table_defs_with_almost_the_ending_is_named(three: Story, entry: str) -> None:
    printed = three.list(table_defs=entry, mode="full").printed
    assert f"note: table_defs names '{entry}', and descriptors end in .yaml; write 't1' there\n" in printed


def test_the_descriptor_folder_is_a_setting(story: Story) -> None:
    story.lakefs.put(
        {"meta/tables/t.yaml": descriptor("t"), "_lakefs_tables/u.yaml": descriptor("u"), "tables/t/x": b""}
    )
    assert story.list(table_descriptors_path="/meta/tables/").paths == ["tables/t"]


def test_skipped_types_and_what_is_removed_are_printed(three: Story) -> None:
    three.lakefs.put({"_lakefs_tables/h.yaml": descriptor("h", kind="hive")}, removed=["_lakefs_tables/t2.yaml"])
    run = three.list()
    assert run.printed.partition("\n")[2].startswith(
        "1 registrations that no descriptor asks for are kept, since on_removed is keep:\n"
        "  `lake`.`main`.`t2`\n"
        "0 of 2 tables to export\n"
        "note: _lakefs_tables/h.yaml: skipped, its type is 'hive' and only delta tables are exported\n"
    )


# What is not to be done


def test_nothing_changed_moves_the_watermark_here_and_starts_nothing(three: Story) -> None:
    head = three.lakefs.put({"README.md": b"x"})
    run = three.list()
    assert (run.values["tables"], run.values["table_count"]) == ([], 0)
    assert three.watermark() == head.id
    assert run.printed.endswith(f"lake.main: exported up to commit {head.id} of branch main\n")


def test_a_second_run_at_one_commit_changes_nothing(three: Story) -> None:
    run = three.export()
    assert (run.paths, run.cloned) == ([], [])
    assert three.unity_catalog.writes == []
    assert three.lakefs.calls["diff"] == 0
    assert run.printed.endswith(f"lake.main: already at commit {three.lakefs.head().id}\n")


def test_a_commit_that_is_not_on_the_branch_is_left_alone(three: Story) -> None:
    before = three.lakefs.head()
    lost = three.lakefs.put({"tables/t1/part-2.parquet": b"2"})
    three.lakefs.branch("main", before.id)
    run = three.list(commit_id=lost.id)
    assert run.listing is None
    assert run.values == {
        "tables": [],
        "table_count": 0,
        "removed": [],
        "removed_count": 0,
        "commit_id": "",
        "commit_generation": 0,
        "line": 0,
        "target_base_location": "",
        "method": "",
        "record": "",
    }
    assert run.printed.endswith(f"nothing to do: commit {lost.id} is not on branch main, whose head is {before.id}\n")
    assert three.unity_catalog.writes == []


def test_a_commit_that_the_watermark_has_passed_is_left_alone(three: Story) -> None:
    passed = three.lakefs.put({"tables/t1/part-2.parquet": b"2"})
    head = three.lakefs.put({"tables/t2/part-2.parquet": b"2"})
    three.export()
    three.unity_catalog.writes.clear()
    run = three.list(commit_id=passed.id)
    assert run.listing is None
    assert run.printed.endswith(f"nothing to do in lake.main: it has the newer commit {head.id} of this branch\n")
    assert three.unity_catalog.writes == []


def test_an_empty_branch_has_nothing_to_export_and_makes_no_schema(story: Story) -> None:
    run = story.list()
    assert run.values["table_count"] == 0
    assert story.unity_catalog.catalogs == {"lake": {}}


# Descriptors with problems


def test_the_run_that_first_sees_a_problem_fails_and_moves_the_watermark(three: Story) -> None:
    head = three.lakefs.put({"_lakefs_tables/bad.yaml": b"name: x", "tables/t1/part-2.parquet": b"2"})
    with pytest.raises(InvalidDescriptorsError) as raised:
        three.export()
    assert "bad.yaml: type: is missing; add it" in str(raised.value)
    assert "bad.yaml: path: is missing; add it" in str(raised.value)
    assert three.watermark() == head.id
    assert three.clones[f"{BASE}/main/t1"].commit_id == head.id


def test_where_nothing_else_changed_the_list_task_fails_for_a_problem(three: Story) -> None:
    head = three.lakefs.put({"_lakefs_tables/bad.yaml": b"name: x"})
    with pytest.raises(InvalidDescriptorsError, match=r"bad\.yaml"):
        three.list()
    assert three.watermark() == head.id


def test_a_problem_that_was_seen_before_is_a_warning(three: Story) -> None:
    three.lakefs.put({"_lakefs_tables/bad.yaml": b"- x"})
    with pytest.raises(InvalidDescriptorsError):
        three.export()
    three.lakefs.put({"tables/t1/part-2.parquet": b"2"})
    run = three.export()
    assert run.cloned == ["tables/t1"]
    assert "warning (seen before): _lakefs_tables/bad.yaml: holds no `key: value` lines;" in run.printed


def test_a_run_that_failed_before_recording_reports_the_problem_again(three: Story) -> None:
    three.lakefs.put({"_lakefs_tables/bad.yaml": b"- x", "tables/t1/part-2.parquet": b"2"})
    assert "error: _lakefs_tables/bad.yaml: " in three.export(failing=["tables/t1"]).printed
    with pytest.raises(InvalidDescriptorsError):
        three.export()


def test_a_mended_descriptor_is_exported(three: Story) -> None:
    three.lakefs.put({"_lakefs_tables/new.yaml": b"name: new", "tables/new/x": b"1"})
    with pytest.raises(InvalidDescriptorsError):
        three.export()
    three.lakefs.put({"_lakefs_tables/new.yaml": descriptor("new")})
    assert three.export().cloned == ["tables/new"]


def test_a_table_that_another_descriptor_held_back_is_exported_once_it_is_free(three: Story) -> None:
    """Its data changed while both were refused, and the watermark went on."""
    three.lakefs.put({"_lakefs_tables/same.yaml": descriptor("T1", path="tables/other"), "tables/t1/x": b"2"})
    with pytest.raises(InvalidDescriptorsError):
        three.export()
    head = three.lakefs.put(removed=["_lakefs_tables/same.yaml"])
    assert three.export().cloned == ["tables/t1"]
    assert three.clones[f"{BASE}/main/t1"].commit_id == head.id


def test_a_table_that_lay_in_another_is_exported_once_it_is_free(three: Story) -> None:
    three.lakefs.put({"_lakefs_tables/outer.yaml": descriptor("outer", path="tables"), "tables/t1/x": b"2"})
    with pytest.raises(
        InvalidDescriptorsError, match=r"t1\.yaml: path: path 'tables/t1' lies inside the table 'tables'"
    ):
        three.export()
    assert "warning (seen before): _lakefs_tables/t1.yaml" in three.export().printed
    three.lakefs.put({"_lakefs_tables/outer.yaml": descriptor("outer", path="elsewhere")})
    assert {"tables/t1", "tables/t2", "tables/t10"} <= set(three.export().cloned)


def test_descriptors_that_did_not_change_are_read_once_where_nothing_tells_what_they_say(three: Story) -> None:
    del three.unity_catalog.schema("lake", "main").tables["t2"]
    head = three.lakefs.put({"_lakefs_tables/t1.yaml": descriptor("t1") + b"\nowner: me\n"})
    base = three.watermark()
    three.lakefs.reads.clear()
    three.list()
    assert three.lakefs.reads == [
        *((head.id, f"_lakefs_tables/{name}.yaml") for name in ("t1", "t10", "t2")),
        (base, "_lakefs_tables/t1.yaml"),
    ]


def test_a_removed_object_too_large_for_a_descriptor_is_not_read(three: Story) -> None:
    three.lakefs.put({"_lakefs_tables/dump.yaml": b"x" * 65_537})
    with pytest.raises(InvalidDescriptorsError):
        three.list()
    three.lakefs.put(removed=["_lakefs_tables/dump.yaml"])
    three.list()
    assert "_lakefs_tables/dump.yaml" not in [path for _, path in three.lakefs.reads]


def test_a_descriptor_whose_data_is_gone_is_a_problem(three: Story) -> None:
    three.lakefs.unreadable["_lakefs_tables/t2.yaml"] = LakeFSGoneError("its data was removed")
    three.lakefs.put({"_lakefs_tables/t2.yaml": b"x", "tables/t1/part-2.parquet": b"2"})
    with pytest.raises(InvalidDescriptorsError, match=r"t2\.yaml: its data was removed"):
        three.export()
    assert three.watermark() == three.lakefs.head().id


def test_a_page_of_a_proxy_does_not_pass_for_a_descriptor(three: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    before = three.watermark()
    three.lakefs.put({"_lakefs_tables/t1.yaml": descriptor("t1", path="tables/elsewhere")})
    page = {"_lakefs_tables/t1.yaml": b"<html>back soon</html>"}
    read = three.lakefs.read_objects
    monkeypatch.setattr(three.lakefs, "read_objects", lambda ref, paths: {**read(ref, paths), **page})
    with pytest.raises(LakeFSUnavailableError, match=r"22 bytes for '_lakefs_tables/t1\.yaml' .* proxy"):
        three.export()
    assert three.watermark() == before


def test_an_object_too_large_for_a_descriptor_is_not_read(three: Story) -> None:
    three.lakefs.put({"_lakefs_tables/dump.yaml": b"x" * 65_537})
    three.lakefs.reads.clear()
    with pytest.raises(
        InvalidDescriptorsError, match=r"dump\.yaml: has 65537 bytes; a descriptor is a few lines of YAML"
    ):
        three.list()
    assert "_lakefs_tables/dump.yaml" not in [path for _, path in three.lakefs.reads]


def test_a_long_list_of_problems_is_recorded_in_part_and_printed_whole(three: Story) -> None:
    bad = {f"_lakefs_tables/bad{number:03}-{'ü' * 200}.yaml": b"x: " + b"'" for number in range(300)}
    three.lakefs.put({**bad, "tables/t1/part-2.parquet": b"2"})
    run = three.list()
    assert run.printed.count("error: ") == 300
    assert len(json.dumps(run.values["record"]).encode()) <= MAX_TASK_VALUE_BYTES
    problems = json.loads(run.values["record"])["problems"]
    assert problems[0].startswith("_lakefs_tables/bad000-")
    assert re.fullmatch(r"and \d+ more, listed by the task list_changed_tables", problems[-1])
    assert len(problems) - 1 + int(problems[-1].split()[1]) == 300


def test_refused_tables_and_problems_share_the_room_of_the_record(story: Story) -> None:
    for number in range(200):
        name = f"taken_{'日' * 80}_{number}"
        story.lakefs.put(table(name))
        at = RegisteredTable(name=name, table_type="VIEW", storage_location="")
        story.unity_catalog.schema("lake", "main").tables[name] = at
    story.lakefs.put({f"_lakefs_tables/bad{number}.yaml": b"'" for number in range(200)} | table("t1"))
    run = story.list()
    assert run.paths == ["tables/t1"]
    assert len(json.dumps(run.values["record"]).encode()) <= MAX_TASK_VALUE_BYTES
    record = json.loads(run.values["record"])
    assert record["refused"][-1].startswith("and ")
    assert record["problems"][-1].startswith("and ")


def test_what_a_job_reads_as_a_reference_elsewhere_is_recorded_as_it_is(three: Story) -> None:
    three.lakefs.put({"_lakefs_tables/x.yaml": descriptor("x", path="'{{{secrets/s/k}}'"), "tables/t1/x": b"2"})
    (problem,) = json.loads(three.list().values["record"])["problems"]
    assert "{{{secrets/s/k}}" in problem


# Catalogs


def test_descriptors_may_go_to_several_catalogs(story: Story) -> None:
    story.unity_catalog.catalogs["finance"] = {}
    head = story.lakefs.put({**table("t1"), **table("t2", catalog="finance")})
    run = story.export()
    assert [item["table"] for item in run.values["tables"]] == ["`finance`.`main`.`t2`", "`lake`.`main`.`t1`"]
    assert (story.watermark(), story.watermark(catalog="finance")) == (head.id, head.id)


def test_a_catalog_that_is_added_later_gets_everything_of_its_own(three: Story) -> None:
    three.unity_catalog.catalogs["finance"] = {}
    three.lakefs.put(table("t4", catalog="finance"))
    run = three.export()
    assert run.cloned == ["tables/t4"]
    assert three.watermark(catalog="finance") == three.watermark() == three.lakefs.head().id


def test_schemas_at_one_commit_share_one_walk_of_the_diff(three: Story) -> None:
    three.unity_catalog.catalogs["finance"] = {}
    three.lakefs.put(table("t4", catalog="finance"))
    three.export()
    three.lakefs.calls.clear()
    three.lakefs.put({"tables/t1/x": b"2", "tables/t4/x": b"2"})
    assert three.export().cloned == ["tables/t4", "tables/t1"]
    assert three.lakefs.calls["diff"] == 1


def test_a_catalog_that_is_not_there_is_a_problem_of_its_descriptors(three: Story) -> None:
    three.lakefs.put({**table("t4", catalog="nowhere"), "tables/t1/part-2.parquet": b"2"})
    with pytest.raises(InvalidDescriptorsError, match=r"t4\.yaml: catalog: Unity Catalog has no catalog nowhere"):
        three.export()
    assert "warning (seen before): _lakefs_tables/t4.yaml: catalog: " in three.export().printed
    assert three.clones[f"{BASE}/main/t1"].commit_id == three.lakefs.head().id


def test_the_jobs_own_catalog_has_to_be_there(story: Story) -> None:
    story.lakefs.put(table("t1"))
    with pytest.raises(WorkspaceNotFoundError, match="no catalog nowhere"):
        story.list(catalog="nowhere")


def test_a_schema_that_passed_the_commit_does_not_hold_back_another(three: Story) -> None:
    three.unity_catalog.catalogs["finance"] = {}
    middle = three.lakefs.put(table("t4", catalog="finance"))
    head = three.lakefs.put({"tables/t1/part-2.parquet": b"2"})
    three.export()
    del three.unity_catalog.catalogs["finance"]["main"]
    run = three.list(commit_id=middle.id)
    assert run.paths == ["tables/t4"]
    assert f"nothing to do in lake.main: it has the newer commit {head.id} of this branch\n" in run.printed
    assert f"the branch is not exported yet, or not as recorded: its head {head.id} is exported instead" in run.printed
    assert run.values["commit_id"] == head.id


# Names that are taken, and conflicts


def test_a_taken_name_keeps_the_watermark_and_exports_the_others(three: Story) -> None:
    before = three.watermark()
    view = RegisteredTable(name="t4", table_type="VIEW", storage_location="")
    three.unity_catalog.schema("lake", "main").tables["t4"] = view
    head = three.lakefs.put({**table("t4"), "tables/t1/part-2.parquet": b"2"})
    with pytest.raises(
        NameTakenError, match=r"t4\.yaml: name: lake\.main\.t4 is already the name of something of type VIEW"
    ):
        three.export()
    assert three.watermark() == before
    assert three.clones[f"{BASE}/main/t1"].commit_id == head.id
    assert f"{BASE}/main/t4" not in three.clones
    assert three.unity_catalog.schema("lake", "main").tables["t4"] is view


def test_a_taken_name_alone_fails_the_list_task_every_time(three: Story) -> None:
    three.unity_catalog.schema("lake", "main").tables["t4"] = RegisteredTable(
        name="t4", table_type="EXTERNAL", storage_location="s3://bucket/hand-made"
    )
    three.lakefs.put(table("t4"))
    for _ in range(2):
        with pytest.raises(NameTakenError, match="already registered at s3://bucket/hand-made, not at"):
            three.list()
        assert "refused: _lakefs_tables/t4.yaml: name: " in three.last_out.getvalue()


def test_a_branch_whose_schema_follows_another_branch_is_refused(three: Story) -> None:
    three.lakefs.branch("dev", three.lakefs.head().id)
    with pytest.raises(WatermarkConflictError, match=r"schema lake\.main follows branch 'main' of repository 'shop'"):
        three.list(branch="dev", schema_template="main")


# Removed descriptors


def test_the_registration_of_a_removed_descriptor_is_kept(three: Story) -> None:
    three.lakefs.put({"tables/t1/part-2.parquet": b"2"}, removed=["_lakefs_tables/t2.yaml"])
    run = three.export()
    assert (run.values["removed"], run.values["removed_count"]) == ([], 0)
    assert run.paths == ["tables/t1"]
    assert "t2" in three.unity_catalog.schema("lake", "main").tables


def test_a_descriptor_that_moved_to_another_file_is_not_removed(three: Story) -> None:
    three.lakefs.put({"_lakefs_tables/sub/t2.yaml": descriptor("t2")}, removed=["_lakefs_tables/t2.yaml"])
    run = three.list()
    assert run.values["removed"] == []
    assert run.paths == ["tables/t2"]


@pytest.mark.parametrize("content", [b"- x", b"name: ../x\ntype: delta\npath: x", descriptor("h", kind="hive")])
def test_a_removed_descriptor_that_was_never_a_table_removes_nothing(three: Story, content: bytes) -> None:
    three.lakefs.put({"_lakefs_tables/x.yaml": content})
    with contextlib.suppress(InvalidDescriptorsError):
        three.export()
    three.lakefs.put(removed=["_lakefs_tables/x.yaml"])
    assert three.list().values["removed"] == []


def test_a_removed_descriptor_that_cannot_be_read_any_more_removes_nothing(three: Story) -> None:
    three.lakefs.put(removed=["_lakefs_tables/t2.yaml"])
    three.lakefs.unreadable["_lakefs_tables/t2.yaml"] = LakeFSGoneError("its data was removed")
    assert three.list().values["removed"] == []


def test_a_removed_descriptor_outside_table_defs_is_not_ours(three: Story) -> None:
    three.lakefs.put(removed=["_lakefs_tables/t2.yaml"])
    assert three.list(table_defs="t1,t10").values["removed"] == []


# What ends the run before anything is done


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"branch": "gone"}, LakeFSNotFoundError, "branch 'gone' not found"),
        ({"commit_id": "f" * 64}, LakeFSNotFoundError, "not found"),
        ({"mode": "some"}, SettingsError, "job parameter mode is 'some'; use one of changed, full"),
        ({"target_base_location": "exports"}, SettingsError, "target_base_location 'exports' is no storage URI"),
        ({"schema_template": "{tag}"}, SettingsError, "schema_template '{tag}' has the placeholder {tag}"),
        ({"schema_template": "a b"}, InvalidNameError, "schema 'a b' holds ' '"),
        ({"catalog": "a`b"}, InvalidNameError, "catalog 'a`b' holds '`'"),
        ({"table_descriptors_path": "../x"}, SettingsError, "table_descriptors_path: path '../x' has the segment '..'"),
    ],
)
def test_what_cannot_be_exported_at_all_ends_the_run(
    three: Story, parameters: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        three.list(**parameters)
    assert three.last_values == {}
    assert three.unity_catalog.writes == []


@pytest.mark.parametrize(
    ("own", "of_run", "is_refused"),
    [("", "shallow", False), ("storage", "shallow", True), ("", "storage", True), ("deep", "storage", False)],
)
def test_a_target_around_lakefs_objects_is_refused_where_a_table_is_cloned_by_storage(
    story: Story, own: str, of_run: str, is_refused: bool
) -> None:
    story.lakefs.put(table("t1", clone_method=own))
    story.lakefs.namespace = f"{BASE}/lake"
    with pytest.raises(SettingsError, match="encloses") if is_refused else contextlib.nullcontext():
        story.list(clone_method=of_run)


def test_settings_are_checked_before_anyone_is_asked(three: Story) -> None:
    for parameters in ({"mode": "x"}, {"target_base_location": "x"}, {"schema_template": "'"}, {"repository": "X"}):
        with pytest.raises((SettingsError, InvalidNameError)):
            three.list(**parameters)
    assert not three.lakefs.calls
    assert not three.unity_catalog.calls


def test_refused_credentials_end_the_run(three: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(ref: str, paths: list[str]) -> None:
        raise LakeFSAccessError("lakeFS answered 403")

    three.lakefs.put({"_lakefs_tables/t1.yaml": descriptor("t1", path="tables/elsewhere")})
    monkeypatch.setattr(three.lakefs, "read_objects", refuse)
    with pytest.raises(LakeFSAccessError):
        three.list()
    assert three.last_values == {}


# Calls


@pytest.mark.parametrize("objects", [20, 200])
def test_three_of_a_thousand_changed_tables_take_few_calls_whatever_their_objects(story: Story, objects: int) -> None:
    """Where nothing tells what the descriptors say: at most 6 calls besides reading them, none grows with objects."""
    tables = {
        path: content
        for number in range(1000)
        for path, content in {
            f"_lakefs_tables/t{number}.yaml": descriptor(f"t{number}"),
            f"tables/t{number}/_delta_log/0.json": b"0",
        }.items()
    }
    story.lakefs.put(tables)
    story.unity_catalog.schema("lake", "main").properties = {
        "lakefs.shop.branch": "main",
        "lakefs.shop.commit_id": story.lakefs.head().id,
        "lakefs.shop.commit_generation": "2",
    }
    for number in range(1000):
        name = f"t{number}"
        known = RegisteredTable(name=name, table_type="EXTERNAL", storage_location=f"{BASE}/main/{name}")
        story.unity_catalog.schema("lake", "main").tables[name] = known
    changed = {f"tables/t{number}/part-{part}": b"" for number in (1, 10, 999) for part in range(objects)}
    head = story.lakefs.put(changed)
    run = story.list(commit_id=head.id, event="post-commit")
    assert run.paths == ["tables/t1", "tables/t10", "tables/t999"]
    calls = dict(story.lakefs.calls)
    assert calls.pop("read_object") == 1000
    assert calls == {"branch_head": 1, "commit": 1, "list_objects": 1, "diff": 1, "storage_namespace": 1}
    assert dict(story.unity_catalog.calls) == {"schema_properties": 3, "tables": 1}


# The entry point


def _run_task(monkeypatch: pytest.MonkeyPatch, story: Story, **parameters: str) -> TaskRuntimeDouble:
    values = {each.name: str(getattr(REQUEST, each.name)) for each in fields(REQUEST)} | {"job_id": "77"} | parameters
    return run_task(monkeypatch, module, story, values)


def test_the_task_lists_with_the_keys_of_the_secret_scope(
    monkeypatch: pytest.MonkeyPatch, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    story.lakefs.put(table("t1"))
    runtime = _run_task(monkeypatch, story)
    assert runtime.secrets_read == [("lakefs", "lakefs-access-key-id"), ("lakefs", "lakefs-secret-access-key")]
    assert runtime.task_values.values["table_count"] == 1
    printed = capsys.readouterr().out
    assert "1 of 1 tables to export" in printed
    assert "value of" not in printed + json.dumps(runtime.task_values.values)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"branch": "a'b"},
            "SettingsError: job parameter branch is \"a'b\"; lakeFS names are letters, digits, '_' and '-'",
        ),
        ({"branch": "gone"}, "LakeFSNotFoundError: branch 'gone' not found"),
        ({"catalog": "nowhere"}, "WorkspaceNotFoundError: Unity Catalog has no catalog nowhere"),
        ({"catalog": ""}, "SettingsError: catalog is empty; set the job parameter or the bundle variable of this name"),
    ],
)
def test_the_task_exits_with_the_message_of_what_went_wrong(
    monkeypatch: pytest.MonkeyPatch, story: Story, parameters: dict[str, str], message: str
) -> None:
    with pytest.raises(SystemExit) as raised:
        _run_task(monkeypatch, story, **parameters)
    assert raised.value.code == message


def test_the_task_reads_no_secret_for_a_request_it_cannot_use(monkeypatch: pytest.MonkeyPatch, story: Story) -> None:
    monkeypatch.setattr(TaskRuntimeDouble, "secret", lambda *_: pytest.fail("a secret was read"))
    with pytest.raises(SystemExit):
        _run_task(monkeypatch, story, mode="some")
