"""What starts exports on the local stack."""

from enum import StrEnum


class ExportTrigger(StrEnum):
    """A hook in lakeFS, which calls the workspace itself or through the webhook service, or the job reconcile alone."""

    LUA = "lua"
    WEBHOOK = "webhook"
    RECONCILE = "reconcile"
