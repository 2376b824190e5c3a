"""Does what a remedy says, as it is written: SQL grants, and commands of the Databricks CLI and of install_hook."""

import json
import re
import shlex
from argparse import ArgumentParser
from collections.abc import Callable

from setup_double import KEY_ID, SECRET_KEY, Installation

from lakefs_unity_export.hook import files as hook_files
from lakefs_unity_export.hook.files import HookKind, HookSettings
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
    parser = ArgumentParser()
    for option in ("--repository", "--branch", "--databricks-host", "--job-id"):
        parser.add_argument(option)
    given = parser.parse_args(shlex.split(line.partition("] install_hook ")[2] or line.partition("install_hook ")[2]))
    settings = HookSettings(kind=HookKind.LUA, host=given.databricks_host, job_id=given.job_id).checked()
    assert given.repository == installation.lakefs.repository
    files = {path: text.encode() for path, text in hook_files.render(settings).items()}
    present = installation.lakefs.content(installation.lakefs.head(given.branch).id)
    gone = [path for path in hook_files.unwanted(settings.kind) if path in present]
    installation.lakefs.put(files, removed=gone, branch=given.branch)
    return True


_COMMANDS: dict[str, Callable[[Installation, str], bool]] = {
    "GRANT ": _grant,
    "CREATE EXTERNAL LOCATION ": _create_location,
    "databricks secrets put-secret ": _put_secret,
    "databricks permissions update ": _update_permissions,
    "uvx ": _install_hook,
}
