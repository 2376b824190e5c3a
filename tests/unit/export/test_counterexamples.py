"""Histories that once ended with tables that were stale, missing or left over, each by name.

Found by the state machine or by thinking; every one ends with the machine's own check, after one reconcile.
"""

from collections.abc import Iterator

import pytest
from export_machine import ExportMachine
from job_double import RunDouble


class Machine(ExportMachine):
    """The machine with its rules called by hand."""

    def start(self, branch: str = "main", **parameters: str) -> RunDouble:
        return self.job.start(branch=branch, event=parameters.pop("event", "manual"), **parameters)

    def export(self, branch: str = "main", **parameters: str) -> RunDouble:
        """A run, and all that it starts."""
        run = self.start(branch, **parameters)
        self.job.finish_all()
        return run

    def steps(self, run: RunDouble, count: int) -> None:
        for _ in range(count):
            self.job.step(run)

    def shown(self, table: str, branch: str = "main") -> str:
        """The commit that a table's clone shows."""
        return self.job.clones[f"s3://bucket/exports/{branch}/{table}"].commit_id


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """An exported branch with the tables a, b and c; c lies in another catalog."""
    made = Machine()
    made.deploy(on_removed=getattr(request, "param", "keep"), at_once=2, latest=False)
    made.export()
    yield made
    made.a_watermark_says_the_truth()
    made.teardown()


dropping = pytest.mark.parametrize("machine", ["drop"], indirect=True)


def test_a_change_that_a_failed_run_cloned_is_reverted(machine: Machine) -> None:
    machine.write("main", "tables/a", again=False)
    machine.write("main", "tables/b", again=False)
    run = machine.start()
    machine.steps(run, 2)
    machine.job.step(run, fails=True)
    machine.job.finish(run)
    assert run.state == "failed"
    machine.lakefs.put({"tables/a/part": b"0", "tables/b/part": b"0"})


def test_the_head_is_reset_after_a_run_that_failed(machine: Machine) -> None:
    before = machine.lakefs.head().id
    for _ in range(3):
        machine.write("main", "tables/a", again=False)
    run = machine.start()
    machine.steps(run, 2)
    machine.job.kill(run)
    machine.lakefs.branch("main", before)
    machine.resets["main"] += 1
    machine.export()
    assert machine.shown("a") == before


def test_a_run_of_before_the_reset_is_repaired_after_it(machine: Machine) -> None:
    before = machine.lakefs.head().id
    machine.write("main", "tables/a", again=False)
    machine.write("main", "tables/b", again=False)
    run = machine.start()
    machine.steps(run, 2)
    machine.job.kill(run)
    machine.lakefs.branch("main", before)
    machine.resets["main"] += 1
    machine.export()
    machine.job.repair(run)
    machine.job.finish(run)
    assert machine.shown("a") == machine.shown("b") == before


@dropping
def test_the_branch_goes_between_two_pages_of_its_export(machine: Machine) -> None:
    machine.create_branch("x-1", "main")
    run = machine.start("x-1")
    machine.job.finish(run)
    machine.delete_branch("x-1")


@dropping
def test_the_branch_goes_while_it_is_exported(machine: Machine) -> None:
    """Its schema was dropped already when the run registered a table, and made it anew."""
    machine.create_branch("x-1", "main")
    run = machine.start("x-1")
    machine.steps(run, 3)
    machine.delete_branch("x-1")
    machine.export("x-1")
    machine.job.finish(run)


def test_properties_are_edited_between_two_pages(machine: Machine) -> None:
    first = machine.start(mode="full")
    machine.job.finish(first)
    machine.write("main", "tables/a", again=False)
    machine.edit_properties("main", "lake", "c0ffee12")


def test_a_record_is_repaired_after_properties_were_edited(machine: Machine) -> None:
    machine.write("main", "tables/a", again=False)
    run = machine.start()
    machine.steps(run, len(run.todo))
    while run.next_task != "record_export":
        machine.job.step(run)
    machine.job.step(run, fails=True)
    machine.export(mode="full")
    machine.edit_properties("main", "lake", "c0ffee12")
    machine.job.repair(run)
    machine.job.finish(run)
    machine.write("main", "tables/a", again=True)


@dropping
def test_a_run_fails_after_the_first_table_in_another_catalog(machine: Machine) -> None:
    machine.describe("main", "d", "b", "tables/b", "")
    machine.stop_describing("main", "c")
    machine.export()
    machine.stop_describing("main", "d")
    machine.describe("main", "b", "b", "tables/b", "finance")
    run = machine.start()
    machine.steps(run, 3)
    machine.job.kill(run)
    machine.describe("main", "b", "b", "tables/b", "")


@dropping
def test_a_late_page_registers_what_was_removed(machine: Machine) -> None:
    late = machine.start(mode="full")
    while late.next_task != "register_table":
        machine.job.step(late)
    machine.stop_describing("main", "a")
    other = machine.start()
    machine.job.finish(other)
    machine.job.finish(late)


