"""The job reconcile: what it finds of each branch, which runs it starts, and what that costs."""

import io
from collections.abc import Callable, Mapping
from dataclasses import fields, replace

import pytest
from doubles import ExportRunsDouble, LakeFSDouble, UnityCatalogDouble
from export_story import REQUEST, Story, descriptor, table
from task_double import TaskRuntimeDouble, run_task

from lakefs_unity_export import events
from lakefs_unity_export.errors import (
    LakeFSUnavailableError,
    ReconcileError,
    SettingsError,
    WorkspaceAccessError,
    WorkspaceNotFoundError,
)
from lakefs_unity_export.export.state import ExportState, with_state
from lakefs_unity_export.ports import Commit
from lakefs_unity_export.tasks import reconcile as module
from lakefs_unity_export.tasks.reconcile import BranchReport, ReconcileRequest, reconcile

SETTINGS = ReconcileRequest(
    repositories="shop",
    lakefs_endpoint=REQUEST.lakefs_endpoint,
    secret_scope="lakefs",
    catalog="lake",
    export_job_id="77",
    run_id="1",
)
OLD = Commit(id="01" * 32, generation=1)
NO_TABLES = "no descriptor of it is one of a table that can be exported"
EDITED = "its schema's properties were edited by hand"


@pytest.fixture
def story(lakefs: LakeFSDouble, unity_catalog: UnityCatalogDouble) -> Story:
    """A repository with one table on its branch main, and nothing exported."""
    lakefs.put(table("t1"))
    return Story(lakefs=lakefs, unity_catalog=unity_catalog)


@pytest.fixture
def exported(story: Story) -> Story:
    """The same, exported up to its head; calls counted from there."""
    story.export()
    _forget_calls(story)
    return story


def _forget_calls(story: Story) -> None:
    story.lakefs.calls.clear()
    story.unity_catalog.calls.clear()


def _reconcile(story: Story, out: io.StringIO | None = None, **settings: str) -> dict[str, BranchReport]:
    """The report about each branch of the repository shop."""
    request = replace(SETTINGS, **settings)
    reports = reconcile(request, lambda _: story.lakefs, story.unity_catalog, story.runs, out or io.StringIO())
    return {report.branch: report for report in reports}


def _set_state(story: Story, state: ExportState, branch: str = "main", **place: str) -> None:
    schema = story.unity_catalog.schema(place.get("catalog", "lake"), place.get("schema", branch))
    schema.properties = with_state({}, state, repository="shop", branch=branch)


def _tables(story: Story, schema: str) -> set[str]:
    """The tables that are registered in a schema of the job's catalog."""
    return set(story.unity_catalog.schema("lake", schema).tables)


def _start(branch: str = "main", repository: str = "shop") -> dict[str, str]:
    return {"repository": repository, "branch": branch, "event": "reconcile"}


# What it finds of a branch


def test_a_branch_at_its_head_is_left_alone(exported: Story, out: io.StringIO) -> None:
    head = exported.lakefs.head().id
    reports = _reconcile(exported, out)
    assert reports["main"] == BranchReport(
        repository="shop", branch="main", finding=f"exported up to its head {head}", head=head
    )
    assert exported.runs.started == []
    assert out.getvalue() == f"shop/main: exported up to its head {head}\n1 branches looked at, 0 runs started\n"


def test_a_branch_behind_its_head_is_exported(exported: Story, out: io.StringIO) -> None:
    before, head = exported.lakefs.head().id, exported.lakefs.put(table("t2")).id
    _reconcile(exported, out)
    assert exported.runs.started == [_start()]
    assert out.getvalue() == (
        f"shop/main: is exported up to {before}, its head is {head}; started run 1\n"
        "1 branches looked at, 1 runs started\n"
    )


def test_a_reset_branch_is_behind(exported: Story) -> None:
    before = exported.lakefs.head().id
    exported.lakefs.put(table("t2"))
    exported.export()
    exported.lakefs.branch("main", before)
    _reconcile(exported)
    assert exported.runs.started == [_start()]


