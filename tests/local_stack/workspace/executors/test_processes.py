"""Tasks in forks of a Python that has imported libraries: what a task sees is what a process of its own shows it."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from waiting import is_running, wait_until

from local_stack.workspace.executors.processes import ForkedProcess, PlainProcess, PreloadedPython, TaskStart

VARIABLES = {
    "PATH": os.environ["PATH"],
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OF_EVERY": "task",
}
# Imported by nothing that a start imports.
LOADED = "colorsys"
SURROUNDINGS = """
import gc, json, os, signal, stat, sys, threading

def show():
    files = {int(name) for name in os.listdir("/proc/self/fd")}
    print(json.dumps({
        "folder": os.getcwd(),
        "path": sys.path,
        "arguments": sys.argv,
        "variables": dict(os.environ),
        "main": [sys.modules["__main__"].__name__, sys.modules["__main__"].__spec__.name],
        "flags": [*sys.flags, sys.dont_write_bytecode],
        "streams": [[each.encoding, each.errors, each.line_buffering] for each in (sys.stdin, sys.stdout, sys.stderr)],
        "modes": [[stat.S_IFMT(os.fstat(each).st_mode), os.fstat(each).st_ino] for each in (0, 1, 2)],
        "files": sorted(each for each in files if os.path.exists(f"/proc/self/fd/{each}")),
        "read": sys.stdin.read(),
        "leads": [os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()],
        "signals": [str(signal.getsignal(each)) for each in (signal.SIGCHLD, signal.SIGINT, signal.SIGPIPE)],
        "collects": gc.isenabled(),
        "threads": threading.active_count(),
    }))
    print("to stderr", file=sys.stderr)
"""


@pytest.fixture
def python() -> Iterator[PreloadedPython]:
    preloaded = PreloadedPython([LOADED])
    yield preloaded
    preloaded.stop()


def task(folder: Path, code: str, *, package: str = "tasks", **modules: str) -> TaskStart:
    """A task that calls `show` of a package with this code; `modules` are others in its wheels."""
    start = TaskStart(folder=folder, wheels=folder / "wheels", environment=VARIABLES)
    (folder / "wheels" / package).mkdir(parents=True)
    (folder / "wheels" / package / "__init__.py").write_text(code)
    (folder / "wheels" / f"{package}-1.dist-info").mkdir()
    (folder / "wheels" / f"{package}-1.dist-info" / "METADATA").write_text(f"Name: {package}\nVersion: 1\n")
    for name, text in modules.items():
        (folder / "wheels" / f"{name}.py").write_text(text)
    specification = {
        "folder": str(start.wheels),
        "package_name": package,
        "entry_point": "show",
        "arguments": ["--a", "b c"],
        "hidden": [],
        "is_serverless": False,
        "report": str(folder / "report.json"),
    }
    start.specification.write_text(json.dumps(specification))
    return start


def printed(process: PlainProcess | ForkedProcess, start: TaskStart) -> str:
    assert process.wait() == 0, start.log.read_text()
    return start.log.read_text()


def normal(surroundings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Without what differs between two tasks."""
    log = surroundings["modes"][1]
    assert surroundings["modes"][2] == log
    surroundings["modes"] = [each[0] for each in surroundings["modes"]]
    told: dict[str, Any] = json.loads(json.dumps(surroundings).replace(str(folder), "FOLDER"))
    return told


def test_a_fork_sees_what_a_process_of_its_own_sees(tmp_path: Path, python: PreloadedPython) -> None:
    plain, forked = task(tmp_path / "plain", SURROUNDINGS), task(tmp_path / "forked", SURROUNDINGS)
    assert python.suits(forked)

    of_plain = printed(PlainProcess(plain), plain).splitlines()
    of_forked = printed(python.fork(forked), forked).splitlines()

    seen = normal(json.loads(of_forked[0]), forked.folder)
    assert seen == normal(json.loads(of_plain[0]), plain.folder)
    assert of_forked[1:] == of_plain[1:] == ["to stderr"]
    assert seen["folder"] == "FOLDER"
    assert seen["path"][0] == "FOLDER/wheels"
    assert seen["variables"]["OF_EVERY"] == "task"
    assert seen["files"] == [0, 1, 2]


