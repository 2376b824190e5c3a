"""POST /validate: which events it checks, and what the committer reads."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from staged_double import FOLDER, StagedDouble, described
from webhook_double import RECORDED, SECRETS, Webhook, webhook

from lakefs_unity_export.errors import LakeFSAccessError
from lakefs_unity_export.events import LAKEFS_EVENTS

COMMIT = RECORDED["pre-commit"]


@pytest.fixture
def repository() -> StagedDouble:
    """A repository with one valid descriptor."""
    lakefs = StagedDouble()
    lakefs.put(described("orders"))
    lakefs.calls.clear()
    return lakefs


@pytest.fixture
def service(repository: StagedDouble) -> Iterator[Webhook]:
    """The service, with the repository behind its gate."""
    with webhook(repository) as running:
        yield running


def _merge(repository: StagedDouble, **changes: Any) -> dict[str, Any]:
    return {**RECORDED["pre-merge"], "source_ref": repository.head("dev").id, **changes}


def test_a_commit_that_changes_no_descriptor_passes_for_one_call(service: Webhook, repository: StagedDouble) -> None:
    answer = service.post(COMMIT, "/validate")
    assert (answer.status_code, answer.text) == (200, "the table descriptors are valid\n")
    assert repository.calls == Counter(diff=1)


def test_a_refused_commit_is_told_every_problem_on_a_line_of_its_own(
    service: Webhook, repository: StagedDouble
) -> None:
    repository.stage({f"{FOLDER}/a.yaml": b"a: *x", f"{FOLDER}/b.yaml": b"name: b\npath: /\n"})
    answer = service.post(COMMIT, "/validate")
    assert answer.status_code == 412
    assert answer.text.splitlines() == [
        "2 problems in the table descriptors that this commit would leave; mend all, then try again:",
        f"{FOLDER}/a.yaml: line 1: is not YAML (found the alias 'x' of nothing); write it as `key: value` lines",
        f"{FOLDER}/b.yaml: type: is missing; add it",
    ]
    assert service.runs.calls == 0


def test_a_file_whose_name_holds_a_line_break_stays_on_its_line(service: Webhook, repository: StagedDouble) -> None:
    repository.stage({f"{FOLDER}/a\n{FOLDER}/b\x1b.yaml": b"name: a\npath: p\n"})
    answer = service.post(COMMIT, "/validate")
    assert answer.text.splitlines()[1:] == [f"{FOLDER}/a\\n{FOLDER}/b\\x1b.yaml: type: is missing; add it"]


def test_a_file_with_almost_the_ending_of_descriptors_is_told_and_refuses_nothing(
    service: Webhook, repository: StagedDouble
) -> None:
    repository.stage({f"{FOLDER}/a.yml": b"{"})
    answer = service.post(COMMIT, "/validate")
    assert (answer.status_code, answer.text.splitlines()) == (
        200,
        [
            "the table descriptors are valid",
            f"note: {FOLDER}/a.yml is not read: descriptors end in .yaml; rename it",
        ],
    )
    assert repository.calls == Counter(diff=1)


def test_a_refused_merge_is_told_too(service: Webhook, repository: StagedDouble) -> None:
    repository.branch("dev", repository.head().id)
    repository.put(described("orders", file="again"), branch="dev")
    answer = service.post(_merge(repository), "/validate")
    assert answer.status_code == 412
    assert answer.text.startswith("2 problems in the table descriptors that this merge would leave; mend all")


def test_the_strategy_of_a_merge_is_the_one_that_lakefs_tells(service: Webhook, repository: StagedDouble) -> None:
    repository.branch("dev", repository.head().id)
    repository.put({f"{FOLDER}/orders.yaml": b"{"}, branch="dev")
    repository.put(described("orders", path="elsewhere"))
    metadata = {".lakefs.merge.strategy": "dest-wins"}
    assert service.post(_merge(repository), "/validate").status_code == 412
    assert service.post(_merge(repository, commit_metadata=metadata), "/validate").status_code == 200


@pytest.mark.parametrize("event", sorted(set(LAKEFS_EVENTS) - {"pre-commit", "pre-merge"}))
def test_other_events_pass_without_a_look(event: str, service: Webhook, repository: StagedDouble) -> None:
    answer = service.post(RECORDED[event], "/validate")
    said = f"event {event} is not checked, only pre-commit and pre-merge are\n"
    assert (answer.status_code, answer.text) == (200, said)
    assert repository.calls == Counter()
    assert service.runs.calls == 0


def test_branches_that_are_not_exported_pass_and_repositories_that_are_not_served_do_not(
    repository: StagedDouble,
) -> None:
    repository.stage({f"{FOLDER}/a.yaml": b"{"})
    with webhook(repository, branches=("release",), repositories=("evs",)) as service:
        assert service.post(COMMIT, "/validate").status_code == 200
        assert service.post({**COMMIT, "repository_id": "other"}, "/validate").status_code == 403
    assert repository.calls == Counter()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"event_type": ""}, "event_type is missing, or not an event of lakeFS; send pre-commit or pre-merge"),
        ({"event_type": "pre-rebase"}, "event_type is missing, or not an event of lakeFS"),
        ({"repository_id": "../../user"}, "event pre-commit: repository is '../../user'; lakeFS names are"),
        ({"branch_id": ""}, "event pre-commit: branch is empty"),
        ({"event_type": "pre-merge"}, "event pre-merge: source_ref is missing or not a commit's id"),
    ],
)
def test_what_lakefs_would_not_send_is_refused(
    changes: dict[str, str], said: str, service: Webhook, repository: StagedDouble
) -> None:
    answer = service.post({**COMMIT, **changes}, "/validate")
    assert answer.status_code == 422
    assert answer.text.startswith(said)
    assert repository.calls == Counter()


def test_a_gate_that_is_not_set_up_says_so() -> None:
    with webhook(gate=None) as service:
        answer = service.post(COMMIT, "/validate")
    assert answer.status_code == 501
    assert answer.text.startswith("the gate is not set up: give the webhook service LAKECTL_SERVER_ENDPOINT_URL")


def test_lakefs_errors_are_told_in_the_log_only(
    service: Webhook, repository: StagedDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> object:
        raise LakeFSAccessError(f"lakeFS answered 401 to {SECRETS[3]}")

    monkeypatch.setattr(repository, "uncommitted_changes", refuse)
    answer = service.post(COMMIT, "/validate")
    assert answer.status_code == 503
    assert answer.text == "the descriptors could not be read from lakeFS; the service's log says why\n"
    assert service.logged[0]["detail"] == "lakeFS answered 401 to ***"


CHANGES = st.dictionaries(
    st.sampled_from(["event_type", "repository_id", "branch_id", "source_ref", "commit_metadata"]),
    st.text(max_size=20) | st.none() | st.dictionaries(st.text(), st.text()) | st.sampled_from(["pre-merge", "a" * 64]),
)


@given(st.sampled_from(["pre-commit", "pre-merge"]), CHANGES, st.booleans())
def test_a_mutated_event_never_passes_what_is_broken(event: str, changes: dict[str, Any], broken: bool) -> None:
    repository = StagedDouble()
    repository.branch("dev", repository.head().id)
    repository.put(described("orders") if not broken else {f"{FOLDER}/orders.yaml": b"{"}, branch="dev")
    repository.stage(repository.content(repository.head("dev").id))
    with webhook(repository) as service:
        body = {**_merge(repository), "event_type": event, **changes}
        answer = service.post(body, "/validate")
    assert answer.status_code in (200, 412, 422, 503)
    if answer.status_code == 200 and body["event_type"] in ("pre-commit", "pre-merge"):
        assert not broken
    if changes == {}:
        assert answer.status_code == (412 if broken else 200)
    assert not any(secret in answer.text for secret in SECRETS)
