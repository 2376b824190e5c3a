"""Replaying what was recorded of a lakeFS server, request by request, against a server under test."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lakefs_recorded_answers import Answer, Placeholders, UnknownPlaceholderError, differences
from lakefs_recorded_requests import API, PRESIGNED_WRONG, Sent, send

from local_stack.lakefs.server import LakeFS

FIXTURES = Path(__file__).parents[2] / "fixtures"
RECORDS: dict[str, dict[str, Any]] = {
    record["id"]: record for record in json.loads((FIXTURES / "lakefs_server_recorded.json").read_text("utf-8"))
}
REPOSITORY = "/api/v1/repositories/<repo>"
FILE_GONE = "objects/file-gone"
HOOKS_OF_THE_RUN = "the hooks of the run"
SECONDS_FOR_HOOKS = 3.0
FIRST_COMMIT = 0
ANY_OTHER = -1

# Ids that a request names before an answer told them: the how manyth commit or merge of the preparation each is, the
# repository's own first one, or an id that is none of its commits.
NAMED_IDS: dict[str, dict[str, int]] = {
    "refs/forms": {"id_1": 1, "id_2": 2, "id_6": ANY_OTHER},
    "revert/plain": {"id_1": 1},
    "revert/merge-and-overrides": {"id_1": 3},
    "revert/conflict": {"id_1": 2},
    "cherry-pick/plain": {"id_1": 2, "id_6": 3},
    "reset/hard-and-staged": {"id_1": 1},
    "objects/upload": {"id_1": 1},
    "objects/delete": {"id_1": 1},
    "objects/file-gone": {"id_1": 1},
    "gateway/get-head": {"id_1": 1},
    "gateway/missing": {"id_1": ANY_OTHER},
    "gateway/put": {"id_1": FIRST_COMMIT},
    "gateway/checksums": {"id_1": ANY_OTHER},
    "gateway/delete": {"id_1": 1},
    "gateway/copy": {"id_1": 1},
    "gateway/list": {"id_1": 1},
}
# Steps whose way of signing the recording does not tell apart; what is sent is what explains the answer.
SIGNED_OTHERWISE = {
    ("gateway/signatures", 12): PRESIGNED_WRONG,
    ("gateway/signatures", 13): "AWS4-HMAC-SHA256 Credential=cut short",
    ("gateway/signatures", 14): "Bearer x.y.z",
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A step that was answered otherwise than it was recorded; steps count from 1, preparations too."""

    step: int
    text: str


def replay(server: LakeFS, record_id: str, lose_file: Callable[[str, str], None] | None = None) -> list[Difference]:
    """The steps of a record that differ. Parameters as those of `Replay`."""
    while True:
        attempt = Replay(server, record_id, lose_file)
        found = attempt.run()
        if not (found and attempt.has_similar_commits()):
            return found


