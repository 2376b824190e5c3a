"""The cluster of a notebook put together for the checks: its Spark, its dbutils, and the product's own clone code."""

import io
from collections.abc import Callable, Mapping
from typing import Any

from lakefs_unity_export.access.secrets import read_secret
from lakefs_unity_export.checks import handed_over
from lakefs_unity_export.checks.cluster_settings import ClusterSettings
from lakefs_unity_export.checks.cluster_setup import CloneResult, ClusterSetup
from lakefs_unity_export.checks.handed_over import HandedOver
from lakefs_unity_export.checks.model import RETRIES
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.spark_cluster import SparkCluster
from lakefs_unity_export.checks.target_probe import TargetProbe
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.clones.spark_tables import SparkDeltaTables
from lakefs_unity_export.errors import ExportError
from lakefs_unity_export.names import DELTA_LOG

# `clone_table(spark, request, dbutils=..., output=...)`: the notebook hands it over, as no task imports another.
CloneTable = Callable[..., CloneResult]


def notebook_cluster(spark: Any, dbutils: Any, clone_table: CloneTable) -> ClusterSetup:
    """This session's cluster. clone_table: the function of the task of this name."""
    settings = ClusterSettings.from_widgets(dbutils.widgets.get)
    redaction, cluster = Redaction(), SparkCluster(spark)
    redaction.add(*cluster.secrets())
    _learn_key(redaction, dbutils, settings)

    def handed() -> HandedOver:
        return HandedOver.of_json(dbutils.jobs.taskValues.get(taskKey=handed_over.TASK, key=handed_over.KEY))

    def clone(request: CloneRequest) -> CloneResult:
        return clone_table(spark, request, dbutils=dbutils, output=io.StringIO())

    return ClusterSetup(
        settings=settings,
        cluster=cluster,
        tables=SparkDeltaTables(spark),
        probe=lambda: TargetProbe(dbutils.fs, settings.probes_folder, settings.probe_folder),
        clone=clone,
        addresses=lambda commit_id, folder: _addresses(dbutils, settings, commit_id, folder),
        handed_over=handed,
        redaction=redaction,
    )


def _learn_key(redaction: Redaction, dbutils: Any, settings: ClusterSettings) -> None:
    """No text shows the key from now on, whoever reads it. That it cannot be read is told by a check."""
    try:
        key_id, secret_key = _key(dbutils, settings)
    except ExportError:
        return
    redaction.add_pair(key_id, secret_key)


def _key(dbutils: Any, settings: ClusterSettings) -> tuple[str, str]:
    key_id, secret_key = (
        read_secret(dbutils, settings.secret_scope, name)
        for name in (settings.access_key_name, settings.secret_key_name)
    )
    return key_id, secret_key


def _addresses(dbutils: Any, settings: ClusterSettings, commit_id: str, folder: str) -> Mapping[str, str]:
    # Only here, as in a clone: what else the task does asks nothing of lakeFS's API.
    from lakefs_unity_export.access.lakefs_addresses import LakeFSAddresses
    from lakefs_unity_export.access.lakefs_connection import Credentials

    key_id, secret_key = _key(dbutils, settings)
    lakefs = LakeFSAddresses(
        endpoint=settings.lakefs_endpoint,
        repository=settings.repository,
        credentials=Credentials(access_key_id=key_id, secret_access_key=secret_key),
        retries=RETRIES,
    )
    return lakefs.of_folder(commit_id, folder, but=DELTA_LOG)
