"""A Spark session of serverless compute in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lakefs_unity_export.clones.methods import CloneMethod


@dataclass
class SessionDouble:
    """A session that reads one row of each of these tables. unread: what is said of a method's table instead."""

    tables: Mapping[CloneMethod, str]
    unread: dict[str, str] = field(default_factory=dict)
    rows: list[tuple[str]] = field(default_factory=lambda: [("a row",)])
    query: str = ""

    def sql(self, query: str) -> "SessionDouble":
        self.query = query
        return self

    def collect(self) -> list[tuple[str]]:
        (method,) = [method for method, table in self.tables.items() if self.query == f"SELECT * FROM {table} LIMIT 1"]
        if method in self.unread:
            raise RuntimeError(self.unread[method])
        return self.rows
