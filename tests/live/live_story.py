"""What the chapters of the story share."""

from dataclasses import dataclass

from live_check import CheckedSetup
from live_exports import EndedRun, LiveExports
from live_repository import LiveRepository
from live_settings import LiveSettings


@dataclass(frozen=True, kw_only=True)
class Live:
    """What the story is told with."""

    settings: LiveSettings
    checked: CheckedSetup
    repository: LiveRepository
    exports: LiveExports


@dataclass(frozen=True, kw_only=True)
class FirstExport:
    """The first commit, and its run."""

    commit_id: str
    run: EndedRun
