"""Does what a remedy says, as it is written: SQL grants, and commands of Databricks, lakectl and install_hook."""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace

from setup_double import KEY_ID, SECRET_KEY, Installation

from lakefs_unity_export.hook import files as hook_files
from lakefs_unity_export.hook.install_hook import parse_order
from lakefs_unity_export.setup_ports import ExternalLocation

# What the person has who follows it.
_RIGHT_SECRETS = {"lakefs-access-key-id": KEY_ID, "lakefs-secret-access-key": SECRET_KEY}


def follow(installation: Installation, remedy: str) -> list[str]:
    """The lines of the remedy that were commands, each carried out."""
    return [
        line
        for line in remedy.splitlines()
        if any(line.startswith(word) and do(installation, line) for word, do in _COMMANDS.items())
    ]


def _grant(installation: Installation, line: str) -> bool:
    installation.workspace.grant(line)
    return True


def _create_location(installation: Installation, line: str) -> bool:
    found = re.fullmatch(r"CREATE EXTERNAL LOCATION (\w+) URL '(.+)' WITH \(STORAGE CREDENTIAL <.+>\);", line)
    assert found, line
    installation.workspace.locations.append(
        ExternalLocation(name=found[1], url=found[2], owner="somebody", read_only=False)
    )
    return True


def _update_location(installation: Installation, line: str) -> bool:
    *_, name, flag, body = shlex.split(line)
    assert flag == "--json"
    installation.workspace.locations = [
        replace(location, **json.loads(body)) if location.name == name else location
        for location in installation.workspace.locations
    ]
    return True


def _put_secret(installation: Installation, line: str) -> bool:
    key = line.split()[4]
    installation.secrets[key] = _RIGHT_SECRETS[key]
    return True


def _update_permissions(installation: Installation, line: str) -> bool:
    *_, kind, job_id, flag, body = shlex.split(line)
    assert (kind, flag) == ("jobs", "--json")
    for entry in json.loads(body)["access_control_list"]:
        level = entry.pop("permission_level")
        (name,) = entry.values()
        installation.workspace.levels[job_id][name] = frozenset({level})
    return True


def _install_hook(installation: Installation, line: str) -> bool:
    start = 'uvx --from "$(echo dist/*.whl)[hook]" install_hook '
    assert line.startswith(start), line
    order = parse_order(shlex.split(line.removeprefix(start)))
    assert order.settings is not None
    assert order.repository == installation.lakefs.repository
    known, _ = hook_files.events_for(installation.server.version, order.settings.events)
    files = hook_files.render(replace(order.settings, events=known))
    present = installation.lakefs.content(installation.lakefs.head(order.branch).id)
    gone = [path for path in hook_files.unwanted(order.settings.kind) if path in present]
    written = {path: text.encode() for path, text in files.items()}
    installation.lakefs.put(written, removed=gone, branch=order.branch)
    return True


def _delete_branch(installation: Installation, line: str) -> bool:
    installation.branches.follow(line)
    return True


_COMMANDS: dict[str, Callable[[Installation, str], bool]] = {
    "GRANT ": _grant,
    "CREATE EXTERNAL LOCATION ": _create_location,
    "databricks secrets put-secret ": _put_secret,
    "databricks external-locations update ": _update_location,
    "databricks permissions update ": _update_permissions,
    "uvx ": _install_hook,
    "lakectl branch delete ": _delete_branch,
}
