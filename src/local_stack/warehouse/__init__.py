"""The SQL warehouse: Databricks SQL over Unity Catalog and Delta, on Spark."""

from local_stack.warehouse.server import StatementResult, Warehouse, WarehouseError

__all__ = ["StatementResult", "Warehouse", "WarehouseError"]
