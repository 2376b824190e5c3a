"""The command install_hook: its arguments, its question, and how it ends."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from hook_branch_double import BranchDouble

from lakefs_unity_export.errors import HookError, LakeFSAccessError, SettingsError
from lakefs_unity_export.hook import files as hook_files
from lakefs_unity_export.hook import install_hook as command
from lakefs_unity_export.hook.files import LUA_ACTION, Authentication, HookKind, HookSettings, Variables
from lakefs_unity_export.hook.install_hook import parse_order
from lakefs_unity_export.hook.installation import Order

LUA = HookSettings(kind=HookKind.LUA, host="https://adb-1.net", job_id="1041")
ORDER = Order(repository="shop", branch="main", settings=LUA, yes=True)


@pytest.fixture
def branch() -> BranchDouble:
    return BranchDouble()


ARGUMENTS = ["--repository", "shop", "--branch", "main"]


def test_the_command_line_is_read() -> None:
    order = parse_order(
        [
            *ARGUMENTS,
            *("--databricks-host", "https://adb-1.net", "--job-id", "1041", "--authentication", "token"),
            *("--events", "post-commit, post-merge", "--branches", "main,dev-*", "--message", "Mine", "--dry-run"),
        ]
    )
    assert order == Order(
        repository="shop",
        branch="main",
        settings=replace(
            LUA,
            authentication=Authentication.TOKEN,
            events=("post-commit", "post-merge"),
            branches=("main", "dev-*"),
        ),
        message="Mine",
        dry_run=True,
        all_events=True,
    )
    assert parse_order([*ARGUMENTS, "--uninstall"]).settings is None


def test_the_names_of_variables_are_read() -> None:
    names = {"client-id": "A", "client-secret": "B", "token": "C", "webhook-secret": "D"}
    given = [f"--{name}-variable=LAKEFSACTION_{value}" for name, value in names.items()]
    order = parse_order([*ARGUMENTS, "--databricks-host", "https://adb-1.net", "--job-id", "1", *given])
    assert order.settings is not None
    assert order.settings.variables == Variables(
        client_id="LAKEFSACTION_A",
        client_secret="LAKEFSACTION_B",
        token="LAKEFSACTION_C",
        webhook_secret="LAKEFSACTION_D",
    )


def test_events_that_are_named_twice_count_once() -> None:
    order = parse_order(
        [*ARGUMENTS, "--databricks-host", "https://a.net", "--job-id", "1", "--events", "post-merge,post-merge"]
    )
    assert order.settings is not None
    assert order.settings.events == ("post-merge",)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--repository", "Shop", "--branch", "a/b", "--uninstall"], ["--repository is 'Shop'", "--branch is 'a/b'"]),
        (
            ["--repository", "S", "--branch", "main", "--databricks-host", "", "--events", "x", "--branches", 'a"'],
            ["--repository is", "--branches has", "--events has", "--databricks-host is", "--job-id is missing"],
        ),
        ([*ARGUMENTS, "--trigger", "webhook"], ["--webhook-url is missing"]),
        (
            [*ARGUMENTS, "--trigger", "webhook", "--webhook-url", "https://hook.net", "--job-id", "1"],
            ["--job-id belongs to --trigger lua"],
        ),
        (
            [*ARGUMENTS, "--databricks-host", "https://a.net", "--job-id", "1", "--webhook-url", "https://hook.net"],
            ["--webhook-url belongs to --trigger webhook"],
        ),
    ],
)
def test_every_problem_is_said_before_anything_is_called(arguments: list[str], told: list[str]) -> None:
    with pytest.raises(SettingsError) as failure:
        parse_order(arguments)
    first, *problems = str(failure.value).splitlines()
    assert first == "nothing was done:"
    assert len(problems) == len(told)
    assert all(line.startswith(f"  {begin}") for line, begin in zip(problems, told, strict=True))


LUA_ARGUMENTS = ["--branch", "main", "--databricks-host", "https://a.net", "--job-id", "1"]


@pytest.mark.parametrize("repository", ["ab-", "data--x-s3", "o" * 43 + "--op-s3"])
def test_no_hook_is_installed_for_a_repository_that_spark_cannot_read_but_one_can_be_removed(repository: str) -> None:
    with pytest.raises(SettingsError) as failure:
        parse_order(["--repository", repository, *LUA_ARGUMENTS])
    _, told = str(failure.value).splitlines()
    assert told.startswith(f"  --repository is {repository!r}, which cannot be exported, for its name ends in ")
    assert parse_order(["--repository", repository, "--branch", "main", "--uninstall"]).settings is None
    assert parse_order(["--repository", repository + "a", *LUA_ARGUMENTS]).repository == repository + "a"


def test_no_option_takes_a_secret_and_no_message_shows_one(capsys: pytest.CaptureFixture[str]) -> None:
    for given in (["--databricks-token", "dapi0123456789"], ["--databricks-token=dapi0123456789"]):
        with pytest.raises(SystemExit):
            parse_order([*ARGUMENTS, *given])
        told = capsys.readouterr().err
        assert "unknown: --databricks-token; no option takes a secret" in told
        assert "dapi" not in told
    misplaced = [
        *("--databricks-host", "https://token:dapi0123456789@adb-1.net", "--job-id", "dapi0123456789"),
        *("--client-secret-variable", "dapi0123456789"),
    ]
    with pytest.raises(SettingsError) as failure:
        parse_order([*ARGUMENTS, *misplaced])
    assert "dapi" not in str(failure.value)
    assert "begins with LAKEFSACTION_; lakeFS hands its hooks no variable of another name" in str(failure.value)


# The terminal


class Input(io.StringIO):
    """What a user types, at a terminal or from a file."""

    def __init__(self, text: str, *, is_terminal: bool) -> None:
        super().__init__(text)
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.fixture
def run(branch: BranchDouble, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def run(typed: str, *, is_terminal: bool = True, arguments: tuple[str, ...] = ()) -> None:
        whole = [*ARGUMENTS, "--databricks-host", "https://adb-1.net", "--job-id", "1041", *arguments]
        monkeypatch.setattr("sys.argv", ["install_hook", *whole])
        monkeypatch.setattr("sys.stdin", Input(typed, is_terminal=is_terminal))
        monkeypatch.setattr(command, "LakeFSHookBranch", lambda **_place: branch)
        command.main()

    return run


@pytest.mark.parametrize(("typed", "commits"), [("y\n", 1), ("YES\n", 1), ("\n", 0), ("no\n", 0), ("", 0)])
def test_a_user_at_a_terminal_says_yes(
    run: Callable[..., None], branch: BranchDouble, typed: str, commits: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run(typed)
    assert len(branch.messages) == commits
    assert "Commit this to shop/main? [y/N]" in capsys.readouterr().out


def test_without_a_terminal_yes_is_an_option(run: Callable[..., None], branch: BranchDouble) -> None:
    with pytest.raises(SystemExit, match=r"HookError: there is no terminal to ask on; add --yes"):
        run("y\n", is_terminal=False)
    assert branch.messages == []
    run("", is_terminal=False, arguments=("--yes", "--message", "Mine"))
    assert branch.messages == ["Mine"]


def test_an_error_is_a_line_and_an_exit_code(run: Callable[..., None], branch: BranchDouble) -> None:
    branch.refuses = {"head": LakeFSAccessError("lakeFS answered 401")}
    with pytest.raises(SystemExit, match=r"^LakeFSAccessError: lakeFS answered 401$"):
        run("")
    branch.refuses = {"commit": KeyboardInterrupt()}
    with pytest.raises(SystemExit) as stopped:
        run("y\n")
    assert stopped.value.code == 130
    assert branch.staged == {}


def test_a_gate_without_its_script_is_told() -> None:
    assert hook_files.template(LUA_ACTION)
    with pytest.raises(HookError, match=r"has no scripts/none\.lua"):
        hook_files.template("scripts/none.lua")
