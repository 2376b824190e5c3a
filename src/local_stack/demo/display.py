"""Shows a run while it goes on: a live tree on a terminal, a line for each change of state on any other stream."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from local_stack.demo.runs import RunState, TaskState

_MARKS = {"SUCCESS": ("✓", "green"), "RUNNING": ("●", "yellow"), "EXCLUDED": ("-", "dim"), "SKIPPED": ("-", "dim")}
_FAILED = ("✗", "red")
_WAITING = ("·", "dim")


class Display(Protocol):
    """Takes every state of a run that was read."""

    def show(self, run: RunState) -> None:
        """Show this state."""


@contextmanager
def run_display(console: Console, title: str) -> Iterator[Display]:
    """A display of one run, which stays on the screen as it was last."""
    if not console.is_terminal:
        yield LineDisplay(console)
        return
    with Live(console=console, refresh_per_second=8) as live:
        yield TreeDisplay(live, title)


class TreeDisplay:
    """Draws the whole run anew with each state."""

    def __init__(self, live: Live, title: str) -> None:
        self._live = live
        self._title = title

    def show(self, run: RunState) -> None:
        """Draw the tree."""
        self._live.update(run_tree(run, self._title))


class LineDisplay:
    """Prints what changed since the state before."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen: dict[int, str] = {}

    def show(self, run: RunState) -> None:
        """Print a line for each task and iteration with another state."""
        for line in self.changes(run):
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def changes(self, run: RunState) -> list[str]:
        """The lines for what changed. What has not started yet is no change."""
        lines = []
        for indent, task in _flat(run):
            if task.has_started and self._seen.get(task.run_id) != task.state:
                self._seen[task.run_id] = task.state
                lines.append(f"{run.seconds:7.1f} s  {indent}{task_text(task)}")
        return lines


def run_tree(run: RunState, title: str) -> Tree:
    """The run with its tasks and iterations, each with its state and duration."""
    mark, style = _mark(run.state)
    tree = Tree(Text(f"{mark} {title}  {run.seconds:.1f} s", style=style), guide_style="dim")
    for task in run.tasks:
        branch = tree.add(_label(task))
        for iteration in task.iterations:
            branch.add(_label(iteration))
    return tree


def task_text(task: TaskState) -> str:
    """A task in one line: its title, its state, how far its iterations are, its duration."""
    parts = [task.title, task.state]
    if task.iterations:
        done = sum(iteration.state == "SUCCESS" for iteration in task.iterations)
        parts.append(f"{done} of {len(task.iterations)}")
    if task.state != "RUNNING" and task.seconds:
        parts.append(f"{task.seconds:.1f} s")
    return "  ".join(parts)


def _label(task: TaskState) -> Text:
    mark, style = _mark(task.state)
    running = f"  {task.seconds:.1f} s" if task.state == "RUNNING" else ""
    return Text(f"{mark} {task_text(task)}{running}", style=style)


def _mark(state: str) -> tuple[str, str]:
    if state in {"BLOCKED", "PENDING", "QUEUED", "WAITING_FOR_RETRY"}:
        return _WAITING
    return _MARKS.get(state, _FAILED)


def _flat(run: RunState) -> Iterator[tuple[str, TaskState]]:
    for task in run.tasks:
        yield "", task
        for iteration in task.iterations:
            yield "  ", iteration