def test_two_first_exports_overlap(machine: Machine) -> None:
    machine.create_branch("dev", "main")
    early = machine.start("dev")
    machine.job.step(early)
    machine.write("dev", "tables/a", again=False)
    later = machine.start("dev")
    machine.job.step(later)
    machine.job.step(later)
    machine.job.kill(later)
    machine.job.finish(early)
    machine.write("dev", "tables/b", again=False)


@dropping
def test_a_table_moves_to_another_catalog_and_back(machine: Machine) -> None:
    for catalog in ("finance", "", "finance"):
        machine.describe("main", "a", "a", "tables/a", catalog)
        machine.export()
        machine.write("main", "tables/a", again=False)


@dropping
def test_a_table_moves_to_another_catalog_beside_an_invalid_descriptor(machine: Machine) -> None:
    machine.describe_wrongly("main", "b")
    machine.describe("main", "a", "a", "tables/a", "finance")


def test_a_branch_has_invalid_descriptors_alone(machine: Machine) -> None:
    machine.create_branch("dev", "main")
    for file in ("a", "b", "c"):
        machine.describe_wrongly("dev", file)


def test_the_first_page_has_no_table_of_the_jobs_own_catalog(machine: Machine) -> None:
    machine.create_branch("dev", "main")
    machine.describe("dev", "a", "a", "tables/a", "finance")


def _begin_pages_again(machine: Machine) -> str:
    """Lets the first of two pages of the export of an unexported branch end; the commit."""
    machine.job.clones.clear()
    for catalog in machine.unity_catalog.catalogs.values():
        catalog.clear()
    machine.job.finish(machine.start(event="reconcile"))
    (page,) = machine.job.active
    assert page.parameters["event"] == "next_page"
    return machine.lakefs.head().id


def _reset(machine: Machine, commit_id: str) -> None:
    machine.lakefs.branch("main", commit_id)
    machine.resets["main"] += 1


def test_another_run_clones_between_two_pages_and_the_head_is_reset(machine: Machine) -> None:
    first = _begin_pages_again(machine)
    machine.write("main", "tables/a", again=False)
    other = machine.start()
    machine.steps(other, 3)
    machine.job.step(other, fails=True)
    machine.job.finish(other)
    assert (other.state, machine.shown("a")) == ("failed", machine.lakefs.head().id)
    _reset(machine, first)

    machine.job.finish_all()

    assert machine.shown("a") == first


@dropping
def test_another_run_removes_between_two_pages_and_the_head_is_reset(machine: Machine) -> None:
    first = _begin_pages_again(machine)
    in_finance = machine.unity_catalog.catalogs["finance"]["main"].tables
    for name in ("a", "b", "c"):
        machine.stop_describing("main", name)
    other = machine.start()
    while other.next_task != "record_export":
        machine.job.step(other)
    machine.job.step(other, fails=True)
    assert (other.state, "c" in in_finance) == ("failed", False)
    _reset(machine, first)

    machine.job.finish_all()

    assert "c" in in_finance


@dropping
def test_a_table_moves_to_another_catalog_between_two_pages(machine: Machine) -> None:
    _begin_pages_again(machine)
    machine.describe("main", "b", "b", "tables/a", "finance")
    moved = machine.lakefs.head().id
    machine.job.finish(machine.start())
    assert machine.shown("b") == moved
    machine.job.finish_all()
    assert machine.shown("b") == moved


@dropping
def test_the_branch_goes_after_a_run_that_only_made_its_schemas(machine: Machine) -> None:
    machine.create_branch("dev", "main")
    run = machine.start("dev")
    machine.job.step(run, fails=True)
    assert (run.state, "dev" in machine.unity_catalog.catalogs["lake"]) == ("failed", True)
    machine.delete_branch("dev")


@dropping
def test_a_run_is_repaired_after_its_branch_was_removed(machine: Machine) -> None:
    machine.create_branch("dev", "main")
    run = machine.start("dev")
    machine.steps(run, 2)
    machine.job.step(run, fails=True)
    machine.job.finish(run)
    machine.delete_branch("dev")
    machine.export("dev", event="reconcile")
    assert "dev" not in machine.unity_catalog.catalogs["lake"]

    machine.job.repair(run)
    machine.job.finish(run)

    assert "dev" in machine.unity_catalog.catalogs["lake"]


def test_a_run_is_repaired_of_which_only_a_clone_failed(machine: Machine) -> None:
    machine.write("main", "tables/a", again=False)
    run = machine.start()
    machine.job.step(run)
    machine.job.step(run, fails=True)
    machine.job.finish(run)
    assert machine.job.refreshed["lake.main.a"].commit_id != machine.lakefs.head().id

    machine.job.repair(run)
    machine.job.finish(run)

    assert run.state == "succeeded"
    assert machine.job.refreshed["lake.main.a"].commit_id == machine.lakefs.head().id


def test_a_run_by_another_method_dies_before_its_tables_are_registered(machine: Machine) -> None:
    machine.deploy_method("storage")
    run = machine.start()
    machine.steps(run, 3)
    assert run.cloned
    machine.job.kill(run)
    machine.deploy_method("shallow")
