"""The story that the demo tells: commits, a branch and a merge in lakeFS, and what each of them exports."""

import time
from collections.abc import Mapping

from rich.table import Table

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.demo import tables
from local_stack.demo.delta_rs import NEW_COLUMN
from local_stack.demo.deployment import Deployment
from local_stack.demo.exports import Exports
from local_stack.demo.failure import DemoFailure
from local_stack.demo.runs import Trigger
from local_stack.demo.tables import TABLE_NAMES, table_named
from local_stack.demo.telling import MAIN, NO_TABLES, Telling
from local_stack.lakefs.binary import is_healthy

# With a hyphen, which a name in Unity Catalog may have and SQL has to quote.
BRANCH = "nightly-load"


class Story(Telling):
    """Everything goes well: each commit, branch and merge is exported as it comes."""

    command = "demo"

    def tell(self, deployment: Deployment, scale: float) -> None:
        """All acts in order."""
        self.prepare(deployment, scale)
        self.first_export()
        self.changes()
        self.new_branch()
        self.commit_on_branch()
        self.merge()
        self.commit_without_tables()
        self.every_table()

    def summary(self) -> Table:
        """All exported tables, one row each."""
        return exported_tables(self.exports)

    def last_line(self, seconds: float) -> str:
        """What was exported, in one line."""
        return f"demo: {len(self.runs)} exports, {len(self.exports)} tables, every row equal, {seconds:.0f} s"

    def changes(self) -> None:
        """An update of rows in one table, and a change of schema in another."""
        with self._act(f"Commit of two changes: UPDATE of line_item, new column supplier.{NEW_COLUMN}"):
            line_item, supplier = table_named("line_item"), table_named("supplier")
            self._notebook("update_line_item", line_item=self._s3a(MAIN, line_item.path))
            self._delta_rs.add_column(supplier, MAIN)
            head = self._repository.commit(MAIN, "Correct discounts, rate suppliers")
            trigger = Trigger(branch=MAIN, commit_id=head, event="post-commit")
            self._follow(trigger, expected=frozenset({line_item.name, supplier.name}))

    def new_branch(self) -> None:
        """A branch, which has a schema of its own."""
        with self._act(f"New branch {BRANCH} from {MAIN}: all of it is exported to the schema {BRANCH}"):
            head = self._repository.create_branch(BRANCH, MAIN)
            self._follow(Trigger(branch=BRANCH, commit_id=head, event="post-create-branch"), expected=TABLE_NAMES)

    def commit_on_branch(self) -> None:
        """A change on the branch, with rows that are there twice."""
        with self._act(f"Commit to {BRANCH}: rows appended to part_supp, each twice"):
            part_supp = table_named("part_supp")
            self._delta_rs.append_twice(part_supp, BRANCH, rows=10)
            head = self._repository.commit(BRANCH, "Load part_supp")
            trigger = Trigger(branch=BRANCH, commit_id=head, event="post-commit")
            self._follow(trigger, expected=frozenset({part_supp.name}))

    def merge(self) -> None:
        """The branch's change to main."""
        with self._act(f"Merge of {BRANCH} into {MAIN}: what it changed is exported to {MAIN}"):
            head = self._repository.merge(BRANCH, MAIN, f"Merge {BRANCH}")
            trigger = Trigger(branch=MAIN, commit_id=head, event="post-merge")
            self._follow(trigger, expected=frozenset({"part_supp"}))

    def commit_without_tables(self) -> None:
        """A commit that no table is in."""
        with self._act(f"Commit to {MAIN} of a file that belongs to no table: nothing is cloned"):
            self._repository.upload(MAIN, {"README.md": b"TPC-H, as the demo wrote it.\n"})
            head = self._repository.commit(MAIN, "Describe the repository")
            self._follow(Trigger(branch=MAIN, commit_id=head, event="post-commit"), expected=NO_TABLES)

    def every_table(self) -> None:
        """All tables of both branches, also those that a run left as they were; and queries over several of them.

        Without lakeFS, where the clones do not need it.
        """
        with self._act("At the end: every table of every branch, each with its source at the branch's head"):
            if kept := self._why_lakefs_stays():
                self._say(f"lakeFS stays: {kept}")
            else:
                self._stop_lakefs()
            self.compare()

    def _why_lakefs_stays(self) -> str:
        if self._stack.clone_method is CloneMethod.SHALLOW:
            return "the log of a shallow clone names files by its gateway"
        return "it is a server of others" if self._stack.lakefs.kind == "server" else ""

    def _stop_lakefs(self) -> None:
        """Ask the sources first for all that is compared. Raises DemoFailure where lakeFS goes on to answer."""
        self.exports.ask_sources(self._queries())
        self._sources.close()
        lakefs = self._stack.lakefs
        lakefs.stop()
        if is_healthy(lakefs.endpoint_url):
            raise DemoFailure(f"lakeFS still answers at {lakefs.endpoint_url}, and was to be stopped")
        self._say("the sources were asked, and lakeFS is stopped: tables are read without it")

    def _compare_after_act(self) -> None:
        """What the act's run cloned. `every_table` compares the rest."""
        started = time.monotonic()
        cloned, differences = self.exports.compare_cloned()
        if cloned:
            self._tell_compared(cloned, differences)
            self._say(f"compared in {time.monotonic() - started:.1f} s")

    def _queries(self) -> Mapping[str, str]:
        return tables.queries()


def exported_tables(exports: Exports) -> Table:
    """All exported tables, one row each."""
    table = Table("table", "lakeFS commit", "Delta version", "rows", "seconds", title="Exported tables")
    for column in table.columns[2:]:
        column.justify = "right"
    for exported in exports:
        name = exports.quoted(exported.branch, exported.table).replace("`", "")
        table.add_row(
            name, exported.commit_id[:10], str(exported.version), f"{exported.rows:,}", f"{exported.seconds:.1f}"
        )
    return table
