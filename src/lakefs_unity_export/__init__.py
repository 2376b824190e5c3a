"""Export Delta tables from lakeFS to Databricks Unity Catalog."""
