"""What the cluster that clones offers beside Spark: a place for drafts, secrets, and a way to lakeFS's API."""

from typing import Any

from lakefs_unity_export.access.secrets import read_secret
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.clones.scratch import Scratch, scratch_for
from lakefs_unity_export.clones.storage_clone import Addresses
from lakefs_unity_export.names import DELTA_LOG


class ClusterSteps:
    """The steps of one request by the method `storage`, on a Databricks cluster. dbutils: the notebook's."""

    def __init__(self, spark: Any, dbutils: Any, request: CloneRequest) -> None:
        self._spark = spark
        self._dbutils = dbutils
        self._request = request

    def scratch(self) -> Scratch:
        """A scratch that every node of the cluster reads."""
        return scratch_for(self._spark, getattr(self._dbutils, "fs", None), self._request.target_path)

    def addresses(self) -> Addresses:
        """The physical address of each object of the table, but for its log's. Raises LakeFSError, SettingsError."""
        # Only here, since other methods ask nothing of lakeFS's API.
        from lakefs_unity_export.access.lakefs_addresses import LakeFSAddresses
        from lakefs_unity_export.access.lakefs_connection import Credentials

        request = self._request
        credentials = Credentials(
            access_key_id=read_secret(self._dbutils, request.secret_scope, request.access_key_name),
            secret_access_key=read_secret(self._dbutils, request.secret_scope, request.secret_key_name),
        )
        lakefs = LakeFSAddresses(
            endpoint=request.lakefs_endpoint, repository=request.repository, credentials=credentials
        )
        return lakefs.of_folder(request.commit_id, request.path, but=DELTA_LOG)
