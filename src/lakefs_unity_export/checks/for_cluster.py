"""What `check_cluster` is told of the branch: that task installs the wheel alone, and cannot read it itself."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import TypeVar

from lakefs_unity_export.checks.catalog_checks import covering
from lakefs_unity_export.checks.handed_over import MOST_TABLES, MOST_TARGETS, HandedOver
from lakefs_unity_export.checks.setup import Setup
from lakefs_unity_export.checks.tiny_table import row, row_file
from lakefs_unity_export.ports import ObjectInfo

# So many objects are looked at for one that lies in a folder.
_MOST_OBJECTS = 1000

_Found = TypeVar("_Found")


def for_cluster(setup: Setup) -> HandedOver:
    """As much of it as can be found out; the lines of the checks say why the rest cannot. Raises nothing."""
    location = _or_none(lambda: covering(setup))
    identity = _or_none(lambda: setup.identity.name)
    known = HandedOver(identity=identity or "", location=location.name if location else "", own_table=setup.own_table)
    head = _or_none(lambda: setup.head)
    if head is None:
        return known
    file = _or_none(lambda: next(_in_folders(setup), None)) or _own_file(setup)
    tables = setup.known_descriptors.tables
    return replace(
        known,
        commit_id=head.id,
        commit_generation=head.generation,
        file=file.path if file else "",
        file_bytes=file.size if file else 0,
        tables=tuple(dict.fromkeys(table.path for table in tables))[:MOST_TABLES],
        targets={table.name.quoted: table.path for table in tables[:MOST_TARGETS]},
        methods=tuple(sorted({str(table.clone_method) for table in tables if table.clone_method})),
    )


def _in_folders(setup: Setup) -> Iterator[ObjectInfo]:
    """Objects that lie in a folder, those of the descriptors first."""
    described = setup.lakefs.list_objects(setup.head.id, f"{setup.request.rules.folder}/")
    # Asked for only where there is no descriptor.
    anything = (entry for _ in range(1) for entry in setup.lakefs.list_objects(setup.head.id, ""))
    return (entry for entry in chain(described, islice(anything, _MOST_OBJECTS)) if "/" in entry.path)


def _own_file(setup: Setup) -> ObjectInfo | None:
    """One that check_setup wrote itself, where the branch has none to read."""
    own = setup.own_table
    return ObjectInfo(path=f"{own.path}/{row_file(1)}", size=len(row(1))) if own.branches else None


def _or_none(find: Callable[[], _Found]) -> _Found | None:
    try:
        return find()
    except Exception:  # as the runner does; the check that found the same has told of it
        return None
