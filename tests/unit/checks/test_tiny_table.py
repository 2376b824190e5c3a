"""The tiny table: what another reader of Delta makes of it, and where its rows come from."""

import importlib.util
import io
import json
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyarrow import parquet

from lakefs_unity_export.checks.tiny_table import row, tiny_table

TABLE_ID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
NOW = 1_800_000_000.25


def table(rows: int) -> dict[str, bytes]:
    return tiny_table(rows=rows, table_id=TABLE_ID, now=NOW)


@pytest.mark.parametrize("rows", [1, 2])
def test_delta_rs_reads_it(tmp_path: Path, rows: int) -> None:
    for path, content in table(rows).items():
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    found = DeltaTable(tmp_path)
    assert found.version() == rows - 1
    assert (found.metadata().id, found.metadata().created_time) == (TABLE_ID, int(NOW * 1000))
    assert sorted(found.to_pyarrow_table()["number"].to_pylist()) == [*range(1, rows + 1)]
    assert (found.protocol().min_reader_version, found.protocol().min_writer_version) == (1, 2)


def test_the_second_begins_as_the_first() -> None:
    assert table(1).items() < table(2).items()


def test_what_the_log_says_of_a_file_is_so() -> None:
    files = table(2)
    log = [path for path in files if path.startswith("_delta_log/")]
    added = [json.loads(line)["add"] for path in log for line in files[path].splitlines() if b'"add"' in line]
    assert [each["size"] for each in added] == [len(files[each["path"]]) for each in added]
    for each in added:
        (value,) = parquet.read_table(io.BytesIO(files[each["path"]]))["number"].to_pylist()
        stats = json.loads(each["stats"])
        assert stats["numRecords"] == 1
        assert stats["minValues"] == stats["maxValues"] == {"number": value}


def test_a_log_comes_after_the_files_that_it_names() -> None:
    *files, first, second = table(2)
    assert files == ["part-1.parquet", "part-2.parquet"]
    assert [first, second] == [f"_delta_log/{version:020}.json" for version in range(2)]


@pytest.mark.parametrize("number", [1, 2])
def test_the_script_writes_the_rows_again(number: int) -> None:
    path = Path(__file__).parents[3] / "tools" / "tiny_table_rows.py"
    spec = importlib.util.spec_from_file_location("tiny_table_rows", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    new, kept = (parquet.read_table(io.BytesIO(file)) for file in (script.row(number), row(number)))
    assert new.equals(kept)
