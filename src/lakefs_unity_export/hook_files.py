"""The files that a hook consists of in a lakeFS repository, rendered from those in `resources/lakefs`.

Nothing here reads or writes lakeFS.
"""

import difflib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from pathlib import Path

from lakefs_unity_export import events, names
from lakefs_unity_export.descriptor_gate import GATED_EVENTS, GateRules
from lakefs_unity_export.errors import ExportError, HookError, SettingsError

LUA_ACTION = "_lakefs_actions/unity_export.yaml"
LUA_SCRIPT = "scripts/unity_export.lua"
WEBHOOK_ACTION = "_lakefs_actions/unity_export_webhook.yaml"
LUA_GATE_ACTION = "_lakefs_actions/descriptor_gate.yaml"
LUA_GATE_SCRIPT = "scripts/descriptor_gate.lua"
WEBHOOK_GATE_ACTION = "_lakefs_actions/descriptor_gate_webhook.yaml"
# Everything that an installation may have written, with what is in each of them and in no file of others.
MARKS = {
    LUA_ACTION: "id: unity_export",
    LUA_SCRIPT: "unity_export: ",
    WEBHOOK_ACTION: "id: unity_export",
    LUA_GATE_ACTION: "id: descriptor_gate",
    LUA_GATE_SCRIPT: "descriptor_gate: ",
    WEBHOOK_GATE_ACTION: "id: descriptor_gate",
}
# The first lakeFS version whose action files may list the event. With an earlier one every commit on the branch fails.
FIRST_VERSIONS = {"post-revert": (1, 52), "post-cherry-pick": (1, 65)}

_ADDRESS = "https://unity-export.example.com"
_PATTERN = re.compile(r"[\w*?\[\]!{},-]+", re.ASCII)
_JOB_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_OAUTH = re.compile(
    r"^( +)# OAuth: .*\n +databricks_client_id: .*\n +databricks_client_secret: .*\n +# or, .*$", re.MULTILINE
)
_TOKEN_LINE = r'\1databricks_token: "{{ ENV.LAKEFSACTION_DATABRICKS_TOKEN }}"'  # noqa: S105, a variable's name
_ON = re.compile(r"^on:\n(?:  .*\n)+", re.MULTILINE)


class HookKind(StrEnum):
    """How an event reaches the workspace: from lakeFS itself, or over the webhook service."""

    LUA = "lua"
    WEBHOOK = "webhook"


class Authentication(StrEnum):
    """How the Lua hook signs in: with OAuth as a service principal, or with a token."""

    OAUTH = "oauth"
    TOKEN = "token"  # noqa: S105, the name of a way


@dataclass(frozen=True, kw_only=True)
class HookSettings:
    """What to install. `host` and `job_id` are for the Lua hook, `service` is the webhook service's address.

    `events` are lakeFS's names; `branches` are lakeFS's patterns, none for all. With `gate` the gate for descriptors is
    installed too; `rules` are those that its script holds them to, and the webhook service has its own.
    """

    kind: HookKind
    host: str = ""
    job_id: str = ""
    authentication: Authentication = Authentication.OAUTH
    service: str = ""
    events: tuple[str, ...] = events.COMMIT_EVENTS
    branches: tuple[str, ...] = ()
    gate: bool = False
    rules: GateRules = field(default_factory=lambda: GateRules(catalog=""))

    def checked(self) -> "HookSettings":
        """The settings. Raises SettingsError, which lists every problem, one a line."""
        problems = _branch_problems(self.branches) + _event_problems(self.events)
        problems += self._lua_problems() if self.kind is HookKind.LUA else self._webhook_problems()
        if problems:
            raise SettingsError("\n".join(["the hook cannot be installed:", *(f"  {each}" for each in problems)]))
        return self

    def _lua_problems(self) -> list[str]:
        problems = []
        if not names.is_server_address(self.host):
            example = "https://adb-1.2.azuredatabricks.net"
            problems.append(f"--databricks-host is {self.host!r}; give the workspace, such as {example}")
        if not _JOB_ID.fullmatch(self.job_id):
            problems.append(f"--job-id is {self.job_id!r}, not a job's number; `databricks bundle summary` shows it")
        return problems + (_rule_problems(self.rules) if self.gate else [])

    def _webhook_problems(self) -> list[str]:
        if names.is_server_address(self.service):
            return []
        return [f"--webhook-url is {self.service!r}; give the service's address, such as {_ADDRESS}"]


def render(settings: HookSettings) -> dict[str, str]:
    """Every file of the hook, by its path in the repository. The settings are `checked()`."""
    if settings.kind is HookKind.WEBHOOK:
        return _webhook_files(settings)
    action = _rendered(
        LUA_ACTION,
        {
            "{{ ENV.LAKEFSACTION_DATABRICKS_HOST }}": settings.host.rstrip("/"),
            "{{ ENV.LAKEFSACTION_EXPORT_JOB_ID }}": settings.job_id,
        },
    )
    if settings.authentication is Authentication.TOKEN:
        action = _OAUTH.sub(_TOKEN_LINE, action)
    files = {LUA_ACTION: _with_events(action, settings.events, settings.branches), LUA_SCRIPT: template(LUA_SCRIPT)}
    if settings.gate:
        gate = _with_events(template(LUA_GATE_ACTION), GATED_EVENTS, settings.branches)
        files |= {LUA_GATE_ACTION: _with_rules(gate, settings.rules), LUA_GATE_SCRIPT: template(LUA_GATE_SCRIPT)}
    return files


