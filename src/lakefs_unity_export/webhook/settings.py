"""The webhook service's settings, from environment variables, with every problem said at once."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from lakefs_unity_export import names
from lakefs_unity_export.access.lakefs_connection import Credentials, check_endpoint
from lakefs_unity_export.commit import descriptors
from lakefs_unity_export.commit.descriptor_gate import GateRules
from lakefs_unity_export.errors import ExportError, SettingsError
from lakefs_unity_export.servers.workspace import WorkspaceAccess

MIN_SECRET_LENGTH = 24
# RFC 6750: what a bearer token consists of.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_JOB_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_PATTERN = re.compile(r"[\w*?\[\]!-]+", re.ASCII)

GATE_ENDPOINT = "LAKECTL_SERVER_ENDPOINT_URL"
GATE_ACCESS_KEY = "LAKECTL_CREDENTIALS_ACCESS_KEY_ID"
GATE_SECRET_KEY = "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"  # noqa: S105, the name of a variable
_OWN = (
    "WEBHOOK_SECRET",
    "WEBHOOK_SECRET_PREVIOUS",
    "WEBHOOK_REPOSITORIES",
    "WEBHOOK_BRANCHES",
    "WEBHOOK_CONCURRENCY",
    "WEBHOOK_QUEUE",
)


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """The lakeFS server that the gate reads descriptors from, and the rules they are held to."""

    endpoint: str
    credentials: Credentials
    rules: GateRules


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the service needs to know.

    `secrets` are those that a request may carry, the one before the last change among them. `repositories` and
    `branches` are patterns with `*` and `?`. `concurrency` calls are made at once, to Databricks and to lakeFS each;
    `queue` more wait. Times are in seconds: lakeFS itself waits a minute for an answer.
    """

    secrets: tuple[str, ...] = field(repr=False)
    job_id: str
    workspace: WorkspaceAccess
    repositories: tuple[str, ...]
    branches: tuple[str, ...] = ("*",)
    gate: GateSettings | None = None
    concurrency: int = 16
    queue: int = 1000
    body_seconds: float = 10.0
    answer_seconds: float = 50.0

    def takes_repository(self, repository: str) -> bool:
        """Whether runs may be started, and descriptors read, for the repository."""
        return any(fnmatchcase(repository, pattern) for pattern in self.repositories)

    def takes_branch(self, branch: str) -> bool:
        """Whether the branch is one that is exported."""
        return any(fnmatchcase(branch, pattern) for pattern in self.branches)

    def confidential(self) -> tuple[str, ...]:
        """Every value that no log may hold."""
        held = [*self.secrets, self.workspace.token, self.workspace.client_secret]
        if self.gate is not None:
            held.append(self.gate.credentials.secret_access_key)
        return tuple(value for value in held if value)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in these environment variables. Raises SettingsError, which lists every problem, one a line."""
    reader = _Reader(environment)
    for name in sorted(environment):
        if name.startswith("WEBHOOK_") and name not in _OWN:
            reader.problems.append(f"{name} is not a setting; there are {', '.join(_OWN)}")
    settings = Settings(
        secrets=reader.secrets(),
        job_id=reader.job_id(),
        workspace=reader.workspace(),
        repositories=reader.patterns("WEBHOOK_REPOSITORIES", ""),
        branches=reader.patterns("WEBHOOK_BRANCHES", "*"),
        gate=reader.gate(),
        concurrency=reader.number("WEBHOOK_CONCURRENCY", default=16, most=64),
        queue=reader.number("WEBHOOK_QUEUE", default=1000, most=10_000),
    )
    if reader.problems:
        raise SettingsError("the webhook cannot start:\n" + "\n".join(f"  {problem}" for problem in reader.problems))
    return settings


class _Reader:
    """Reads the variables and collects what is wrong with them. No message holds a value that may be a secret."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        return self._environment.get(name, "").strip()

    def required(self, name: str, what: str) -> str:
        value = self.text(name)
        if not value:
            self.problems.append(f"{name} is not set: {what}")
        return value

    def secrets(self) -> tuple[str, ...]:
        current = self.required(
            "WEBHOOK_SECRET", "the secret that the action file sends, such as `openssl rand -hex 32`"
        )
        previous = self.text("WEBHOOK_SECRET_PREVIOUS")
        for name, value in (("WEBHOOK_SECRET", current), ("WEBHOOK_SECRET_PREVIOUS", previous)):
            if value and (len(value) < MIN_SECRET_LENGTH or not _TOKEN.fullmatch(value)):
                self.problems.append(
                    f"{name} must have {MIN_SECRET_LENGTH} characters or more, of letters, digits and . _ ~ + / - only"
                )
        return tuple(value for value in (current, previous) if value)

    def job_id(self) -> str:
        value = self.required("EXPORT_JOB_ID", "the number of the job export_tables")
        if value and not _JOB_ID.fullmatch(value):
            self.problems.append(f"EXPORT_JOB_ID is {value[:40]!r}, not the number of a job")
        return value

    def workspace(self) -> WorkspaceAccess:
        host = self.required("DATABRICKS_HOST", "the workspace, such as https://adb-1.2.azuredatabricks.net").rstrip(
            "/"
        )
        if host and not names.is_server_address(host):
            self.problems.append("DATABRICKS_HOST is not the URL of a workspace; give https:// and the host, no path")
        token, client_id, client_secret = (
            self.text(name) for name in ("DATABRICKS_TOKEN", "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET")
        )
        if bool(token) == bool(client_id or client_secret):
            self.problems.append(
                "set either DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET of a service principal that may run "
                "the job, or its DATABRICKS_TOKEN, not both"
            )
        elif bool(client_id) != bool(client_secret):
            missing = "DATABRICKS_CLIENT_SECRET" if client_id else "DATABRICKS_CLIENT_ID"
            self.problems.append(f"{missing} is not set, and the service principal needs both")
        return WorkspaceAccess(host=host, token=token, client_id=client_id, client_secret=client_secret)

    def patterns(self, name: str, default: str) -> tuple[str, ...]:
        text = self.text(name) or default or self.required(name, "the repositories to take events of, or *")
        found = tuple(entry.strip() for entry in text.split(",") if entry.strip())
        for pattern in found:
            if not _PATTERN.fullmatch(pattern):
                self.problems.append(f"{name} has {pattern[:60]!r}; use names with * and ?, with commas between them")
        return found

    def number(self, name: str, *, default: int, most: int) -> int:
        text = self.text(name) or str(default)
        if text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most:
            return int(text)
        self.problems.append(f"{name} is {text[:40]!r}; use a number from 1 to {most}")
        return default

    def gate(self) -> GateSettings | None:
        """The gate, where a lakeFS server is given for it."""
        endpoint = self.text(GATE_ENDPOINT)
        if not endpoint:
            return None
        self._check(GATE_ENDPOINT, lambda: check_endpoint(endpoint))
        what = "the gate reads descriptors with it"
        credentials = Credentials(
            access_key_id=self.required(GATE_ACCESS_KEY, what), secret_access_key=self.required(GATE_SECRET_KEY, what)
        )
        return GateSettings(endpoint=endpoint, credentials=credentials, rules=self._gate_rules())

    def _gate_rules(self) -> GateRules:
        catalog = self.required("EXPORT_CATALOG", "the gate's rules need the job's variable `catalog`")
        if catalog:
            self._check("EXPORT_CATALOG", lambda: names.check_identifier("catalog", catalog))
        template = self.text("EXPORT_SCHEMA_TEMPLATE") or names.DEFAULT_SCHEMA_TEMPLATE
        self._check("EXPORT_SCHEMA_TEMPLATE", lambda: names.schema_name(template, repository="shop", branch="main"))
        folder = self.text("EXPORT_TABLE_DESCRIPTORS_PATH") or descriptors.DEFAULT_FOLDER
        self._check("EXPORT_TABLE_DESCRIPTORS_PATH", lambda: names.table_path(folder))
        table_defs = tuple(entry.strip() for entry in self.text("EXPORT_TABLE_DEFS").split(",") if entry.strip())
        return GateRules(catalog=catalog, schema_template=template, folder=folder.strip("/"), table_defs=table_defs)

    def _check(self, name: str, check: Callable[[], str]) -> None:
        try:
            check()
        except ExportError as error:
            self.problems.append(f"{name}: {error}")
