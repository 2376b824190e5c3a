"""One repository that both gates look at, the one in Lua and the one in Python, and what each of them asks and says."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lakefs_unity_export.commit.descriptor_gate import GateRequest, GateRules, Verdict, judge
from lakefs_unity_export.errors import LakeFSError, LakeFSNotFoundError
from lakefs_unity_export.ports import DiffEntry, ObjectInfo
from local_stack.lakefs.standin.errors import RequestError
from local_stack.lakefs.standin.lua.modules.lakefs import LakeFSView
from local_stack.lakefs.standin.lua.runtime import LuaError, run_script
from local_stack.lakefs.standin.versions.listings import Window
from local_stack.lakefs.standin.versions.object_tree import Entry, ObjectTree
from local_stack.lakefs.standin.versions.repository import Commit, CommitDraft, Repository

ROOT = Path(__file__).parents[2]
SCRIPT = (ROOT / "resources/lakefs/scripts/descriptor_gate.lua").read_text()
ACTIONS = json.loads((ROOT / "fixtures/lakefs_events.json").read_text())["lua"]
FOLDER = "_lakefs_tables"
STRATEGY = ".lakefs.merge.strategy"
NOT_YAML = re.compile(r"^(?P<file>.*?): (?:line \d+: )?(?:is not YAML \(|the key .* stands twice).*", re.DOTALL)


class Blobs(dict[str, bytes]):
    """The bytes of objects, by their digests."""

    def read(self, address: str) -> bytes:
        return self[address]

    def holds(self, address: str) -> bool:
        return address in self


@dataclass
class CountedView:
    """What the script asks, counted."""

    view: LakeFSView
    calls: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def asked(*arguments: Any) -> Any:
            self.calls[name] += 1
            return getattr(self.view, name)(*arguments)

        return asked


class GateRepository:
    """The repository `shop`: `main` with what is committed and what is not, and a commit to merge."""

    def __init__(self) -> None:
        self.repository = Repository(name="shop", storage_namespace="local://shop", default_branch="main")
        self.blobs = Blobs()
        self.view = CountedView(LakeFSView(self.repository, self.blobs))
        self.before = ""
        self.printed: list[str] = []

    def commit(self, files: Mapping[str, bytes], *parents: Commit, branch: str = "main") -> Commit:
        """A commit of exactly these files, by default after the branch's head; the branch is then at it."""
        at = self.repository.branches.get(branch) or self.repository.add_branch(branch, *parents[:1])
        draft = CommitDraft(message="a commit", committer="admin")
        at.head = self.repository.add_commit(parents or (at.head,), self._tree(files), draft)
        at.tree = at.head.tree
        return at.head

    def stage(self, files: Mapping[str, bytes | None]) -> None:
        """Change objects of main without a commit; None removes one."""
        main = self.repository.branch("main")
        entries = {path: None if content is None else self._entry(content) for path, content in files.items()}
        main.tree = main.tree.with_changes(entries)

    def in_lua(self, event: str = "pre-commit", strategy: str = "default", **arguments: Any) -> list[str]:
        """The problems that the gate in Lua finds; its other failures are raised."""
        try:
            self.run(event, strategy, **arguments)
        except LuaError as error:
            first, *lines = str(error).splitlines()
            if "in the table descriptors that this" not in first:
                raise
            return lines
        return []

    def run(self, event: str, strategy: str = "default", **arguments: Any) -> list[str]:
        """What the gate in Lua prints, which `printed` holds too. Raises LuaError."""
        self.printed = []
        given = {"catalog": "lake", **arguments}
        run_script(
            self.before + SCRIPT,
            variables={
                "action": self._action(event, strategy),
                "args": {name: value for name, value in given.items() if value is not None},
                "username": "admin",
            },
            output=self.printed.append,
            http_enabled=False,
            lakefs=self.view,  # type: ignore[arg-type]
        )
        return self.printed

    def in_python(self, event: str = "pre-commit", strategy: str = "default", **rules: Any) -> list[str]:
        """The problems that the gate in Python finds."""
        return [str(problem) for problem in self.verdict(event, strategy, **rules).problems]

    def verdict(self, event: str = "pre-commit", strategy: str = "default", **rules: Any) -> Verdict:
        """What the gate in Python says."""
        request = GateRequest(
            event_type=event, repository="shop", branch="main", source_ref=self._source(event), strategy=strategy
        )
        return judge(request, GateRules(**{"catalog": "lake", **rules}), Reader(self.view.view))

    def _source(self, event: str) -> str:
        return self.repository.branch("dev").head.id if event == "pre-merge" else "main"

    def _action(self, event: str, strategy: str) -> dict[str, Any]:
        recorded = ACTIONS[event]["action"]
        parents = [self.repository.branch("main").head.id]
        if event == "pre-merge":
            parents.append(self._source(event))
        commit = {**recorded["commit"], "parents": parents, "metadata": {STRATEGY: strategy}}
        return {**recorded, "repository_id": "shop", "source_ref": self._source(event), "commit": commit}

    def _tree(self, files: Mapping[str, bytes]) -> ObjectTree:
        return ObjectTree().with_changes({path: self._entry(content) for path, content in files.items()})

    def _entry(self, content: bytes) -> Entry:
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return Entry(address=digest, checksum=digest, size=len(content), modified=0.0)


class Reader:
    """The same repository, as the gate in Python reads it."""

    def __init__(self, view: LakeFSView) -> None:
        self._view = view

    def storage_namespace(self) -> str:
        return self._view.repository("shop").storage_namespace

    def branch_head(self, branch: str) -> str:
        return self._view.repository("shop").branch(branch).head.id

    def list_objects(self, ref: str, prefix: str) -> Iterator[ObjectInfo]:
        page = self._view.list_objects("shop", ref, Window(prefix=prefix, amount=1000))
        for entry in page["results"]:
            yield ObjectInfo(path=entry["path"], size=entry["size_bytes"])

    def read_objects(self, ref: str, paths: list[str]) -> dict[str, bytes | LakeFSError]:
        return {path: self._read(ref, path) for path in paths}

    def uncommitted_changes(self, branch: str, prefix: str) -> Iterator[DiffEntry]:
        return _entries(self._view.diff_branch("shop", branch, Window(prefix=prefix, amount=1000)))

    def changes_to_merge(self, destination: str, source: str, prefix: str) -> Iterator[DiffEntry]:
        return _entries(self._view.diff_refs("shop", destination, source, Window(prefix=prefix, amount=1000)))

    def _read(self, ref: str, path: str) -> bytes | LakeFSError:
        try:
            return self._view.get_object("shop", ref, path)
        except RequestError as error:
            return LakeFSNotFoundError(error.message)


def _entries(page: dict[str, Any]) -> Iterator[DiffEntry]:
    for entry in page["results"]:
        yield DiffEntry(path=entry["path"], type=entry["type"], is_prefix=False)


def described(name: str, *, file: str = "", path: str = "") -> dict[str, bytes]:
    """A descriptor file."""
    content = f"name: {name}\ntype: delta\npath: {path or 'tables/' + name}\n"
    return {f"{FOLDER}/{file or name}.yaml": content.encode()}


def comparable(lines: list[str]) -> list[str]:
    """The lines in order; where a file is not YAML, or a key twice in it, without which was seen first."""
    return sorted(NOT_YAML.sub(r"\g<file>: is not YAML", line) for line in lines)
