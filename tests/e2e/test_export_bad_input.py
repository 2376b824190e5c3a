"""What is wrong before anything is exported: a message that names it, and nothing made."""

import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from deployed_exports import NOTHING_DONE, Exports
from table_repository import TableRepository, new_repository

from local_stack.stack import LocalStack

pytestmark = pytest.mark.e2e

UNKNOWN_COMMIT = "de1e7ed" + "0" * 57
WRONG_SCOPE = "lakefs-wrong"
WRONG_SECRET = "a-wrong-secret-access-key"


@dataclass(frozen=True, kw_only=True)
class BadInput:
    """Job parameters, or the list task's settings, that are wrong; and what the message has to say."""

    texts: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


def parameters(*texts: str, **values: str) -> BadInput:
    return BadInput(texts=texts, parameters=values)


def settings(*texts: str, **values: str) -> BadInput:
    return BadInput(texts=texts, settings=values)


def unused_url() -> str:
    """Where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


class AnsweringStatus(BaseHTTPRequestHandler):
    """Answers each call with the status that its path starts with, as a lakeFS in trouble would."""

    def do_GET(self) -> None:
        body = b'{"message": "as told"}'
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002, the base class's name
        return


CASES = {
    "unknown repository": parameters(
        "repository 'no-such-repository'", "check that it exists", repository="no-such-repository"
    ),
    "unknown branch": parameters("branch 'no_such_branch'", "check that it exists", branch="no_such_branch"),
    "unknown commit": parameters(f"commit '{UNKNOWN_COMMIT}'", "check that it exists", commit_id=UNKNOWN_COMMIT),
    "quote": parameters('repository is "x\'; DROP SCHEMA main"; lakeFS names', repository="x'; DROP SCHEMA main"),
    "double quote": parameters("branch is 'main\"; --'; lakeFS names are", branch='main"; --'),
    "backslash and backtick": parameters("branch is 'a\\\\b`c'; lakeFS names are", branch="a\\b`c"),
    "reference": parameters("commit_id is '", "; lakeFS names are 6 to 64 hexadecimal digits", commit_id="{{job.id}}"),
    "event": parameters("event is 'no-such-event'; use one of", event="no-such-event"),
    "no branch": parameters("branch is empty; set the job parameter", branch=""),
    "no URI": settings("target_base_location 'exports/here' is no storage URI", target_base_location="exports/here"),
    "volume": settings("'/Volumes/main/a/b' is a volume", target_base_location="/Volumes/main/a/b"),
    "catalog": settings("catalog no_such_catalog", "create it, or correct the catalog", catalog="no_such_catalog"),
    "placeholder": settings("schema_template '{team}' has the placeholder {team}", schema_template="{team}"),
    "scope": settings(
        "secret 'lakefs-access-key-id' of scope 'no-such-scope'", "put-secret", secret_scope="no-such-scope"
    ),
    "secret": settings("secret 'no-such-key' of scope 'lakefs' could not be read", secret_key_name="no-such-key"),
    "endpoint": settings("lakefs_endpoint 'lakefs' is no URL of a server", lakefs_endpoint="lakefs"),
    "unreachable": settings("did not answer", "check lakefs_endpoint, and that it can", lakefs_endpoint=unused_url()),
    "no access": settings(
        "answered 403 (as told)", "grant the access key's user read access", lakefs_endpoint="{answering}/403"
    ),
    "gone": settings("answered 410 (as told)", "removed by garbage collection", lakefs_endpoint="{answering}/410"),
    "limited": settings("answered 429 (as told)", "run the job again later", lakefs_endpoint="{answering}/429"),
    "failing": settings("answered 500 (as told)", "then repair the run", lakefs_endpoint="{answering}/500"),
    "credentials": settings("answered 401", "check the access key and the secret key", secret_scope=WRONG_SCOPE),
}


@pytest.fixture(scope="module")
def lake(stack: LocalStack) -> Iterator[TableRepository]:
    """A repository with a table to export."""
    made = new_repository(stack.lakefs)
    made.add("orders", ["o1"])
    made.commit()
    yield made
    made.delete()


@pytest.fixture(scope="module")
def answering() -> Iterator[str]:
    """The address of a server that answers with errors."""
    with ThreadingHTTPServer(("127.0.0.1", 0), AnsweringStatus) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def jobs(exports: Exports, stack: LocalStack, answering: str) -> Iterator[dict[str, Exports]]:
    """A job for each case: the deployed one, with the case's settings."""
    secrets = exports.client.secrets
    secrets.create_scope(WRONG_SCOPE)
    secrets.put_secret(WRONG_SCOPE, "lakefs-access-key-id", string_value=stack.lakefs.access_key_id)
    secrets.put_secret(WRONG_SCOPE, "lakefs-secret-access-key", string_value=WRONG_SECRET)
    yield {
        name: exports.variant(**{key: value.replace("{answering}", answering) for key, value in case.settings.items()})
        for name, case in CASES.items()
    }
    secrets.delete_scope(WRONG_SCOPE)


@pytest.fixture(scope="module")
def started(jobs: Mapping[str, Exports], lake: TableRepository) -> dict[str, int]:
    """A run of each case. All start at once, since each spends its time with starting."""
    usual = {"repository": lake.name, "branch": lake.branch}
    return {name: jobs[name].start(**{**usual, **case.parameters}) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_message_and_nothing_made(
    name: str, jobs: Mapping[str, Exports], started: Mapping[str, int], exports: Exports, lake: TableRepository
) -> None:
    run = jobs[name].ended(started[name])

    assert (run.state, run.tasks) == ("FAILED", NOTHING_DONE), run.listing
    for text in CASES[name].texts:
        assert text in run.text
    assert WRONG_SECRET not in run.text + run.listing
    assert not exports.has_schema(lake.branch)
