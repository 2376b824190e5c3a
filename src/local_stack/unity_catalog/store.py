"""Securables and grants in one SQLite file."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS securables (
    kind TEXT NOT NULL, full_name TEXT NOT NULL, parent TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, full_name));
CREATE INDEX IF NOT EXISTS securables_by_parent ON securables (kind, parent, full_name);
CREATE TABLE IF NOT EXISTS grants (
    kind TEXT NOT NULL, full_name TEXT NOT NULL, principal TEXT NOT NULL, privilege TEXT NOT NULL,
    PRIMARY KEY (kind, full_name, principal, privilege));
"""


class CatalogStore:
    """Securables as JSON bodies by kind and full name. Use it inside :meth:`transaction` only."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.executescript(_TABLES)

    def close(self) -> None:
        """Close the file; the store is of no use afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator["CatalogStore"]:
        """One request's work: alone on the file, written whole or not at all."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def get(self, kind: str, full_name: str) -> dict[str, Any] | None:
        """The body of a securable, or None."""
        row = self._connection.execute(
            "SELECT body FROM securables WHERE kind = ? AND full_name = ?", (kind, full_name)
        ).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def put(self, kind: str, full_name: str, parent: str, body: Mapping[str, Any]) -> None:
        """Write a securable, new or changed."""
        self._connection.execute(
            "INSERT OR REPLACE INTO securables (kind, full_name, parent, body) VALUES (?, ?, ?, ?)",
            (kind, full_name, parent, json.dumps(body)),
        )

    def children(self, kind: str, parent: str, after: str = "", limit: int = -1) -> list[dict[str, Any]]:
        """Bodies below a parent in the order of their names, after a full name; a limit of -1 means all."""
        rows = self._connection.execute(
            "SELECT body FROM securables WHERE kind = ? AND parent = ? AND full_name > ? ORDER BY full_name LIMIT ?",
            (kind, parent, after, limit),
        )
        return [dict(json.loads(row[0])) for row in rows]

    def every(self, kind: str) -> list[dict[str, Any]]:
        """All bodies of one kind."""
        rows = self._connection.execute("SELECT body FROM securables WHERE kind = ? ORDER BY full_name", (kind,))
        return [dict(json.loads(row[0])) for row in rows]

    def delete(self, kind: str, full_name: str) -> None:
        """Remove a securable and the grants on it."""
        for table in ("securables", "grants"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE kind = ? AND full_name = ?",  # noqa: S608 - two constant names
                (kind, full_name),
            )

    def privileges(self, kind: str, full_name: str) -> dict[str, list[str]]:
        """Privileges by principal, in the order of their names."""
        rows = self._connection.execute(
            "SELECT principal, privilege FROM grants WHERE kind = ? AND full_name = ? ORDER BY principal, privilege",
            (kind, full_name),
        )
        assignments: dict[str, list[str]] = {}
        for principal, privilege in rows:
            assignments.setdefault(principal, []).append(privilege)
        return assignments

    def grant(self, kind: str, full_name: str, principal: str, privilege: str) -> None:
        """Add one privilege; one that is there stays."""
        self._connection.execute(
            "INSERT OR IGNORE INTO grants VALUES (?, ?, ?, ?)", (kind, full_name, principal, privilege)
        )

    def revoke(self, kind: str, full_name: str, principal: str, privilege: str) -> None:
        """Take one privilege away; one that is not there is no error."""
        self._connection.execute(
            "DELETE FROM grants WHERE kind = ? AND full_name = ? AND principal = ? AND privilege = ?",
            (kind, full_name, principal, privilege),
        )

    def move_grants(self, kind: str, full_name: str, new_full_name: str) -> None:
        """Hand the grants on a securable to the name that it has from now on."""
        self._connection.execute(
            "UPDATE grants SET full_name = ? WHERE kind = ? AND full_name = ?", (new_full_name, kind, full_name)
        )
