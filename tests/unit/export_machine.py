"""Branches, commits, events and runs in any order, with faults of every kind, over the real decisions.

After every step the invariants of the exports hold; once faults stop, one reconcile brings every branch to its head.
"""

import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import pytest
from doubles import LakeFSDouble, UnityCatalogDouble
from export_story import BASE, REQUEST, descriptor
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from job_double import JobDouble, RunDouble

from lakefs_unity_export.clones.methods import METHODS
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.commit.descriptors import DescriptorSet, NamingRules, read_descriptors
from lakefs_unity_export.export import pages
from lakefs_unity_export.export.state import read_state
from lakefs_unity_export.tasks.reconcile import ReconcileRequest, reconcile

FOLDER = "_lakefs_tables"
TABLES = ("a", "b", "c")
BRANCHES = ("main", "dev", "x-1")
CATALOGS = ("lake", "finance")
# Room for two items, so that an export of three tables has two pages; and for one.
PAGE_BYTES = 115
ONE_A_PAGE = 1
MOST_RUNS = 60

table_names = st.sampled_from(TABLES)
branch_names = st.sampled_from(BRANCHES)
files = st.sampled_from(["a", "b", "c", "d"])
faults = st.sampled_from(["", "fails", "fails after", "killed"])
table_paths = st.sampled_from(["tables/a", "tables/b", "tables/b/in", "tables/c"])


