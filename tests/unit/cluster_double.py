"""A cluster in memory that has nothing wrong with it: Spark, Delta, S3A, dbutils, and a lakeFS that holds one table.

The clone code is the product's own, on Delta tables in memory.
"""

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from doubles import TaskValuesDouble
from tables_in_memory import TableInMemory, TablesInMemory

from lakefs_unity_export.checks import removal_checks
from lakefs_unity_export.checks.cluster_settings import ClusterSettings
from lakefs_unity_export.checks.cluster_setup import CloneResult, ClusterFacts, ClusterSetup
from lakefs_unity_export.checks.handed_over import HandedOver, OwnTable, RegisteredClones, TriedClones
from lakefs_unity_export.checks.model import Line
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.removal_checks import RemovalSetup
from lakefs_unity_export.checks.runner import run_for_report
from lakefs_unity_export.checks.target_probe import TargetProbe
from lakefs_unity_export.clones.delta_tables import Commit
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.clones.scratch import Scratch
from lakefs_unity_export.clones.storage_clone import Addresses
from lakefs_unity_export.tasks.check_cluster import checked
from lakefs_unity_export.tasks.check_cluster_again import checked_again
from lakefs_unity_export.tasks.clone_table import clone

NOW = 1_800_000_000.0
PRINCIPAL = "0b1c2d3e-job"
KEY_ID, SECRET_KEY = "AKIAJ7QXN2", "zW9/x+Kq3Vb7Tn5Yp1Rg"
COMMIT = "c" * 64
PATH = "tables/orders"
SOURCE = f"s3a://shop/{COMMIT}/{PATH}"
FILE = "_lakefs_tables/orders.yaml"
CONTENT = b"name: orders\ntype: delta\npath: tables/orders\n"
BASE = "s3://bucket/exports"
PARENT = f"{BASE}/lakefs_unity_export_check"
FOLDER = f"{PARENT}/lakefs_unity_export_check_4711"
BUCKET = "spark.hadoop.fs.s3a.bucket."
REFUSED = "CANNOT_SHALLOW_CLONE_NON_UC_MANAGED_TABLE_AS_SOURCE_OR_TARGET"
RECORDED: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).parents[2].joinpath("fixtures", "s3a_errors.json").read_text(encoding="utf-8")
)
SETTINGS = ClusterSettings(
    repository="shop",
    branch="main",
    lakefs_endpoint="https://lakefs.example.com",
    secret_scope="lakefs",
    access_key_name="lakefs-access-key-id",
    secret_key_name="lakefs-secret-access-key",
    catalog="lake",
    target_base_location=BASE,
    clone_method="shallow",
    run_id="4711",
)
HANDED = HandedOver(
    commit_id=COMMIT,
    commit_generation=5,
    file=FILE,
    file_bytes=len(CONTENT),
    tables=(PATH,),
    targets={"`lake`.`main`.`orders`": PATH},
    identity=PRINCIPAL,
    location="exports",
)
OWN_TABLE = OwnTable(
    path="lakefs_unity_export_check/table",
    branches=("lakefs_unity_export_check_4711_1", "lakefs_unity_export_check_4711_2"),
)


def s3a_error(name: str) -> Exception:
    """What Spark raised where S3A met this: recorded."""
    return RuntimeError("An error occurred while calling o1.load.\n: " + RECORDED[name]["text"])


