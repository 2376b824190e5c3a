"""The files that a hook consists of in a lakeFS repository, rendered from those in `resources/lakefs`.

Nothing here reads or writes lakeFS.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path

from lakefs_unity_export import events, names
from lakefs_unity_export.commit.descriptor_gate import GATED_EVENTS, GateRules
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
ACTIONS_BY_SCRIPT = {LUA_SCRIPT: LUA_ACTION, LUA_GATE_SCRIPT: LUA_GATE_ACTION}
# The first lakeFS version whose action files may list the event. With an earlier one every commit on the branch fails.
FIRST_VERSIONS = {"post-revert": (1, 52), "post-cherry-pick": (1, 65)}

_ADDRESS = "https://unity-export.example.com"
# lakeFS documentation, "Branch Protection Rules": `*` and `?` are what patterns of branches have. One that the server
# cannot read could make every commit on the branch fail, so no other character of a glob is taken.
_PATTERN = re.compile(r"[\w*?-]+", re.ASCII)
# As unity_export.lua takes it.
_HOST = re.compile(r"(https://[A-Za-z0-9._-]+|http://(127\.0\.0\.1|localhost))(:[0-9]+)?/*", re.ASCII)
_VARIABLE = re.compile(r"LAKEFSACTION_[A-Za-z0-9_]+", re.ASCII)
_VERSION = re.compile(r"v?(\d+)\.(\d+)", re.ASCII)
_JOB_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_OAUTH = re.compile(
    r"^( +)# OAuth: .*\n +databricks_client_id: .*\n +databricks_client_secret: .*\n +# or, .*$", re.MULTILINE
)
# What JSON leaves as it is in a text and YAML takes for the end of a line, or does not take.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
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
class Variables:
    """The names of the variables of the lakeFS server's environment that the files refer to, for what is secret."""

    client_id: str = "LAKEFSACTION_DATABRICKS_CLIENT_ID"
    client_secret: str = "LAKEFSACTION_DATABRICKS_CLIENT_SECRET"  # noqa: S105, a variable's name
    token: str = "LAKEFSACTION_DATABRICKS_TOKEN"  # noqa: S105, a variable's name
    webhook_secret: str = "LAKEFSACTION_WEBHOOK_SECRET"  # noqa: S105, a variable's name

    def problems(self) -> list[str]:
        """What is wrong with them. Their values stay out of it: one may be the secret itself."""
        return [
            f"--{each.name.replace('_', '-')}-variable is no name of letters, digits and '_' that begins with "
            "LAKEFSACTION_; lakeFS hands its hooks no variable of another name, and does not say so"
            for each in fields(self)
            if not _VARIABLE.fullmatch(getattr(self, each.name))
        ]


_DEFAULT_VARIABLES = Variables()


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
    variables: Variables = _DEFAULT_VARIABLES
    gate: bool = False
    rules: GateRules = field(default_factory=lambda: GateRules(catalog=""))

    def checked(self) -> "HookSettings":
        """The settings. Raises SettingsError, which lists every problem, one a line."""
        if problems := self.problems():
            raise refusal(problems)
        return self

    def problems(self) -> list[str]:
        """What is wrong with the settings, in the words of the command line. Addresses may hold secrets: not shown."""
        problems = _branch_problems(self.branches) + _event_problems(self.events) + self.variables.problems()
        return problems + (self._lua_problems() if self.kind is HookKind.LUA else self._webhook_problems())

    def _lua_problems(self) -> list[str]:
        problems = []
        if not (_HOST.fullmatch(self.host) and names.is_server_address(self.host)):
            example = "https://adb-1.2.azuredatabricks.net"
            problems.append(f"--databricks-host is {_lack(self.host)}; give the workspace's, such as {example}")
        if not _JOB_ID.fullmatch(self.job_id):
            lack = "not a job's number" if self.job_id else "missing"
            problems.append(f"--job-id is {lack}; `databricks bundle summary` shows it, at the end of the job's URL")
        return problems + (_rule_problems(self.rules) if self.gate else [])

    def _webhook_problems(self) -> list[str]:
        if names.is_server_address(self.service):
            return []
        return [f"--webhook-url is {_lack(self.service)}; give the service's, such as {_ADDRESS}"]


def refusal(problems: Sequence[str]) -> SettingsError:
    """The error that lists the problems, one a line."""
    return SettingsError("\n".join(["nothing was done:", *(f"  {each}" for each in problems)]))


def _lack(address: str) -> str:
    return "no https:// address without a path" if address else "missing"


def render(settings: HookSettings) -> dict[str, str]:
    """Every file of the hook, by its path in the repository. The settings are `checked()`."""
    if settings.kind is HookKind.WEBHOOK:
        return _webhook_files(settings)
    action = _filled(
        LUA_ACTION,
        {
            "{{ ENV.LAKEFSACTION_DATABRICKS_HOST }}": settings.host.rstrip("/"),
            "{{ ENV.LAKEFSACTION_EXPORT_JOB_ID }}": settings.job_id,
            _reference(_DEFAULT_VARIABLES.client_id): _reference(settings.variables.client_id),
            _reference(_DEFAULT_VARIABLES.client_secret): _reference(settings.variables.client_secret),
        },
    )
    if settings.authentication is Authentication.TOKEN:
        action = _replaced(_OAUTH, rf'\1databricks_token: "{_reference(settings.variables.token)}"', action)
    files = {LUA_ACTION: _with_events(action, settings.events, settings.branches), LUA_SCRIPT: template(LUA_SCRIPT)}
    if settings.gate:
        gate = _with_events(template(LUA_GATE_ACTION), GATED_EVENTS, settings.branches)
        files |= {LUA_GATE_ACTION: _with_rules(gate, settings.rules), LUA_GATE_SCRIPT: template(LUA_GATE_SCRIPT)}
    return files