def unwanted(kind: HookKind) -> tuple[str, ...]:
    """The files of the other kind, which an installation replaces."""
    lua = (LUA_ACTION, LUA_SCRIPT, LUA_GATE_ACTION, LUA_GATE_SCRIPT)
    return (WEBHOOK_ACTION, WEBHOOK_GATE_ACTION) if kind is HookKind.LUA else lua


def variables(settings: HookSettings) -> tuple[str, ...]:
    """The variables that the lakeFS server's environment must have."""
    files = "\n".join(text for path, text in render(settings).items() if path.endswith(".yaml"))
    uncommented = "\n".join(line for line in files.splitlines() if not line.lstrip().startswith("#"))
    return tuple(sorted(set(re.findall(r"\{\{ ENV\.(\w+) \}\}", uncommented))))


def events_for(version: str, wanted: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The events that a server of this version knows, and those it does not. All, where the version is no number."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is None:
        return tuple(wanted), ()
    server = int(found[1]), int(found[2])
    unknown = tuple(event for event in wanted if server < FIRST_VERSIONS.get(event, (0, 0)))
    return tuple(event for event in wanted if event not in unknown), unknown


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """A file of the repository: what it holds (None where it is not there) and what it is to hold (None: deleted)."""

    path: str
    before: str | None
    after: str | None

    def diff(self) -> str:
        """The change as a unified diff; of a script that comes or goes whole, a line."""
        if self.path.endswith(".lua") and None in (self.before, self.after):
            count = len((self.before or self.after or "").splitlines())
            return f"{'new' if self.before is None else 'deleted'}: {self.path}, {count} lines\n"
        before, after = ((text or "").splitlines(keepends=True) for text in (self.before, self.after))
        left = "/dev/null" if self.before is None else f"a/{self.path}"
        right = "/dev/null" if self.after is None else f"b/{self.path}"
        lines = difflib.unified_diff(before, after, left, right)
        return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def find_changes(
    wanted: Mapping[str, str], deleted: Collection[str], read: Callable[[str], str | None]
) -> tuple[FileChange, ...]:
    """What to change so that the wanted files are there, and the deleted ones are not. `read` gives a file's text.

    Raises HookError for a file that has the path of one of ours and is not one.
    """
    after = {**dict.fromkeys(deleted), **wanted}
    changes = []
    for path, text in sorted(after.items()):
        before = read(path)
        if before is not None and MARKS[path] not in before:
            raise HookError(f"{path} is there, and is not a file of this hook: move it away, or rename it")
        if before != text:
            changes.append(FileChange(path=path, before=before, after=text))
    return tuple(changes)


def template(path: str) -> str:
    """The text of a file in `resources/lakefs`, which the wheel carries. Raises HookError where it has none."""
    packaged = resources.files("lakefs_unity_export") / "lakefs_files"
    place = packaged if packaged.is_dir() else Path(__file__).parents[2] / "resources" / "lakefs"
    try:
        return (place / path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise HookError(f"this installation has no {path}; install the wheel anew") from error


def _webhook_files(settings: HookSettings) -> dict[str, str]:
    address = {_ADDRESS: settings.service.rstrip("/")}
    action = _with_events(_rendered(WEBHOOK_ACTION, address), settings.events, settings.branches)
    files = {WEBHOOK_ACTION: action}
    if settings.gate:
        gate = _rendered(WEBHOOK_GATE_ACTION, address)
        files[WEBHOOK_GATE_ACTION] = _with_events(gate, GATED_EVENTS, settings.branches)
    return files


def _rendered(path: str, values: Mapping[str, str]) -> str:
    text = template(path)
    for place, value in values.items():
        text = text.replace(place, value)
    return text


def _with_events(action: str, wanted: Sequence[str], branches: Sequence[str]) -> str:
    below = f"\n    branches: {json.dumps(list(branches))}" if branches else ""
    block = "".join(f"  {event}:{below}\n" for event in wanted)
    return _ON.sub(lambda _: f"on:\n{block}", action)


def _with_rules(action: str, rules: GateRules) -> str:
    values = {
        "catalog": rules.catalog,
        "schema_template": rules.schema_template,
        "descriptor_folder": rules.folder,
        "table_defs": ",".join(rules.table_defs),
    }
    for name, value in values.items():
        shown = f"{name}: {json.dumps(value)}".replace("\\", r"\\")
        action = re.sub(rf"^( +)(?:# )?{name}: .*$", rf"\1{shown}", action, flags=re.MULTILINE)
    return action


def _branch_problems(branches: Sequence[str]) -> list[str]:
    return [
        f"--branches has {pattern!r}; use names of branches, with * and ? where they vary"
        for pattern in branches
        if not _PATTERN.fullmatch(pattern)
    ]


def _event_problems(wanted: Sequence[str]) -> list[str]:
    problems = [
        f"--events has {event!r}; there are {', '.join(events.COMMIT_EVENTS)}"
        for event in wanted
        if event not in events.COMMIT_EVENTS
    ]
    return problems or ([] if wanted else ["--events is empty; leave it out for all of them"])


def _rule_problems(rules: GateRules) -> list[str]:
    checks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("--catalog", lambda: names.check_identifier("catalog", rules.catalog)),
        ("--schema-template", lambda: names.schema_name(rules.schema_template, repository="shop", branch="main")),
        ("--table-descriptors-path", lambda: names.table_path(rules.folder)),
    )
    problems = []
    for option, check in checks:
        try:
            check()
        except ExportError as error:
            problems.append(f"{option}: {error}")
    return problems
