"""Which packages of the local environment code may import: those that are named for it, and what those need.

On Databricks pip installs into a task's environment, or on its cluster, what the job names. Here nothing is installed:
the local environment has to have it, in a version that suits, and whatever else it has is hidden from the code.
"""

from collections.abc import Iterable
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions, packages_distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

# They lie on the path of every Python here, though no package brings them.
OWN_PACKAGES = frozenset({"lakefs_unity_export", "local_stack"})


class PackageError(Exception):
    """A package that pip would not install, or that the local environment does not have."""


def hidden_modules(requirements: Iterable[str], *, wheels: Path | None = None) -> frozenset[str]:
    """The top-level modules that code with these requirements does not find.

    requirements: lines as pip takes them. wheels: a folder that wheels are unpacked in, whose own requirements count,
    and whose modules are not hidden. Raises PackageError where one of them is not to be had.
    """
    own = [*distributions(path=[str(wheels)])] if wheels else []
    found = _closure(frozenset([*requirements, *_needs(own, frozenset())]))
    brought = {entry.name.partition(".")[0] for entry in wheels.iterdir()} if wheels else set()
    hidden = {module for module, names in _modules().items() if not names & found}
    return frozenset((hidden | OWN_PACKAGES) - brought)


@cache
def _modules() -> dict[str, frozenset[str]]:
    """For each top-level module of the local environment, the packages that have it."""
    return {module: frozenset(map(canonicalize_name, names)) for module, names in packages_distributions().items()}


@cache
def _closure(lines: frozenset[str]) -> frozenset[str]:
    """The names of the packages that pip would install for these requirements. Raises PackageError."""
    seen = set[tuple[str, frozenset[str]]]()
    requirements = [_parsed(line) for line in sorted(lines)]
    waiting = [each for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]
    while waiting:
        requirement = waiting.pop()
        key = canonicalize_name(requirement.name), frozenset(requirement.extras)
        package = _package(requirement)
        if key not in seen:
            seen.add(key)
            waiting += [_parsed(line) for line in _needs([package], key[1])]
    return frozenset(name for name, _ in seen)


def _needs(packages: Iterable[Distribution], extras: frozenset[str]) -> list[str]:
    """The requirements of the packages here, with these extras."""
    lines = [line for package in packages for line in package.requires or []]
    markers = [(line, Requirement(line).marker) for line in lines]
    return [
        line.partition(";")[0]
        for line, marker in markers
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""})
    ]


def _package(requirement: Requirement) -> Distribution:
    try:
        package = distribution(requirement.name)
    except PackageNotFoundError:
        raise PackageError(f"the local environment has no package {requirement.name}") from None
    if not requirement.specifier.contains(package.version, prereleases=True):
        raise PackageError(f"the local environment has {requirement.name} {package.version}, not {requirement}")
    return package


def _parsed(line: str) -> Requirement:
    try:
        return Requirement(line)
    except InvalidRequirement as error:
        raise PackageError(f"{line!r} is no requirement of a package: {error}") from None
