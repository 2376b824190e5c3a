"""The demo: the whole path from a lakeFS commit to a table in Unity Catalog, on real input, with every row compared."""

from pathlib import Path
from typing import TextIO

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.triggers.trigger import ExportTrigger


def run_demo(
    stack_folder: Path,
    scale: float,
    out: TextIO,
    *,
    trigger: ExportTrigger = ExportTrigger.LUA,
    clone_method: CloneMethod = CloneMethod.SHALLOW,
) -> int:
    """Tell the story on a local stack of its own and give the process's exit code: 0 where every row is equal.

    Parameters: a folder for the stack's files and the demo's; TPC-H's scale; where the story is shown, as a live
    tree on a terminal and line by line elsewhere; what starts the exports; how tables are cloned.
    """
    # Late, since it brings Spark's, delta-rs's and the workspace's client, and single parts are of use without them.
    from local_stack.demo.run import tell
    from local_stack.demo.story import Story

    return tell(Story, stack_folder, scale, out, trigger=trigger, clone_method=clone_method)


def run_demo_faults(
    stack_folder: Path, scale: float, out: TextIO, *, clone_method: CloneMethod = CloneMethod.SHALLOW
) -> int:
    """Lose events, kill Spark and more, and give 0 where each fault was seen, and every row is equal after each.

    Parameters as those of run_demo.
    """
    from local_stack.demo.fault_story import FaultStory
    from local_stack.demo.run import tell

    return tell(FaultStory, stack_folder, scale, out, trigger=ExportTrigger.LUA, clone_method=clone_method)
