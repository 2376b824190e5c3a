# Databricks notebook source
# MAGIC %md
# MAGIC # check_cluster
# MAGIC Looks at the cluster that clones, for the job `check_setup`: its way to lakeFS, its rights on the target, and
# MAGIC which clone methods this workspace allows. The work is done by the wheel `lakefs_unity_export`.

# COMMAND ----------

from lakefs_unity_export.tasks.check_cluster import check_cluster
from lakefs_unity_export.tasks.clone_table import clone_table

told = check_cluster(spark, dbutils, clone_table)

# COMMAND ----------

dbutils.notebook.exit(told)
