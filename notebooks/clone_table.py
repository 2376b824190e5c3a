# Databricks notebook source
# MAGIC %md
# MAGIC # clone_table
# MAGIC Clones one Delta table of a lakeFS commit to its target path. The job `export_tables` runs this notebook
# MAGIC once for each changed table; the work is done by the wheel `lakefs_unity_export`.

# COMMAND ----------

from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.tasks.clone_table import clone_table

request = CloneRequest.from_widgets(dbutils.widgets.get)
result = clone_table(spark, request, dbutils=dbutils)

# COMMAND ----------

dbutils.notebook.exit(result.to_json())
