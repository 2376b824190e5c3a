"""What the clone task is asked to do: one table at one lakeFS commit, and where its clone goes."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from lakefs_unity_export.clones.methods import FIRST_METHOD, METHODS, CloneMethod
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.errors import SettingsError

# Paths end up in SQL text between backticks.
_NOT_IN_VALUES = re.compile(r"""[\x00-\x1f\x7f\\'"]""")
_BACKTICK_ALLOWED = {"table"}
# A job parameter takes the place of a widget of its name (Databricks documentation, "Job parameters"), and the job
# parameter commit_id is empty where a run exports the head.
_WIDGETS = {"commit_id": "source_commit_id"}


@dataclass(frozen=True, kw_only=True)
class CloneRequest:
    """One table at one commit, and where its clone goes.

    A target that follows a later `line` of commits, or shows a commit of the same line with a higher generation,
    was written by a later run, and is left as it is. From `lakefs_endpoint` on: where the method `storage` asks lakeFS
    for the storage of its objects, and which secrets it signs in with.
    """

    repository: str
    branch: str
    commit_id: str
    commit_generation: int
    path: str
    table: str
    source_path: str
    target_path: str
    line: int = 0
    method: CloneMethod = FIRST_METHOD
    lakefs_endpoint: str = ""
    secret_scope: str = ""
    access_key_name: str = ""
    secret_key_name: str = ""

    @classmethod
    def from_widgets(cls, value_of: Callable[[str], str]) -> "CloneRequest":
        """From the notebook's widgets, given as a function of their name.

        Raises SettingsError for a value that is empty, holds quotes, backslashes or control characters, is no number
        where one is needed, or no clone method.
        """
        values: dict[str, Any] = {
            each.name: _checked(widget, value_of(widget))
            for each in fields(cls)
            for widget in [_WIDGETS.get(each.name, each.name)]
        }
        for name in ("commit_generation", "line"):
            values[name] = _number(name, values[name])
        values["method"] = _method(values["method"])
        return cls(**values)

    @property
    def provenance(self) -> Provenance:
        """What the clone says about where it comes from."""
        return Provenance(
            repository=self.repository,
            branch=self.branch,
            commit_id=self.commit_id,
            commit_generation=self.commit_generation,
            path=self.path,
            line=self.line,
            method=self.method,
        )

    @property
    def commit_path(self) -> str:
        """What every path at the source commit begins with, in whatever way the rest is spelled."""
        return f"s3a://{self.repository}/{self.commit_id}"


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise SettingsError(f"widget {name} is {value!r}, not a whole number; run this task from the job export_tables")
    return int(value)


def _method(value: str) -> CloneMethod:
    if value not in METHODS:
        raise SettingsError(
            f"widget method is {value!r}, none of {', '.join(METHODS)}; run this task from the job export_tables"
        )
    return CloneMethod(value)


def _checked(name: str, value: str) -> str:
    if not value:
        raise SettingsError(f"widget {name} is empty; run this task from the job export_tables")
    found = _NOT_IN_VALUES.search(value) or (name not in _BACKTICK_ALLOWED and re.search("`", value))
    if found:
        raise SettingsError(f"widget {name} is {value!r}, which holds {found.group()!r}; use a name without it")
    return value
