"""The webhook's configuration: what starts it, and that everything wrong with it is said at once, without secrets."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from lakefs_unity_export.errors import SettingsError
from lakefs_unity_export.webhook import EnvironmentApp
from lakefs_unity_export.webhook.settings import read_settings

SECRET = "0123456789abcdef0123456789abcdef"
SMALLEST = {
    "WEBHOOK_SECRET": SECRET,
    "WEBHOOK_REPOSITORIES": "shop",
    "EXPORT_JOB_ID": "1041",
    "DATABRICKS_HOST": "https://adb-1.2.azuredatabricks.net/",
    "DATABRICKS_CLIENT_ID": "principal",
    "DATABRICKS_CLIENT_SECRET": "dose-secret",
}
GATE = {
    "LAKECTL_SERVER_ENDPOINT_URL": "https://lakefs.example.com/api/v1",
    "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
    "EXPORT_CATALOG": "lake",
}


def _problems(**changes: str) -> list[str]:
    with pytest.raises(SettingsError, match=r"^the webhook cannot start:") as raised:
        read_settings({**SMALLEST, **changes})
    return str(raised.value).splitlines()[1:]


def test_the_smallest_configuration() -> None:
    settings = read_settings({**SMALLEST, "PATH": "/usr/bin"})
    assert settings.secrets == (SECRET,)
    assert settings.workspace.host == "https://adb-1.2.azuredatabricks.net"
    assert (settings.repositories, settings.branches, settings.gate) == (("shop",), ("*",), None)
    assert (settings.concurrency, settings.queue) == (16, 1000)


def test_the_whole_configuration() -> None:
    more = {
        "WEBHOOK_SECRET_PREVIOUS": "f" * 32,
        "WEBHOOK_REPOSITORIES": "shop, lake-*,",
        "WEBHOOK_BRANCHES": "main,release-?",
        "WEBHOOK_CONCURRENCY": "2",
        "WEBHOOK_QUEUE": "10",
        "EXPORT_SCHEMA_TEMPLATE": "{repository}_{branch}",
        "EXPORT_TABLE_DESCRIPTORS_PATH": "/tables/",
        "EXPORT_TABLE_DEFS": "orders, parts",
    }
    settings = read_settings({**SMALLEST, **GATE, **more})
    assert settings.secrets == (SECRET, "f" * 32)
    assert settings.repositories == ("shop", "lake-*")
    assert settings.branches == ("main", "release-?")
    assert (settings.concurrency, settings.queue) == (2, 10)
    assert settings.gate is not None
    assert settings.gate.rules.folder == "tables"
    assert settings.gate.rules.table_defs == ("orders", "parts")
    assert settings.gate.rules.naming("shop", "main").schema == "shop_main"


def test_an_empty_environment_is_told_everything_that_is_missing() -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings({})
    lines = str(raised.value).splitlines()[1:]
    assert [line.split()[0] for line in lines] == [
        "WEBHOOK_SECRET",
        "EXPORT_JOB_ID",
        "DATABRICKS_HOST",
        "set",
        "WEBHOOK_REPOSITORIES",
    ]


def test_a_gate_without_its_settings_is_told_everything_that_is_missing() -> None:
    lines = _problems(LAKECTL_SERVER_ENDPOINT_URL="lakefs.example.com")
    assert [line.split()[0].rstrip(":") for line in lines] == [
        "LAKECTL_SERVER_ENDPOINT_URL",
        "LAKECTL_CREDENTIALS_ACCESS_KEY_ID",
        "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY",
        "EXPORT_CATALOG",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"WEBHOOK_SECRET": "short"}, "WEBHOOK_SECRET must have 24 characters or more"),
        ({"WEBHOOK_SECRET": "a secret with spaces in it, long enough"}, "WEBHOOK_SECRET must have 24 characters"),
        ({"WEBHOOK_SECRET_PREVIOUS": "short"}, "WEBHOOK_SECRET_PREVIOUS must have 24 characters or more"),
        ({"WEBHOOK_SECRT": "x"}, "WEBHOOK_SECRT is not a setting; there are WEBHOOK_SECRET, WEBHOOK_SECRET_PREVIOUS"),
        ({"EXPORT_JOB_ID": "export_tables"}, "EXPORT_JOB_ID is 'export_tables', not the number of a job"),
        ({"DATABRICKS_HOST": "http://adb-1.example.com"}, "DATABRICKS_HOST is not the URL of a workspace"),
        ({"DATABRICKS_HOST": "https://me:pw@adb-1.example.com"}, "DATABRICKS_HOST is not the URL of a workspace"),
        ({"DATABRICKS_HOST": "https://adb-1.example.com/?o=1"}, "DATABRICKS_HOST is not the URL of a workspace"),
        ({"DATABRICKS_HOST": "https://adb-1.example.com:x"}, "DATABRICKS_HOST is not the URL of a workspace"),
        ({"DATABRICKS_TOKEN": "dapi1"}, "set either DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET of a service"),
        ({"DATABRICKS_CLIENT_SECRET": ""}, "DATABRICKS_CLIENT_SECRET is not set, and the service principal needs both"),
        ({"WEBHOOK_REPOSITORIES": "shop,a b"}, "WEBHOOK_REPOSITORIES has 'a b'; use names with * and ?"),
        ({"WEBHOOK_CONCURRENCY": "0"}, "WEBHOOK_CONCURRENCY is '0'; use a number from 1 to 64"),
        ({"WEBHOOK_QUEUE": "many"}, "WEBHOOK_QUEUE is 'many'; use a number from 1 to 10000"),
        ({**GATE, "EXPORT_CATALOG": "a.b"}, "EXPORT_CATALOG: catalog 'a.b' holds '.'"),
        (
            {**GATE, "EXPORT_SCHEMA_TEMPLATE": "{x}"},
            "EXPORT_SCHEMA_TEMPLATE: schema_template '{x}' has the placeholder",
        ),
        ({**GATE, "EXPORT_TABLE_DESCRIPTORS_PATH": "a//b"}, "EXPORT_TABLE_DESCRIPTORS_PATH: path 'a//b'"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_to_do(changes: dict[str, str], said: str) -> None:
    (line,) = _problems(**changes)
    assert line.startswith(f"  {said}")


def test_no_secret_is_in_what_is_said_or_shown() -> None:
    bad = {"WEBHOOK_SECRET": "hush hush", "DATABRICKS_TOKEN": "hush-token", "DATABRICKS_HOST": "https://hush:x@h"}
    assert "hush" not in "\n".join(_problems(**bad))
    shown = repr(read_settings({**SMALLEST, **GATE, "WEBHOOK_SECRET_PREVIOUS": "f" * 32}))
    for secret in (SECRET, "f" * 32, "dose-secret", "wJalrXUtnFEMI"):
        assert secret not in shown


# The application that uvicorn imports


def _told(app: EnvironmentApp, scope: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup" if scope["type"] == "lifespan" else "http.request"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(app(scope, receive, send))
    return sent


def test_importing_the_application_reads_no_settings() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from lakefs_unity_export.webhook import app"],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_server_is_told_why_the_application_does_not_start() -> None:
    (message,) = _told(EnvironmentApp({}), {"type": "lifespan"})
    assert message["type"] == "lifespan.startup.failed"
    assert message["message"].startswith("the webhook cannot start:\n  WEBHOOK_SECRET is not set")


def test_a_request_to_an_application_without_settings_is_answered() -> None:
    start, body = _told(EnvironmentApp({}), {"type": "http", "method": "GET", "path": "/events", "headers": []})
    assert start["status"] == 503
    assert body["body"] == b"the service is not configured; start it with its lifespan on\n"
