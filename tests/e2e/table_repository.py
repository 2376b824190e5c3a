"""A lakeFS repository with small Delta tables, written by delta-rs through the S3 gateway."""

import json
import secrets
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import lakefs
import pyarrow
import yaml
from deltalake import DeltaTable, write_deltalake
from lakefs.client import Client

from local_stack.demo.repository import api_client
from local_stack.lakefs.server import LakeFS

COLUMN = "word"
COMMENT = """
import json, sys
from deltalake import DeltaTable
location, options, comment = sys.argv[1:]
DeltaTable(location, storage_options=json.loads(options)).alter.set_table_description(comment)
"""


class TableRepository:
    """A repository; `branch` is its default branch, of a name that no other repository has."""

    def __init__(self, server: LakeFS, *, name: str, branch: str, namespace: str = "") -> None:
        self.name = name
        self.branch = branch
        self._server = server
        self.namespace = namespace or f"local://{name}"
        self._api = api_client(server)
        client = Client(host=server.endpoint_url, username=server.access_key_id, password=server.secret_access_key)
        self._repository = lakefs.Repository(name, client=client)
        self._repository.create(storage_namespace=self.namespace, default_branch=branch)
        self._options = {
            "AWS_ENDPOINT_URL": server.s3_endpoint_url,
            "AWS_ACCESS_KEY_ID": server.access_key_id,
            "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
        }

    def write(self, path: str, words: Sequence[str], *, branch: str = "", comment: str | None = None) -> None:
        """Make these words the rows of the Delta table at the path."""
        write_deltalake(
            f"s3://{self.name}/{branch or self.branch}/{path}",
            pyarrow.table({COLUMN: pyarrow.array(words, pyarrow.string())}),
            mode="overwrite",
            description=comment,
            storage_options=self._options,
        )

    def comment(self, path: str, comment: str) -> None:
        """Give the Delta table at the path a comment; an empty one takes it away.

        In a process of its own: delta-rs holds Python's lock, and the gateway that it asks may be in this one.
        """
        location = f"s3://{self.name}/{self.branch}/{path}"
        subprocess.run([sys.executable, "-c", COMMENT, location, json.dumps(self._options), comment], check=True)

    def describe(self, name: str, *, path: str = "", branch: str = "", file: str = "", **keys: str) -> None:
        """Write the descriptor of a table, `_lakefs_tables/<name>.yaml`."""
        content = {"name": name, "type": "delta", "path": path or f"tables/{name}", **keys}
        text = "".join(f"{key}: {value}\n" for key, value in content.items())
        self.upload(f"_lakefs_tables/{file or name}.yaml", text, branch=branch)

    def add(self, name: str, words: Sequence[str], *, branch: str = "", comment: str | None = None) -> None:
        """Write a table to `tables/<name>`, and its descriptor."""
        self.write(f"tables/{name}", words, branch=branch, comment=comment)
        self.describe(name, branch=branch)

    def upload(self, path: str, text: str, *, branch: str = "") -> None:
        """Write an object."""
        self._branch(branch).object(path).upload(text.encode(), mode="wb", pre_sign=False)

    def remove(self, path: str, *, branch: str = "") -> None:
        """Delete an object."""
        self._branch(branch).object(path).delete()

    def commit(self, message: str = "A commit", *, branch: str = "") -> str:
        """Commit what was written; the commit's id."""
        return str(self._branch(branch).commit(message).get_commit().id)

    def create_branch(self, name: str, *, source: str = "") -> str:
        """Make a branch; its name."""
        self._branch(name).create(source or self.branch)
        return name

    def delete_branch(self, name: str) -> None:
        """Delete a branch."""
        self._branch(name).delete()

    def branches(self) -> set[str]:
        """Every branch."""
        return {str(branch.id) for branch in self._repository.branches()}

    def protect(self, pattern: str) -> None:
        """Let nobody write to branches of such names."""
        from lakefs_sdk import BranchProtectionRule

        rules = [BranchProtectionRule(pattern=pattern)]
        self._api_of("RepositoriesApi").set_branch_protection_rules(self.name, rules)

    def merge(self, source: str, *, into: str = "", squash: bool = False) -> str:
        """Merge a branch into another; the merge commit's id."""
        return str(self._branch(source).merge_into(into or self.branch, squash_merge=squash))

    def revert(self, commit_id: str, *, branch: str = "") -> str:
        """Commit the opposite of a commit; the new commit's id."""
        return str(self._branch(branch).revert(commit_id).id)

    def cherry_pick(self, commit_id: str, *, branch: str = "") -> str:
        """Commit what another commit changed; the new commit's id."""
        return str(self._branch(branch).cherry_pick(commit_id).id)

    def words(self, path: str, ref: str) -> list[str]:
        """The rows of the Delta table at the path, at a branch or a commit."""
        table = DeltaTable(f"s3://{self.name}/{ref}/{path}", storage_options=self._options)
        return sorted(str(word) for word in table.to_pyarrow_table()[COLUMN].to_pylist())

    def described(self, ref: str) -> dict[str, str]:
        """The path of each table that a descriptor names at a branch or a commit."""
        found = self._repository.ref(ref).objects(prefix="_lakefs_tables/")
        texts = [self._repository.ref(ref).object(each.path).reader(pre_sign=False).read() for each in found]
        tables = [yaml.safe_load(text) for text in texts]
        return {table["name"]: table["path"] for table in tables}

    def reset(self, commit_id: str, *, branch: str = "") -> None:
        """Set the branch back to a commit."""
        self._api_of("ExperimentalApi").hard_reset_branch(self.name, branch or self.branch, commit_id)

    def head(self, branch: str = "") -> str:
        """The commit that the branch is at."""
        return str(self._branch(branch).get_commit().id)

    def generation(self, commit_id: str) -> int:
        """1 + the highest generation of the commit's parents."""
        return int(self._api_of("CommitsApi").get_commit(self.name, commit_id).generation)

    def hook_runs(self, branch: str) -> list[str]:
        """How the runs of the branch's hooks ended, the newest first."""
        return [
            str(run.status) for run in self._api_of("ActionsApi").list_repository_runs(self.name, branch=branch).results
        ]

    def made_anew(self) -> "TableRepository":
        """Another repository of this name, after this one was deleted."""
        return TableRepository(self._server, name=self.name, branch=self.branch, namespace=f"{self.namespace}-again")

    def delete(self) -> None:
        """Delete the repository."""
        self._repository.delete()

    def _branch(self, name: str) -> Any:
        return self._repository.branch(name or self.branch)

    def _api_of(self, name: str) -> Any:
        import lakefs_sdk

        return getattr(lakefs_sdk, name)(self._api)


def new_repository(server: LakeFS, *, branch: str = "", namespace: str = "") -> TableRepository:
    """A repository whose name, and commonly its branch's, is used once."""
    suffix = secrets.token_hex(4)
    name = f"lake-{suffix}"
    base = f"{namespace.rstrip('/')}/{name}" if namespace else ""
    return TableRepository(server, name=name, branch=branch or f"trunk_{suffix}", namespace=base)
