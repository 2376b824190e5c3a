"""How far a branch is exported, as properties of the branch's schema.

Keys carry the repository, because two repositories may share a schema such as `main`:

`lakefs.{repository}.branch`             the branch that the schema follows
`lakefs.{repository}.commit_id`          the watermark: the last commit up to which the branch is wholly exported
`lakefs.{repository}.commit_generation`  its generation (1 + the highest of its parents')
`lakefs.{repository}.attempts`           commits whose export began since, `id:generation`; some tables may show them
`lakefs.{repository}.line`               when the line of commits began that the exports follow (Unix time in
                                         milliseconds); a new line begins where the head was reset
`lakefs.{repository}.catalogs`           every catalog that has tables of the branch, separated by commas
`lakefs.{repository}.described`          what is kept of the descriptors of the watermark's commit (see `known_tables`)
`lakefs.{repository}.checksum`           of the values above, so that an edit of one of them is noticed

A list that is too long for one property goes on in `….attempts.2` and so on. `lakefs.export` stands in a schema that
follows no branch any more and would have no property else: an empty map cannot be written.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from lakefs_unity_export import property_values
from lakefs_unity_export.errors import WatermarkConflictError
from lakefs_unity_export.names import is_identifier
from lakefs_unity_export.ports import Commit

# Beyond it every table is exported, as after the loss of the watermark.
MAX_ATTEMPTS = 20
# What a schema is left with that follows no branch any more: the API takes an empty map for no change, or refuses it.
FOLLOWS_NOTHING = ("lakefs.export", "none")
_FORGOTTEN = "*"
_COMMIT_ID = re.compile(r"[0-9a-f]{6,64}")
_KEPT = ("branch", "commit_id", "commit_generation", "attempts", "line", "catalogs", "described")
# Values that earlier versions do not know, and that the checksum leaves out where there are none.
_ADDED = ("described",)
_SEPARATORS = {"attempts": " ", "catalogs": ",", "described": " "}


@dataclass(frozen=True, kw_only=True)
class ExportState:
    """What a schema's properties say of one repository.

    `described` is what is kept of the descriptors of the watermark's commit, or empty.
    `forgets_attempts` where there were more attempts than are kept; `is_edited` where somebody else wrote the
    properties, so that nothing in them can be relied on.
    """

    watermark: Commit | None = None
    attempts: tuple[Commit, ...] = ()
    line: int = 0
    catalogs: tuple[str, ...] = ()
    described: str = ""
    forgets_attempts: bool = False
    is_edited: bool = False

    @property
    def commits(self) -> tuple[Commit, ...]:
        """Every commit that a table of the schema may show: the watermark first, then the attempts."""
        return (*([self.watermark] if self.watermark else []), *self.attempts)

    @property
    def is_unknown(self) -> bool:
        """Whether it cannot be told which commits the tables show."""
        return self.watermark is None or self.forgets_attempts or self.is_edited

    def attempting(self, commit: Commit, *, line: int, catalogs: Iterable[str]) -> "ExportState":
        """The state while the commit is being exported to these catalogs."""
        line, known = max(line, self.line), tuple(sorted({*self.catalogs, *catalogs}))
        if commit in self.attempts:
            return replace(self, line=line, catalogs=known)
        attempts = (*self.attempts, commit)
        # Those of the highest generation tell whether a commit is older than what the tables may show.
        kept = sorted(attempts, key=lambda each: each.generation)[-MAX_ATTEMPTS:]
        return replace(
            self,
            attempts=tuple(each for each in attempts if each in kept),
            line=line,
            catalogs=known,
            forgets_attempts=self.forgets_attempts or len(attempts) > MAX_ATTEMPTS,
        )

    def exported(
        self, commit: Commit, *, line: int, covered: Collection[str], catalogs: Iterable[str], described: str = ""
    ) -> "ExportState":
        """The state after the commit is wholly exported, by a run that knew of the attempts with the ids `covered`.

        Catalogs are never forgotten: a table that was described in one may still be registered there.
        """
        left = tuple(each for each in self.attempts if each.id not in covered and each.id != commit.id)
        known = tuple(sorted({*self.catalogs, *catalogs}))
        return ExportState(
            watermark=commit, attempts=left, line=max(line, self.line), catalogs=known, described=described
        )


def read_state(properties: Mapping[str, str], *, repository: str, branch: str, schema: str) -> ExportState:
    """What a schema's properties say of the repository's branch.

    Raises WatermarkConflictError where the schema follows another branch of the same repository.
    """
    key = f"lakefs.{repository}.branch"
    followed = properties.get(key, "")
    if followed and followed != branch:
        raise WatermarkConflictError(
            f"schema {schema} follows branch {followed!r} of repository {repository!r}, so branch {branch!r} cannot be "
            "exported to it; give each branch its own schema with schema_template, or rename the branch (if the "
            f"schema's property {key} was edited by hand, set it right)"
        )
    values = {name: _value(properties, f"lakefs.{repository}.{name}", name) for name in _KEPT}
    if not any(values.values()):
        return ExportState()
    catalogs = tuple(catalog for catalog in values["catalogs"].split(",") if is_identifier(catalog))
    # Where to look for tables may be relied on in any case; what they show may not.
    edited = ExportState(is_edited=True, catalogs=catalogs)
    if not followed or properties.get(f"lakefs.{repository}.checksum", _checksum(values)) != _checksum(values):
        return edited
    attempts = values["attempts"].split()
    try:
        return ExportState(
            watermark=_commit(values["commit_id"], values["commit_generation"]) if values["commit_id"] else None,
            attempts=tuple(_commit(*attempt.split(":")) for attempt in attempts if attempt != _FORGOTTEN),
            line=_number(values["line"]),
            catalogs=catalogs,
            described=values["described"],
            forgets_attempts=_FORGOTTEN in attempts,
        )
    except (ValueError, TypeError):
        return edited


def with_state(properties: Mapping[str, str], state: ExportState, *, repository: str, branch: str) -> dict[str, str]:
    """The schema's properties with the state of the repository's branch in them, all others as they were."""
    attempts = [f"{commit.id}:{commit.generation}" for commit in state.attempts]
    values = {
        "branch": [branch],
        "commit_id": [state.watermark.id if state.watermark else ""],
        "commit_generation": [str(state.watermark.generation) if state.watermark else ""],
        "attempts": [*([_FORGOTTEN] if state.forgets_attempts else []), *attempts],
        "line": [str(state.line)],
        "catalogs": list(state.catalogs),
        "described": state.described.split(" "),
    }
    joined = {name: _SEPARATORS.get(name, "").join(entries) for name, entries in values.items()}
    written = without_state(properties, repository=repository)
    written.pop(FOLLOWS_NOTHING[0], None)
    for name, entries in (values | {"checksum": [_checksum(joined)]}).items():
        parts = property_values.spread(f"lakefs.{repository}.{name}", entries, _SEPARATORS.get(name, ""))
        written |= {key: value for key, value in parts.items() if value}
    return written


def without_state(properties: Mapping[str, str], *, repository: str) -> dict[str, str]:
    """The schema's properties without anything about the repository."""
    ours = [f"lakefs.{repository}.{name}" for name in (*_KEPT, "checksum")]
    return {
        name: value for name, value in properties.items() if not any(property_values.is_part(name, key) for key in ours)
    }


def forgetting(properties: Mapping[str, str], *, repository: str) -> dict[str, str]:
    """The schema's properties without anything about the repository, and never none where there was something."""
    left = without_state(properties, repository=repository)
    return left if left or not properties else dict([FOLLOWS_NOTHING])


def _value(properties: Mapping[str, str], key: str, name: str) -> str:
    if name in _SEPARATORS:
        return property_values.gathered(properties, key, _SEPARATORS[name])
    return properties.get(key, "")


def _checksum(values: Mapping[str, str]) -> str:
    text = "\n".join(f"{name}={values[name]}" for name in _KEPT if values[name] or name not in _ADDED)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _commit(commit_id: str, generation: str) -> Commit:
    """The commit that a property names. Raises ValueError for what is no commit's id, such as a branch's name."""
    if not _COMMIT_ID.fullmatch(commit_id):
        raise ValueError(commit_id)
    return Commit(id=commit_id, generation=_number(generation))


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{0,16}", text):
        raise ValueError(text)
    return int(text or 0)
