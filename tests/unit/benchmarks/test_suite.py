"""The commands behind `make bench` and `make bench-full`: what they run, and what is left of a benchmark that fails."""

import ast
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import suite
from results import Result, read_result, write_result
from suite import BENCHMARKS, Benchmark, BenchmarkError, Size, announced, is_measured, run, run_apart
from surroundings import surroundings

FOLDER = Path(suite.__file__).parent
MODULE = """
from results import Result
TWICE = 2
def measure(times):
    return Result(name={name!r}, title="", against="", rows=({{"times": times}},), surroundings={{}})
"""


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """The command takes signals for itself; the tests' process keeps its own."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def a_benchmark(module: str, arguments: dict[str, Any] | None = None) -> Benchmark:
    size = Size(seconds=60, arguments=arguments or {})
    return Benchmark(module=module, short=size, full=replace(size, seconds=3600))


def test_one_that_fails_stops_no_other_and_is_told() -> None:
    said, measured = list[str](), list[str]()

    def measure(benchmark: Benchmark) -> Path:
        if benchmark.module == "broken":
            raise BenchmarkError("its process was ended by SIGKILL")
        measured.append(benchmark.module)
        return Path("results")

    failed = run([a_benchmark(name) for name in ("first", "broken", "last")], measure=measure, tell=said.append)
    assert (failed, measured) == (["broken"], ["first", "last"])
    assert "broken failed: its process was ended by SIGKILL (0 s)" in said
    assert "last is measured: results (0 s)" in said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit(3)", "its process ended with 3; why stands above"),
        ("import os; os.kill(os.getpid(), 9)", "its process was ended by SIGKILL"),
    ],
)
def test_a_benchmark_whose_process_ends_early_has_failed(code: str, said: str) -> None:
    with pytest.raises(BenchmarkError, match=said):
        run_apart([sys.executable, "-c", code], seconds=60)


def test_a_benchmark_that_hangs_is_stopped_and_cleans_up(tmp_path: Path) -> None:
    code = f"""
import pathlib, time
try:
    time.sleep(60)
finally:
    pathlib.Path({str(tmp_path / "cleaned_up")!r}).touch()
"""
    with pytest.raises(BenchmarkError, match="it did not end within 2 s, and was stopped"):
        run_apart([sys.executable, "-c", code], seconds=2)
    assert (tmp_path / "cleaned_up").exists()


def test_a_result_tells_the_command_that_measures_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sums_here.py").write_text(MODULE.format(name="sums_here"))
    (tmp_path / "sums_named_else.py").write_text(MODULE.format(name="sums"))
    monkeypatch.syspath_prepend(tmp_path)
    result = a_benchmark("sums_here", {"times": "TWICE"}).measure(is_full=True)
    assert result.rows == ({"times": 2},)
    assert result.made == {
        "command": "python benchmarks/suite.py --full sums_here",
        "sizes": {"times": "TWICE"},
        "seconds": 0,
    }
    with pytest.raises(ValueError, match="the result of sums_named_else is named sums: name it as its module"):
        a_benchmark("sums_named_else", {"times": 1}).measure(is_full=False)


@pytest.fixture
def measured(result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the result of the benchmark `sums`, of these sizes, of what is checked out."""
    monkeypatch.setattr("surroundings._git", lambda command, *_: "abc" if command == "rev-parse" else "")
    made = {"command": "python benchmarks/suite.py --full sums", "sizes": {"files": [10, 20]}, "seconds": 3}
    write_result(replace(result, made=made, surroundings=surroundings()), tmp_path)
    return tmp_path


def test_what_is_measured_already_is_kept(measured: Path) -> None:
    assert is_measured(a_benchmark("sums", {"files": [10, 20]}), measured)


def test_what_was_measured_of_other_sizes_or_is_no_result_is_measured_again(measured: Path) -> None:
    assert not is_measured(a_benchmark("sums", {"files": [10]}), measured)
    assert not is_measured(a_benchmark("products", {"files": [10, 20]}), measured)
    (measured / "sums.json").write_text("{")
    assert not is_measured(a_benchmark("sums", {"files": [10, 20]}), measured)


