"""Puts the hook into a lakeFS repository, with what it needs to know of the workspace filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import lakefs
from lakefs.client import Client
from lakefs.exceptions import NotFoundException, ServerException

from local_stack.errors import SetupError

RESOURCES = Path(__file__).parents[2] / "resources" / "lakefs"
ACTION_FILE = "_lakefs_actions/unity_export.yaml"
WEBHOOK_ACTION_FILE = "_lakefs_actions/unity_export_webhook.yaml"
SCRIPT = "scripts/unity_export.lua"
# What a lakeFS server hands to its hooks: it takes no other prefix (lakeFS documentation, "Lua hooks").
HOST_VARIABLE = "LAKEFSACTION_DATABRICKS_HOST"
TOKEN_VARIABLE = "LAKEFSACTION_DATABRICKS_TOKEN"  # noqa: S105, a variable's name
JOB_VARIABLE = "LAKEFSACTION_EXPORT_JOB_ID"
WEBHOOK_SECRET_VARIABLE = "LAKEFSACTION_WEBHOOK_SECRET"  # noqa: S105, a variable's name
_WEBHOOK_URL = "https://unity-export.example.com/events"


@dataclass(frozen=True, kw_only=True)
class HookSettings:
    """What the Lua hook calls: the workspace, and the job. The token is empty where lakeFS's own environment has it."""

    host: str
    job_id: str
    token: str = field(default="", repr=False)

    def files(self) -> dict[str, str]:
        """Action file and script, by their place in the repository."""
        values = {HOST_VARIABLE: self.host, JOB_VARIABLE: self.job_id, TOKEN_VARIABLE: self.token}
        filled = {_reference(name): value for name, value in values.items()}
        return {ACTION_FILE: _rendered(ACTION_FILE, filled), SCRIPT: (RESOURCES / SCRIPT).read_text()}


@dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """What the webhook's hook calls. The secret is empty where lakeFS's own environment has it."""

    url: str
    secret: str = field(default="", repr=False)

    def files(self) -> dict[str, str]:
        """The action file, by its place in the repository."""
        filled = {_WEBHOOK_URL: self.url, _reference(WEBHOOK_SECRET_VARIABLE): self.secret}
        return {WEBHOOK_ACTION_FILE: _rendered(WEBHOOK_ACTION_FILE, filled)}


def _reference(variable: str) -> str:
    return "{{ ENV." + variable + " }}"


def _rendered(file: str, values: Mapping[str, str]) -> str:
    """The file with what is known in its place. Raises SetupError where it has no such place."""
    text = (RESOURCES / file).read_text()
    for place, value in values.items():
        if place not in text:
            raise SetupError(f"{file} no longer has {place}; correct src/local_stack/hook.py")
        if value:
            text = text.replace(place, value)
    return text


def install_hook(client: Client, *, repository: str, branch: str, files: Mapping[str, str]) -> str:
    """Writes the hook's files to the branch and commits them; the commit's id.

    Raises SetupError where lakeFS refuses, such as for a repository that does not exist.
    """
    place = lakefs.Branch(repository, branch, client=client)
    try:
        for path, content in files.items():
            place.object(path).upload(content, mode="w")
        return str(place.commit("Export every commit to Unity Catalog").get_commit().id)
    except NotFoundException as error:
        raise SetupError(
            f"lakeFS has no repository {repository!r} with a branch {branch!r}; create it first"
        ) from error
    except ServerException as error:
        raise SetupError(f"lakeFS refused the hook in {repository}/{branch}: {error}") from error
