"""Which lakeFS the local stack uses, and what a server that it starts itself is told."""

import json
import shlex
import sys
from pathlib import Path

import httpx
import pytest
from lakefs_contract import contract_in
from lakefs_hook_target import HookTarget

from local_stack.errors import SetupError
from local_stack.lakefs.binary import Installation, kept_installation, server_environment
from local_stack.lakefs.server import (
    ENDPOINT_VARIABLE,
    KEY_VARIABLES,
    S3_ENDPOINT_VARIABLE,
    configured_server,
    start_lakefs,
)
from local_stack.lakefs.standin import LakeFSStandIn

KEYS = dict(zip(KEY_VARIABLES, ("AKIAEXAMPLE", "secret-of-theirs"), strict=True))
HOOKS = {"LAKEFSACTION_DATABRICKS_TOKEN": "dapi-secret"}
# Answers the health check like a server, after writing down what it was given.
FAKE_BINARY = """
import json, os, pathlib, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
pathlib.Path("told.json").write_text(json.dumps({"arguments": sys.argv[1:], "environment": dict(os.environ)}))
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204 if self.path == "/api/v1/healthcheck" else 404)
        self.end_headers()
    def log_message(self, *arguments):
        return
host, _, port = os.environ["LAKEFS_LISTEN_ADDRESS"].partition(":")
HTTPServer((host, int(port)), Handler).serve_forever()
"""


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (ENDPOINT_VARIABLE, *KEY_VARIABLES, S3_ENDPOINT_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")


def put_binary(folder: Path, program: str) -> Path:
    """A `lakefs` that runs a Python program. A line `#!` takes no path with spaces."""
    folder.mkdir()
    (folder / "lakefs.py").write_text(program)
    binary = folder / "lakefs"
    binary.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(folder / "lakefs.py"))} "$@"\n')
    binary.chmod(0o755)
    return binary


def test_with_nothing_configured_the_stand_in_starts(tmp_path: Path) -> None:
    lakefs = start_lakefs(folder=tmp_path, hook_environment={})
    try:
        assert lakefs.kind == "stand-in"
        assert httpx.get(f"{lakefs.endpoint_url}/api/v1/healthcheck").status_code == 204
        assert lakefs.s3_endpoint_url == lakefs.endpoint_url
        assert lakefs.secret_access_key not in repr(lakefs)
        contract_in(lakefs, "local://shop").put("main", "a", content=b"kept")
    finally:
        lakefs.stop()
    lakefs.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(lakefs.endpoint_url)
    (kept,) = (tmp_path / "objects" / "shop" / "data").glob("*/*")
    assert kept.read_bytes() == b"kept"