@pytest.mark.parametrize("is_followed", [False, True])
def test_a_branch_of_check_setup_is_never_exported(story: Story, is_followed: bool) -> None:
    name = "lakefs_unity_export_check_4711_1"
    story.lakefs.branch(name, story.lakefs.head().id)
    story.lakefs.branch("lakefs_unity_export_checks", story.lakefs.head().id)
    if is_followed:
        _set_state(story, ExportState(watermark=OLD), branch=name)
    for patterns in ("*", name):
        assert name not in _reconcile(story, branches=patterns, on_removed="drop")
    story.lakefs.delete_branch(name)
    assert name not in _reconcile(story, on_removed="drop")
    assert [run["branch"] for run in story.runs.started] == ["lakefs_unity_export_checks", "main"]


def test_a_branch_that_was_never_exported_is(story: Story) -> None:
    assert _reconcile(story)["main"].finding == "is not exported yet"
    assert story.runs.started == [_start()]


def test_what_it_starts_brings_the_branch_to_its_head(story: Story) -> None:
    _reconcile(story)
    story.export(**{name: value for name, value in story.runs.started[0].items() if name != "repository"})
    assert _reconcile(story, run_id="2")["main"].run_id is None
    assert len(story.runs.started) == 1


@pytest.mark.parametrize(
    "objects",
    [
        {},
        {"tables/t1/part": b"1"},
        {"_lakefs_tables/t1.yaml": b"name: ["},
        {"_lakefs_tables/t1.yaml": descriptor("t1", kind="hive")},
        {"_lakefs_tables/t1.yaml": descriptor("t1", catalog="nowhere")},
    ],
)
def test_a_branch_without_a_table_to_export_is_not_started_again_and_again(
    lakefs: LakeFSDouble, unity_catalog: UnityCatalogDouble, objects: dict[str, bytes]
) -> None:
    lakefs.put(objects)
    story = Story(lakefs=lakefs, unity_catalog=unity_catalog)
    assert _reconcile(story)["main"].finding == NO_TABLES
    assert story.runs.started == []
    assert "main" not in story.unity_catalog.catalogs["lake"]


def test_only_the_descriptors_that_are_exported_count(story: Story) -> None:
    assert _reconcile(story, table_defs="other")["main"].finding == NO_TABLES
    assert _reconcile(story, table_descriptors_path="elsewhere")["main"].finding == NO_TABLES
    assert _reconcile(story, table_defs="t1")["main"].run_id == 1


def test_a_branch_of_another_catalog_alone_is_exported(lakefs: LakeFSDouble) -> None:
    lakefs.put(table("t1", catalog="finance"))
    story = Story(lakefs=lakefs, unity_catalog=UnityCatalogDouble("lake", "finance"))
    assert _reconcile(story)["main"].run_id == 1


@pytest.mark.parametrize(
    ("state", "finding"),
    [
        (ExportState(attempts=(OLD,)), "its first export did not end well"),
        (ExportState(watermark=OLD, attempts=(OLD,)), "an export of it did not end well"),
        (ExportState(watermark=OLD, forgets_attempts=True), "an export of it did not end well"),
    ],
)
def test_an_export_that_did_not_end_well_is_repeated(story: Story, state: ExportState, finding: str) -> None:
    if state.watermark:
        state = replace(state, watermark=story.lakefs.head())
    _set_state(story, state)
    assert _reconcile(story)["main"].finding == finding
    assert story.runs.started == [_start()]


def test_what_a_first_export_left_is_seen_to_although_no_table_is_described_any_more(exported: Story) -> None:
    """Its registrations may have to go."""
    exported.lakefs.put({}, removed=["_lakefs_tables/t1.yaml"])
    _set_state(exported, ExportState(attempts=(OLD,)))
    assert _reconcile(exported)["main"].run_id == 1
    exported.export(event="reconcile")
    assert _reconcile(exported, run_id="2")["main"].run_id is None


@pytest.mark.parametrize(
    "edit",
    [
        {"lakefs.shop.commit_id": "main"},
        {"lakefs.shop.commit_id": "c0ffee12"},
        {"lakefs.shop.branch": ""},
        {"lakefs.shop.attempts": "?"},
    ],
)
def test_properties_that_were_edited_by_hand_are_mended(exported: Story, edit: dict[str, str]) -> None:
    exported.unity_catalog.schema("lake", "main").properties.update(edit)
    assert _reconcile(exported)["main"].finding == EDITED
    assert exported.runs.started == [_start()]
    exported.export(event="reconcile")
    assert _reconcile(exported, run_id="2")["main"].run_id is None


