"""SQL statements on the local cluster, for what a warehouse without settings of lakeFS cannot read."""

from collections.abc import Mapping

from local_stack.cluster.cluster import Cluster
from local_stack.demo.cluster_notebooks import run_notebook
from local_stack.demo.comparison import Answer


class ClusterSql:
    """Runs statements under the Spark configuration of the job cluster; may be called from several threads."""

    def __init__(self, cluster: Cluster, spark_conf: Mapping[str, str]) -> None:
        self._cluster = cluster
        self._spark_conf = spark_conf

    def query(self, statement: str) -> Answer:
        """Run one statement and wait for all its rows. Raises DemoFailure where it fails."""
        found = run_notebook(self._cluster, "query", {"statement": statement}, self._spark_conf)
        return Answer(
            columns=tuple((name, kind.lower()) for name, kind in found["columns"]),
            rows=tuple(tuple(row) for row in found["rows"]),
        )
