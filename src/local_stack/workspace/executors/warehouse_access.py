"""The workspace's only SQL warehouse as its principals have it: who may use it, and whether it runs."""

from local_stack.workspace.errors import denied, does_not_exist
from local_stack.workspace.identities.identities import Principal
from local_stack.workspace.identities.permissions import Permissions

_KIND = "warehouses"


class WarehouseAccess:
    """What every way to the warehouse goes by, that of SQL tasks too. It runs at first. Methods raise ApiError.

    One that is stopped starts with the next statement (Databricks documentation, "Start a SQL warehouse").
    """

    def __init__(self, warehouse_id: str, permissions: Permissions) -> None:
        self.warehouse_id = warehouse_id
        self.state = "RUNNING"
        self._permissions = permissions

    def may_view(self, principal: Principal) -> bool:
        """Whether lists show it to the principal."""
        return self._permissions.has(principal, _KIND, self.warehouse_id, "CAN_VIEW")

    def require(self, principal: Principal, warehouse_id: str, needed: str) -> None:
        """Raise 404 for any other warehouse, and 403 unless the principal has at least this level on it."""
        if warehouse_id != self.warehouse_id:
            raise does_not_exist(f"SQL warehouse {warehouse_id} does not exist.")
        if not self._permissions.has(principal, _KIND, warehouse_id, needed):
            raise denied(f"User {principal.name} does not have {needed} permission on SQL warehouse {warehouse_id}.")

    def use(self, principal: Principal, warehouse_id: str) -> None:
        """For a statement, or to start it: starts it where it is stopped."""
        self.require(principal, warehouse_id, "CAN_USE")
        self.state = "RUNNING"

    def stop(self, principal: Principal, warehouse_id: str) -> None:
        """Stop it, until somebody uses it."""
        self.require(principal, warehouse_id, "IS_OWNER")
        self.state = "STOPPED"