def test_a_schema_that_was_dropped_is_made_anew(exported: Story) -> None:
    del exported.unity_catalog.catalogs["lake"]["main"]
    assert _reconcile(exported)["main"].finding == "is not exported yet"


def test_a_branch_that_would_hide_the_others_is_named_and_not_started(exported: Story) -> None:
    exported.lakefs.branch("_delta_log", exported.lakefs.head().id)
    exported.lakefs.branch("_delta-log", exported.lakefs.head().id)
    reports = _reconcile(exported)
    assert reports["_delta_log"].finding.startswith("cannot be exported: the folder of branch '_delta_log' would make ")
    assert exported.runs.started == [_start("_delta-log")]


def test_a_branch_whose_schema_follows_another_is_named_and_not_started(exported: Story) -> None:
    exported.lakefs.branch("Main", exported.lakefs.head().id)
    report = _reconcile(exported)["Main"]
    assert report.finding.startswith("cannot be exported: schema lake.main follows branch 'main' of repository 'shop'")
    assert exported.runs.started == []


def test_a_branch_whose_name_makes_no_schema_is_named_and_not_started(story: Story) -> None:
    story.lakefs.branch("x" * 256, story.lakefs.head().id)
    report = _reconcile(story)["x" * 256]
    assert report.finding.startswith("cannot be exported: schema 'xxx")
    assert story.runs.started == [_start()]


def test_a_branch_that_no_property_can_name_is_named_and_not_started(story: Story) -> None:
    story.lakefs.branch("x" * 256, story.lakefs.head().id)
    report = _reconcile(story, schema_template="all", branches="x*")["x" * 256]
    assert report.finding.startswith("cannot be exported: branch 'xxx")
    assert story.runs.started == []


def test_a_listing_that_leaves_out_properties_starts_nothing(exported: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported.unity_catalog, "schemas", lambda catalog: {"main": {}})
    assert _reconcile(exported)["main"].run_id is None
    assert dict(exported.unity_catalog.calls) == {"schema_properties": 1}


# Several catalogs


@pytest.fixture
def two_catalogs(lakefs: LakeFSDouble) -> Story:
    """A branch with a table in each of two catalogs, exported."""
    lakefs.put({**table("t1"), **table("t2", catalog="finance")})
    story = Story(lakefs=lakefs, unity_catalog=UnityCatalogDouble("lake", "finance"))
    story.export()
    _forget_calls(story)
    return story


def _drop_schema(story: Story) -> None:
    del story.unity_catalog.catalogs["finance"]["main"]


def _lag(story: Story) -> None:
    _set_state(story, ExportState(watermark=OLD, catalogs=("finance", "lake")), catalog="finance")


def _edit(story: Story) -> None:
    story.unity_catalog.schema("finance", "main").properties["lakefs.shop.commit_id"] = "main"


@pytest.mark.parametrize(
    ("harm", "finding"),
    [
        (_drop_schema, "is not exported yet (in catalog finance)"),
        (_lag, f"is exported up to {OLD.id}, its head is {{head}} (in catalog finance)"),
        (_edit, f"{EDITED} (in catalog finance)"),
    ],
)
def test_another_catalog_that_is_behind_is_found_and_one_run_mends_it(
    two_catalogs: Story, harm: Callable[[Story], None], finding: str
) -> None:
    assert _reconcile(two_catalogs)["main"].run_id is None
    harm(two_catalogs)
    assert _reconcile(two_catalogs)["main"].finding == finding.format(head=two_catalogs.lakefs.head().id)
    assert two_catalogs.runs.started == [_start()]
    two_catalogs.export(event="reconcile")
    assert _reconcile(two_catalogs, run_id="2")["main"].run_id is None


