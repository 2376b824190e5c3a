"""Prints the texts of `_ROWS` in src/lakefs_unity_export/checks/tiny_table.py: python tools/tiny_table_rows.py

With the environment of the project. A file holds the version of pyarrow that wrote it, and is else the same each time.
"""

import base64
import io

import pyarrow
from pyarrow import parquet

from lakefs_unity_export.checks.tiny_table import COLUMN


def row(number: int) -> bytes:
    """A Parquet file of one row, as small and as plain as it can be."""
    file = io.BytesIO()
    parquet.write_table(
        pyarrow.table({COLUMN: pyarrow.array([number], pyarrow.int64())}),
        file,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
        version="1.0",
        data_page_version="1.0",
    )
    return file.getvalue()


if __name__ == "__main__":
    for number in (1, 2):
        print(base64.b64encode(row(number)).decode())
