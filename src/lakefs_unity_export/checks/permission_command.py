"""The command that gives a principal a permission level in the workspace, as a line of the report names it."""

import json


def permission_command(kind: str, identifier: str, principal: str, level: str) -> str:
    """The command, for a thing of a kind that the Permissions API has, such as `jobs` or `warehouses`.

    A user's name is an address, a service principal's an application id.
    """
    field = "user_name" if "@" in principal else "service_principal_name"
    body = {"access_control_list": [{field: principal, "permission_level": level}]}
    return f"databricks permissions update {kind} {identifier} --json '{json.dumps(body)}'"
