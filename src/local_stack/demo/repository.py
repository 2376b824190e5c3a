"""The demo's lakeFS repository, through the public API alone, so that the story is the same on any server."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import lakefs_sdk
from lakefs import Client
from lakefs.branch import Branch
from lakefs_sdk.exceptions import ApiException

from local_stack.demo.failure import DemoFailure
from local_stack.lakefs.server import LakeFS

REPOSITORY = "tpch"
NAMESPACE_VARIABLE = "LAKEFS_STORAGE_NAMESPACE"

_TIMEOUT_SECONDS = 60
_PAGE_LENGTH = 1000
_CONFLICT = 409
_SHOWN_CONFLICTS = 5
# Block stores that need nothing to be configured (lakeFS documentation, "Sizing" and "Server configuration").
_NAMESPACES = {"local": "local://", "mem": "mem://"}


class Repository:
    """One repository: its branches, commits, objects, and what lakeFS says of the hooks of a commit."""

    def __init__(self, lakefs: LakeFS, name: str) -> None:
        client = api_client(lakefs)
        self.name = name
        # The published SDK's own API takes the content of an object from a file only.
        self._writer = Client(
            host=lakefs.endpoint_url, username=lakefs.access_key_id, password=lakefs.secret_access_key
        )
        self._branches = lakefs_sdk.BranchesApi(client)
        self._commits = lakefs_sdk.CommitsApi(client)
        self._refs = lakefs_sdk.RefsApi(client)
        self._objects = lakefs_sdk.ObjectsApi(client)
        self._actions = lakefs_sdk.ActionsApi(client)
        self._experimental = lakefs_sdk.ExperimentalApi(client)

    def upload(self, branch: str, files: Mapping[str, bytes]) -> None:
        """Write these objects to the branch."""
        place = Branch(self.name, branch, client=self._writer)
        for path, content in files.items():
            place.object(path).upload(content, mode="wb", pre_sign=False)

    def objects(self, ref: str, prefix: str) -> frozenset[tuple[str, str]]:
        """Path and checksum of every object under the prefix at the ref."""
        found: set[tuple[str, str]] = set()
        after = ""
        while True:
            page = self._objects.list_objects(
                self.name, ref, prefix=prefix, after=after, amount=_PAGE_LENGTH, _request_timeout=_TIMEOUT_SECONDS
            )
            found |= {(entry.path, entry.checksum) for entry in page.results}
            if not page.pagination.has_more:
                return frozenset(found)
            after = page.pagination.next_offset

    def commit(self, branch: str, message: str) -> str:
        """Commit what was written to the branch; the commit's id."""
        creation = lakefs_sdk.CommitCreation(message=message)
        return str(self._commits.commit(self.name, branch, creation, _request_timeout=_TIMEOUT_SECONDS).id)

    def head(self, branch: str) -> str:
        """The id of the commit that the branch is at."""
        return str(self._branches.get_branch(self.name, branch, _request_timeout=_TIMEOUT_SECONDS).commit_id)

    def create_branch(self, branch: str, source: str) -> str:
        """Make the branch from another; the id of the commit it is at."""
        creation = lakefs_sdk.BranchCreation(name=branch, source=source)
        self._branches.create_branch(self.name, creation, _request_timeout=_TIMEOUT_SECONDS)
        return self.head(branch)

    def merge(self, source: str, destination: str, message: str) -> str:
        """Merge one branch into another; the merge commit's id. Raises DemoFailure where they conflict."""
        merge = lakefs_sdk.Merge(message=message)
        try:
            answer = self._refs.merge_into_branch(
                self.name, source, destination, merge=merge, _request_timeout=_TIMEOUT_SECONDS
            )
        except ApiException as error:
            if error.status != _CONFLICT:
                raise
            raise DemoFailure(
                f"lakeFS did not merge {source} into {destination} of {self.name}: both changed the same objects "
                f"({', '.join(self._conflicts(source, destination)) or 'it does not say which'}). The demo's story "
                "has no such conflict: was something else written to the repository?"
            ) from error
        return str(answer.reference)

    def _conflicts(self, source: str, destination: str) -> list[str]:
        """Some of the paths that both sides changed: the answer to the merge names none."""
        page = self._refs.diff_refs(
            self.name, destination, source, type="three_dot", amount=_PAGE_LENGTH, _request_timeout=_TIMEOUT_SECONDS
        )
        return [entry.path for entry in page.results if entry.type == "conflict"][:_SHOWN_CONFLICTS]

    def reset(self, branch: str, commit_id: str) -> None:
        """Set the branch back to a commit. lakeFS has no event for that, so no hook is told."""
        self._experimental.hard_reset_branch(self.name, branch, commit_id, _request_timeout=_TIMEOUT_SECONDS)

    def hook_statuses(self, commit_id: str) -> tuple[str, ...]:
        """How the hooks of a commit ended, as lakeFS shows it: "completed" or "failed"; none before their end."""
        runs = self._actions.list_repository_runs(self.name, commit=commit_id, _request_timeout=_TIMEOUT_SECONDS)
        return tuple(str(run.status) for run in runs.results)

    def hook_output(self, commit_id: str) -> str:
        """What lakeFS shows of the hooks that ran for a commit, for a message to a person."""
        try:
            runs = self._actions.list_repository_runs(self.name, commit=commit_id, _request_timeout=_TIMEOUT_SECONDS)
            shown = [self._shown_run(run) for run in runs.results]
        except ApiException as error:
            return f"lakeFS does not show its hook runs: {error.status} {error.reason}"
        return "\n".join(shown) or (
            "lakeFS shows no hook run for this commit. Either the action file is not in the commit, an environment "
            "variable that it names is not set at the server, or the hook has not ended yet."
        )

    def _shown_run(self, run: Any) -> str:
        lines = [f"lakeFS action run {run.run_id} ({run.event_type} on {run.branch}): {run.status}"]
        hooks = self._actions.list_run_hooks(self.name, run.run_id, _request_timeout=_TIMEOUT_SECONDS)
        for hook in hooks.results:
            output = self._actions.get_run_hook_output(
                self.name, run.run_id, hook.hook_run_id, _request_timeout=_TIMEOUT_SECONDS
            )
            text = output.decode(errors="replace") if isinstance(output, bytes | bytearray) else str(output)
            lines.append(f"  hook {hook.hook_id}: {hook.status}")
            lines += ["  | " + line for line in text.splitlines()]
        return "\n".join(lines)