@pytest.mark.parametrize("is_catalog_there", [True, False])
def test_a_catalog_that_the_branch_left_may_go(two_catalogs: Story, is_catalog_there: bool) -> None:
    two_catalogs.lakefs.put({}, removed=["_lakefs_tables/t2.yaml"])
    two_catalogs.export()
    two_catalogs.unity_catalog.catalogs["finance"].clear()
    if not is_catalog_there:
        del two_catalogs.unity_catalog.catalogs["finance"]
    assert _reconcile(two_catalogs)["main"].run_id is None


# Branches that are gone


@pytest.fixture
def gone(exported: Story) -> Story:
    """A branch dev that was exported, and is deleted."""
    exported.lakefs.branch("dev", exported.lakefs.head().id)
    exported.export(branch="dev")
    exported.lakefs.delete_branch("dev")
    return exported


def test_the_tables_of_a_branch_that_is_gone_are_kept(gone: Story) -> None:
    assert _reconcile(gone)["dev"].finding == "the branch is gone; its tables stay registered (on_removed is keep)"
    assert gone.runs.started == []


def test_the_tables_of_a_branch_that_is_gone_are_dropped_where_that_is_wanted(gone: Story) -> None:
    assert str(_reconcile(gone, on_removed="drop")["dev"]) == "shop/dev: the branch is gone; started run 1"
    assert gone.runs.started == [_start("dev")]
    gone.export(branch="dev", event="reconcile", on_removed="drop")
    assert list(_reconcile(gone, on_removed="drop", run_id="2")) == ["main"]


def test_a_branch_that_is_made_again_at_its_commit_is_exported_although_its_event_starts_nothing(
    gone: Story,
) -> None:
    head = gone.lakefs.head().id
    made = events.decide(
        events.Event(event_type="post-create-branch", repository_id="shop", branch_id="dev", commit_id=head)
    )
    assert isinstance(made, events.RunStart)

    def hook() -> int:
        return gone.runs.start(made.job_parameters, idempotency_token=made.idempotency_token)

    first = hook()
    _reconcile(gone, on_removed="drop")
    gone.export(branch="dev", event="reconcile", on_removed="drop")
    assert _tables(gone, "dev") == set()

    gone.lakefs.branch("dev", head)
    started = len(gone.runs.started)
    assert hook() == first  # Databricks answers with the run that ended long ago
    assert len(gone.runs.started) == started
    report = _reconcile(gone, run_id="2")["dev"]
    assert (report.finding, report.run_id) == ("is not exported yet", started + 1)
    gone.export(**gone.runs.started[-1])
    assert _tables(gone, "dev") == {"t1"}
    assert gone.watermark(schema="dev") == head
    assert _reconcile(gone, run_id="3")["dev"].run_id is None


@pytest.mark.parametrize("dropped", [True, False])
def test_a_branch_that_is_made_again_where_its_tables_were_kept(gone: Story, dropped: bool) -> None:
    """What was exported is right, unless a person dropped the schema meanwhile."""
    _reconcile(gone)
    if dropped:
        del gone.unity_catalog.catalogs["lake"]["dev"]
    gone.lakefs.branch("dev", gone.lakefs.head().id)
    assert (_reconcile(gone, run_id="2")["dev"].run_id is not None) == dropped


def test_a_branch_that_is_gone_is_looked_at_where_a_pattern_names_it(gone: Story) -> None:
    assert list(_reconcile(gone, on_removed="drop", branches="main")) == ["main"]
    assert list(_reconcile(gone, on_removed="drop", branches="d*")) == ["dev"]


@pytest.mark.parametrize(("branch", "schema"), [("dev", "before-dev"), ("a'b", "a'b"), ("tag/x", "main2")])
def test_a_schema_that_no_branch_would_be_exported_to_is_left(exported: Story, branch: str, schema: str) -> None:
    """As after a change of schema_template, or of the property: a run would find nothing, each time anew."""
    _set_state(exported, ExportState(watermark=OLD), branch=branch, schema=schema)
    assert _reconcile(exported, on_removed="drop")[branch].finding == (
        "the branch is gone; its schema is not the one that schema_template gives it, so remove its tables by hand"
    )
    assert exported.runs.started == []


