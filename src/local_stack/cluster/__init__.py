"""The cluster: notebooks in one Spark process, with what Databricks gives to a running task."""
