# Databricks notebook source
# MAGIC %md
# MAGIC # check_cluster_again
# MAGIC Clones again what the notebook `check_cluster` cloned and a SQL warehouse registered since, for the job
# MAGIC `check_setup`. The work is done by the wheel `lakefs_unity_export`.

# COMMAND ----------

from lakefs_unity_export.tasks.check_cluster_again import check_cluster_again
from lakefs_unity_export.tasks.clone_table import clone_table

told = check_cluster_again(spark, dbutils, clone_table)

# COMMAND ----------

dbutils.notebook.exit(told)