def test_a_branch_that_another_repository_has_lost_is_not_ours(exported: Story) -> None:
    properties = with_state({}, ExportState(watermark=OLD), repository="other", branch="dev")
    exported.unity_catalog.schema("lake", "dev").properties = properties
    assert list(_reconcile(exported, on_removed="drop")) == ["main"]


# Patterns and repositories


@pytest.mark.parametrize(
    ("patterns", "looked_at"),
    [
        ("*", ["dev", "main", "release-1", "release-2"]),
        ("main", ["main"]),
        (" main , release-* ", ["main", "release-1", "release-2"]),
        ("release-[2-9]", ["release-2"]),
        ("Main", []),
        ("d?v,", ["dev"]),
    ],
)
def test_patterns_choose_the_branches(story: Story, patterns: str, looked_at: list[str]) -> None:
    for branch in ("dev", "release-1", "release-2"):
        story.lakefs.branch(branch, story.lakefs.head().id)
    assert list(_reconcile(story, branches=patterns)) == looked_at
    assert [started["branch"] for started in story.runs.started] == looked_at


def _reconcile_all(
    repositories: Mapping[str, LakeFSDouble | Exception], runs: ExportRunsDouble, out: io.StringIO, **settings: str
) -> list[BranchReport]:
    def lakefs_of(repository: str) -> LakeFSDouble:
        found = repositories[repository]
        return found if isinstance(found, LakeFSDouble) else _unreachable(found)

    request = replace(SETTINGS, repositories=",".join(repositories), **settings)
    return reconcile(request, lakefs_of, UnityCatalogDouble("lake"), runs, out)


def _unreachable(error: Exception) -> LakeFSDouble:
    lakefs = LakeFSDouble()

    def fail() -> dict[str, str]:
        raise error

    lakefs.branches = fail  # type: ignore[method-assign]
    return lakefs


def _repository(name: str) -> LakeFSDouble:
    lakefs = LakeFSDouble(repository=name)
    lakefs.put(table("t1"))
    return lakefs


def test_several_repositories(out: io.StringIO) -> None:
    runs = ExportRunsDouble()
    repositories = {name: _repository(name) for name in ("shop", "other")}
    reports = _reconcile_all(repositories, runs, out, schema_template="{repository}-{branch}")
    assert [(report.repository, report.run_id) for report in reports] == [("shop", 1), ("other", 2)]
    assert runs.started == [_start(), _start(repository="other")]
    assert len(runs.tokens) == 2


def test_a_repository_that_is_named_twice_is_looked_at_once(story: Story) -> None:
    _reconcile(story, repositories="shop, shop,")
    assert story.lakefs.calls["branches"] == 1


def test_a_repository_that_does_not_answer_stops_no_other(out: io.StringIO) -> None:
    runs, down = ExportRunsDouble(), LakeFSUnavailableError("lakeFS did not answer")
    with pytest.raises(ReconcileError) as raised:
        _reconcile_all({"down": down, "shop": _repository("shop"), "lost": down}, runs, out)
    assert str(raised.value) == (
        "2 could not be looked at, or started:\ndown: lakeFS did not answer\nlost: lakeFS did not answer"
    )
    assert runs.started == [_start()]
    assert "shop/main: is not exported yet; started run 1\n" in out.getvalue()


@pytest.mark.parametrize("unreadable", ["ab-", "data--x-s3", "o" * 43 + "--op-s3"])
def test_a_repository_that_spark_cannot_read_is_named_and_stops_no_other(unreadable: str, out: io.StringIO) -> None:
    runs, repositories = ExportRunsDouble(), {name: _repository(name) for name in ("a--b", unreadable, "shop")}
    with pytest.raises(ReconcileError) as raised:
        _reconcile_all(repositories, runs, out)
    first, told = str(raised.value).splitlines()
    assert first == "1 could not be looked at, or started:"
    assert told.startswith(f"{unreadable}: repository {unreadable!r} cannot be exported, for its name ends in ")
    assert runs.started == [_start(repository="a--b"), _start()]
    assert repositories[unreadable].calls["branches"] == 0


