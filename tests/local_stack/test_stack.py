"""The local stack as one, as far as it can be tested without starting it."""

import io
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.__main__ import main
from local_stack.errors import SetupError
from local_stack.lakefs.server import LakeFS
from local_stack.stack import LocalStack

BUNDLE = Path(__file__).parents[2] / "databricks.yml"


def stack_with_lakefs(folder: Path, method: CloneMethod = CloneMethod.SHALLOW) -> LocalStack:
    stack = LocalStack(folder=folder, progress=io.StringIO(), clone_method=method)
    stack.lakefs = LakeFS(
        endpoint_url="http://127.0.0.1:1",
        s3_endpoint_url="http://127.0.0.1:2",
        access_key_id="key",
        secret_access_key="secret",
        kind="stand-in",
        stop=lambda: None,
    )
    return stack


def test_the_stacks_own_spark_conf_is_that_of_target_local(tmp_path: Path) -> None:
    bundle = yaml.safe_load(BUNDLE.read_text())
    values = {
        "${var.lakefs_s3_endpoint}": "http://127.0.0.1:2",
        "{{secrets/${var.secret_scope}/${var.access_key_name}}}": "key",
        "{{secrets/${var.secret_scope}/${var.secret_key_name}}}": "secret",
    }
    of_target = bundle["targets"]["local"]["variables"]["s3a_conf"]
    expected = {key: values.get(value, value) for key, value in of_target.items()}
    assert stack_with_lakefs(tmp_path / "stack").s3a_conf() == expected


def test_only_for_shallow_clones_the_warehouse_has_settings_of_lakefs(tmp_path: Path) -> None:
    shallow = stack_with_lakefs(tmp_path / "shallow")
    assert shallow.warehouse_conf() == shallow.s3a_conf()
    for method in (CloneMethod.STORAGE, CloneMethod.DEEP):
        conf = stack_with_lakefs(tmp_path / method, method).warehouse_conf()
        told = " ".join([*conf, *conf.values()])
        assert not any(word in told for word in ("endpoint", "127.0.0.1", "access.key", "secret.key")), conf
    without = LocalStack(folder=tmp_path / "without", progress=io.StringIO(), warehouse_reads_lakefs=False)
    assert without.warehouse_conf() == conf


def test_a_folder_in_use_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("of another stack")
    with pytest.raises(SetupError, match="in use by another local stack"):
        LocalStack(folder=tmp_path, progress=io.StringIO()).__enter__()
    assert (tmp_path / "env").read_text() == "of another stack"


def test_the_demo_deploys_from_a_folder_that_git_does_not_ignore(monkeypatch: pytest.MonkeyPatch) -> None:
    # The CLI uploads nothing that git ignores, and the checkout's git ignores the folder of `up`.
    told: list[Path] = []
    double = ModuleType("local_stack.demo")
    double.run_demo = lambda folder, _scale, _out, **_: told.append(folder) or 0  # type: ignore[attr-defined, func-returns-value]
    monkeypatch.setitem(sys.modules, "local_stack.demo", double)
    assert main(["demo"]) == 0
    (folder,) = told
    assert not folder.resolve().is_relative_to(BUNDLE.parent)


@pytest.mark.parametrize(("given", "method"), [([], CloneMethod.SHALLOW), (["--clone-method=deep"], CloneMethod.DEEP)])
def test_up_starts_a_stack_of_the_clone_method(
    given: list[str], method: CloneMethod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[CloneMethod] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "signal", lambda _number, _handler: None)
    monkeypatch.setattr("local_stack.toolchain.databricks_cli.find_or_build_cli", lambda _out: Path("databricks"))
    monkeypatch.setattr("local_stack.serving.serve", lambda stack, _cli, _out: started.append(stack.clone_method) or 7)
    monkeypatch.setattr(LocalStack, "__enter__", lambda stack: stack)
    assert main(["up", *given]) == 7
    assert started == [method]
