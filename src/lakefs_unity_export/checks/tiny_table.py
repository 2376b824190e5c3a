"""The files of a Delta table of one row, and of the same table after a second row came: something to clone.

Written by Delta's protocol ("Delta Transaction Log Protocol") with its lowest versions, which every reader knows.
"""

import base64
import json
from typing import Any

from lakefs_unity_export.names import DELTA_LOG

# A Parquet file for each row, as `tools/tiny_table_rows.py` writes them.
_ROWS = (
    "UEFSMRUAFRwVHCwVAhUAFQYVBhwAAAACAAAAAgEBAAAAAAAAABUCGSw1ABgGc2NoZW1hFQIAFQQlAhgGbnVtYmVyABYCGRwZHCYAHBUEGSUGABkY"
    "Bm51bWJlchUAFgIWQhZCJghJHBUAFQAVAgA8KQYZJgACAAAAFkIWAiYIFkIAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRkcHAAA"
    "AIQAAABQQVIx",
    "UEFSMRUAFRwVHCwVAhUAFQYVBhwAAAACAAAAAgECAAAAAAAAABUCGSw1ABgGc2NoZW1hFQIAFQQlAhgGbnVtYmVyABYCGRwZHCYAHBUEGSUGABkY"
    "Bm51bWJlchUAFgIWQhZCJghJHBUAFQAVAgA8KQYZJgACAAAAFkIWAiYIFkIAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRkcHAAA"
    "AIQAAABQQVIx",
)
COLUMN = "number"
_SCHEMA = {"type": "struct", "fields": [{"name": COLUMN, "type": "long", "nullable": True, "metadata": {}}]}


def tiny_table(*, rows: int, table_id: str, now: float) -> dict[str, bytes]:
    """The table's files by their paths in it, in the order in which they are to be written.

    rows: how many versions it has, each with a row and a file more than the one before; 1 or 2. table_id: a UUID, the
    same for both. now: Unix time in seconds.
    """
    contents = {row_file(number): row(number) for number in range(1, rows + 1)}
    milliseconds = int(now * 1000)
    first = [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, _metadata(table_id, milliseconds)]
    log = dict[str, bytes]()
    for version, (path, content) in enumerate(contents.items()):
        actions = [*(first if version == 0 else []), _add(path, len(content), version + 1, milliseconds)]
        log[f"{DELTA_LOG}/{version:020}.json"] = "".join(f"{json.dumps(action)}\n" for action in actions).encode()
    return contents | log


def row_file(number: int) -> str:
    """The name of the file that holds the row with this number."""
    return f"part-{number}.parquet"


def row(number: int) -> bytes:
    """The content of that file."""
    return base64.b64decode(_ROWS[number - 1])


def _metadata(table_id: str, milliseconds: int) -> dict[str, Any]:
    return {
        "metaData": {
            "id": table_id,
            "format": {"provider": "parquet", "options": {}},
            "schemaString": json.dumps(_SCHEMA),
            "partitionColumns": [],
            "configuration": {},
            "createdTime": milliseconds,
        }
    }


def _add(path: str, size: int, number: int, milliseconds: int) -> dict[str, Any]:
    value = {COLUMN: number}
    stats = {"numRecords": 1, "minValues": value, "maxValues": value, "nullCount": {COLUMN: 0}}
    return {
        "add": {
            "path": path,
            "partitionValues": {},
            "size": size,
            "modificationTime": milliseconds,
            "dataChange": True,
            "stats": json.dumps(stats),
        }
    }