class ExportMachine(RuleBasedStateMachine):
    """One repository with three tables on its main branch."""

    explored: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(pages, "MAX_TASK_VALUE_BYTES", PAGE_BYTES)
        self.lakefs = LakeFSDouble(page_size=3)
        self.unity_catalog = UnityCatalogDouble(*CATALOGS)
        self.events: list[tuple[str, str, str]] = []
        self.resets: Counter[str] = Counter()
        self.listed: dict[int, tuple[int, set[str]]] = {}
        self.versions = 0
        self.dropped: set[str] = set()
        self.explored["examples"] += 1

    @initialize(
        on_removed=st.sampled_from(["keep", "drop"]),
        at_once=st.sampled_from([1, 1, 2]),
        latest=st.booleans(),
        exported=st.booleans(),
        one_a_page=st.sampled_from([True, True, False]),
        in_one_catalog=st.booleans(),
    )
    def deploy(
        self,
        on_removed: str,
        at_once: int,
        latest: bool,
        exported: bool = False,
        one_a_page: bool = False,
        in_one_catalog: bool = False,
    ) -> None:
        """The settings of the deployment, the first commits, and maybe their export."""
        if one_a_page:
            self.patch.setattr(pages, "MAX_TASK_VALUE_BYTES", ONE_A_PAGE)
        self.in_one_catalog = in_one_catalog
        self.at_once, self.snapshot, self.on_removed = at_once, "latest" if latest else "commit", on_removed
        self.job = JobDouble(
            lakefs=self.lakefs,
            unity_catalog=self.unity_catalog,
            settings={"on_removed": on_removed},
            on_clone=self._check_clone,
            on_list=self._note_listing,
        )
        for name in TABLES:
            described = descriptor(name, catalog=self._usual_catalog(name))
            self._commit("main", {f"{FOLDER}/{name}.yaml": described, f"tables/{name}/part": b"0"})
        if exported:
            self.job.start(branch="main", event="manual")
            self.job.finish_all()
            self.events.clear()

    def _usual_catalog(self, name: str) -> str:
        return "finance" if name == "c" and not self.in_one_catalog else ""

    # What happens in lakeFS

    def _commit(self, branch: str, changed: Mapping[str, bytes], removed: tuple[str, ...] = ()) -> None:
        self.lakefs.put(dict(changed), removed, branch=branch)
        self._announce(branch, "post-commit")

    def _announce(self, branch: str, event: str) -> None:
        self.events.append((branch, self.lakefs.head(branch).id, event))

    def _has(self, branch: str) -> bool:
        return branch in self.lakefs.branches()

    def _content(self, branch: str) -> dict[str, bytes]:
        return self.lakefs.content(self.lakefs.head(branch).id)

    @rule(branch=branch_names, path=table_paths, again=st.booleans())
    def write(self, branch: str, path: str, again: bool) -> None:
        """New data, or data that was there before."""
        if self._has(branch):
            self.versions += 1
            self._commit(branch, {f"{path}/part": b"0" if again else str(self.versions).encode()})

    @rule(
        branch=branch_names,
        file=files,
        name=table_names,
        path=table_paths,
        catalog=st.sampled_from(["", "finance", "nowhere"]),
        method=st.sampled_from(["", "", *METHODS]),
    )
    def describe(self, branch: str, file: str, name: str, path: str, catalog: str, method: str = "") -> None:
        """A descriptor is added, renamed, moved, or collides with another."""
        if self.on_removed == "keep" and catalog != "nowhere":
            # The old registration would be in the way of the one in another catalog.
            catalog = self._usual_catalog(name)
        if self._has(branch):
            text = descriptor(name, path=path, catalog=catalog, clone_method=method)
            self._commit(branch, {f"{FOLDER}/{file}.yaml": text})

    @rule(branch=branch_names, file=files)
    def describe_wrongly(self, branch: str, file: str) -> None:
        if self._has(branch):
            self._commit(branch, {f"{FOLDER}/{file}.yaml": b"- x"})

    @rule(branch=branch_names, file=files)
    def stop_describing(self, branch: str, file: str) -> None:
        path = f"{FOLDER}/{file}.yaml"
        if self._has(branch) and path in self._content(branch):
            self._commit(branch, {}, (path,))

    @rule(source=branch_names, branch=branch_names, squash=st.booleans())
    def merge(self, source: str, branch: str, squash: bool) -> None:
        if source != branch and self._has(source) and self._has(branch):
            heads = self.lakefs.head(branch).id, self.lakefs.head(source).id
            self.lakefs.commit_content(self._content(source), *heads[: 1 if squash else 2], branch=branch)
            self._announce(branch, "post-merge")

    @rule(branch=branch_names)
    def revert(self, branch: str) -> None:
        """What the newest commit changed is taken back, by a commit."""
        if self._has(branch) and (parents := self.lakefs.parents(self.lakefs.head(branch).id)):
            content = self.lakefs.content(parents[0])
            self.lakefs.commit_content(content, self.lakefs.head(branch).id, branch=branch)
            self._announce(branch, "post-revert")

    @rule(source=branch_names, branch=branch_names, path=table_paths)
    def cherry_pick(self, source: str, branch: str, path: str) -> None:
        file = f"{path}/part"
        if self._has(source) and self._has(branch) and file in self._content(source):
            content = {**self._content(branch), file: self._content(source)[file]}
            self.lakefs.commit_content(content, self.lakefs.head(branch).id, branch=branch)
            self._announce(branch, "post-cherry-pick")

    @rule(branch=branch_names, data=st.data())
    def reset(self, branch: str, data: st.DataObject) -> None:
        """A hard reset, which tells nobody."""
        if self._has(branch):
            self.lakefs.branch(branch, data.draw(st.sampled_from(self.lakefs.commit_ids()[3:])))
            self.resets[branch] += 1

    @rule(branch=branch_names, source=branch_names)
    def create_branch(self, branch: str, source: str) -> None:
        if not self._has(branch) and self._has(source):
            self.lakefs.branch(branch, self.lakefs.head(source).id)
            self.resets[branch] += 1
            self._announce(branch, "post-create-branch")

    @precondition(lambda self: len(self.lakefs.branches()) > 1)
    @rule(branch=st.sampled_from(BRANCHES[1:]))
    def delete_branch(self, branch: str) -> None:
        if self._has(branch):
            self.lakefs.delete_branch(branch)
            self.resets[branch] += 1

    @rule(method=st.sampled_from(METHODS))
    def deploy_method(self, method: str) -> None:
        """The bundle is deployed with this clone method."""
        self.job.settings["clone_method"] = method

    # What happens to events, and how runs start

    def _start(self, **parameters: str) -> None:
        if len(self.job.runs) < MOST_RUNS:
            self.job.start(**parameters)

    @precondition(lambda self: self.events)
    @rule(data=st.data(), twice=st.booleans())
    def deliver(self, data: st.DataObject, twice: bool) -> None:
        """An event arrives, late or not, and maybe again later."""
        position = data.draw(st.integers(0, len(self.events) - 1))
        branch, commit_id, event = self.events[position] if twice else self.events.pop(position)
        self._start(branch=branch, commit_id=commit_id, event=event, snapshot=self.snapshot)

    @precondition(lambda self: self.events)
    @rule(data=st.data())
    def lose_event(self, data: st.DataObject) -> None:
        self.events.pop(data.draw(st.integers(0, len(self.events) - 1)))
        self.explored["events lost"] += 1

    @rule(branch=branch_names, full=st.booleans())
    def start_by_hand(self, branch: str, full: bool) -> None:
        self._start(branch=branch, event="manual", mode="full" if full else "changed")

    @rule()
    def reconcile(self) -> None:
        self._reconcile()

    def _reconcile(self) -> None:
        request = ReconcileRequest(
            repositories="shop",
            lakefs_endpoint=REQUEST.lakefs_endpoint,
            secret_scope=REQUEST.secret_scope,
            catalog=REQUEST.catalog,
            on_removed=self.on_removed,
            export_job_id="1",
            run_id=str(self.job.tick()),
        )
        self.job.starts.running = [run.parameters for run in self.job.active]
        started = len(self.job.starts.started)
        reconcile(request, lambda _: self.lakefs, self.unity_catalog, self.job.starts, io.StringIO())
        self.job.queue(started)

    # What happens to runs

    def _running(self) -> list[RunDouble]:
        return self.job.active[: self.at_once]

    @precondition(lambda self: self.job.active)
    @rule(data=st.data(), steps=st.integers(0, 6), fault=faults, goes_on=st.booleans())
    def work(self, data: st.DataObject, steps: int, fault: str, goes_on: bool) -> None:
        """A run does some tasks; the next may fail before or after its work, or the run be killed; it may go on."""
        self._work(data.draw(st.sampled_from(self._running())), steps, fault, goes_on)

    @rule(branch=branch_names, path=table_paths, steps=st.integers(0, 4), fault=faults)
    def export_into(self, branch: str, path: str, steps: int, fault: str) -> None:
        """A change whose export meets a fault, with nothing else under way."""
        self.job.finish_all()
        if self._has(branch) and len(self.job.runs) < MOST_RUNS:
            self.write(branch, path, again=False)
            self._work(self.job.start(branch=branch, event="manual"), steps, fault, goes_on=True)

    def _work(self, run: RunDouble, steps: int, fault: str, goes_on: bool) -> None:
        for _ in range(steps):
            if run.state == "active":
                self.job.step(run)
        if run.state == "active":
            self.explored[f"{fault or 'done'}: {run.next_task}"] += 1
            if fault == "killed":
                self.job.kill(run)
            else:
                self.job.step(run, fails=fault == "fails", fails_after=fault == "fails after")
        if goes_on:
            self.job.finish(run)

    @precondition(lambda self: self.job.active)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        self.job.finish(data.draw(st.sampled_from(self._running())))

    @precondition(lambda self: any(run.state in ("failed", "killed") for run in self.job.runs))
    @rule(data=st.data())
    def repair(self, data: st.DataObject) -> None:
        ended = [run for run in self.job.runs if run.state in ("failed", "killed")]
        run = data.draw(st.sampled_from(ended))
        self.job.repair(run)
        self.job.runs.remove(run)
        self.job.runs.append(run)
        self.explored["repaired"] += 1

    @rule(branch=branch_names, catalog=st.sampled_from(CATALOGS), value=st.sampled_from(["", "main", "c0ffee12"]))
    def edit_properties(self, branch: str, catalog: str, value: str) -> None:
        """Somebody writes into the schema's properties."""
        schema = self.unity_catalog.catalogs[catalog].get(branch)
        if schema is not None and schema.properties.get("lakefs.shop.checksum"):
            schema.properties["lakefs.shop.commit_id"] = value or schema.properties["lakefs.shop.branch"]
            self.explored["properties edited"] += 1

    @rule(branch=branch_names, catalog=st.sampled_from(CATALOGS), name=table_names)
    def drop_registration(self, branch: str, catalog: str, name: str) -> None:
        schema = self.unity_catalog.catalogs[catalog].get(branch)
        if schema is not None and name in schema.tables:
            del schema.tables[name]
            self.dropped.add(f"{catalog}.{branch}.{name}")

    @rule(branch=branch_names, catalog=st.sampled_from(CATALOGS), name=table_names, path=table_paths)
    def edit_provenance(self, branch: str, catalog: str, name: str, path: str) -> None:
        """Somebody writes into a table's properties."""
        schema = self.unity_catalog.catalogs[catalog].get(branch)
        if schema is not None and name in schema.tables:
            schema.tables[name] = replace(schema.tables[name], path=path)
            self.explored["provenance edited"] += 1

    # What has to hold

    def _note_listing(self, run: RunDouble) -> None:
        on_branch = self.lakefs.ancestors(self.lakefs.head(run.branch).id) if self._has(run.branch) else set()
        # Pages follow the head that the first of them saw.
        is_first = run.export == run.id
        self.listed[run.id] = self.resets[run.branch] if is_first else self.listed[run.export][0], on_branch

    def _check_clone(self, run: RunDouble, before: Provenance | None, after: Provenance) -> None:
        """A table gets a commit that was on its branch, and becomes no older, unless its branch was reset."""
        resets, on_branch = self.listed[run.id]
        assert after.commit_id in on_branch, f"{after.commit_id} was not on {run.branch} when run {run.id} listed it"
        if before is None or before.commit_id == after.commit_id or not self._has(run.branch):
            return
        followed_reset = self.resets[run.branch] > resets
        line = self.lakefs.ancestors(self.lakefs.head(run.branch).id)
        is_older = before.commit_id in line and after.commit_id in self.lakefs.ancestors(before.commit_id)
        assert followed_reset or not is_older, f"{after.path} went from {before.commit_id} back to {after.commit_id}"

    @invariant()
    def every_registered_table_shows_one_commit_of_its_branch(self) -> None:
        for catalog in CATALOGS:
            for schema, found in self.unity_catalog.catalogs[catalog].items():
                for name, table in found.tables.items():
                    assert table.storage_location == f"{BASE}/{schema}/{name}"
                    assert self.job.clones[table.storage_location].branch == schema

    @invariant()
    def a_watermark_says_the_truth(self) -> None:
        """Every table that is described at the watermark shows what the watermark's commit has."""
        if not hasattr(self, "job"):
            return
        busy = {run.branch for run in self.job.active}
        for catalog in CATALOGS:
            for branch, schema in self.unity_catalog.catalogs[catalog].items():
                state = read_state(schema.properties, repository="shop", branch=branch, schema=branch)
                if state.watermark is None or state.attempts or state.is_unknown or branch in busy:
                    continue
                self._check_shown(branch, state.watermark.id, catalog)

    def _described(self, branch: str, commit_id: str) -> DescriptorSet:
        texts = {path: text for path, text in self.lakefs.content(commit_id).items() if path.startswith(FOLDER)}
        return read_descriptors(texts, NamingRules(catalog="lake", schema=branch))

    def _rows(self, path: str, commit_id: str) -> tuple[str, bytes | None]:
        return path, self.lakefs.content(commit_id).get(f"{path}/part")

    def _check_shown(self, branch: str, commit_id: str, catalog: str) -> None:
        for each in self._described(branch, commit_id).tables:
            if each.name.catalog != catalog:
                continue
            shown = self.job.clones[f"{BASE}/{branch}/{each.name.table}"]
            assert self._rows(shown.path, shown.commit_id) == self._rows(each.path, commit_id), each

    def teardown(self) -> None:
        """Faults stop: what runs comes to its end, and one reconcile makes everything equal to the heads."""
        if not hasattr(self, "job"):
            return
        try:
            self.job.finish_all()
            self._reconcile()
            self.job.finish_all()
            self._check_equal_to_heads()
            runs = len(self.job.runs)
            self._reconcile()
            assert len(self.job.runs) == runs, "a second reconcile starts nothing"
            self._check_methods()
        finally:
            self.patch.undo()
            self.explored["runs"] += len(self.job.runs)
            self.explored["runs that read no unchanged descriptor"] += sum(
                run.knew_descriptors for run in self.job.runs
            )
            further = [run for run in self.job.runs if run.parameters["event"] == "next_page"]
            self.explored["further pages"] += len(further)
            self.explored["further pages that read no unchanged descriptor"] += sum(
                run.knew_descriptors for run in further
            )
            self.explored["further pages that read their own descriptors"] += sum(run.read_own_page for run in further)
            self.explored["clones"] += sum(run.cloned for run in self.job.runs)
            begun = [run.values for run in self.job.runs if run.export == run.id and run.values.get("tables")]
            for values in begun:
                several = len(values["tables"]) > 1 or '"following":0' not in values["record"]
                self.explored["exports of several tables" if several else "exports of one table"] += 1
                self.explored["exports of several pages"] += '"following":0' not in values["record"]

    def _check_methods(self) -> None:
        """One more run of each branch, and its tables are clones by the methods that are asked for."""
        for branch, head in self.lakefs.branches().items():
            self.job.start(branch=branch, event="manual")
            self.job.finish_all()
            for each in self._described(branch, head).tables:
                shown = self.job.clones.get(f"{BASE}/{branch}/{each.name.table}")
                wanted = each.clone_method or self.job.settings.get("clone_method", "shallow")
                if shown is not None and each.name.catalog in CATALOGS:
                    assert shown.method == wanted, f"{each.name.full_name} on {branch}"

    def _check_equal_to_heads(self) -> None:
        heads = self.lakefs.branches()
        for branch, head in heads.items():
            found = self._described(branch, head)
            there = [each for each in found.tables if each.name.catalog in CATALOGS]
            for catalog in CATALOGS:
                self._check_shown(branch, head, catalog)
                schema = self.unity_catalog.catalogs[catalog].get(branch)
                registered = set(schema.tables) if schema else set()
                wanted = {each.name.table for each in there if each.name.catalog == catalog}
                missing = {f"{catalog}.{branch}.{name}" for name in wanted - registered}
                # What a person dropped comes back with the next run for the branch, and no run was needed.
                assert missing <= self.dropped
                for name in registered & wanted:
                    known = self.job.refreshed[f"{catalog}.{branch}.{name}"]
                    shown = self.job.clones[f"{BASE}/{branch}/{name}"]
                    # A full run that failed may have cloned the same data anew, for another commit.
                    views = [self._rows(each.path, each.commit_id) for each in (known, shown)]
                    assert views[0] == views[1], "Unity Catalog's view is stale"
                registered |= wanted
                certain = not found.problems and len(there) == len(found.tables)
                if self.on_removed == "drop" and certain:
                    assert registered == wanted, f"left over in {catalog}.{branch}"
        if self.on_removed == "drop":
            assert not self.unity_catalog.catalogs["lake"].keys() - heads.keys()
