"""Table descriptors: lakeFS's own format, `_lakefs_tables/**/*.yaml`, read, checked and compared.

Every problem is collected with its file and field, so that a person mends them all at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pydantic

from lakefs_unity_export import names
from lakefs_unity_export.clones.methods import METHODS, CloneMethod
from lakefs_unity_export.commit.descriptor_yaml import DescriptorSyntaxError, read_keys
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
    """A valid descriptor of a Delta table and the names that follow from it.

    `file` is empty where its table is known without it, `clone_method` is None where the job's is meant.
    """

    file: str
    path: str
    name: names.TableName
    clone_method: CloneMethod | None = None


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
    clone_method: str | None = None


@dataclass(kw_only=True)
class _Findings:
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def problem(self, file: str, where: str, message: str) -> None:
        self.problems.append(Problem(file=file, field=where, message=message))


def select_files(paths: Iterable[str], folder: str, table_defs: Sequence[str]) -> tuple[list[str], list[str]]:
    """The descriptor files among the objects of the folder, and notes on files and entries that are of no use.

    Hidden files and folders (a name that starts with `.` or `_`) and other endings are skipped. An entry of
    `table_defs` is a file's path inside the folder, with or without `.yaml`; no entries select every file.
    """
    shown = _shown(paths, folder)
    by_key = {inside.removesuffix(SUFFIX): path for inside, path in shown.items() if inside.endswith(SUFFIX)}
    wanted = [entry.removesuffix(SUFFIX) for entry in table_defs] if table_defs else list(by_key)
    missing = [
        f"table_defs names {entry!r}, and {folder}/{entry}{SUFFIX} does not exist"
        for entry in dict.fromkeys(wanted)
        if entry not in by_key and _bare(entry) == entry
    ]
    files = [by_key[entry] for entry in dict.fromkeys(wanted) if entry in by_key]
    return files, notes_on_endings(shown.values(), folder, table_defs) + missing


def notes_on_endings(paths: Iterable[str], folder: str, table_defs: Sequence[str]) -> list[str]:
    """Notes on the objects of the folder, and on the entries of `table_defs`, that end in almost `.yaml`."""
    wanted = {entry.removesuffix(SUFFIX) for entry in table_defs}
    notes = [
        f"{folder}/{inside} is not read: descriptors end in {SUFFIX}; rename it"
        for inside in _shown(paths, folder)
        if _bare(inside) != inside and (not table_defs or inside in wanted or _bare(inside) in wanted)
    ]
    return notes + [
        f"table_defs names {entry!r}, and descriptors end in {SUFFIX}; write {_bare(entry)!r} there"
        for entry in dict.fromkeys(table_defs)
        if _bare(entry) != entry
    ]


def _shown(paths: Iterable[str], folder: str) -> dict[str, str]:
    """The objects that are not hidden, by their paths inside the folder."""
    by_inside = {path.removeprefix(folder + "/"): path for path in paths}
    return {
        inside: path
        for inside, path in by_inside.items()
        if not any(part.startswith((".", "_")) for part in inside.split("/"))
    }


def _bare(inside: str) -> str:
    """The path without an ending that is almost that of descriptors, such as `.yml`."""
    bare, dot, ending = inside.rpartition(".")
    return bare if dot and "." + ending != SUFFIX and ending.lower() in ("yaml", "yml") else inside


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


def stand_together(tables: Iterable[Descriptor]) -> bool:
    """Whether no two of the tables end at one table or target path, and none lies inside another's folder."""
    findings = _Findings()
    _without_nested(_without_collisions(list(tables), findings), findings)
    return not findings.problems


def _read_one(file: str, content: bytes, rules: NamingRules, findings: _Findings) -> Descriptor | None:
    keys = _read_keys(file, content, findings)
    if keys is None:
        return None
    kind = keys.get("type")
    if isinstance(kind, str) and kind.strip().lower() != "delta":
        findings.notes.append(f"{file}: skipped, its type is {kind!r} and only delta tables are exported")
        return None
    try:
        read = _Content.model_validate(keys)
    except pydantic.ValidationError as error:
        for problem in error.errors():
            where = ".".join(str(part) for part in problem["loc"])
            findings.problem(file, where, _advice(problem["type"], problem["msg"]))
        return None
    return _named(file, read, rules, findings)


def _read_keys(file: str, content: bytes, findings: _Findings) -> dict[str, Any] | None:
    try:
        keys = read_keys(content)
    except DescriptorSyntaxError as error:
        findings.problem(file, f"line {error.line}" if error.line else "", str(error))
        return None
    if keys is None:
        findings.problem(file, "", "holds no `key: value` lines; give it name, type and path")
    return keys


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
    method = _checked(file, "clone_method", lambda: _known_method(read.clone_method), findings)
    if catalog is None or table is None or path is None or method is None:
        return None
    return Descriptor(
        file=file,
        path=path,
        name=names.TableName(catalog=catalog, schema=rules.schema, table=table),
        clone_method=CloneMethod(method) if method else None,
    )


def _checked(file: str, where: str, check: Any, findings: _Findings) -> str | None:
    try:
        return str(check())
    except InvalidNameError as error:
        findings.problem(file, where, str(error))
        return None


def _known_method(value: str | None) -> str:
    if value is not None and value not in METHODS:
        raise InvalidNameError(f"is none of {', '.join(METHODS)}; use one of them, or leave it out")
    return value or ""


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
