"""The two ways to have access: a token, or OAuth as a service principal."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from lua_hook import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    COMMIT,
    GRANTED,
    HOST,
    IN_ARGS,
    NOT_EXPORTED,
    ROOT,
    RUN_NOW,
    STARTED,
    TOKEN_PATH,
    WITH_OAUTH,
    WITH_TOKEN,
    HookOutcome,
    Reply,
    Workspace,
    run_against,
)

from lakefs_unity_export.hook.files import LUA_ACTION, Authentication, HookKind, HookSettings, render

pytestmark = pytest.mark.lua

ACTION_FILE = ROOT / "resources/lakefs/_lakefs_actions/unity_export.yaml"
URL = HOST + TOKEN_PATH


def run_with_oauth(*replies: Reply | str, **changes: Any) -> tuple[Workspace, HookOutcome]:
    workspace = Workspace(*replies)
    arguments = {**WITH_OAUTH, **changes}
    return workspace, run_against(workspace, arguments={k: v for k, v in arguments.items() if v is not None})


def test_the_token_comes_from_the_workspace_and_starts_the_run() -> None:
    workspace, outcome = run_with_oauth(GRANTED, STARTED)

    assert (outcome.printed, outcome.error) == (f"{HOST}/jobs/1041/runs/455644833", "")
    asked, started = workspace.requests
    assert (asked.method, asked.url) == ("POST", URL)
    assert asked.body == "grant_type=client_credentials&scope=all-apis"
    assert asked.headers == {
        "Authorization": "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode(),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert started.url == HOST + RUN_NOW
    assert started.headers["Authorization"] == f"Bearer {ACCESS_TOKEN}"
    assert json.loads(started.body)["job_parameters"]["commit_id"] == COMMIT["commit_id"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({**WITH_OAUTH, **WITH_TOKEN}, ", not both"),
        ({**WITH_TOKEN, "databricks_client_secret": CLIENT_SECRET}, ", not both"),
        ({**WITH_TOKEN, "databricks_client_id": ""}, ", not both"),
        ({"databricks_host": HOST, "job_id": "1041"}, "; there is neither"),
    ],
)
def test_both_ways_or_neither_are_refused(arguments: dict[str, str], said: str) -> None:
    workspace = Workspace()
    outcome = run_against(workspace, arguments=arguments)

    assert outcome.error == (
        "unity_export: give either databricks_client_id and databricks_client_secret, or databricks_token, "
        f"{IN_ARGS}{said}. {NOT_EXPORTED}"
    )
    assert workspace.requests == []


@pytest.mark.parametrize("name", ["databricks_client_id", "databricks_client_secret"])
@pytest.mark.parametrize("value", [None, "", " \n", False])
def test_half_a_pair_names_the_other_half_and_the_prefix_of_variables(name: str, value: object) -> None:
    workspace, outcome = run_with_oauth(**{name: value})

    assert outcome.error == (
        f"unity_export: {name} is missing or empty {IN_ARGS}; "
        f"where it refers to {{{{ ENV.X }}}}, X must be set on the lakeFS server and begin with LAKEFS. {NOT_EXPORTED}"
    )
    assert workspace.requests == []


def test_every_setting_that_is_wrong_is_named_at_once() -> None:
    _, outcome = run_with_oauth(
        databricks_client_id="", databricks_client_secret="", databricks_host="adb-1", job_id="one"
    )
    assert outcome.error.count("must be set on the lakeFS server and begin with LAKEFS") == 2
    for name in WITH_OAUTH:
        assert name in outcome.error


@pytest.mark.parametrize("client_id", ["two words", "a:b", "gr\u00f6\u00dfe", "a\x00b"])
def test_a_client_id_that_is_none_is_refused_without_repeating_it(client_id: str) -> None:
    _, outcome = run_with_oauth(databricks_client_id=client_id)
    assert f"databricks_client_id {IN_ARGS} is not the application id of a service principal" in outcome.error
    assert client_id not in outcome.error


@pytest.mark.parametrize("secret", ["two words", "line\nbreak", "gr\u00f6\u00dfer-noch", "short"])
def test_a_secret_that_is_none_is_refused_without_repeating_it(secret: str) -> None:
    _, outcome = run_with_oauth(databricks_client_secret=secret)
    assert f"databricks_client_secret {IN_ARGS} has characters that no token has" in outcome.error
    assert secret not in outcome.error.replace("too short for one", "")


REMEDIES = {
    400: "check databricks_client_id and databricks_client_secret",
    401: "the client id or the secret is wrong, or the secret has expired: put valid ones where databricks_client_id",
    403: "check that the service principal is in this workspace, and the workspace's IP access list",
    404: "check databricks_host",
    405: "check databricks_host",
}


@pytest.mark.parametrize("status", sorted(REMEDIES))
def test_a_refusal_of_the_token_is_told_with_its_cause_and_remedy(status: int) -> None:
    refusal = Reply.of_json(status, error="invalid_client", error_description="Client authentication failed")
    workspace, outcome = run_with_oauth(refusal)

    assert outcome.error.startswith(
        f"unity_export: {URL} answered {status} (invalid_client: Client authentication failed); {REMEDIES[status]}"
    )
    assert outcome.error.endswith(NOT_EXPORTED)
    assert outcome.printed == ""
    assert workspace.paths == [TOKEN_PATH]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_token_endpoint_in_trouble_is_asked_twice(status: int) -> None:
    workspace, outcome = run_with_oauth(Reply.of_json(status, message="later"))

    assert outcome.error.startswith(
        f"unity_export: {URL} answered {status} (later), and the one retry is used up; the workspace"
    )
    assert outcome.error.endswith(NOT_EXPORTED)
    assert workspace.paths == [TOKEN_PATH] * 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"[]",
        b"null",
        b"{}",
        b'{"access_token": 7}',
        b'{"access_token": ""}',
        b'{"access_token": "a b"}',
        b'{"access_token": "eyJhbGciOiJ\\u0000"}',
    ],
)
def test_an_answer_without_an_access_token_is_a_failure(body: bytes) -> None:
    workspace, outcome = run_with_oauth(Reply(body=body))

    assert outcome.error == (
        f"unity_export: {URL} answered 200 without an access_token; "
        f"check that databricks_host {IN_ARGS} is a workspace. {NOT_EXPORTED}"
    )
    assert workspace.paths == [TOKEN_PATH]


def test_a_login_page_in_the_place_of_a_token_is_recognised() -> None:
    _, outcome = run_with_oauth(Reply(body=b"<!DOCTYPE html><html>Sign in</html>"))
    assert outcome.error.startswith(
        f"unity_export: {URL} answered with a web page instead of JSON; databricks_host {IN_ARGS} is not a workspace"
    )


def test_a_workspace_that_does_not_take_the_token_it_gave_points_to_the_principal() -> None:
    _, outcome = run_with_oauth(GRANTED, Reply.of_json(401, message="Unauthorized"))
    assert f"{RUN_NOW} answered 401 (Unauthorized); add the service principal to this workspace" in outcome.error


# The action file


def _arguments(text: str) -> dict[str, str]:
    (hook,) = yaml.safe_load(text)["hooks"]
    return dict(hook["properties"]["args"])


def test_the_action_file_is_for_oauth_and_holds_no_value() -> None:
    arguments = _arguments(ACTION_FILE.read_text())
    assert arguments.keys() == WITH_OAUTH.keys()
    assert all(value.startswith("{{ ENV.LAKEFSACTION_") for value in arguments.values())


def test_comments_name_no_variable_that_lakefs_might_look_for() -> None:
    comments = [line for line in ACTION_FILE.read_text().splitlines() if line.lstrip().startswith("#")]
    assert not [line for line in comments if "{{" in line]


@pytest.mark.parametrize(
    ("authentication", "arguments"), [(Authentication.OAUTH, WITH_OAUTH), (Authentication.TOKEN, WITH_TOKEN)]
)
def test_what_is_installed_gives_the_script_what_it_takes(
    authentication: Authentication, arguments: dict[str, str]
) -> None:
    settings = HookSettings(kind=HookKind.LUA, host=HOST, job_id="1041", authentication=authentication)
    given = _arguments(render(settings)[LUA_ACTION])
    assert given.keys() == {name for name, value in arguments.items() if value is not None}
    assert (given["databricks_host"], given["job_id"]) == (HOST, "1041")


def test_the_action_file_calls_the_script_that_is_tested() -> None:
    (hook,) = yaml.safe_load(ACTION_FILE.read_text())["hooks"]
    assert (ACTION_FILE.parents[1] / Path(hook["properties"]["script_path"])).is_file()
