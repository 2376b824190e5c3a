"""What becomes of a statement that the demo runs on the cluster, without one."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from local_stack.cluster.cluster import NotebookResult, NotebookRun
from local_stack.demo.cluster_sql import ClusterSql
from local_stack.demo.comparison import Answer
from local_stack.demo.failure import DemoFailure

CONF = {"spark.hadoop.fs.s3a.endpoint": "http://lakefs"}


class Cluster:
    """Ends each notebook as it is told, and notes it."""

    def __init__(self, **ended: str) -> None:
        self._ended = ended
        self.runs: list[tuple[str, Mapping[str, str], Mapping[str, str]]] = []

    def run_notebook(self, run: NotebookRun, spark_conf: Mapping[str, str]) -> NotebookResult:
        self.runs.append((run.notebook.name, run.parameters, spark_conf))
        return NotebookResult(**{"exit_value": None, "log": "", "error": None, "trace": None, **self._ended})


def sql(cluster: Any) -> ClusterSql:
    return ClusterSql(cluster, CONF)


def test_a_statement_is_answered_as_by_a_warehouse() -> None:
    cluster = Cluster(exit_value=json.dumps({"columns": [["n", "BIGINT"]], "rows": [["1"], [None]]}))
    assert sql(cluster).query("SELECT n FROM t") == Answer(columns=(("n", "bigint"),), rows=(("1",), (None,)))
    assert cluster.runs == [("query.py", {"statement": "SELECT n FROM t"}, CONF)]


def test_a_statement_that_fails_is_told_with_its_error() -> None:
    with pytest.raises(DemoFailure, match="the notebook query failed: AnalysisException: no such table"):
        sql(Cluster(error="AnalysisException: no such table")).query("SELECT n FROM t")
