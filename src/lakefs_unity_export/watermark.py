"""The watermark: the last commit up to which a branch is wholly exported, as properties of the branch's schema.

Keys carry the repository, because two repositories may share a schema such as `main`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lakefs_unity_export.errors import WatermarkConflictError

_GENERATION = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """A commit of a branch; its generation (1 + the parents' maximum) is None where the property is no number."""

    branch: str
    commit_id: str
    commit_generation: int | None


def _key(repository: str, name: str) -> str:
    return f"lakefs.{repository}.{name}"


def read_watermark(properties: Mapping[str, str], *, repository: str, branch: str, schema: str) -> Watermark | None:
    """The watermark of the repository's branch in a schema's properties, or None where there is none.

    Raises WatermarkConflictError where the schema follows another branch of the same repository.
    """
    followed = properties.get(_key(repository, "branch"), "")
    commit_id = properties.get(_key(repository, "commit_id"), "")
    if followed and followed != branch:
        raise WatermarkConflictError(
            f"schema {schema} follows branch {followed!r} of repository {repository!r}, so branch {branch!r} cannot be "
            f"exported to it; give each branch its own schema with schema_template, or rename the branch"
        )
    if not followed or not commit_id:
        return None
    generation = properties.get(_key(repository, "commit_generation"), "")
    return Watermark(
        branch=followed,
        commit_id=commit_id,
        commit_generation=int(generation) if _GENERATION.fullmatch(generation) else None,
    )


def with_watermark(properties: Mapping[str, str], watermark: Watermark, *, repository: str) -> dict[str, str]:
    """The schema's properties with the watermark in them, all others as they were."""
    return {
        **properties,
        _key(repository, "branch"): watermark.branch,
        _key(repository, "commit_id"): watermark.commit_id,
        _key(repository, "commit_generation"): str(watermark.commit_generation or 0),
    }