def unwanted(kind: HookKind) -> tuple[str, ...]:
    """The files of the other kind, which an installation replaces."""
    lua = (LUA_ACTION, LUA_SCRIPT, LUA_GATE_ACTION, LUA_GATE_SCRIPT)
    return (WEBHOOK_ACTION, WEBHOOK_GATE_ACTION) if kind is HookKind.LUA else lua


def hook_of(path: str) -> str:
    """The id of the hook that one of our files is of."""
    return MARKS[path].removeprefix("id: ").removesuffix(": ")


def variables(settings: HookSettings) -> tuple[str, ...]:
    """The variables that the lakeFS server's environment must have."""
    files = "\n".join(text for path, text in render(settings).items() if path.endswith(".yaml"))
    uncommented = "\n".join(line for line in files.splitlines() if not line.lstrip().startswith("#"))
    return tuple(sorted(set(re.findall(r"\{\{ ENV\.(\w+) \}\}", uncommented))))


def starts_at_once(settings: HookSettings, branch: str) -> bool:
    """Whether the commit that brings the hook to this branch fires it: actions count from their own commit."""
    follows = not settings.branches or any(fnmatchcase(branch, pattern) for pattern in settings.branches)
    return follows and "post-commit" in settings.events


def is_version(text: str) -> bool:
    """Whether the text is a version that can be compared, unlike `dev`."""
    return _VERSION.match(text) is not None


def events_for(version: str, wanted: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The events that a server of this version knows, and those it does not. All, where the version is no number."""
    found = _VERSION.match(version)
    if found is None:
        return tuple(wanted), ()
    server = int(found[1]), int(found[2])
    unknown = tuple(event for event in wanted if server < FIRST_VERSIONS.get(event, (0, 0)))
    return tuple(event for event in wanted if event not in unknown), unknown


def template(path: str) -> str:
    """The text of a file in `resources/lakefs`, which the wheel carries. Raises HookError where it has none."""
    packaged = resources.files("lakefs_unity_export") / "lakefs_files"
    place = packaged if packaged.is_dir() else Path(__file__).parents[3] / "resources" / "lakefs"
    try:
        return (place / path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise HookError(f"this installation has no {path}; install the wheel anew") from error


def _webhook_files(settings: HookSettings) -> dict[str, str]:
    values = {
        _ADDRESS: settings.service.rstrip("/"),
        _DEFAULT_VARIABLES.webhook_secret: settings.variables.webhook_secret,
    }
    action = _with_events(_filled(WEBHOOK_ACTION, values), settings.events, settings.branches)
    files = {WEBHOOK_ACTION: action}
    if settings.gate:
        gate = _filled(WEBHOOK_GATE_ACTION, values)
        files[WEBHOOK_GATE_ACTION] = _with_events(gate, GATED_EVENTS, settings.branches)
    return files


def _reference(variable: str) -> str:
    return "{{ ENV." + variable + " }}"


def _filled(path: str, values: Mapping[str, str]) -> str:
    """The template with each of the values in its place."""
    text = template(path)
    if missing := [place for place in values if place not in text]:
        raise HookError(f"{path} of this installation lacks {', '.join(missing)}; install the wheel anew")
    return re.sub("|".join(map(re.escape, values)), lambda found: values[found[0]], text)


def _replaced(place: re.Pattern[str], by: str, action: str) -> str:
    replaced, count = place.subn(by, action)
    if count != 1:
        raise HookError("an action file of this installation is not as this version has it; install the wheel anew")
    return replaced


def _with_events(action: str, wanted: Sequence[str], branches: Sequence[str]) -> str:
    below = f"\n    branches: {json.dumps(list(branches))}" if branches else ""
    # A key that is there twice is no YAML for lakeFS.
    return _replaced(_ON, "on:\n" + "".join(f"  {event}:{below}\n" for event in dict.fromkeys(wanted)), action)


def _with_rules(action: str, rules: GateRules) -> str:
    values = {
        "catalog": rules.catalog,
        "schema_template": rules.schema_template,
        "descriptor_folder": rules.folder,
        "table_defs": ",".join(rules.table_defs),
    }
    for name, value in values.items():
        place = re.compile(rf"^( +)(?:# )?{name}: .*$", re.MULTILINE)
        action = _replaced(place, rf"\1{name}: {_yaml_text(value)}", action)
    return action


def _yaml_text(value: str) -> str:
    """The value in quotes, as both YAML and the replacement of a pattern take it.

    Always in quotes: an unquoted date in the `args` of a hook ends the lakeFS server (recorded on 1.84: args/date), and
    other words are no text there.
    """
    quoted = json.dumps(value, ensure_ascii=False)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted).replace("\\", r"\\")


def _branch_problems(branches: Sequence[str]) -> list[str]:
    return [
        f"--branches has {pattern!r}; use names of branches, with * and ? where they vary, and commas between them"
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
    if any(map(names.has_control_character, rules.table_defs)):
        problems.append("--table-defs holds a control character; use names and paths without it")
    for option, check in checks:
        try:
            check()
        except ExportError as error:
            problems.append(f"{option}: {error}")
    return problems
