# Databricks notebook source
# ruff: noqa: F821, spark and dbutils are there when the notebook runs
# MAGIC %md
# MAGIC # update_line_item
# MAGIC Changes rows of one table that TPC-H's queries 1, 3 and 6 read.

# COMMAND ----------

import json
from typing import TYPE_CHECKING, Any

from delta.tables import DeltaTable

if TYPE_CHECKING:
    dbutils: Any
    spark: Any

# COMMAND ----------

line_item = DeltaTable.forPath(spark, dbutils.widgets.get("line_item"))
line_item.update("l_orderkey % 32 = 1", {"l_discount": "0.06"})

# COMMAND ----------

dbutils.notebook.exit(json.dumps(line_item.history(1).first()["operationMetrics"]))
