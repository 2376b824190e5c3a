"""The local Databricks workspace: REST API, job engine and what running tasks need."""

from local_stack.workspace.server import Workspace

__all__ = ["Workspace"]
