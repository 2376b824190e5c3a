"""The cluster as the checks of `check_cluster` see it: what was tried once is not tried again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from lakefs_unity_export.checks.cluster_settings import ClusterSettings
from lakefs_unity_export.checks.handed_over import HandedOver, TriedClone, TriedClones, or_nothing
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.target_probe import TargetProbe
from lakefs_unity_export.clones.delta_tables import DeltaTables, TableState
from lakefs_unity_export.clones.methods import METHODS, CloneMethod
from lakefs_unity_export.clones.request import CloneRequest


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    """What a cluster tells of itself; empty where it does not. access_mode: as the Clusters API names it."""

    runtime: str
    spark: str
    access_mode: str
    is_one_node: bool


class Cluster(Protocol):
    """The cluster's Spark, for what is not of Delta. Methods raise what Spark does."""

    def facts(self) -> ClusterFacts:
        """What it tells of itself."""

    def setting_names(self) -> frozenset[str]:
        """The names of its Spark settings."""

    def read_file(self, path: str) -> bytes:
        """A file's content, read by a query."""

    def has_rows(self, path: str) -> bool:
        """Whether a Delta table has a row, which is read."""


class CloneResult(Protocol):
    """What is used of what `clone_table` tells."""

    @property
    def version_before(self) -> int | None:
        """The target's version before, None where there was no table."""

    @property
    def version(self) -> int:
        """The target's version of the clone."""

    @property
    def files(self) -> int | None:
        """How many files the clone refers to, where its commit tells."""


@dataclass(kw_only=True)
class ClusterSetup:
    """The cluster, and what reaches it. Properties raise what reading them raises.

    handed: what the task before left; raises where it left nothing. clone: the product's own. addresses: lakeFS's API,
    asked for the storage of a folder's objects at a commit. source: the path of the table to clone, once it is found.
    lacks_api: whether lakeFS's API did not answer as it is to.
    """

    settings: ClusterSettings
    cluster: Cluster
    tables: DeltaTables
    probe: Callable[[], TargetProbe]
    clone: Callable[[CloneRequest], CloneResult]
    addresses: Callable[[str, str], Mapping[str, str]]
    handed_over: Callable[[], HandedOver]
    redaction: Redaction = field(default_factory=Redaction)
    source: str = ""
    lacks_api: bool = False
    _target: TargetProbe | None = None
    _cloned: dict[tuple[CloneMethod, int], CloneResult | Exception] = field(default_factory=dict)

    @cached_property
    def handed(self) -> HandedOver:
        """What the task before left, of which nothing is known where it cannot be read."""
        return or_nothing(self.handed_over, HandedOver())

    @property
    def target(self) -> TargetProbe:
        """This run's folder at the target. Raises SettingsError."""
        self._target = self._target or self.probe()
        return self._target

    @property
    def methods_in_use(self) -> frozenset[str]:
        """The clone methods of exports of this branch."""
        return frozenset({self.settings.clone_method, *self.handed.methods})

    def request(self, method: CloneMethod, *, line: int) -> CloneRequest:
        """The clone of the source by this method into this run's folder."""
        return self.settings.clone_request(self.handed, self.source, method, line=line)

    def cloned(self, method: CloneMethod, *, line: int) -> CloneResult:
        """The result of that clone, made once. Raises what `clone_table` raises."""
        known = self._cloned.get((method, line))
        if known is None:
            try:
                known = self.clone(self.request(method, line=line))
            except Exception as error:
                known = error
            self._cloned[method, line] = known
        if isinstance(known, Exception):
            raise known
        return known

    def newest_clone(self, method: CloneMethod) -> CloneRequest | None:
        """What was asked for where the method's last clone succeeded; None where none did."""
        made = self._newest().get(method)
        return made[0] if made else None

    @cached_property
    def looks(self) -> dict[CloneMethod, tuple[CloneRequest, TableState | None]]:
        """The newest clone by each method, and what is seen of it by its path; for the checks after the last clone."""
        newest = ((method, self.newest_clone(method)) for method in METHODS)
        return {method: (asked, self.tables.look(asked.target_path)) for method, asked in newest if asked}

    def tried(self) -> TriedClones:
        """The newest clone by each method."""
        made = {
            method: TriedClone(location=request.target_path, version=result.version)
            for method, (request, result) in self._newest().items()
        }
        return TriedClones(made=made, methods_in_use=self.methods_in_use, source=self.source)

    def _newest(self) -> dict[CloneMethod, tuple[CloneRequest, CloneResult]]:
        return {
            method: (self.request(method, line=line), result)
            for (method, line), result in sorted(self._cloned.items(), key=lambda made: made[0])
            if not isinstance(result, Exception)
        }

    def clear(self) -> None:
        """Remove what was written, as far as that can be done."""
        if self._target:
            self._target.remove()
