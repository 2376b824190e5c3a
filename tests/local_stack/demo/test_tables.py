"""The demo's data: TPC-H from its generator, and descriptors and queries that fit the tables."""

from pathlib import Path

import pyarrow.parquet
import pytest
import yaml

from local_stack.demo import tables
from local_stack.demo.delta_rs import _plain
from local_stack.demo.failure import DemoFailure
from local_stack.demo.tables import TABLE_NAMES, TABLES, table_named


def test_the_generator_makes_every_table(tmp_path: Path) -> None:
    tables.generate(tmp_path, 0.001)
    rows = {
        table.name: pyarrow.parquet.read_metadata(tmp_path / f"{table.source}.parquet").num_rows for table in TABLES
    }
    assert rows["nation"] == 25
    assert rows["orders"] == 1500
    assert set(rows) == TABLE_NAMES
    assert len(rows) == 8


def test_a_scale_that_is_none_is_refused_with_the_generators_reason(tmp_path: Path) -> None:
    with pytest.raises(DemoFailure, match=r"no tables at scale nan"):
        tables.generate(tmp_path, float("nan"))


def test_every_table_has_a_descriptor_and_one_more_is_of_another_kind() -> None:
    described = {}
    others = []
    for file, content in tables.descriptor_files().items():
        assert file.startswith("_lakefs_tables/")
        descriptor = yaml.safe_load(content)
        if descriptor["type"] == "delta":
            # The names as lakeFS's own exporter makes them.
            described[descriptor["name"].replace("-", "_")] = descriptor["path"]
        else:
            others.append(descriptor["type"])
    assert described == {table.name: table.path for table in TABLES}
    assert others == ["hive"]


def test_descriptors_of_some_tables_leave_the_others_out() -> None:
    chosen = [table_named("part"), table_named("line_item")]
    described = [yaml.safe_load(content)["name"] for content in tables.descriptor_files(chosen).values()]
    assert sorted(described) == ["line-item", "part", "web_clicks"]


def test_descriptors_include_nested_folders_and_a_name_with_a_hyphen() -> None:
    files = tables.descriptor_files()
    assert any(file.count("/") > 1 for file in files)
    assert any("-" in yaml.safe_load(content)["name"] for content in files.values())


def test_queries_name_the_demos_tables_only() -> None:
    queries = tables.queries()
    assert list(queries) == ["Q1", "Q3", "Q6"]
    filled = {name: text.format_map({table: f"<{table}>" for table in TABLE_NAMES}) for name, text in queries.items()}
    assert "FROM <customer>, <orders>, <line_item>" in filled["Q3"]
    assert "FROM <line_item>" in filled["Q1"]
    assert "FROM <line_item>" in filled["Q6"]


def test_each_feature_has_a_table_and_both_writers_write() -> None:
    features = ", ".join(table.feature for table in TABLES)
    for feature in ("deletion vectors", "partitions", "column mapping", "comments"):
        assert feature in features
    assert {table.writer for table in TABLES} == {"Spark", "delta-rs"}


def test_delta_rs_gets_text_columns_and_comments_but_no_parquet_ids(tmp_path: Path) -> None:
    tables.generate(tmp_path, 0.001)
    content = pyarrow.parquet.read_table(tmp_path / "nation.parquet")
    assert content.schema.field("n_name").metadata
    plain = _plain(content, {"n_name": "As printed"})
    assert plain.schema.field("n_name").type == pyarrow.string()
    assert plain.schema.field("n_name").metadata == {b"comment": b"As printed"}
    assert plain.schema.field("n_nationkey").metadata is None
    assert plain.num_rows == 25
