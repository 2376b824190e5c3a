"""Puts the hook into a lakeFS repository, with what it needs to know of the local stack filled in."""

from collections.abc import Mapping

import lakefs
from lakefs.client import Client
from lakefs.exceptions import NotFoundException, ServerException

from lakefs_unity_export.hook.branch import HOOK_ABORTED
from lakefs_unity_export.hook.files import HookSettings, render
from local_stack.errors import SetupError

# What a lakeFS server hands to its hooks: it takes no other prefix (lakeFS documentation, "Lua hooks").
CLIENT_ID_VARIABLE = "LAKEFSACTION_DATABRICKS_CLIENT_ID"
CLIENT_SECRET_VARIABLE = "LAKEFSACTION_DATABRICKS_CLIENT_SECRET"  # noqa: S105, a variable's name
WEBHOOK_SECRET_VARIABLE = "LAKEFSACTION_WEBHOOK_SECRET"  # noqa: S105, a variable's name


def files_with_secrets(settings: HookSettings, held: Mapping[str, str]) -> dict[str, str]:
    """What install_hook renders, with the values of these variables in it, which the lakeFS server does not have."""
    files = render(settings.checked())
    for variable, value in held.items():
        files = {path: text.replace("{{ ENV." + variable + " }}", value) for path, text in files.items()}
    return files


def install_hook(client: Client, *, repository: str, branch: str, files: Mapping[str, str]) -> str:
    """Writes the hook's files to the branch and commits them with all that is uncommitted there; the commit's id.

    Raises SetupError where lakeFS refuses, such as for a repository that does not exist.
    """
    place = lakefs.Branch(repository, branch, client=client)
    try:
        for path, content in files.items():
            place.object(path).upload(content, mode="w")
        return str(place.commit("Export every commit to Unity Catalog").get_commit().id)
    except ServerException as error:
        if isinstance(error, NotFoundException) and HOOK_ABORTED not in str(error):
            raise SetupError(
                f"lakeFS has no repository {repository!r} with a branch {branch!r}; create it first"
            ) from error
        raise SetupError(f"lakeFS refused the hook in {repository}/{branch}: {error}") from error
