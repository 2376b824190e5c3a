"""The commands behind `make bench` and `make bench-full`: what they run, and what is left of a benchmark that fails."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import suite
from results import Result, read_results
from suite import BENCHMARKS, Benchmark, run

FOLDER = Path(suite.__file__).parent


@dataclass(frozen=True, kw_only=True)
class Given(Benchmark):
    """A benchmark that answers, or fails, at once."""

    answer: Result | None

    def measure(self, *, is_full: bool) -> Result:
        """The answer, if any."""
        if self.answer is None:
            raise RuntimeError("the server is gone")
        return self.answer


def given(name: str, answer: Result | None) -> Given:
    return Given(module=name, short={}, full={}, answer=answer)


def test_one_that_fails_stops_no_other_and_keeps_its_earlier_result(
    result: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = list[str]()
    before = run([given("sums", result)], is_full=False, folder=tmp_path, tell=said.append)
    failed = run([given("broken", None), given("sums", result)], is_full=True, folder=tmp_path, tell=said.append)
    assert (before, failed) == ([], ["broken"])
    assert list(read_results(tmp_path)) == ["sums"]
    assert any(line.startswith("broken failed after") for line in said)
    assert "the server is gone" in capsys.readouterr().err


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
    for arguments in (benchmark.short, benchmark.full):
        assert required <= arguments.keys() <= {each.arg for each in every}
        assert {value for value in arguments.values() if isinstance(value, str)} <= assigned


def test_every_benchmark_that_has_a_result_is_one_of_the_suite() -> None:
    with_results = {path.stem for path in FOLDER.glob("*.py") if re.search(r"^def measure\(", path.read_text(), re.M)}
    assert with_results == {benchmark.module for benchmark in BENCHMARKS}
