"""The wheel that a deploy builds and uploads."""

import ast
import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from bundle_deployment import ROOT, TARGETS, CLIError, Deployment
from job_tasks import task_requirements
from recorded_workspace import RecordedWorkspace, Sent, uploads

pytestmark = pytest.mark.bundle


def uploaded_wheels(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if path.endswith(".whl")}


@pytest.mark.parametrize("target", TARGETS)
def test_the_wheel_is_built_and_uploaded_once(target: str, sent: Mapping[str, Sent]) -> None:
    (path,) = uploaded_wheels(sent[target].uploads)
    (built,) = (sent[target].deployment.folder / "dist").glob("*.whl")
    assert Path(path).name == built.name
    assert built.read_bytes() == sent[target].uploads[path]


@pytest.mark.parametrize("target", TARGETS)
def test_every_task_that_runs_our_code_gets_the_uploaded_wheel(target: str, sent: Mapping[str, Sent]) -> None:
    (path,) = uploaded_wheels(sent[target].uploads)
    job: dict[str, Any] = sent[target].job
    for each in sent[target].jobs.values():
        (environment,) = each["environments"]
        assert environment["spec"]["dependencies"] == [path, *task_requirements()]
    (clone,) = [each["for_each_task"]["task"] for each in job["tasks"] if each["task_key"] == "clone_tables"]
    assert clone["libraries"] == [{"whl": path}]


def test_the_wheel_holds_the_package_and_nothing_of_the_local_stack(sent: Mapping[str, Sent]) -> None:
    (content,) = uploaded_wheels(sent["prod"].uploads).values()
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        names = wheel.namelist()
        metadata = next(name for name in names if name.endswith("METADATA"))
        requirements = message_from_bytes(wheel.read(metadata)).get_all("Requires-Dist") or []
        entry_points = wheel.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    package, hook = ROOT / "src/lakefs_unity_export", ROOT / "resources/lakefs"
    modules = {f"lakefs_unity_export/{path.relative_to(package).as_posix()}" for path in package.rglob("*.py")}
    hook_files = {f"lakefs_unity_export/lakefs_files/{path.relative_to(hook).as_posix()}" for path in _files(hook)}
    assert {name for name in names if name.startswith("lakefs_unity_export/")} == modules | hook_files
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"lakefs_unity_export"}
    # The cluster that clones installs it, and nothing else.
    assert [each for each in requirements if "extra ==" not in each] == []
    defined = {line.split(" =")[0] for line in entry_points.splitlines() if " = " in line}
    assert defined == {
        "check_lakefs_and_catalog",
        "check_own_table_removal",
        "check_report",
        "check_serverless",
        "check_warehouse",
        "check_warehouse_again",
        "install_hook",
        "list_changed_tables",
        "reconcile",
        "record_export",
    }


def test_install_hook_finds_its_files_in_the_wheel(sent: Mapping[str, Sent], tmp_path: Path) -> None:
    (content,) = uploaded_wheels(sent["prod"].uploads).values()
    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path)
    script = (
        "from lakefs_unity_export.hook.files import MARKS, template; print({path: template(path) for path in MARKS})"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    folder = ROOT / "resources/lakefs"
    found = {path.relative_to(folder).as_posix(): path.read_text() for path in _files(folder)}
    assert ast.literal_eval(run.stdout) == found


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_wheel_left_behind_is_not_uploaded(deployment: Deployment, workspace: RecordedWorkspace) -> None:
    left_behind = deployment.folder / "dist" / "lakefs_unity_export-0.0.1-py3-none-any.whl"
    left_behind.parent.mkdir()
    left_behind.write_bytes(b"an older build")
    deployment.deploy("dev")
    assert len(uploaded_wheels(uploads(workspace.proxy.take()))) == 1
    assert not left_behind.exists()


def test_a_project_without_a_plain_version_is_refused_with_the_reason(deployment: Deployment) -> None:
    pyproject = deployment.folder / "pyproject.toml"
    pyproject.write_text(re.sub(r"(?m)^version = .*$", 'dynamic = ["version"]', pyproject.read_text()))
    with pytest.raises(CLIError, match=r"pyproject\.toml has no line like version"):
        deployment.deploy("dev")
