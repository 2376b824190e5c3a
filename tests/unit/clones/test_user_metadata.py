"""The user metadata of commits that are made at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, BrokenBarrierError

import pytest

from lakefs_unity_export.clones.user_metadata import USER_METADATA, user_metadata


@dataclass
class Session:
    """A Spark session, as far as its configuration goes: another object of Python may show the same one."""

    values: dict[str, str] = field(default_factory=dict)

    @property
    def conf(self) -> "Session":
        return self

    def get(self, name: str, default: str | None) -> str | None:
        return self.values.get(name, default)

    def set(self, name: str, value: str) -> None:
        self.values[name] = value

    def unset(self, name: str) -> None:
        del self.values[name]


def commits(sessions: list[Session], commit: Callable[[], object]) -> list[str | None]:
    """What each of these sessions gives a commit that it makes at the same time as the others."""

    def made(number: int) -> str | None:
        with user_metadata(sessions[number], f"of {number}"):
            commit()
            return sessions[number].get(USER_METADATA, None)

    with ThreadPoolExecutor(len(sessions)) as pool:
        return list(pool.map(made, range(len(sessions))))


def test_two_commits_of_one_session_wait_for_one_another() -> None:
    met, shared = Barrier(2), dict[str, str]()

    def commit() -> None:
        # Nobody comes where the other one waits.
        with pytest.raises(BrokenBarrierError):
            met.wait(timeout=0.2)
        met.reset()

    assert commits([Session(shared), Session(shared)], commit) == ["of 0", "of 1"]
    assert USER_METADATA not in shared


def test_sessions_do_not_wait_for_one_another() -> None:
    met = Barrier(2)
    assert commits([Session(), Session()], lambda: met.wait(timeout=10)) == ["of 0", "of 1"]


def test_a_session_is_as_it_was_also_where_the_commit_fails() -> None:
    session = Session({USER_METADATA: "somebody's"})
    with pytest.raises(OSError, match="disk full"), user_metadata(session, "ours"):
        raise OSError("disk full")
    assert session.get(USER_METADATA, None) == "somebody's"