@contextmanager
def demo_repository(lakefs: LakeFS) -> Iterator[Repository]:
    """A new repository, deleted at the end where the server lives on.

    Raises DemoFailure where lakeFS does not make it, or where no storage namespace is known for it.
    """
    api = lakefs_sdk.RepositoriesApi(api_client(lakefs))
    namespace = _storage_namespace(lakefs)
    name = _create(api, namespace)
    try:
        yield Repository(lakefs, name)
    finally:
        if lakefs.kind == "server":
            _delete(api, name, lakefs.endpoint_url)


def _delete(api: Any, name: str, endpoint_url: str) -> None:
    try:
        api.delete_repository(name, _request_timeout=_TIMEOUT_SECONDS)
    except ApiException as error:
        raise DemoFailure(
            f"lakeFS at {endpoint_url} did not delete the repository {name} ({error.status} {error.reason}); "
            "it was made for the demo alone, and can go"
        ) from error


def api_client(lakefs: LakeFS) -> lakefs_sdk.ApiClient:
    """A client of the server's API."""
    configuration = lakefs_sdk.Configuration(
        host=lakefs.endpoint_url.rstrip("/").removesuffix("/api/v1") + "/api/v1",
        username=lakefs.access_key_id,
        password=lakefs.secret_access_key,
    )
    return lakefs_sdk.ApiClient(configuration)


def _create(api: Any, namespace: str) -> str:
    """The name of the new repository: the usual one, or where that is taken, one that is not."""
    for name in (REPOSITORY, f"{REPOSITORY}-{secrets.token_hex(4)}"):
        place = f"{namespace.removesuffix('/')}/{name}-{secrets.token_hex(4)}"
        try:
            creation = lakefs_sdk.RepositoryCreation(name=name, storage_namespace=place, default_branch="main")
            api.create_repository(creation, _request_timeout=_TIMEOUT_SECONDS)
        except ValueError as error:
            raise DemoFailure(
                f"{NAMESPACE_VARIABLE} is {namespace!r}, and lakeFS takes s3://, gs://, https://, local:// or mem:// "
                "followed by a location"
            ) from error
        except ApiException as error:
            if error.status == _CONFLICT and name == REPOSITORY:
                continue
            raise DemoFailure(
                f"lakeFS did not make the repository {name} at {place}: {error.status} {error.reason} {error.body}"
            ) from error
        return name
    raise AssertionError("a name with a random end was taken")


def _storage_namespace(lakefs: LakeFS) -> str:
    """Where the repository's files go: as configured, else as the server suggests, else by its kind of store."""
    if configured := os.environ.get(NAMESPACE_VARIABLE, ""):
        return configured
    config = lakefs_sdk.ConfigApi(api_client(lakefs)).get_config(_request_timeout=_TIMEOUT_SECONDS).storage_config
    suggested = config.default_namespace_prefix if config else None
    kind = config.blockstore_type if config else ""
    found = suggested or _NAMESPACES.get(kind, "")
    if not found:
        raise DemoFailure(
            f"the lakeFS server at {lakefs.endpoint_url} keeps its data in {kind or 'an unknown store'}: set "
            f"{NAMESPACE_VARIABLE} to a location there in which the demo may make a folder, such as s3://bucket/demo"
        )
    return found
