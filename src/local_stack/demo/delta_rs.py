"""What the demo writes with delta-rs, without Spark: tables and their changes, and what tables say of themselves."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow
import pyarrow.parquet
from deltalake import DeltaTable, Field, write_deltalake

from local_stack.demo.comparison import Description
from local_stack.demo.tables import TpchTable
from local_stack.lakefs.server import LakeFS

NEW_COLUMN = "s_rating"

_TABLE_COMMENTS = {"nation": "The 25 nations of TPC-H, each in one region; names are 'as printed'."}
_COLUMN_COMMENTS = {"nation": {"n_nationkey": "Key, from 0", "n_regionkey": "Its region's key"}}


class DeltaRs:
    """Reads and writes tables of one repository through lakeFS's S3 gateway."""

    def __init__(self, lakefs: LakeFS, repository: str) -> None:
        self._repository = repository
        self._options = {
            "AWS_ENDPOINT_URL": lakefs.s3_endpoint_url,
            "AWS_ACCESS_KEY_ID": lakefs.access_key_id,
            "AWS_SECRET_ACCESS_KEY": lakefs.secret_access_key,
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            # The demo is the only writer, so no lock is needed (delta-rs documentation, "Writing to S3").
            "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
        }

    def write(self, table: TpchTable, branch: str, data: Path) -> None:
        """Write a table of TPC-H from its Parquet file, with comments where it has any."""
        content = _plain(
            pyarrow.parquet.read_table(data / f"{table.source}.parquet"), _COLUMN_COMMENTS.get(table.name, {})
        )
        write_deltalake(
            self._uri(table, branch),
            content,
            name=table.name,
            description=_TABLE_COMMENTS.get(table.name),
            storage_options=self._options,
        )

    def add_column(self, table: TpchTable, branch: str) -> None:
        """Change the schema: a new column, with a value in every second row."""
        opened = self._open(table, branch)
        opened.alter.add_columns([Field(NEW_COLUMN, "long")])
        opened = self._open(table, branch)
        opened.update(updates={NEW_COLUMN: "s_suppkey % 5"}, predicate="s_suppkey % 2 = 0")

    def append_twice(self, table: TpchTable, branch: str, rows: int) -> None:
        """Append the table's first rows to it, two times over, so that it has true duplicates."""
        first = self._open(table, branch).to_pyarrow_table().slice(0, rows)
        write_deltalake(
            self._uri(table, branch),
            pyarrow.concat_tables([first, first]),
            mode="append",
            storage_options=self._options,
        )

    def description(self, table: TpchTable, ref: str) -> Description:
        """The comments in the table's log at a branch or commit."""
        opened = self._open(table, ref)
        comments = {field.name: str(field.metadata.get("comment", "")) for field in opened.schema().fields}
        metadata = opened.metadata()
        return Description(
            comment=metadata.description or "",
            column_comments={name: comment for name, comment in comments.items() if comment},
            properties=dict(metadata.configuration),
        )

    def _open(self, table: TpchTable, ref: str) -> DeltaTable:
        return DeltaTable(self._uri(table, ref), storage_options=self._options)

    def _uri(self, table: TpchTable, ref: str) -> str:
        return f"s3://{self._repository}/{ref}/{table.path}"


def _plain(table: pyarrow.Table, comments: Mapping[str, str]) -> pyarrow.Table:
    """The table without the Parquet field ids, which would end up in the Delta log, and with the columns' comments."""
    fields = [
        pyarrow.field(
            field.name,
            pyarrow.string() if pyarrow.types.is_string_view(field.type) else field.type,
            metadata={"comment": comments[field.name]} if field.name in comments else None,
        )
        for field in table.schema
    ]
    return table.cast(pyarrow.schema(fields))
