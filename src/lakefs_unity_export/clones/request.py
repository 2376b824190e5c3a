"""What the clone task is asked to do: one table at one lakeFS commit, and where its clone goes."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from lakefs_unity_export import names
from lakefs_unity_export.clones.methods import FIRST_METHOD, METHODS, CloneMethod, split_method
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.errors import SettingsError

# Paths end up in SQL text between backticks. Where a reference stands for nothing, its text may be what arrives.
_NOT_IN_VALUES = re.compile(r"""[\x00-\x1f\x7f\\'"]|\{\{""")
_BACKTICK_ALLOWED = {"table"}
_REMEDY = "start a new run of the job export_tables; one that another version of it began cannot be gone on with"
# A job parameter takes the place of a widget of its name (Databricks documentation, "Job parameters"), and the job
# parameter commit_id is empty where a run exports the head.
_WIDGETS = {"commit_id": "source_commit_id"}
# What follows by rule.
_DERIVED = ("source_path", "target_path")


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

        `method` is the run's clone method; one of the table's own stands before its path, see `with_method`.

        Raises SettingsError for a value that is missing or empty, holds quotes, backslashes or control characters, is
        no number where one is needed, or no clone method, and InvalidNameError where `table` is no full name.
        """
        values: dict[str, Any] = {
            each.name: _checked(_WIDGETS.get(each.name, each.name), value_of)
            for each in fields(cls)
            if each.name not in _DERIVED
        }
        for name in ("commit_generation", "line"):
            values[name] = _number(name, values[name])
        path, own_method = split_method(values["path"])
        values |= {"path": path, "method": _method(own_method or values["method"])}
        source_path = names.source_path(
            repository=values["repository"], commit_id=values["commit_id"], path=values["path"]
        )
        target_path = names.target_path(
            target_base_location=_checked("target_base_location", value_of),
            branch=values["branch"],
            table=names.read_quoted(values["table"]).table,
        )
        return cls(**values, source_path=source_path, target_path=target_path)

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
        raise SettingsError(f"widget {name} is {value!r}, not a whole number; {_REMEDY}")
    return int(value)


def _method(value: str) -> CloneMethod:
    if value not in METHODS:
        raise SettingsError(f"the clone method is {value!r}, none of {', '.join(METHODS)}; {_REMEDY}")
    return CloneMethod(value)


def _checked(name: str, value_of: Callable[[str], str]) -> str:
    try:
        value = value_of(name)
    except Exception as error:  # dbutils has an error of its own for a widget that is not there
        raise SettingsError(f"there is no widget {name}; {_REMEDY}") from error
    if not value:
        raise SettingsError(f"widget {name} is empty; {_REMEDY}")
    found = _NOT_IN_VALUES.search(value) or (name not in _BACKTICK_ALLOWED and re.search("`", value))
    if found:
        raise SettingsError(f"widget {name} is {value!r}, which holds {found.group()!r}; {_remedy(found.group())}")
    return value


def _remedy(held: str) -> str:
    return _REMEDY if held == "{{" else "use a name without it"