def test_a_branch_that_cannot_be_read_stops_no_other(
    story: Story, out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = story.lakefs.head().id
    story.lakefs.branch("dev", main)
    broken = story.lakefs.put({"x": b""}, branch="dev").id
    read = story.lakefs.read_objects

    def fail(ref: str, paths: list[str]) -> object:
        if ref == broken:
            raise LakeFSUnavailableError("lakeFS did not answer")
        return read(ref, paths)

    monkeypatch.setattr(story.lakefs, "read_objects", fail)
    with pytest.raises(ReconcileError, match=r"^1 could .*\nshop/dev: lakeFS did not answer$"):
        _reconcile(story, out)
    assert "shop/dev: could not be looked at\n" in out.getvalue()
    assert story.runs.started == [_start()]


# Runs


def test_a_branch_with_an_active_run_gets_no_second_one(exported: Story) -> None:
    exported.lakefs.put(table("t2"))
    exported.lakefs.branch("dev", exported.lakefs.head().id)
    exported.runs.running = [{**_start(), "event": "post-commit"}, {}, _start("dev", repository="other")]
    reports = _reconcile(exported)
    assert reports["main"].finding.endswith(", and a run for it is active")
    assert reports["main"].run_id is None
    assert exported.runs.started == [_start("dev")]


def test_a_start_that_fails_stops_no_other(story: Story, out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    story.lakefs.branch("dev", story.lakefs.head().id)
    start = story.runs.start

    def refuse(parameters: Mapping[str, str], *, idempotency_token: str) -> int:
        if parameters["branch"] == "dev":
            raise WorkspaceAccessError("grant it CAN MANAGE RUN on the job")
        return start(parameters, idempotency_token=idempotency_token)

    monkeypatch.setattr(story.runs, "start", refuse)
    with pytest.raises(ReconcileError) as raised:
        _reconcile(story, out)
    assert str(raised.value) == ("1 could not be looked at, or started:\nshop/dev: grant it CAN MANAGE RUN on the job")
    assert out.getvalue() == (
        "shop/dev: is not exported yet, and no run could start\n"
        "shop/main: is not exported yet; started run 1\n"
        "2 branches looked at, 1 runs started\n"
    )


def test_a_retry_starts_nothing_twice_and_a_later_reconcile_starts_again(gone: Story) -> None:
    gone.lakefs.put(table("t2"))
    first = _reconcile(gone, on_removed="drop")
    assert (first["dev"].run_id, first["main"].run_id) == (2, 1)
    assert _reconcile(gone, on_removed="drop") == first
    assert len(gone.runs.started) == 2
    later = _reconcile(gone, on_removed="drop", run_id="2")
    assert (later["dev"].run_id, later["main"].run_id) == (4, 3)


def test_a_commit_since_the_first_try_is_started_by_the_retry(exported: Story) -> None:
    exported.lakefs.put(table("t2"))
    _reconcile(exported)
    exported.lakefs.put(table("t3"))
    assert _reconcile(exported)["main"].run_id == 2


# What it costs


@pytest.mark.parametrize("branches", [1, 100])
def test_branches_that_are_up_to_date_cost_no_call_each(story: Story, branches: int) -> None:
    names = ["main", *(f"feature-{number}" for number in range(1, branches))]
    for branch in names:
        story.lakefs.branch(branch, story.lakefs.head().id)
        story.export(branch=branch)
    _forget_calls(story)
    assert len(_reconcile(story)) == branches
    assert dict(story.lakefs.calls) == {"branches": 1}
    assert dict(story.unity_catalog.calls) == {"schemas": 1}
    story.lakefs.put(table("t2"))
    assert _reconcile(story)["main"].run_id == 1
    assert dict(story.lakefs.calls) == {"branches": 2}
    assert dict(story.unity_catalog.calls) == {"schemas": 2}


def test_branches_in_several_catalogs_cost_one_call_for_each_catalog(two_catalogs: Story) -> None:
    for branch in ("dev", "x-1"):
        two_catalogs.lakefs.branch(branch, two_catalogs.lakefs.head().id)
        two_catalogs.export(branch=branch)
    _forget_calls(two_catalogs)
    _reconcile(two_catalogs)
    assert dict(two_catalogs.lakefs.calls) == {"branches": 1}
    assert dict(two_catalogs.unity_catalog.calls) == {"schemas": 2}


def test_new_branches_at_one_commit_are_read_once(story: Story) -> None:
    for number in range(100):
        story.lakefs.branch(f"feature-{number}", story.lakefs.head().id)
    _reconcile(story)
    assert len(story.runs.started) == 101
    assert dict(story.lakefs.calls) == {"branches": 1, "list_objects": 1, "read_object": 1}
    assert dict(story.unity_catalog.calls) == {"schemas": 1}


# The entry point and its settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"repositories": " , "}, "set the bundle variables reconcile_repositories and reconcile_branches"),
        ({"branches": ","}, "set the bundle variables reconcile_repositories and reconcile_branches"),
        ({"repositories": "shop,A b"}, "bundle variable reconcile_repositories: .*'A b'; lakeFS names are"),
        ({"on_removed": "remove"}, "on_removed is 'remove'; set the bundle variable to one of keep, drop"),
        ({"catalog": "a.b"}, r"catalog 'a\.b' holds '\.'"),
        ({"schema_template": "{ref}"}, "schema_template '{ref}' has the placeholder {ref}"),
        ({"schema_template": "a b"}, "schema 'a b' holds ' '"),
        ({"table_descriptors_path": ".."}, "path '..' has the segment '..'"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_before_anything_is_asked(
    story: Story, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        _reconcile(story, **settings)
    assert not story.lakefs.calls
    assert not story.unity_catalog.calls


def test_a_catalog_that_is_not_there_ends_it(story: Story) -> None:
    with pytest.raises(WorkspaceNotFoundError, match="Unity Catalog has no catalog nowhere"):
        _reconcile(story, catalog="nowhere")


def test_a_catalog_is_found_however_it_is_written(exported: Story) -> None:
    assert _reconcile(exported, catalog="Lake")["main"].run_id is None


def _run_task(monkeypatch: pytest.MonkeyPatch, story: Story, **parameters: str) -> TaskRuntimeDouble:
    values = {each.name: str(getattr(SETTINGS, each.name)) for each in fields(SETTINGS)} | parameters
    return run_task(monkeypatch, module, story, values)


def test_the_task_looks_with_the_keys_of_the_secret_scope(
    monkeypatch: pytest.MonkeyPatch, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = _run_task(monkeypatch, story, branches="", table_descriptors_path="")
    assert runtime.secrets_read == [("lakefs", "lakefs-access-key-id"), ("lakefs", "lakefs-secret-access-key")]
    assert story.runs.started == [_start()]
    assert capsys.readouterr().out == (
        "shop/main: is not exported yet; started run 1\n1 branches looked at, 1 runs started\n"
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"repositories": ""},
            "SettingsError: repositories is empty; set the bundle variable reconcile_repositories to the lakeFS "
            "repositories, separated by commas",
        ),
        ({"secret_scope": ""}, "SettingsError: secret_scope is empty; set the bundle variable of this name"),
        (
            {"run_id": ""},
            "SettingsError: run_id is empty; deploy the bundle anew, and start the job, not this task alone",
        ),
        (
            {"on_removed": "x"},
            "SettingsError: on_removed is 'x'; set the bundle variable to one of keep, drop",
        ),
    ],
)
def test_the_task_exits_with_the_remedy_and_reads_no_secret_for_settings_it_cannot_use(
    monkeypatch: pytest.MonkeyPatch, story: Story, parameters: dict[str, str], message: str
) -> None:
    monkeypatch.setattr(TaskRuntimeDouble, "secret", lambda *_: pytest.fail("a secret was read"))
    with pytest.raises(SystemExit) as raised:
        _run_task(monkeypatch, story, **parameters)
    assert raised.value.code == message


def test_the_task_fails_for_what_it_could_not_look_at(monkeypatch: pytest.MonkeyPatch, story: Story) -> None:
    story.lakefs = _unreachable(LakeFSUnavailableError("lakeFS did not answer"))
    with pytest.raises(SystemExit) as raised:
        _run_task(monkeypatch, story)
    assert raised.value.code == ("ReconcileError: 1 could not be looked at, or started:\nshop: lakeFS did not answer")
