"""Whatever the history of a branch and of its runs, one run without failures brings every table to the head.

Three kinds of history, each in any order: descriptors that are edited, collide, nest and go; runs that fail or
die unrecorded while new data comes; and heads that are reset. Runs are for the head or for any older commit.
"""

import contextlib

from doubles import LakeFSDouble, UnityCatalogDouble
from export_story import BASE, Story, descriptor
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from lakefs_unity_export.commit.descriptors import NamingRules, read_descriptors
from lakefs_unity_export.errors import InvalidDescriptorsError

FOLDER = "_lakefs_tables"
NAMES = ("a", "b")
names = st.sampled_from(NAMES)
paths = st.sampled_from(["tables/a", "tables/b", "tables/b/in"])


class _History(RuleBasedStateMachine):
    """Two tables, exported; what follows is up to the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(lakefs=LakeFSDouble(page_size=2), unity_catalog=UnityCatalogDouble("lake"))
        self.commits = [self.story.lakefs.head().id]
        for name in NAMES:
            self._commit({f"{FOLDER}/{name}.yaml": descriptor(name), f"tables/{name}/part": b"1"})
        self.story.export()

    def _commit(self, changed: dict[str, bytes] | None = None, removed: tuple[str, ...] = ()) -> None:
        self.commits.append(self.story.lakefs.put(changed, removed).id)

    def _content(self) -> dict[str, bytes]:
        return self.story.lakefs.content(self.story.lakefs.head().id)

    @rule(data=st.data())
    def run_for_any_commit(self, data: st.DataObject) -> None:
        """The head is a commit like the others here, and the empty id means it."""
        with contextlib.suppress(InvalidDescriptorsError):
            self.story.export(commit_id=data.draw(st.sampled_from(["", *self.commits])))

    def teardown(self) -> None:
        """One run later every described table shows the head, and one more run changes nothing."""
        with contextlib.suppress(InvalidDescriptorsError):
            self.story.export(event="reconcile")
        described = {path: text for path, text in self._content().items() if path.startswith(FOLDER)}
        expected = read_descriptors(described, NamingRules(catalog="lake", schema="main")).tables
        shown = {each.name.table: self._shown(each.name.table) for each in expected}
        assert shown == {each.name.table: self._content().get(f"{each.path}/part") for each in expected}
        assert self.story.watermark() == self.story.lakefs.head().id
        assert self.story.export(event="reconcile").cloned == []

    def _shown(self, table: str) -> bytes | None:
        """What the table registered under the name shows."""
        registered = self.story.unity_catalog.catalogs["lake"]["main"].tables[table]
        assert registered.storage_location == f"{BASE}/main/{table}"
        clone = self.story.clones[registered.storage_location]
        return self.story.lakefs.content(clone.commit_id).get(f"{clone.path}/part")


class EditedDescriptors(_History):
    """Descriptors change in any way while data changes, also back to what it was."""

    @rule(path=paths, version=st.sampled_from([b"1", b"2"]))
    def write(self, path: str, version: bytes) -> None:
        self._commit({f"{path}/part": version})

    @rule(file=st.sampled_from(["a", "b", "c"]), name=names, path=paths)
    def describe(self, file: str, name: str, path: str) -> None:
        """Also two descriptors of one table, and tables inside each other."""
        self._commit({f"{FOLDER}/{file}.yaml": descriptor(name, path=path)})

    @rule(file=st.sampled_from(["a", "b", "c"]), content=st.sampled_from([b"- x", descriptor("x", kind="hive")]))
    def describe_wrongly(self, file: str, content: bytes) -> None:
        self._commit({f"{FOLDER}/{file}.yaml": content})

    @precondition(lambda self: any(path.startswith(FOLDER) for path in self._content()))
    @rule(data=st.data())
    def stop_describing(self, data: st.DataObject) -> None:
        files = sorted(path for path in self._content() if path.startswith(FOLDER))
        self._commit(removed=(data.draw(st.sampled_from(files)),))


class FailingRuns(_History):
    """Single clones fail, and runs die before they record, while new data comes."""

    @rule(name=names)
    def write(self, name: str) -> None:
        self._commit({f"tables/{name}/part": str(len(self.commits)).encode()})

    @rule(data=st.data(), failing=st.sets(paths, max_size=1), dies=st.booleans())
    def run_badly(self, data: st.DataObject, failing: set[str], dies: bool) -> None:
        commit_id = data.draw(st.sampled_from(["", *self.commits[-3:]]))
        self.story.export(failing=failing, dies=dies, commit_id=commit_id)


class ResetHeads(_History):
    """The head moves to any commit since the tables were described, and goes on from there."""

    @rule(name=names, version=st.sampled_from([b"1", b"2", b"3"]))
    def write(self, name: str, version: bytes) -> None:
        self._commit({f"tables/{name}/part": version})

    @rule(data=st.data())
    def reset(self, data: st.DataObject) -> None:
        self.story.lakefs.branch("main", data.draw(st.sampled_from(self.commits[2:])))


HISTORIES = settings(max_examples=120, stateful_step_count=8, deadline=None)
TestEditedDescriptors = EditedDescriptors.TestCase
TestEditedDescriptors.settings = HISTORIES
TestFailingRuns = FailingRuns.TestCase
TestFailingRuns.settings = HISTORIES
TestResetHeads = ResetHeads.TestCase
TestResetHeads.settings = HISTORIES