def test_what_was_measured_on_another_machine_or_of_another_version_is_measured_again(
    measured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = a_benchmark("sums", {"files": [10, 20]})
    answers = {"status": "", "diff": "src/lakefs_unity_export/names.py"}
    monkeypatch.setattr("surroundings._git", lambda command, *_: answers[command])
    assert not is_measured(benchmark, measured)
    answers |= {"status": " M src/lakefs_unity_export/names.py", "diff": ""}
    assert not is_measured(benchmark, measured)
    answers["status"] = ""
    assert is_measured(benchmark, measured)
    monkeypatch.setattr("surroundings._machine", lambda: {"cores": 64})
    assert not is_measured(benchmark, measured)


def test_it_is_said_beforehand_how_long_each_takes() -> None:
    benchmarks = [a_benchmark("sums"), a_benchmark("products")]
    assert announced(benchmarks, is_full=False) == (
        "2 benchmarks, about 2 min on two quiet cores: sums 60 s, products 60 s"
    )
    assert "about 120 min" in announced(benchmarks, is_full=True)


def test_the_short_run_takes_at_most_six_minutes() -> None:
    assert sum(benchmark.short.seconds for benchmark in BENCHMARKS) <= 360


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda benchmark: benchmark.module)
def test_each_benchmark_takes_what_it_is_given_short_and_full(benchmark: Benchmark) -> None:
    tree = ast.parse((FOLDER / f"{benchmark.module}.py").read_text())
    (measure,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "measure"]
    every = [*measure.args.args, *measure.args.kwonlyargs]
    defaults = len(measure.args.defaults) + sum(each is not None for each in measure.args.kw_defaults)
    required = {each.arg for each in every[: len(every) - defaults]}
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for arguments in (benchmark.short.arguments, benchmark.full.arguments):
        assert required <= arguments.keys() <= {each.arg for each in every}
        assert {value for value in arguments.values() if isinstance(value, str)} <= assigned


def test_every_benchmark_that_has_a_result_is_one_of_the_suite() -> None:
    with_results = {path.stem for path in FOLDER.glob("*.py") if re.search(r"^def measure\(", path.read_text(), re.M)}
    assert with_results == {benchmark.module for benchmark in BENCHMARKS}


def test_every_result_in_the_repository_is_that_of_a_benchmark_and_names_its_command() -> None:
    for path in (FOLDER / "results").glob("*.json"):
        (benchmark,) = [each for each in BENCHMARKS if each.module == path.stem]
        made = read_result(path).made
        assert made["command"] == f"python benchmarks/suite.py --full {benchmark.module}"
        assert made["sizes"].keys() == benchmark.full.arguments.keys()


def test_a_name_that_is_no_benchmark_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["suite.py", "webhok"])
    with pytest.raises(SystemExit) as raised:
        suite.main()
    assert raised.value.code == 2
    assert "there is no benchmark webhok; there are: finding_changes," in capsys.readouterr().err


def test_the_command_fails_where_a_benchmark_did_and_tells_the_figures_of_the_others(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ({"branches": 1, "behind": 0, "lakeFS calls": 3, "jobs calls": 4},)

    def measure(benchmark: Benchmark, *, is_full: bool, folder: Path) -> Path:
        if benchmark.module != "reconcile_calls":
            raise BenchmarkError("the server is gone")
        return write_result(replace(result, name="reconcile_calls", rows=rows), folder)

    monkeypatch.setattr(suite, "SHORT_FOLDER", tmp_path)
    monkeypatch.setattr(suite, "measure_apart", measure)
    monkeypatch.setattr(sys, "argv", ["suite.py", "webhook", "reconcile_calls"])
    with pytest.raises(SystemExit, match="bench: 1 of 2 benchmarks failed: webhook"):
        suite.main()
    said = capsys.readouterr().out
    assert "bench: webhook failed: the server is gone" in said
    assert "reconcile, 1 branches, none behind" in said
    assert "7 calls" in said


def test_what_was_measured_is_kept_and_shown_where_the_command_is_stopped(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = list[str]()

    def measure(benchmark: Benchmark, *, is_full: bool, folder: Path) -> Path:
        if benchmark.module == "webhook":
            raise KeyboardInterrupt
        return write_result(replace(result, name=benchmark.module), folder)

    monkeypatch.setattr(suite, "FOLDER", tmp_path)
    monkeypatch.setattr(suite, "measure_apart", measure)
    monkeypatch.setattr("figures.write_figures", lambda: shown.append("figures"))
    monkeypatch.setattr(sys, "argv", ["suite.py", "--full", "reconcile_calls", "webhook", "burst"])
    with pytest.raises(SystemExit, match="bench: stopped; what was measured is kept"):
        suite.main()
    assert [path.stem for path in tmp_path.glob("*.json")] == ["reconcile_calls"]
    assert shown == ["figures"]


def test_what_would_end_the_command_at_once_stops_it_as_ctrl_c_does_but_for_nohup() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    suite._stop_as_by_hand()
    assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
