"""What a notebook's session tells of its cluster, and what it hides."""

from types import SimpleNamespace
from typing import Any

from lakefs_unity_export.checks.cluster_setup import ClusterFacts
from lakefs_unity_export.checks.spark_cluster import SparkCluster

BUCKET = "spark.hadoop.fs.s3a.bucket.shop."
SECRET = "zW9/x+Kq3Vb7Tn5Yp1Rg"
TAGS = "spark.databricks.clusterUsageTags."
SETTINGS = {
    "spark.master": "local[4]",
    f"{TAGS}sparkVersion": "17.3.x-scala2.13",
    f"{TAGS}dataSecurityMode": "SINGLE_USER",
    f"{BUCKET}endpoint": "https://lakefs.example.com",
    f"{BUCKET}access.key": "AKIAJ7QXN2AKIAJ7QXN2",
    f"{BUCKET}secret.key": SECRET,
}


class Rows:
    """A frame: what was asked of it, and its rows."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows, self.calls = rows, list[tuple[str, object]]()

    def __getattr__(self, name: str) -> Any:
        def call(*given: object) -> "Rows":
            self.calls.append((name, given[0] if given else None))
            return self

        return call

    def collect(self) -> list[Any]:
        return self.rows

    def first(self) -> Any:
        return self.rows[0] if self.rows else None


class Session:
    """A Spark session with these settings; `hidden` are those that it lists and refuses to tell."""

    version = "4.0.0"

    def __init__(self, settings: dict[str, str], *, hidden: tuple[str, ...] = (), rows: Rows | None = None) -> None:
        self._settings, self._hidden = settings, hidden
        self.read = rows or Rows([])
        self.conf = SimpleNamespace(get=self._get)

    def _get(self, name: str, default: None) -> str | None:
        if name in self._hidden:
            raise PermissionError(name)
        return self._settings.get(name, default)

    def sql(self, statement: str) -> Rows:
        assert statement == "SET"
        return Rows([{"key": name} for name in self._settings])


def test_it_tells_its_runtime_access_mode_and_nodes() -> None:
    assert SparkCluster(Session(SETTINGS)).facts() == ClusterFacts(
        runtime="17.3.x-scala2.13", spark="4.0.0", access_mode="SINGLE_USER", is_one_node=True
    )


def test_what_it_does_not_tell_or_hides_is_empty() -> None:
    several = ClusterFacts(runtime="", spark="4.0.0", access_mode="", is_one_node=False)
    assert SparkCluster(Session({"spark.master": "spark://10.0.0.1:7077"})).facts() == several
    assert SparkCluster(Session(SETTINGS, hidden=tuple(SETTINGS))).facts() == several


def test_the_names_of_settings_are_those_that_sql_lists() -> None:
    assert SparkCluster(Session(SETTINGS)).setting_names() == SETTINGS.keys()


def test_values_of_secrets_are_known_so_that_they_can_be_taken_out() -> None:
    more = {
        "spark.hadoop.fs.azure.account.key.a.dfs.core.windows.net": "an account's key",
        "spark.hadoop.fs.s3a.session.token": "a session's token",
        "spark.hadoop.fs.s3a.encryption.key": "an encryption key",
        "spark.hadoop.ssl.client.truststore.password": "a long password",
    }
    # References, placeholders, and what is no setting of Hadoop's.
    none = {
        f"{BUCKET}other.secret": "{{secrets/lakefs/lakefs-secret-access-key}}",
        "spark.hadoop.a.secret": "short",
        "spark.hadoop.b.secret": "",
        "spark.my.secret": "not of Hadoop at all",
    }
    found = SparkCluster(Session({**SETTINGS, **more, **none})).secrets()
    assert sorted(found) == sorted([SECRET, *more.values()])


def test_a_session_that_lists_no_settings_hides_no_failure() -> None:
    session = Session(SETTINGS)
    session.sql = lambda statement: 1 / 0  # type: ignore[assignment, method-assign, return-value]
    assert SparkCluster(session).secrets() == []
    assert SparkCluster(Session(SETTINGS, hidden=(f"{BUCKET}secret.key",))).secrets() == []


def test_a_file_is_read_by_a_query() -> None:
    rows = Rows([{"content": bytearray(b"abc")}])
    assert SparkCluster(Session({}, rows=rows)).read_file("s3://bucket/a.txt") == b"abc"
    assert rows.calls == [("format", "binaryFile"), ("load", "s3://bucket/a.txt"), ("select", "content")]


def test_a_file_of_which_there_is_no_row_is_empty() -> None:
    assert SparkCluster(Session({}, rows=Rows([]))).read_file("s3://bucket/a.txt") == b""


def test_one_row_of_a_table_is_read() -> None:
    for found, has_rows in (([("a row",)], True), ([], False)):
        rows = Rows(found)
        assert SparkCluster(Session({}, rows=rows)).has_rows("s3://bucket/t") is has_rows
        assert rows.calls == [("format", "delta"), ("load", "s3://bucket/t"), ("limit", 1)]
