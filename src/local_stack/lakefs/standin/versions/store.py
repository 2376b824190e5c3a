"""What one stand-in server holds: repositories, the bytes of their objects, and who may ask."""

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from local_stack.lakefs.standin.errors import RequestError, bad_request, conflict, gone
from local_stack.lakefs.standin.versions.blobs import Blob, BlobStore
from local_stack.lakefs.standin.versions.events import Hooks
from local_stack.lakefs.standin.versions.object_tree import Entry
from local_stack.lakefs.standin.versions.operations import Operations
from local_stack.lakefs.standin.versions.repository import Repository

USER_NAME = "admin"
# What users can be denied: actions of lakeFS's access control (documentation, "Role-Based Access Control").
LIST_OBJECTS = "fs:ListObjects"
READ_OBJECT = "fs:ReadObject"
WRITE_OBJECT = "fs:WriteObject"
LIST_BRANCHES = "fs:ListBranches"
CREATE_BRANCH = "fs:CreateBranch"
DELETE_BRANCH = "fs:DeleteBranch"
DENIABLE = frozenset({LIST_OBJECTS, READ_OBJECT, WRITE_OBJECT, LIST_BRANCHES, CREATE_BRANCH, DELETE_BRANCH})


@dataclass(frozen=True, kw_only=True)
class AccessKey:
    """A key pair."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"AccessKey(id={self.id!r}, secret=...)"


def new_access_key() -> AccessKey:
    """A key pair that nobody has."""
    return AccessKey(id=f"AKIA{secrets.token_hex(8).upper()}", secret=secrets.token_urlsafe(30))


@dataclass(frozen=True, kw_only=True)
class User:
    """Who may do everything but the actions that are denied."""

    access_key: AccessKey
    denied: frozenset[str] = frozenset()


class Store:
    """Repositories by name. Parameters: the first user's key pair, the blobs, and the hooks that operations run."""

    def __init__(self, *, access_key: AccessKey, blobs: BlobStore, hooks: Hooks) -> None:
        self._users = {access_key.id: User(access_key=access_key)}
        self.blobs = blobs
        self._hooks = hooks
        self._lock = threading.Lock()
        self._repositories: dict[str, Repository] = {}
        self._namespaces: set[str] = set()

    def user(self, access_key_id: str) -> User | None:
        """The user with this key, if any."""
        return self._users.get(access_key_id)

    def add_user(self, user: User) -> None:
        """Let another user ask. Raises ValueError for an action that nothing here can deny."""
        if unknown := user.denied - DENIABLE:
            raise ValueError(f"the stand-in cannot deny {', '.join(sorted(unknown))}, only {sorted(DENIABLE)}")
        self._users[user.access_key.id] = user

    def repositories(self) -> dict[str, Repository]:
        """All repositories by name, in order."""
        return dict(sorted(self._repositories.items()))

    def repository(self, name: str) -> Repository:
        """The repository of this name. Raises RequestError 404."""
        if name not in self._repositories:
            raise RequestError(404, "repository not found")
        return self._repositories[name]

    def create_repository(self, name: str, storage_namespace: str, default_branch: str) -> Repository:
        """A new repository with one empty commit.

        Raises RequestError: 400 on names and on a storage namespace that was taken once (a deleted repository leaves
        its files), 409 where there is a repository of the name.
        """
        repository = Repository(name=name, storage_namespace=storage_namespace, default_branch=default_branch)
        place = storage_namespace.rstrip("/")
        try:
            self.blobs.check(place)
        except ValueError as error:
            raise bad_request(f"failed to create repository: {error}: failed to access storage") from error
        with self._lock:
            if name in self._repositories:
                raise conflict("error creating repository: not unique")
            if place in self._namespaces:
                raise bad_request(
                    f"failed to create repository: found lakeFS objects in the storage (:{place}) key(_lakefs/dummy): "
                    "storage namespace already in use"
                )
            self._namespaces.add(place)
            self._repositories[name] = repository
        return repository

    def delete_repository(self, name: str) -> None:
        """Forget a repository. Raises RequestError 404."""
        with self._lock:
            self.repository(name)
            del self._repositories[name]

    def operations(self, repository: Repository) -> Operations:
        """The operations that run hooks."""
        return Operations(repository, self._hooks)

    def read_object(self, entry: Entry, start: int = 0, length: int | None = None) -> bytes:
        """The bytes of an object, or a part of them. Raises RequestError 410 where they were collected."""
        if not self.blobs.holds(entry.address):
            raise gone()
        return self.blobs.read(entry.address, start, length)

    def put_object(
        self,
        repository: Repository,
        branch_name: str,
        path: str,
        blob: Blob,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        only_new: bool = False,
    ) -> Entry | None:
        """Write an object on a branch; None where `only_new` is asked for and the path is taken.

        Raises RequestError 404 where there is no such branch, 403 where it is protected.
        """
        entry = Entry(
            address=blob.address,
            checksum=blob.checksum,
            size=blob.size,
            modified=time.time(),
            content_type=content_type or "application/octet-stream",
            metadata=metadata or {},
        )
        with repository.lock:
            branch = repository.branch(branch_name)
            repository.check_unprotected(branch_name, "write to")
            if only_new and branch.tree.get(path) is not None:
                return None
            branch.tree = branch.tree.with_changes({path: entry})
        return entry

    def delete_objects(self, repository: Repository, branch_name: str, paths: list[str]) -> list[str]:
        """Delete objects on a branch; the paths that were there. Raises RequestError 404 and 403."""
        with repository.lock:
            branch = repository.branch(branch_name)
            repository.check_unprotected(branch_name, "write to")
            present = [path for path in paths if branch.tree.get(path) is not None]
            if present:
                branch.tree = branch.tree.with_changes(dict.fromkeys(present))
        return present
