"""What a problem of a clone method is, by whether exports of the branch use the method."""

from typing import Protocol

from lakefs_unity_export.checks.model import Outcome, problem, warned
from lakefs_unity_export.clones.methods import CloneMethod

# What to do where a method is refused.
ANOTHER = "set the bundle variable clone_method to the one that is recommended at the report's end, and deploy"


class UsingMethods(Protocol):
    """What knows the clone methods of the branch's exports."""

    @property
    def methods_in_use(self) -> frozenset[str]:
        """These methods."""


def in_use(setup: UsingMethods, method: CloneMethod, finding: str, remedy: str) -> Outcome:
    """A problem where exports of the branch use the method; else what a person should know."""
    if method in setup.methods_in_use:
        return problem(finding, remedy)
    return warned(finding, f"nothing has to be done while no table is exported by the method {method}; else {remedy}")
