"""Which clone method to choose, from what the checks found.

The cheapest method counts that is allowed, also a second time and once it is registered, and whose rows the readers
read. Clusters like the one
that clones were seen to read, or not to. Of warehouses and serverless compute only a deep clone is documented to be
read; any other counts where a check read its rows there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lakefs_unity_export.checks.model import Line, Status
from lakefs_unity_export.clones.methods import CloneMethod

# Nothing is copied by the first two; the second asks lakeFS's API too, and wants an external location for its readers.
CHEAPEST_FIRST = (CloneMethod.SHALLOW, CloneMethod.STORAGE, CloneMethod.DEEP)
# What reads the rows of whose clone: by documentation, where no check tried it.
_READ_BY_EVERYBODY = frozenset({CloneMethod.DEEP})


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The method for readers on clusters with the settings of s3a_conf, and the one that everybody reads.

    None where no method is known to do. were_tried: whether any clone was.
    """

    for_clusters: CloneMethod | None
    for_everybody: CloneMethod | None
    were_tried: bool

    def as_json(self) -> dict[str, str]:
        """For programs; empty where there is none."""
        return {"clusters": self.for_clusters or "", "everybody": self.for_everybody or ""}

    def __str__(self) -> str:
        if not self.were_tried:
            return "none, since no clone could be tried"
        if self.for_clusters is None:
            return "none, since this workspace allowed none of them; the lines of each say why"
        if self.for_everybody is None:
            return f"{self.for_clusters} for readers on clusters like this one; none that is known to be read by others"
        if self.for_clusters is self.for_everybody:
            return f"{self.for_everybody}, whoever reads"
        return (
            f"{self.for_clusters} where only clusters with the settings of s3a_conf read, "
            f"{self.for_everybody} where SQL warehouses and serverless compute do"
        )


def recommended(lines: Mapping[str, Line]) -> Recommendation:
    """The methods to choose, from the lines of all checks by id."""
    allowed = [method for method in CHEAPEST_FIRST if _is_allowed(lines, method)]
    on_cluster = [method for method in allowed if _passed(lines, f"clone_{method}_rows")]
    by_everybody = [method for method in allowed if _is_read_by_everybody(lines, method)]
    tried = [lines[id_].status for method in CloneMethod if (id_ := f"clone_{method}") in lines]
    return Recommendation(
        for_clusters=next(iter(on_cluster or allowed), None),
        for_everybody=next(iter(by_everybody), None),
        were_tried=any(status not in (Status.NOT_RUN, Status.NOT_TRIED) for status in tried),
    )


def _is_allowed(lines: Mapping[str, Line], method: CloneMethod) -> bool:
    """Cloned twice, and refused neither by the warehouse that registers it nor from then on."""
    later = [lines[id_].status for id_ in (f"warehouse_{method}", f"clone_{method}_registered") if id_ in lines]
    is_refused = any(status in (Status.WARN, Status.FAIL) for status in later)
    return _passed(lines, f"clone_{method}", f"clone_{method}_again") and not is_refused


def _is_read_by_everybody(lines: Mapping[str, Line], method: CloneMethod) -> bool:
    seen = [lines[id_].status for id_ in seen_by_others(method) if id_ in lines]
    known = [status for status in seen if status in (Status.PASS, Status.WARN, Status.FAIL)]
    return all(status is Status.PASS for status in known) if known else method in _READ_BY_EVERYBODY


def seen_by_others(method: CloneMethod) -> tuple[str, ...]:
    """The ids of the checks that read rows of the method's clone from elsewhere than the cluster."""
    return (f"warehouse_{method}_rows", f"serverless_{method}_rows")


def _passed(lines: Mapping[str, Line], *ids: str) -> bool:
    return all(id_ in lines and lines[id_].status is Status.PASS for id_ in ids)