@pytest.mark.parametrize("suffix", ["", "/", "/api/v1", "/api/v1/"])
def test_a_configured_server_is_used_and_left_running(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = LakeFSStandIn()
    server.start()
    for name, value in {ENDPOINT_VARIABLE: server.url + suffix, **KEYS}.items():
        monkeypatch.setenv(name, value)
    try:
        lakefs = start_lakefs(folder=tmp_path, hook_environment=HOOKS)
        lakefs.stop()

        assert (lakefs.kind, lakefs.endpoint_url, lakefs.s3_endpoint_url) == ("server", server.url, server.url)
        assert (lakefs.access_key_id, lakefs.secret_access_key) == ("AKIAEXAMPLE", "secret-of-theirs")
        assert httpx.get(f"{server.url}/api/v1/healthcheck").status_code == 204
        monkeypatch.setenv(S3_ENDPOINT_VARIABLE, "https://s3.example.com/")
        assert start_lakefs(folder=tmp_path, hook_environment=HOOKS).s3_endpoint_url == "https://s3.example.com"
    finally:
        server.stop()


def test_a_configured_server_needs_both_keys() -> None:
    with pytest.raises(SetupError, match=f"{ENDPOINT_VARIABLE} is set, but not {KEY_VARIABLES[1]}; set them too"):
        configured_server({ENDPOINT_VARIABLE: "http://127.0.0.1:1", KEY_VARIABLES[0]: "a"})


def test_a_configured_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(
        SetupError, match=f"no lakeFS server answers at http://127.0.0.1:1/api/v1/.*{ENDPOINT_VARIABLE}"
    ):
        configured_server({ENDPOINT_VARIABLE: "http://127.0.0.1:1/", **KEYS})


def test_a_server_that_is_not_lakefs_is_not_used() -> None:
    with HookTarget() as other, pytest.raises(SetupError, match="no lakeFS server answers"):
        configured_server({ENDPOINT_VARIABLE: other.url, **KEYS})


def test_a_binary_on_the_path_is_installed_once_started_and_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_binary(tmp_path / "bin", FAKE_BINARY)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    folder = tmp_path / "state"

    lakefs = start_lakefs(folder=folder, hook_environment=HOOKS)
    told = json.loads((folder / "told.json").read_text())
    lakefs.stop()
    again = start_lakefs(folder=folder, hook_environment=HOOKS)
    again.stop()

    assert (lakefs.kind, told["arguments"]) == ("binary", ["run"])
    assert told["environment"]["LAKEFS_INSTALLATION_ACCESS_KEY_ID"] == lakefs.access_key_id
    assert told["environment"]["LAKEFSACTION_DATABRICKS_TOKEN"] == "dapi-secret"
    assert (again.access_key_id, again.secret_access_key) == (lakefs.access_key_id, lakefs.secret_access_key)
    with pytest.raises(httpx.ConnectError):
        httpx.get(again.endpoint_url)


def test_a_binary_that_ends_at_once_is_told_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = put_binary(tmp_path / "bin", "raise SystemExit('no database')\n")
    monkeypatch.setenv("PATH", str(binary.parent))

    with pytest.raises(SetupError, match=r"did not become healthy; see .*lakefs\.log") as error:
        start_lakefs(folder=tmp_path / "state", hook_environment={})
    assert str(binary) in str(error.value)
    assert "no database" in (tmp_path / "state/lakefs.log").read_text()


def test_a_started_server_keeps_everything_in_its_folder(tmp_path: Path) -> None:
    environment = server_environment(
        folder=tmp_path,
        port=8123,
        installation=Installation(access_key_id="AKIA1", secret_access_key="s", encryption_key="e"),
        hook_environment=HOOKS,
        surroundings={"PATH": "/bin", "LAKEFS_BLOCKSTORE_TYPE": "s3", "LAKEFSACTION_OLD": "x", "HOME": "/home/me"},
    )

    assert environment == {
        "PATH": "/bin",
        "HOME": str(tmp_path),
        "LAKEFS_LISTEN_ADDRESS": "127.0.0.1:8123",
        "LAKEFS_DATABASE_TYPE": "local",
        "LAKEFS_DATABASE_LOCAL_PATH": str(tmp_path / "metadata"),
        "LAKEFS_BLOCKSTORE_TYPE": "local",
        "LAKEFS_BLOCKSTORE_LOCAL_PATH": str(tmp_path / "objects"),
        "LAKEFS_AUTH_ENCRYPT_SECRET_KEY": "e",
        "LAKEFS_INSTALLATION_USER_NAME": "admin",
        "LAKEFS_INSTALLATION_ACCESS_KEY_ID": "AKIA1",
        "LAKEFS_INSTALLATION_SECRET_ACCESS_KEY": "s",
        "LAKEFS_ACTIONS_LUA_NET_HTTP_ENABLED": "true",
        "LAKEFS_STATS_ENABLED": "false",
        "LAKEFS_USAGE_REPORT_ENABLED": "false",
        "LAKEFS_LOGGING_LEVEL": "WARN",
        "LAKEFSACTION_DATABRICKS_TOKEN": "dapi-secret",
    }


def test_the_keys_of_an_installation_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    installation = kept_installation(tmp_path)

    assert (tmp_path / "installation.json").stat().st_mode & 0o077 == 0
    assert installation.secret_access_key not in repr(installation)
    assert kept_installation(tmp_path) == installation
