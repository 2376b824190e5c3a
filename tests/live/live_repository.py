"""A branch in lakeFS with small Delta tables, written by delta-rs through the S3 gateway."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import lakefs
import pyarrow
from deltalake import write_deltalake
from lakefs.client import Client
from live_settings import LiveSettings

from lakefs_unity_export.hook.files import HookKind, HookSettings, render
from local_stack.triggers.hook import install_hook

COLUMN = "word"


class LiveRepository:
    """One branch of one repository. `words`: the rows of each table, by its name in Unity Catalog."""

    def __init__(self, settings: LiveSettings, *, client: Client, name: str, branch: str) -> None:
        self.name = name
        self.branch = branch
        self.words: dict[str, list[str]] = {}
        self._client = client
        self._branch = lakefs.Branch(name, branch, client=client)
        self._options = {
            "AWS_ENDPOINT_URL": settings.s3_url,
            "AWS_ACCESS_KEY_ID": settings.access_key_id,
            "AWS_SECRET_ACCESS_KEY": settings.secret_access_key,
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            # This test is the only writer, so no lock is needed (delta-rs documentation, "Writing to S3").
            "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
        }

    def add(self, name: str, words: Sequence[str]) -> None:
        """Write a table and its descriptor."""
        self.write(name, words)
        descriptor = f"name: {name}\ntype: delta\npath: tables/{name}\n"
        self._branch.object(f"_lakefs_tables/{name}.yaml").upload(descriptor, mode="w")

    def write(self, name: str, words: Sequence[str]) -> None:
        """Make these words the rows of a table."""
        write_deltalake(
            f"s3://{self.name}/{self.branch}/tables/{name}",
            pyarrow.table({COLUMN: pyarrow.array(words, pyarrow.string())}),
            mode="overwrite",
            storage_options=self._options,
        )
        self.words[name.replace("-", "_")] = sorted(words)

    def commit(self, message: str) -> str:
        """Commit what was written, be it nothing; the commit's id."""
        return str(self._branch.commit(message, allow_empty=True).get_commit().id)

    def head(self) -> str:
        """The id of the branch's newest commit."""
        return str(self._branch.get_commit().id)

    def commit_with_hook(self, host: str, job_id: int) -> str:
        """Commit what was written and the hook; the commit's id. The server's environment has the rest."""
        files = render(HookSettings(kind=HookKind.LUA, host=host, job_id=str(job_id)).checked())
        return install_hook(self._client, repository=self.name, branch=self.branch, files=files)


@contextmanager
def live_repository(settings: LiveSettings, left: list[str]) -> Iterator[LiveRepository]:
    """An empty branch: in a new repository, or in the one that is configured. What cannot go is added to `left`."""
    client = Client(host=settings.lakefs_url, username=settings.access_key_id, password=settings.secret_access_key)
    suffix = secrets.token_hex(4)
    branch = f"live_{suffix}"
    if settings.repository:
        repository = lakefs.Repository(settings.repository, client=client)
        made = repository.branch(branch)
        # A repository's first commit is empty, so nothing but this test's tables is exported.
        *_, first = repository.branch(repository.properties.default_branch).log(amount=1000)
        made.create(first.id)
        left.append(f"the objects of branch {branch} of {settings.repository}, until lakeFS's garbage collection")
    else:
        namespace = f"{settings.storage_namespace.removesuffix('/')}/live-{suffix}"
        made = lakefs.Repository(f"live-{suffix}", client=client)
        made.create(storage_namespace=namespace, default_branch=branch)
        left.append(f"the repository's objects at {namespace}")
    try:
        yield LiveRepository(settings, client=client, name=settings.repository or f"live-{suffix}", branch=branch)
    finally:
        made.delete()
