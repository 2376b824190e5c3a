# Databricks notebook source
# ruff: noqa: F821, spark and dbutils are there when the notebook runs
# MAGIC %md
# MAGIC # query
# MAGIC Runs one SQL statement on the cluster, which reaches lakeFS, and returns what a SQL warehouse would.

# COMMAND ----------

import json
from typing import TYPE_CHECKING, Any

from local_stack.warehouse.result import frame_result

if TYPE_CHECKING:
    dbutils: Any
    spark: Any

# COMMAND ----------

# MAGIC %md The cluster is set up to read logs; rows are read as a warehouse reads them.

# COMMAND ----------

for setting, value in (
    ("spark.sql.codegen.wholeStage", "true"),
    ("spark.sql.codegen.factoryMode", "FALLBACK"),
    ("spark.sql.adaptive.enabled", "true"),
    ("spark.sql.shuffle.partitions", "2"),
):
    spark.conf.set(setting, value)

# COMMAND ----------

dbutils.notebook.exit(json.dumps(frame_result(spark.sql(dbutils.widgets.get("statement"))).as_json()))
