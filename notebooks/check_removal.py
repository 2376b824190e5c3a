# Databricks notebook source
# MAGIC %md
# MAGIC # check_removal
# MAGIC Removes what the notebook `check_cluster` wrote at the target, for the job `check_setup`. The work is done by
# MAGIC the wheel `lakefs_unity_export`.

# COMMAND ----------

from lakefs_unity_export.tasks.check_removal import check_removal

told = check_removal(dbutils)

# COMMAND ----------

dbutils.notebook.exit(told)
