"""The local stack: everything that the bundle needs of Databricks and lakeFS, on one machine."""
