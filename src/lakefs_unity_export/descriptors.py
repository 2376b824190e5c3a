"""Table descriptors: lakeFS's own format, `_lakefs_tables/**/*.yaml`, read, checked and compared.

Every problem is collected with its file and field, so that a person mends them all at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pydantic
import yaml

from lakefs_unity_export import names
from lakefs_unity_export.errors import InvalidNameError

DEFAULT_FOLDER = "_lakefs_tables"
SUFFIX = ".yaml"
# A descriptor is a few hundred bytes; a larger object in the folder is a mistake, and is not downloaded.
MAX_DESCRIPTOR_BYTES = 65_536


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with one descriptor: the file, the field where there is one, and what to do."""

    file: str
    field: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.field, self.message) if part)


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """A valid descriptor of a Delta table and the names that follow from it."""

    file: str
    path: str
    name: names.TableName


@dataclass(frozen=True, kw_only=True)
class DescriptorSet:
    """What the descriptor folder of one commit says."""

    tables: tuple[Descriptor, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NamingRules:
    """What turns a descriptor into names: the job's catalog, and the schema of the branch."""

    catalog: str
    schema: str
    folder: str = DEFAULT_FOLDER


class _Content(pydantic.BaseModel):
    """The keys that we read; others are for other readers of the file."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore", strict=True)

    name: str
    type: str
    path: str
    catalog: str | None = None


@dataclass(kw_only=True)
class _Findings:
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def problem(self, file: str, where: str, message: str) -> None:
        self.problems.append(Problem(file=file, field=where, message=message))


def select_files(paths: Iterable[str], folder: str, table_defs: Sequence[str]) -> tuple[list[str], list[str]]:
    """The descriptor files among the objects of the folder, and notes on what `table_defs` names in vain.

    Hidden files and folders (a name that starts with `.` or `_`) and other endings are skipped. An entry of
    `table_defs` is a file's path inside the folder, with or without `.yaml`; no entries select every file.
    """
    by_key = {}
    for path in paths:
        inside = path.removeprefix(folder + "/")
        if inside.endswith(SUFFIX) and not any(part.startswith((".", "_")) for part in inside.split("/")):
            by_key[inside.removesuffix(SUFFIX)] = path
    if not table_defs:
        return list(by_key.values()), []
    wanted = dict.fromkeys(entry.removesuffix(SUFFIX) for entry in table_defs)
    missing = [
        f"table_defs names {entry!r}, and {folder}/{entry}{SUFFIX} does not exist"
        for entry in wanted
        if entry not in by_key
    ]
    return [by_key[entry] for entry in wanted if entry in by_key], missing


def read_descriptors(contents: Mapping[str, bytes | Problem], rules: NamingRules) -> DescriptorSet:
    """The descriptors in these files (path to content), every problem found in them, and notes on what was skipped.

    A content that could not be read is given as its Problem. Two descriptors that end at one table or one
    target path, and a table inside another table's folder, are problems too.
    """
    findings = _Findings()
    tables = []
    for file, content in contents.items():
        if isinstance(content, Problem):
            findings.problems.append(content)
        elif (descriptor := _read_one(file, content, rules, findings)) is not None:
            tables.append(descriptor)
    tables = _without_collisions(tables, findings)
    tables = _without_nested(tables, findings)
    return DescriptorSet(tables=tuple(tables), problems=tuple(findings.problems), notes=tuple(findings.notes))


def _read_one(file: str, content: bytes, rules: NamingRules, findings: _Findings) -> Descriptor | None:
    parsed = _parse_yaml(file, content, findings)
    if parsed is None:
        return None
    kind = parsed.get("type")
    if isinstance(kind, str) and kind.strip().lower() != "delta":
        findings.notes.append(f"{file}: skipped, its type is {kind!r} and only delta tables are exported")
        return None
    try:
        read = _Content.model_validate(parsed)
    except pydantic.ValidationError as error:
        for problem in error.errors():
            where = ".".join(str(part) for part in problem["loc"])
            findings.problem(file, where, _advice(problem["type"], problem["msg"]))
        return None
    return _named(file, read, rules, findings)


class _Loader(yaml.SafeLoader):
    """Plain YAML without merge keys: a few lines of merged merges fill any memory."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, "merge keys (<<) are not read", key.start_mark)
        super().flatten_mapping(node)


def _parse_yaml(file: str, content: bytes, findings: _Findings) -> dict[str, Any] | None:
    try:
        parsed = _Loader(content).get_single_data()
    # Beside YAMLError, odd values raise ValueError, KeyError, IndexError, OverflowError and others.
    except Exception as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else ""
        findings.problem(file, where, f"is not YAML ({_yaml_reason(error)}); write it as `key: value` lines")
        return None
    if not isinstance(parsed, dict):
        findings.problem(file, "", "holds no `key: value` lines; give it name, type and path")
        return None
    return parsed


def _yaml_reason(error: Exception) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        return "not UTF-8 text, or text with control characters"
    return getattr(error, "problem", None) or type(error).__name__


def _advice(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing; add it"
    if kind == "string_type":
        return "is not text; put its value in quotes"
    return message


def _named(file: str, read: _Content, rules: NamingRules, findings: _Findings) -> Descriptor | None:
    catalog = _checked(
        file,
        "catalog",
        lambda: names.check_identifier("catalog", rules.catalog if read.catalog is None else read.catalog),
        findings,
    )
    table = _checked(file, "name", lambda: names.table_name(read.name), findings)
    path = _checked(file, "path", lambda: _outside_folder(names.table_path(read.path), rules.folder), findings)
    if catalog is None or table is None or path is None:
        return None
    return Descriptor(file=file, path=path, name=names.TableName(catalog=catalog, schema=rules.schema, table=table))


def _checked(file: str, where: str, check: Any, findings: _Findings) -> str | None:
    try:
        return str(check())
    except InvalidNameError as error:
        findings.problem(file, where, str(error))
        return None


def _outside_folder(path: str, folder: str) -> str:
    if _contains(path, folder) or _contains(folder, path):
        raise InvalidNameError(
            f"path {path!r} and the descriptor folder {folder!r} lie inside each other; move the table"
        )
    return path


def _contains(outer: str, inner: str) -> bool:
    return (inner + "/").startswith(outer + "/")


def _without_collisions(tables: list[Descriptor], findings: _Findings) -> list[Descriptor]:
    """The tables whose name, which is also the last part of the target path, no other descriptor has."""
    by_table = defaultdict(list)
    for descriptor in tables:
        by_table[descriptor.name.table].append(descriptor)
    kept = []
    for same in by_table.values():
        if len(same) == 1:
            kept.append(same[0])
            continue
        for descriptor in same:
            others = ", ".join(other.file for other in same if other is not descriptor)
            message = f"table {descriptor.name.table!r} is also described by {others}; rename one, they cannot share it"
            findings.problem(descriptor.file, "name", message)
    return kept


def _without_nested(tables: list[Descriptor], findings: _Findings) -> list[Descriptor]:
    """The tables that lie in no other table's folder. In the order of `path + "/"`, what a folder holds follows it."""
    kept: list[Descriptor] = []
    outer: Descriptor | None = None
    for descriptor in sorted(tables, key=lambda table: table.path + "/"):
        if outer is not None and outer.path != descriptor.path and _contains(outer.path, descriptor.path):
            message = f"path {descriptor.path!r} lies inside the table {outer.path!r} of {outer.file}; move it out"
            findings.problem(descriptor.file, "path", message)
        else:
            kept.append(descriptor)
            outer = descriptor
    return kept
