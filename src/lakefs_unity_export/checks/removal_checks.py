"""Removal of what `check_cluster` wrote at the target, once the warehouse is through with it."""

from collections.abc import Callable
from dataclasses import dataclass

from lakefs_unity_export.checks.model import Check, Outcome, Severity, not_run, passed, problem
from lakefs_unity_export.checks.probe import and_swept
from lakefs_unity_export.checks.target_probe import TargetProbe, told
from lakefs_unity_export.errors import SettingsError

HERE = "check_removal"


@dataclass(frozen=True, kw_only=True)
class RemovalSetup:
    """The run's folder at the target; raises SettingsError where the settings give none."""

    probe: Callable[[], TargetProbe]


def _removed(setup: RemovalSetup) -> Outcome:
    try:
        target = setup.probe()
    except SettingsError:
        return not_run("nothing was written")
    swept = target.sweep()
    by_hand = f'in a notebook: dbutils.fs.rm("{target.folder}", True)'
    try:
        is_there = target.is_there()
    except Exception as error:  # dbutils documents no error types
        return problem(f"it cannot be seen whether {target.folder} is there: {told(error)}", by_hand)
    if not is_there:
        return passed(f"nothing was written{and_swept(swept)}") if swept else not_run("nothing was written")
    if why := target.remove():
        return problem(f"{target.folder} cannot be removed: {why}", by_hand)
    return passed(f"{target.folder} was removed, with the clones in it{and_swept(swept)}")


CHECKS: tuple[Check[RemovalSetup], ...] = (
    Check(
        id="target_removed",
        place=HERE,
        asks="Can the cluster remove what it wrote?",
        means="a folder of this check stays at the target",
        remedy="remove the folder",
        look=_removed,
        severity=Severity.WARNING,
    ),
)
