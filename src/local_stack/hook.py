"""Puts the hook into a lakeFS repository, with what it needs to know of the workspace filled in."""

from dataclasses import dataclass, field
from pathlib import Path

import lakefs
from lakefs.client import Client
from lakefs.exceptions import NotFoundException, ServerException

from local_stack.errors import SetupError

RESOURCES = Path(__file__).parents[2] / "resources" / "lakefs"
ACTION_FILE = "_lakefs_actions/unity_export.yaml"
SCRIPT = "scripts/unity_export.lua"
# What a lakeFS server hands to its hooks: it takes no other prefix (lakeFS documentation, "Lua hooks").
HOST_VARIABLE = "LAKEFSACTION_DATABRICKS_HOST"
TOKEN_VARIABLE = "LAKEFSACTION_DATABRICKS_TOKEN"  # noqa: S105, a variable's name
JOB_VARIABLE = "LAKEFSACTION_EXPORT_JOB_ID"
OAUTH_ARGUMENTS = ("databricks_client_id:", "databricks_client_secret:")


@dataclass(frozen=True, kw_only=True)
class HookSettings:
    """What the hook calls: the workspace, and the job. The token is empty where lakeFS's own environment has it."""

    host: str
    job_id: str
    token: str = field(default="", repr=False)


def rendered_action(settings: HookSettings) -> str:
    """The action file with host and job id in the place of environment variables, and with a token.

    The token takes the place of OAuth, whose secret a workspace would have to make first; it is filled in where given.
    """
    values = {HOST_VARIABLE: settings.host, JOB_VARIABLE: settings.job_id, TOKEN_VARIABLE: settings.token}
    text = _with_token((RESOURCES / ACTION_FILE).read_text())
    for variable, value in values.items():
        reference = "{{ ENV." + variable + " }}"
        if reference not in text:
            raise SetupError(f"{ACTION_FILE} no longer takes {reference}; correct src/local_stack/hook.py")
        if value:
            text = text.replace(reference, value)
    return text


def _with_token(text: str) -> str:
    kept = [line for line in text.splitlines(keepends=True) if not line.strip().startswith(OAUTH_ARGUMENTS)]
    return "".join(kept).replace("# databricks_token:", "databricks_token:")


def install_hook(client: Client, *, repository: str, branch: str, settings: HookSettings) -> str:
    """Writes action file and script to the branch and commits them; the commit's id.

    Raises SetupError where lakeFS refuses, such as for a repository that does not exist.
    """
    files = {ACTION_FILE: rendered_action(settings), SCRIPT: (RESOURCES / SCRIPT).read_text()}
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
