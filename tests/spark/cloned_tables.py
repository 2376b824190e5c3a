"""Tables at several lakeFS commits, on local files, and the target they are cloned to."""

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from delta.tables import DeltaTable

from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.clones.scratch import DriverScratch, Scratch
from lakefs_unity_export.clones.spark_tables import SparkDeltaTables
from lakefs_unity_export.clones.storage_clone import Addresses
from lakefs_unity_export.tasks.clone_table import CloneResult, clone, clone_table

COMMITS = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)

# Source tables by the statements that made them: many tests begin with the same few.
_MADE: dict[str, Path] = {}


@dataclass(frozen=True)
class LocalSteps:
    """What the method `storage` needs, for a table on local files: its objects, kept under other names elsewhere."""

    source: Path
    storage: Path

    def scratch(self) -> Scratch:
        return DriverScratch()

    def addresses(self) -> Addresses:
        self.storage.mkdir(parents=True, exist_ok=True)
        found = {}
        for path in self.source.rglob("*"):
            key = str(path.relative_to(self.source))
            if path.is_file() and not key.startswith("_delta_log/"):
                stored = self.storage / f"{len(list(self.storage.iterdir()))} ä"
                stored.hardlink_to(path)
                found[key] = f"local://{stored}"
        return found


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A table as a reader sees it: its schema, its DETAIL, its rows as text."""

    schema: Any
    detail: Any
    rows: list[str]


@dataclass
class Tables:
    """A source table at several commits, as lakeFS shows it: one path a commit; and one target."""

    spark: Any
    folder: Path

    def source(self, commit: int = 0) -> str:
        return f"file:{self.folder}/repository/{COMMITS[commit]}/tables/t"

    @property
    def target(self) -> str:
        return f"file:{self.folder}/exports/main/t"

    def request(self, commit: int = 0, **changes: Any) -> CloneRequest:
        request = CloneRequest(
            repository="repository",
            branch="main",
            commit_id=COMMITS[commit],
            commit_generation=commit + 2,
            path="tables/t",
            table="`lake`.`main`.`t`",
            source_path=self.source(commit),
            target_path=self.target,
        )
        return replace(request, **changes)

    def clone(self, commit: int = 0, **changes: Any) -> CloneResult:
        return clone_table(self.spark, self.request(commit, **changes), output=io.StringIO())

    def clone_by(self, method: CloneMethod, commit: int = 0) -> CloneResult:
        steps = LocalSteps(_folder(self.source(commit)), self.folder / "storage" / "data")
        return clone(SparkDeltaTables(self.spark), self.request(commit, method=method), steps=steps)

    def files(self, path: str) -> list[str]:
        """The URIs of the table's data files."""
        return list(self.read(path).inputFiles())

    def sql(self, text: str, commit: int = 0) -> None:
        """Statements on the source at a commit; `{t}` stands for the table.

        A table that the same statements made before is taken as they left it.
        """
        folder = _folder(self.source(commit))
        is_new = not folder.exists()
        if is_new and text in _MADE:
            _link(_MADE[text], folder)
            return
        for statement in text.split(";"):
            if statement.strip():
                self.spark.sql(statement.format(t=f"delta.`{self.source(commit)}`"))
        if is_new:
            # A copy: the test goes on with its own.
            _MADE[text] = folder.with_name(f"{folder.name}-as-made")
            _link(folder, _MADE[text])

    def commit(self, commit: int) -> None:
        """What a lakeFS commit does: everything of the commit before is there, at a path of its own."""
        _link(_folder(self.source(commit - 1)), _folder(self.source(commit)))

    def assert_equal(self, commit: int = 0, source: Shown | None = None) -> None:
        """Same schema, same partitioning, same rows; as the source shows them now, or as it was seen to."""
        source = source or self.shown(self.source(commit))
        target = self.shown(self.target)
        assert target.schema == source.schema
        assert target.detail["partitionColumns"] == source.detail["partitionColumns"]
        assert target.rows == source.rows
        assert source.rows or commit == 0

    def shown(self, path: str) -> Shown:
        """What a reader sees of a table."""
        frame = self.read(path)
        return Shown(schema=frame.schema, detail=self.detail(path), rows=_rows(frame))

    def read(self, path: str) -> Any:
        return self.spark.read.format("delta").load(path)

    def detail(self, path: str) -> Any:
        return DeltaTable.forPath(self.spark, path).detail().first()

    def history(self, path: str) -> list[Any]:
        return DeltaTable.forPath(self.spark, path).history().collect()

    def log(self, path: str) -> dict[str, bytes]:
        """Every file of the table's log with its content, to see that nothing was written."""
        log = _folder(path) / "_delta_log"
        return {entry.name: entry.read_bytes() for entry in log.iterdir() if entry.is_file()}


def _folder(path: str) -> Path:
    return Path(path.removeprefix("file:"))


def _link(before: Path, after: Path) -> None:
    for path in before.rglob("*"):
        copy = after / path.relative_to(before)
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.hardlink_to(path)


def _rows(frame: Any) -> list[str]:
    text = frame.selectExpr("to_json(struct(*), map('ignoreNullFields', 'false')) AS row")
    return sorted(row["row"] for row in text.collect())