def test_a_fork_has_the_modules_and_leaves_nothing_to_the_next(tmp_path: Path, python: PreloadedPython) -> None:
    code = f"""
import os, sys
def show():
    print("found", "{LOADED}" in sys.modules, "left" in sys.modules, os.environ.get("LEFT"), os.getcwd())
    sys.modules["left"] = sys
    os.environ["LEFT"] = "it"
"""
    for number in range(2):
        start = task(tmp_path / str(number), code.replace("found", f"code {number}"))
        assert python.suits(start)
        assert printed(python.fork(start), start) == f"code {number} True False None {start.folder}\n"


@pytest.mark.parametrize("way", ["plain", "forked"])
@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("import os\ndef show(): os._exit(3)", 3),
        ("def show(): raise ValueError('bad')", 1),
        ("import os, signal\ndef show(): os.kill(0, signal.SIGTERM)", -signal.SIGTERM),
        ("import atexit, os\ndef show(): atexit.register(os._exit, 4)", 4),
    ],
    ids=["exit", "error", "signal", "at exit"],
)
def test_the_exit_code_is_the_tasks(
    tmp_path: Path, python: PreloadedPython, way: str, code: str, exit_code: int
) -> None:
    start = task(tmp_path / "task", code)
    assert python.suits(start)
    process = python.fork(start) if way == "forked" else PlainProcess(start)
    assert process.wait() == exit_code


@pytest.mark.parametrize("way", ["plain", "forked"])
def test_what_a_task_started_ends_with_it(tmp_path: Path, python: PreloadedPython, way: str) -> None:
    code = """
import subprocess
def show():
    print(subprocess.Popen(["sleep", "60"]).pid)
"""
    start = task(tmp_path / "task", code)
    assert python.suits(start)
    left = int(printed(python.fork(start) if way == "forked" else PlainProcess(start), start))
    wait_until(lambda: not is_running(left))


@pytest.mark.parametrize("way", ["plain", "forked"])
def test_a_task_is_killed_with_what_it_started(tmp_path: Path, python: PreloadedPython, way: str) -> None:
    start = task(tmp_path / "task", "import subprocess\ndef show(): subprocess.run(['sleep', '60'])")
    assert python.suits(start)
    process = python.fork(start) if way == "forked" else PlainProcess(start)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    process.kill()


def test_a_wheel_with_a_module_of_its_own_by_a_loaded_name_is_not_forked(
    tmp_path: Path, python: PreloadedPython
) -> None:
    assert not python.suits(task(tmp_path / "module", "", **{LOADED: "VERSION = 2"}))
    assert not python.suits(task(tmp_path / "package", "", package=LOADED))
    assert not python.suits(task(tmp_path / "of-python", "", json="VERSION = 2"))
    assert not python.suits(task(tmp_path / "at-start", "", sitecustomize=""))
    assert python.suits(task(tmp_path / "other", "", other=""))


def test_a_task_that_a_loaded_module_is_hidden_from_is_not_forked(tmp_path: Path, python: PreloadedPython) -> None:
    start = task(tmp_path / "task", "")
    assert python.suits(replace(start, hidden=frozenset({"another"})))
    assert not python.suits(replace(start, hidden=frozenset({LOADED, "another"})))


def test_tasks_are_forks_of_what_was_started_before_them(tmp_path: Path, python: PreloadedPython) -> None:
    python.start(VARIABLES)
    start = task(tmp_path / "task", "")
    assert python.suits(start)
    assert not python.suits(replace(start, environment=VARIABLES | {"TZ": "Asia/Tokyo"}))


def test_tasks_of_other_variables_are_not_forked(tmp_path: Path, python: PreloadedPython) -> None:
    start = task(tmp_path / "task", "")
    assert python.suits(start)
    others = replace(start, environment=VARIABLES | {"TZ": "Asia/Tokyo"})
    assert not python.suits(others)


def test_nothing_is_forked_where_a_module_is_not_to_be_had(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    python = PreloadedPython([LOADED, "no_such_module"])
    start = task(tmp_path / "task", "")
    assert not python.suits(start)
    with pytest.raises(OSError, match=r"ended|Broken pipe|reset"):
        python.fork(start)
    python.stop()
    assert "No module named 'no_such_module'" in capfd.readouterr().err


def test_nothing_is_forked_once_the_python_has_ended(tmp_path: Path) -> None:
    python = PreloadedPython([LOADED])
    under_way, late = (
        task(tmp_path / "under-way", "import time\ndef show(): time.sleep(1)"),
        task(tmp_path / "late", ""),
    )
    assert python.suits(under_way)
    process = python.fork(under_way)
    python.stop()
    assert process.wait() == 0
    with pytest.raises(OSError, match=r"does not run|closed|descriptor"):
        python.fork(late)
    python.stop()
