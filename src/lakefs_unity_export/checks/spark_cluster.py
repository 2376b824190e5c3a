"""The cluster of a notebook, through its Spark session."""

from typing import Any

from lakefs_unity_export.checks.cluster_setup import ClusterFacts

_TAGS = "spark.databricks.clusterUsageTags."
_HADOOP = "spark.hadoop."
# What is in the names of settings whose values are secrets. A shorter value is a placeholder, as a reference is.
_OF_SECRETS = ("secret", "session.token", "encryption.key", "account.key", "password")
_SHORTEST_SECRET = 12


class SparkCluster:
    """The cluster that this session is of."""

    def __init__(self, spark: Any) -> None:
        self._spark = spark

    def facts(self) -> ClusterFacts:
        """By the tags that Databricks gives a cluster; it documents none of them, so that each may be missing."""
        return ClusterFacts(
            runtime=self._setting(f"{_TAGS}sparkVersion"),
            spark=str(self._spark.version),
            access_mode=self._setting(f"{_TAGS}dataSecurityMode"),
            is_one_node=self._setting("spark.master").startswith("local"),
        )

    def setting_names(self) -> frozenset[str]:
        """Asked of SQL, which every kind of session has. Values stay where they are."""
        return frozenset(row["key"] for row in self._spark.sql("SET").select("key").collect())

    def secrets(self) -> list[str]:
        """The values of those settings that hold secrets, for taking them out of what is told."""
        try:
            found = [name for name in self.setting_names() if name.startswith(_HADOOP) and _is_of_secret(name)]
        except Exception:  # the check of the settings tells of it
            return []
        values = [self._setting(name) for name in found]
        return [value for value in values if len(value) >= _SHORTEST_SECRET and not value.startswith("{{")]

    def read_file(self, path: str) -> bytes:
        """By a query and not by the file system: Unity Catalog lends its credentials to queries only.

        A server that says of a file that it is empty gives no row of it.
        """
        row = self._spark.read.format("binaryFile").load(path).select("content").first()
        return bytes(row["content"]) if row else b""

    def has_rows(self, path: str) -> bool:
        """Whether a row can be had, for which a file is opened."""
        return bool(self._spark.read.format("delta").load(path).limit(1).collect())

    def _setting(self, name: str) -> str:
        try:
            return str(self._spark.conf.get(name, None) or "")
        except Exception:  # a session may know no such setting, or hide it
            return ""


def _is_of_secret(name: str) -> bool:
    return any(part in name for part in _OF_SECRETS)