class Replay:
    """One record, replayed in a repository of its own.

    Parameters: the server, the record's id, and what takes the file of an object (repository, path) from the block
    store; None where that cannot be done.
    """

    def __init__(self, server: LakeFS, record_id: str, lose_file: Callable[[str, str], None] | None = None) -> None:
        self._server = server
        self._record = RECORDS[record_id]
        self._lose_file = lose_file
        # As long as the names of the recorded repositories were: the length of some bodies tells.
        self._repository = f"rec-{secrets.token_hex(4)}"
        self._names = Placeholders({"repo": self._repository})
        self._commits: list[str] = []

    def run(self) -> list[Difference]:
        """The steps that differ."""
        new = {"name": "<repo>", "storage_namespace": "local://<repo>"}
        self._prepare({"method": "POST", "path": "/api/v1/repositories", "body": json.dumps(new)})
        head = self._send({"method": "GET", "path": f"{REPOSITORY}/branches/main"})
        self._commits.append(json.loads(head.body)["commit_id"])
        try:
            return list(self._steps())
        finally:
            self._send({"method": "DELETE", "path": REPOSITORY})

    def has_similar_commits(self) -> bool:
        """Whether the recorded beginnings of ids, of two digits and more, name two commits here, by chance."""
        return len({commit[:2] for commit in self._commits}) < len(self._commits)

    def _steps(self) -> Iterator[Difference]:
        for number, step in enumerate(self._record["steps"], start=1):
            if "setup" in step:
                self._prepare(step["setup"])
                continue
            if self._record["id"] == FILE_GONE and self._lose_file is not None:
                self._lose_file(self._repository, "a")
            found, got = self._compare(number, step["request"], step["answer"])
            if found:
                sent = json.dumps(step["request"], ensure_ascii=False)
                yield Difference(step=number, text="\n    ".join([f"step {number}: {sent}", *found, f"came: {got}"]))

    def _compare(self, number: int, request: Mapping[str, Any], expected: Mapping[str, Any]) -> tuple[list[str], Any]:
        """What differs, and the answer; looked at again for some seconds where hooks run in the background."""
        waits = request["method"] == "GET" and ("/actions/runs" in request["path"] or "hooks" in request["path"])
        deadline = time.monotonic() + (SECONDS_FOR_HOOKS if waits else 0)
        while True:
            try:
                got = self._answer(number, request, expected)
            except UnknownPlaceholderError as error:
                return [str(error)], None
            found = list(differences(expected, got, self._names))
            if not found or time.monotonic() > deadline:
                return found + self._other_runs(expected), got
            time.sleep(0.05)

    def _answer(self, number: int, request: Mapping[str, Any], expected: Mapping[str, Any]) -> Answer:
        if request["path"] == HOOKS_OF_THE_RUN:
            return Answer(status=200, headers={}, body=" ".join(self._actions_of_the_run()))
        if "seconds" in expected:
            return self._commit_until(expected["status"], expected["seconds"])
        return self._send(request, SIGNED_OTHERWISE.get((self._record["id"], number), ""))

    def _prepare(self, setup: Mapping[str, Any]) -> None:
        if "note" in setup:
            return
        request = _call(setup)
        answer = self._send(request)
        assert answer.status < 300, f"{self._record['id']}: {setup} was answered with {answer}"
        list(differences({"status": answer.status, "body": "…"}, answer, self._names))
        if request["path"].endswith("/commits") or "/merge/" in request["path"]:
            fields = json.loads(answer.body)
            self._commits.append(fields.get("id") or fields["reference"])

    def _send(self, request: Mapping[str, Any], authorization: str = "") -> Answer:
        self._learn_ids(json.dumps(request))
        fill = self._names.fill
        # Paths of the REST API were recorded as sent, those of the gateway as meant.
        target = quote(fill(request["path"]), safe="/~@$%" if request["path"].startswith(API) else "/~")
        pairs = [f"{quote(key, safe='')}={quote(fill(str(value)), safe='')}" for key, value in _query(request)]
        headers = {name: fill(value) for name, value in request.get("headers", {}).items()}
        recorded = headers.pop("Authorization", "")
        return send(
            self._server,
            Sent(
                method=request["method"],
                target="?".join([target, "&".join(pairs)] if pairs else [target]),
                headers=headers,
                body=fill(request.get("body", "")),
                authorization=authorization or recorded,
            ),
        )

    def _learn_ids(self, text: str) -> None:
        for name, number in NAMED_IDS.get(self._record["id"], {}).items():
            if name in text and name not in self._names.known:
                self._names.known[name] = secrets.token_hex(32) if number == ANY_OTHER else self._commits[number]

    def _runs(self, below: str = "") -> Any:
        answer = self._send({"method": "GET", "path": f"{REPOSITORY}/actions/runs{below}"})
        return json.loads(answer.body)["results"]

    def _actions_of_the_run(self) -> list[str]:
        return [hook["action"] for run in self._runs()[:1] for hook in self._runs(f"/{run['run_id']}/hooks")]

    def _other_runs(self, expected: Mapping[str, Any]) -> list[str]:
        """What differs in the runs of hooks that there are then; those after an operation take a moment."""
        if "runs_after" not in expected:
            return []
        deadline = time.monotonic() + SECONDS_FOR_HOOKS
        while True:
            runs = [f"{run['event_type']} {run['status']}" for run in self._runs()]
            if runs == expected["runs_after"]:
                return []
            if time.monotonic() > deadline:
                return [f"runs {expected['runs_after']} expected, {runs} came"]
            time.sleep(0.05)

    def _commit_until(self, status: int, seconds: float) -> Answer:
        """Commit each half second until the status comes: the commit's or the refusal's message, if at its time."""
        begun = time.monotonic()
        while True:
            self._prepare({"put": "b", "branch": "main", "content": str(begun)})
            request = {"method": "POST", "path": f"{REPOSITORY}/branches/main/commits"}
            got = self._send({**request, "body": json.dumps({"message": "m", "allow_empty": True})})
            passed = time.monotonic() - begun
            if got.status == status or passed > 2 * seconds:
                in_time = 0.7 * seconds <= passed <= 1.4 * seconds + 1
                message = json.loads(got.body)["message"]
                return Answer(status=got.status, headers={}, body=message if in_time else f"{passed:.1f} s: {message}")
            time.sleep(0.5)


def _call(setup: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request of a step that prepares."""
    if "put" in setup:
        return {
            "method": "POST",
            "path": f"{REPOSITORY}/branches/{setup['branch']}/objects",
            "query": {"path": setup["put"]},
            "headers": {"Content-Type": "application/octet-stream"},
            "body": setup["content"],
        }
    if "commit" in setup:
        fields = {key: setup[key] for key in ("message", "allow_empty") if key in setup}
        path = f"{REPOSITORY}/branches/{setup['commit']}/commits"
        return {"method": "POST", "path": path, "body": json.dumps(fields)}
    return setup


def _query(request: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(request.get("query", {}).items())
