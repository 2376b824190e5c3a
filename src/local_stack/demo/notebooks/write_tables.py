# Databricks notebook source
# ruff: noqa: F821, spark and dbutils are there when the notebook runs
# MAGIC %md
# MAGIC # write_tables
# MAGIC Writes three TPC-H tables to a lakeFS branch, each with a feature of Delta that an export has to carry over:
# MAGIC deletion vectors, partitions with comments, and column mapping.

# COMMAND ----------

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from delta.tables import DeltaTable

if TYPE_CHECKING:
    dbutils: Any
    spark: Any

data = dbutils.widgets.get("data")
line_item_path = dbutils.widgets.get("line_item")
orders_path = dbutils.widgets.get("orders")
customer_path = dbutils.widgets.get("customer")

# COMMAND ----------

# MAGIC %md Deletion vectors: rows are deleted after the table was written, and no file is written anew.

# COMMAND ----------


def write_line_item() -> int:
    (
        spark.read.parquet(f"file:{data}/lineitem.parquet")
        .write.format("delta")
        .option("delta.enableDeletionVectors", "true")
        .save(line_item_path)
    )
    line_item = DeltaTable.forPath(spark, line_item_path)
    line_item.delete("l_orderkey % 32 = 7")
    return int(line_item.history(1).first()["operationMetrics"]["numDeletionVectorsAdded"])


# COMMAND ----------

# MAGIC %md Partitions, and comments on the table and on two columns.

# COMMAND ----------

COMMENTS = {"o_orderkey": "Key; sparse, as TPC-H has it", "o_orderstatus": "F(illed), O(pen) or P(artly)"}


def write_orders() -> list[str]:
    frame = spark.read.parquet(f"file:{data}/orders.parquet")
    table = DeltaTable.create(spark).location(orders_path).comment("Orders, one row each; \"what\" is 'in' line_item.")
    for field in frame.schema.fields:
        comment = COMMENTS.get(field.name)
        table = table.addColumn(field.name, field.dataType, nullable=field.nullable, comment=comment)
    orders = table.partitionedBy("o_orderstatus").execute()
    frame.write.format("delta").mode("append").save(orders_path)
    return list(orders.detail().first()["partitionColumns"])


# COMMAND ----------

# MAGIC %md Column mapping: a column is renamed, and no file is written anew.

# COMMAND ----------


def write_customer() -> str:
    (
        spark.read.parquet(f"file:{data}/customer.parquet")
        .write.format("delta")
        .option("delta.columnMapping.mode", "name")
        .option("delta.minReaderVersion", "2")
        .option("delta.minWriterVersion", "5")
        .save(customer_path)
    )
    spark.sql(f"ALTER TABLE delta.`{customer_path}` RENAME COLUMN c_mktsegment TO c_market_segment")
    properties = DeltaTable.forPath(spark, customer_path).detail().first()["properties"]
    return str(properties["delta.columnMapping.mode"])


# COMMAND ----------

# MAGIC %md Side by side: most of each is planning, which Spark does on one core.

# COMMAND ----------

features = {
    "deletion vectors": write_line_item,
    "partition columns": write_orders,
    "column mapping": write_customer,
}
with ThreadPoolExecutor(len(features)) as pool:
    written = {feature: pool.submit(write) for feature, write in features.items()}
dbutils.notebook.exit(json.dumps({feature: table.result() for feature, table in written.items()}))
