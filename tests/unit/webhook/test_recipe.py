"""The recipe for running the webhook: its files name what there is, and say it alike."""

import json
import re
import shlex
from pathlib import Path

import pytest
import uvicorn
import yaml

from lakefs_unity_export.events import COMMIT_EVENTS
from lakefs_unity_export.webhook.settings import read_settings

ROOT = Path(__file__).parents[3]
RECIPE = ROOT / "docs/webhook"
ACTIONS = ROOT / "resources/lakefs/_lakefs_actions"
README = (RECIPE / "README.md").read_text()
FILLED = {
    "WEBHOOK_SECRET": "0123456789abcdef0123456789abcdef",
    "WEBHOOK_REPOSITORIES": "shop",
    "EXPORT_JOB_ID": "1041",
    "DATABRICKS_HOST": "https://adb-1.2.azuredatabricks.net",
    "DATABRICKS_CLIENT_ID": "principal",
    "DATABRICKS_CLIENT_SECRET": "dose",
    "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": "secret",
    "EXPORT_CATALOG": "lake",
}


def _container_command() -> list[str]:
    (line,) = re.findall(r"^ENTRYPOINT (.*)$", (RECIPE / "Containerfile").read_text(), re.MULTILINE)
    return list(json.loads(line))


def _unit_command() -> list[str]:
    (line,) = re.findall(r"^ExecStart=(.*)$", (RECIPE / "unity-export-webhook.service").read_text(), re.MULTILINE)
    return shlex.split(line)


def _command_by_hand() -> list[str]:
    (line,) = re.findall(r"; (uvicorn [^`]*)`", README)
    return shlex.split(line)


@pytest.mark.parametrize("command", [_container_command(), _unit_command(), _command_by_hand()], ids=lambda c: c[0])
def test_the_commands_are_ones_that_uvicorn_takes(command: list[str]) -> None:
    context = uvicorn.main.make_context("uvicorn", command[1:])
    assert context.params["app"] == "lakefs_unity_export.webhook:app"
    assert context.params["port"] == 8080
    assert context.params["workers"] in (None, 1)


def test_the_container_is_built_from_images_of_whatever_registry_the_user_has() -> None:
    images = re.findall(r"^FROM (\S+)", (RECIPE / "Containerfile").read_text(), re.MULTILINE)
    assert images
    assert [image for image in images if "/" in image] == []


def test_the_file_of_settings_names_them_all_and_is_right_once_it_is_filled_in() -> None:
    lines = re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", (RECIPE / "settings.env").read_text(), re.MULTILINE)
    settings = read_settings({name: FILLED.get(name, value) for name, value in lines})
    assert settings.gate is not None
    assert (settings.concurrency, settings.queue) == (16, 1000)
    assert {name for name, _ in lines} >= FILLED.keys()


@pytest.mark.parametrize(
    ("action", "path", "events"),
    [
        ("unity_export_webhook.yaml", "/events", set(COMMIT_EVENTS)),
        ("descriptor_gate_webhook.yaml", "/validate", {"pre-commit", "pre-merge"}),
    ],
)
def test_the_action_files_send_the_secret_and_stay_inside_lakefs_minute(
    action: str, path: str, events: set[str]
) -> None:
    content = yaml.load((ACTIONS / action).read_text(), yaml.BaseLoader)
    (hook,) = content["hooks"]
    assert set(content["on"]) == events
    assert hook["properties"]["url"].endswith(path)
    assert hook["properties"]["timeout"] == "1m"
    assert hook["properties"]["headers"] == {"Authorization": "Bearer {{ ENV.LAKEFSACTION_WEBHOOK_SECRET }}"}
    assert f"{action}`" in README


def test_the_table_of_failures_has_every_status_that_is_answered() -> None:
    texts = [path.read_text() for path in (ROOT / "src/lakefs_unity_export/webhook").glob("*.py")]
    answered = {status for text in texts for status in re.findall(r"(?:Refusal|closing)\(\s*(\d{3})", text)}
    assert answered >= {"400", "401", "403", "408", "412", "413", "415", "422", "501", "502", "504"}
    rows = re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)
    assert answered <= set(re.findall(r"\d{3}", " ".join(rows)))
