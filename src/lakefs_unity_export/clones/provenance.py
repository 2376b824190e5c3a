"""Which lakeFS commit an exported table shows: its Delta table properties, and the user metadata of its commits."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from lakefs_unity_export import property_values
from lakefs_unity_export.clones.methods import FIRST_METHOD

REPOSITORY = "lakefs.repository"
BRANCH = "lakefs.branch"
COMMIT_ID = "lakefs.commit_id"
COMMIT_GENERATION = "lakefs.commit_generation"
PATH = "lakefs.path"
LINE = "lakefs.line"
CLONE_METHOD = "lakefs.clone_method"
# Which comment of the table is the export's, and no person's: its hash, since catalogs bound a property's length.
COMMENT = "lakefs.comment"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """A table at a lakeFS commit. `commit_generation` is 1 + the highest generation of the commit's parents.

    `line` says which line of commits the export followed (see `export.state`): generations compare within a line.
    `method` is the clone method; a later version may have others than this one knows.
    """

    repository: str
    branch: str
    commit_id: str
    commit_generation: int
    path: str
    line: int = 0
    method: str = FIRST_METHOD

    def properties(self) -> dict[str, str]:
        """The properties of the exported table, a long path shortened."""
        return {name: property_values.shortened(value) for name, value in self._facts().items()}

    def user_metadata(self, *, has_no_comment: bool = False) -> str:
        """The user metadata of the Delta commit, as `DESCRIBE HISTORY` shows it: the same facts in full, as JSON.

        has_no_comment: whether to say that the table has no comment, so that the next clone need not look.
        """
        return json.dumps(self._facts() | ({COMMENT: ""} if has_no_comment else {}), ensure_ascii=False)

    def _facts(self) -> dict[str, str]:
        return {
            REPOSITORY: self.repository,
            BRANCH: self.branch,
            COMMIT_ID: self.commit_id,
            COMMIT_GENERATION: str(self.commit_generation),
            PATH: self.path,
            LINE: str(self.line),
            CLONE_METHOD: str(self.method),
        }


def read_properties(properties: Mapping[str, str]) -> Provenance | None:
    """What a table's properties say, or None where they lack a part of a provenance (other than line and method)."""
    try:
        return Provenance(
            repository=properties[REPOSITORY],
            branch=properties[BRANCH],
            commit_id=properties[COMMIT_ID],
            commit_generation=int(properties[COMMIT_GENERATION]),
            path=properties[PATH],
            line=int(properties.get(LINE, "0")),
            method=properties.get(CLONE_METHOD, FIRST_METHOD),
        )
    except (KeyError, ValueError):
        return None


def read_user_metadata(text: str | None) -> Provenance | None:
    """What the user metadata of a Delta commit says, or None where it is not ours."""
    return read_properties(_read_facts(text))


def says_no_comment(text: str | None) -> bool:
    """Whether the user metadata of a clone says that the table had no comment as of it."""
    return _read_facts(text).get(COMMENT) == ""


def _read_facts(text: str | None) -> dict[str, str]:
    try:
        facts = json.loads(text or "")
    except ValueError:
        return {}
    is_of_texts = isinstance(facts, dict) and all(isinstance(fact, str) for fact in facts.values())
    return facts if is_of_texts else {}


def comment_properties(comment: str | None) -> dict[str, str]:
    """The property of a table that the export gives this comment to; none where there is no comment."""
    return {COMMENT: hashlib.sha256(comment.encode()).hexdigest()} if comment else {}


def is_own_comment(comment: str | None, properties: Mapping[str, str]) -> bool:
    """Whether the export gave the table its comment. Clones made before this property do not tell: then not."""
    return comment_properties(comment).get(COMMENT, "") == properties.get(COMMENT)
