"""The source tables at lakeFS commits. Commits never change, so what was asked about one is not asked again."""

import threading
from typing import Protocol

from local_stack.demo.comparison import Answer, Description, Warehouse
from local_stack.demo.failure import DemoFailure
from local_stack.demo.tables import TpchTable

Objects = frozenset[tuple[str, str]]


class Listing(Protocol):
    """Lists objects."""

    def objects(self, ref: str, prefix: str) -> Objects:
        """Path and checksum of every object under the prefix at the ref."""


class Descriptions(Protocol):
    """Reads what a source table says of itself, by other means than the warehouse's."""

    def description(self, table: TpchTable, ref: str) -> Description:
        """The comments of the table at a branch or commit."""


class Sources:
    """Source tables as SQL names them, and answers about them. `warehouse` has to reach lakeFS."""

    def __init__(self, *, repository: str, listing: Listing, descriptions: Descriptions, warehouse: Warehouse) -> None:
        self._repository = repository
        self._listing = listing
        self._descriptions = descriptions
        self._warehouse = warehouse
        self._lock = threading.Lock()
        self._refs: dict[tuple[str, Objects], str] = {}
        self._ref_at: dict[tuple[str, str], str] = {}
        self._described: dict[tuple[str, str], Description] = {}
        self._answers: dict[str, Answer] = {}
        self._is_closed = False

    def name(self, table: TpchTable, commit_id: str) -> str:
        """The table at the commit, as SQL names it.

        Where all its objects are the same at a commit that was asked for before, that commit is named: Spark has
        read the log there already.
        """
        return f"delta.`s3a://{self._repository}/{self._ref(table, commit_id)}/{table.path}`"

    def description(self, table: TpchTable, commit_id: str) -> Description:
        """What the table says of itself at the commit."""
        key = (table.name, self._ref(table, commit_id))
        if key not in self._described:
            self._described[key] = self._descriptions.description(table, key[1])
        return self._described[key]

    def query(self, statement: str) -> Answer:
        """Run a statement that reads source tables at commits and nothing else.

        Raises DemoFailure where lakeFS is stopped, and it was not run before.
        """
        if statement not in self._answers:
            if self._is_closed:
                raise DemoFailure(f"lakeFS is stopped, and its tables were not asked before:\n  {statement}")
            self._answers[statement] = self._warehouse.query(statement)
        return self._answers[statement]

    def query_with_exports(self, statement: str) -> Answer | None:
        """Run a statement that reads exports by their files, too, where lakeFS is not stopped."""
        return None if self._is_closed else self._warehouse.query(statement)

    def close(self) -> None:
        """lakeFS is about to be stopped: from now on, there are the answers that were given before."""
        self._is_closed = True

    def _ref(self, table: TpchTable, commit_id: str) -> str:
        key = (table.name, commit_id)
        if key not in self._ref_at:
            objects = self._listing.objects(commit_id, f"{table.path}/")
            with self._lock:
                self._ref_at[key] = self._refs.setdefault((table.name, objects), commit_id)
        return self._ref_at[key]