class SparkError(Exception):
    """PySpark's, with an error condition."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"[{name}] {message}")
        self._name = name

    def getCondition(self) -> str:  # noqa: N802, PySpark's
        return self._name


@dataclass
class Entry:
    name: str


@dataclass
class FilesDouble:
    """`dbutils.fs`: files by path; folders are there where the store has some. `refuses`: errors by what is called."""

    content: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    has_folders: bool = False
    refuses: dict[str, Exception] = field(default_factory=dict)

    def _refuse(self, what: str) -> None:
        if what in self.refuses:
            raise self.refuses[what]

    def put(self, file: str, contents: str, overwrite: bool = False) -> bool:
        self._refuse("put")
        self.content[file] = contents
        if self.has_folders:
            self.folders.update(part for part in _folders_above(file) if part.startswith(PARENT))
        return True

    def ls(self, dir: str) -> list[Entry]:  # noqa: A002, as Databricks calls it
        self._refuse("ls")
        inside = [path.removeprefix(f"{dir}/") for path in self.content if path.startswith(f"{dir}/")]
        names = {f"{first}/" if rest else first for first, _, rest in (path.partition("/") for path in inside)}
        names |= {f"{path.rpartition('/')[2]}/" for path in self.folders if path.rpartition("/")[0] == dir}
        if not names and dir not in self.folders:
            raise FileNotFoundError(f"java.io.FileNotFoundException: {dir}")
        return [Entry(name) for name in sorted(names)]

    def rm(self, dir: str, recurse: bool = False) -> bool:  # noqa: A002
        self._refuse("rm")
        inside = {path for path in (*self.content, *self.folders) if path.startswith(f"{dir}/")}
        if inside and not recurse:
            raise OSError(f"{dir} is not empty")
        self.content = {path: text for path, text in self.content.items() if path not in inside and path != dir}
        self.folders -= {*inside, dir}
        return True


def _folders_above(file: str) -> Iterator[str]:
    while "/" in (file := file.rpartition("/")[0]):
        yield file


@dataclass
class DeltaDouble(TablesInMemory):
    """Delta tables with their whole history. `refuses`: errors by the kind of clone and where it goes to, or is from.

    forgets: whether a clone over a clone begins a history anew, as one that drops the table first does. written: the
    files of the target, which are listed too.
    """

    refuses: dict[str, Exception] = field(default_factory=dict)
    forgets: bool = False
    written: FilesDouble = field(default_factory=FilesDouble)
    histories: dict[str, list[Commit]] = field(default_factory=dict)

    def history(self, path: str) -> Iterator[Commit]:
        return iter(self.histories[path])

    def holds_files(self, path: str) -> bool:
        return super().holds_files(path) or any(file.startswith(f"{path}/") for file in self.written.content)

    def clone(self, source: str, target: str, *, is_shallow: bool = True, **given: Any) -> None:
        kind = "deep" if not is_shallow else "draft" if target.startswith("file:/scratch") else "shallow"
        if kind in self.refuses:
            raise self.refuses[kind]
        super().clone(source, target, is_shallow=is_shallow, **given)
        earlier = [] if self.forgets else self.histories.get(target, [])
        self.histories[target] = [self.found[target].newest, *earlier]

    def set_comment(self, path: str, comment: str, *, user_metadata: str) -> None:
        super().set_comment(path, comment, user_metadata=user_metadata)
        self.histories[path].insert(0, self.found[path].newest)

    def comment(self, path: str, comment: str) -> None:
        """As somebody does on a warehouse; an empty one stays in Unity Catalog alone."""
        if comment:
            self.set_comment(path, comment, user_metadata="")


@dataclass
class ScratchDouble:
    """Drafts whose log names the files of the source."""

    delta: DeltaDouble
    source: str
    made: int = 0

    def new_table(self) -> str:
        self.made += 1
        return f"file:/scratch/{self.made}"

    def read_log(self, table: str) -> list[str]:
        files = (f"{self.source}/part-{number}.parquet" for number in range(self.delta.found[self.source].files))
        return [json.dumps({"add": {"path": file, "size": 100}}) for file in files]

    def write_log(self, table: str, lines: Iterable[str]) -> None:
        self.delta.found[table] = replace(self.delta.found[self.source], location=table)

    def remove(self) -> None:
        pass


class ClusterInMemory:
    """Everything that `check_cluster` looks at, sound at first."""

    def __init__(self) -> None:
        self.settings, self.handed = SETTINGS, HANDED
        self.facts_ = ClusterFacts(
            runtime="17.3.x-scala2.13", spark="4.0.0", access_mode="SINGLE_USER", is_one_node=True
        )
        self.names = {f"{BUCKET}shop.{name}" for name in ("endpoint", "access.key", "secret.key")}
        self.gateway = {f"s3a://shop/{COMMIT}/{FILE}": CONTENT}
        self.gateway_fails: dict[str, Exception] = {}
        self.api: Addresses | Exception = {
            f"part-{number}.parquet": f"s3://storage/shop/data/{number}" for number in range(2)
        }
        self.files = FilesDouble()
        at_head = {f"s3a://shop/{COMMIT}/_lakefs_tables"}
        self.delta = DeltaDouble(found={SOURCE: _source()}, files=at_head, written=self.files)
        self.unreadable: dict[str, Exception] = {}
        self.requests: list[CloneRequest] = []
        self.asked_of_api: list[tuple[str, str]] = []
        self.is_cloning = False
        self.comment, self.unregistered = "of somebody", set[CloneMethod]()
        # What happens once the clones are registered.
        self.later: Callable[[], object] = lambda: None

    def own_table(self) -> None:
        """The task before made a table of its own, in two branches, with a file more in the second."""
        self.handed = replace(self.handed, own_table=OWN_TABLE)
        for files, branch in enumerate(OWN_TABLE.branches, start=1):
            path = f"s3a://shop/{branch}/{OWN_TABLE.path}"
            self.delta.found[path] = replace(_source(), location=path, files=files, bytes=100 * files)

    def set(self, **settings: str) -> None:
        """Deploy with other bundle variables."""
        self.settings = replace(self.settings, **settings)

    def check(self) -> dict[str, Line]:
        """The line of every check, by id, of all tasks on the cluster."""
        self.out, self.values, self.requests = io.StringIO(), TaskValuesDouble(), []
        lines = checked(self.setup(), self.values, self.out)
        self.registered = self.register(TriedClones.of_json(self.values.values["clones"]))
        self.later()
        self.values_again = TaskValuesDouble(
            {
                ("check_cluster", "clones"): self.values.values["clones"],
                ("check_warehouse", "registered"): self.registered.as_json(),
            }
        )
        lines += checked_again(self.setup(), self.values_again, self.out)
        self.removal_values = TaskValuesDouble()
        removal = RemovalSetup(probe=self.probe)
        lines += run_for_report(removal_checks.CHECKS, removal, Redaction(), self.removal_values, self.out)
        self.delta.found = {path: table for path, table in self.delta.found.items() if path.startswith("s3a:")}
        self.delta.histories.clear()
        return {line.id: line for line in lines}

    def register(self, tried: TriedClones) -> RegisteredClones:
        """What a warehouse does between the tasks: it registers every clone, and gives it a comment."""
        tables = {method: f"`lake`.`checks`.`{method}`" for method in tried.made if method not in self.unregistered}
        for method in tables:
            self.delta.comment(tried.made[method].location, self.comment)
        return RegisteredClones(tables=tables, commented=tuple(tables), granted=tuple(tables))

    def setup(self) -> ClusterSetup:
        """The cluster as the task sees it."""
        setup = ClusterSetup(
            settings=self.settings,
            cluster=self,
            tables=self.delta,
            probe=self.probe,
            clone=self.clone,
            addresses=self.ask_addresses,
            handed_over=lambda: self.handed,
        )
        setup.redaction.add_pair(KEY_ID, SECRET_KEY)
        return setup

    def probe(self) -> TargetProbe:
        """This run's folder at the target."""
        return TargetProbe(self.files, self.settings.probes_folder, self.settings.probe_folder, clock=lambda: NOW)

    # The cluster's Spark

    def facts(self) -> ClusterFacts:
        return self.facts_

    def setting_names(self) -> frozenset[str]:
        return frozenset(self.names)

    def read_file(self, path: str) -> bytes:
        if path in self.gateway_fails:
            raise self.gateway_fails[path]
        return self.gateway[path] if path in self.gateway else self.files.content[path].encode()

    def has_rows(self, path: str) -> bool:
        method = path.rpartition("/")[2]
        if method in self.unreadable:
            raise self.unreadable[method]
        return path in self.delta.found

    # What a clone needs

    def clone(self, request: CloneRequest) -> CloneResult:
        self.requests.append(request)
        self.is_cloning = True
        try:
            return clone(self.delta, request, steps=self)
        finally:
            self.is_cloning = False

    def scratch(self) -> Scratch:
        return ScratchDouble(self.delta, self.requests[-1].source_path)

    def ask_addresses(self, ref: str, folder: str) -> Addresses:
        self.asked_of_api.append((ref, folder))
        return self.addresses()

    def addresses(self) -> Addresses:
        if isinstance(self.api, Exception):
            raise self.api
        return self.api

    # How remedies are followed

    def put_settings(self, remedy: str) -> None:
        """Put the block of the remedy into s3a_conf."""
        self.names.update(re.findall(r"^(spark\.hadoop\.\S+): \S", remedy, re.MULTILINE))

    def grant(self, remedy: str) -> None:
        """What the GRANT of the remedy does."""
        assert remedy == f"GRANT READ FILES, WRITE FILES ON EXTERNAL LOCATION `exports` TO `{PRINCIPAL}`;"
        self.files.refuses.clear()

    def choose(self, lines: Mapping[str, Line]) -> None:
        """Set clone_method to what the report recommends for clusters."""
        from lakefs_unity_export.checks.recommendation import recommended

        method = recommended(lines).for_clusters
        assert method is not None
        self.set(clone_method=method)
        assert method in CloneMethod


def _source() -> TableInMemory:
    newest = Commit(version=9, operation="WRITE", user="etl")
    return TableInMemory(location=SOURCE, newest=newest, files=1, bytes=100)
