"""How a telling of the demo ends: its last line and its exit code, without a stack."""

import io
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.__main__ import main
from local_stack.demo import run
from local_stack.demo.deployment import Deployment
from local_stack.demo.fault_story import FaultStory
from local_stack.demo.faults import toothless
from local_stack.demo.story import Story
from local_stack.demo.telling import Telling
from local_stack.triggers.trigger import ExportTrigger


class Told:
    """A telling that ends as `end` says."""

    command = "demo-faults"
    end: BaseException | None = None

    def __init__(self, **parts: Any) -> None:
        assert parts.keys() == {"stack", "repository", "console", "folder"}

    def tell(self, deployment: Deployment, scale: float) -> None:
        assert scale == 0.5
        assert deployment._environment == {"HOST": "here", "BUNDLE_VAR_reconcile_repositories": "tpch-2"}
        if self.end is not None:
            raise self.end

    def summary(self) -> str:
        return "a table"

    def last_line(self, seconds: float) -> str:
        return f"demo-faults: done, {seconds:.0f} s"


@pytest.fixture(autouse=True)
def no_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def stack(
        *, folder: Path, progress: Any, trigger: ExportTrigger, clone_method: CloneMethod
    ) -> Iterator[SimpleNamespace]:
        assert (trigger, clone_method) == (ExportTrigger.WEBHOOK, CloneMethod.DEEP)
        yield SimpleNamespace(plain_folder=folder, lakefs="lakefs", environment=lambda: {"HOST": "here"})

    @contextmanager
    def repository(lakefs: str) -> Iterator[SimpleNamespace]:
        assert lakefs == "lakefs"
        yield SimpleNamespace(name="tpch-2")

    monkeypatch.setattr(run, "LocalStack", stack)
    monkeypatch.setattr(run, "demo_repository", repository)
    monkeypatch.setattr(run, "find_or_build_cli", lambda out: Path("databricks"))


def told(kind: type[Any], folder: Path) -> tuple[int, list[str]]:
    out = io.StringIO()
    code = run.tell(kind, folder, 0.5, out, trigger=ExportTrigger.WEBHOOK, clone_method=CloneMethod.DEEP)
    return code, out.getvalue().splitlines()


def test_the_last_line_comes_after_the_tables(tmp_path: Path) -> None:
    assert told(Told, tmp_path) == (0, ["a table", "demo-faults: done, 0 s"])


@pytest.mark.parametrize(
    ("end", "code", "line"),
    [
        (
            toothless("the kill came too late"),
            1,
            "demo-faults: failed. a fault did not bite, so that nothing is shown: the kill came too late",
        ),
        (KeyboardInterrupt(), run.INTERRUPTED, "demo-faults: stopped"),
    ],
)
def test_what_ends_early_says_why_and_is_no_success(tmp_path: Path, end: BaseException, code: int, line: str) -> None:
    kind = type("Ended", (Told,), {"end": end})
    assert told(kind, tmp_path) == (code, ["", line])


@pytest.mark.parametrize(
    ("given", "method"),
    [([], CloneMethod.SHALLOW), (["--clone-method", "storage"], CloneMethod.STORAGE)],
)
@pytest.mark.parametrize(("command", "kind"), [("demo", Story), ("demo-faults", FaultStory)])
def test_each_command_has_its_story(
    command: str,
    kind: type[Telling],
    given: list[str],
    method: CloneMethod,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def tell(*arguments: Any, trigger: ExportTrigger, clone_method: CloneMethod) -> int:
        calls.append((*arguments, trigger, clone_method))
        return 7

    monkeypatch.setattr(run, "tell", tell)
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    assert main([command, "--scale", "0.5", "--folder", str(tmp_path), *given]) == 7
    assert calls == [(kind, tmp_path, 0.5, sys.stdout, ExportTrigger.LUA, method)]
