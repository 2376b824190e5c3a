"""Names in Unity Catalog and paths in storage, derived from lakeFS names by fixed rules.

The rules of Unity Catalog (Databricks documentation, "Names"): at most 255 characters, no period, space,
forward slash or control character, stored in lower case. On top of them no character is taken that SQL
text, a `{{...}}` reference of a job or a storage URI would read as something else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from lakefs_unity_export.errors import InvalidNameError, SettingsError

MAX_NAME_LENGTH = 255
# Amazon S3 documentation, "Naming objects": a key has at most 1,024 bytes, so no table lies deeper.
MAX_PATH_BYTES = 1024
DEFAULT_SCHEMA_TEMPLATE = "{branch}"

# lakeFS documentation, "Concepts": the names that a server accepts.
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9-]{2,62}", re.ASCII)
_BRANCH = re.compile(r"\w[-\w]*", re.ASCII)
_COMMIT_ID = re.compile(r"[0-9a-f]{6,64}")
# Names of repositories that lakeFS takes and Spark cannot read by `s3a://<name>/...`: how they look, and what happens.
# Seen with java.net.URI and Hadoop 3.4.1 with its AWS SDK 2.25; no other name of lakeFS's letters lacks a host.
_UNREADABLE = (
    (r".*-", "ends in '-', and the host of a URI cannot end so in Java: Spark finds no bucket in s3a://..."),
    (r".*--x-s3", "ends in '--x-s3', and Spark's AWS client takes it for a directory bucket of Amazon S3 Express"),
    (r".{43,}--op-s3", "ends in '--op-s3', and Spark's AWS client takes it for a bucket of Amazon S3 on Outposts"),
)

# The folder that makes the one above it a Delta table (Delta's protocol, "Delta Table Specification").
DELTA_LOG = "_delta_log"

# Control characters, line separators, and lone surrogates (YAML can spell them, UTF-8 cannot).
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_IN_NAMES = re.compile(r"""[\s./\\'"`%?#*:;|<>{}\[\]]""")
_NOT_IN_PATHS = re.compile(r"""[\\'"`]|\{\{|\}\}""")
_NOT_IN_ADDRESSES = re.compile(r"""[\s\\'"`<>{}?#]""")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_QUOTED = re.compile(r"`([^`]+)`\.`([^`]+)`\.`([^`]+)`")
_STORAGE_URI = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*):(?P<rest>/.*)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class TableName:
    """The three parts of a table's name in Unity Catalog, each checked and in lower case."""

    catalog: str
    schema: str
    table: str

    @property
    def full_name(self) -> str:
        """As the Unity Catalog REST API takes it: `catalog.schema.table`."""
        return f"{self.catalog}.{self.schema}.{self.table}"

    @property
    def quoted(self) -> str:
        """As SQL takes it, every part in backticks."""
        return quoted(self.catalog, self.schema, self.table)


def quoted(*parts: str) -> str:
    """A name of several parts as SQL takes it, each in backticks.

    Raises InvalidNameError where a part holds a backtick: no checked name does.
    """
    if held := [part for part in parts if "`" in part]:
        raise InvalidNameError(f"identifier {held[0]!r} holds a backtick; rename it")
    return ".".join(f"`{part}`" for part in parts)


def read_quoted(text: str) -> TableName:
    """The name of a table that `TableName.quoted` wrote. Raises InvalidNameError for any other text."""
    match = _QUOTED.fullmatch(text)
    if match is None:
        raise InvalidNameError(f"{text[:200]!r} is no full name of a table, each of its three parts in backticks")
    return TableName(catalog=match[1], schema=match[2], table=match[3])


def check_identifier(kind: str, value: str) -> str:
    """The value in lower case, as Unity Catalog stores it.

    Raises InvalidNameError, which names the kind ("table name", "schema", ...), where the rules are broken.
    """
    if not value:
        raise InvalidNameError(f"{kind} is empty; give it a name")
    stored = value.lower()  # which can be longer: "\u0130" becomes two characters
    if (length := java_length(stored)) > MAX_NAME_LENGTH:
        raise InvalidNameError(
            f"{kind} {value[:40]!r}... has {length} characters, Unity Catalog takes {MAX_NAME_LENGTH}; shorten it"
        )
    if found := _CONTROL.search(value) or _NOT_IN_NAMES.search(value):
        raise InvalidNameError(f"{kind} {value!r} holds {found.group()!r}; use letters, digits, '_' and '-' in it")
    return stored


def is_identifier(value: str) -> bool:
    """Whether the value is a name, in lower case, that an export could have given."""
    try:
        return check_identifier("name", value) == value
    except InvalidNameError:
        return False


def java_length(text: str) -> int:
    """The length of a text as servers written in Java count it: in units of UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def has_control_character(value: str) -> bool:
    """Whether the value holds a control character, a line separator or a lone surrogate."""
    return _CONTROL.search(value) is not None


def is_commit_id(value: str) -> bool:
    """Whether the value is a commit's id, or the beginning of one: 6 to 64 hexadecimal digits."""
    return _COMMIT_ID.fullmatch(value) is not None


def schema_name(template: str, *, repository: str, branch: str) -> str:
    """The schema of a branch: the template with `{branch}` and `{repository}` filled in, in lower case.

    Raises SettingsError where the template has another placeholder, InvalidNameError where its result is no name.
    """
    values = {"branch": branch, "repository": repository}
    unknown = sorted(set(_PLACEHOLDER.findall(template)) - values.keys())
    if unknown:
        raise SettingsError(
            f"schema_template {template!r} has the placeholder {{{unknown[0]}}}; use {{branch}} and {{repository}}"
        )
    filled = _PLACEHOLDER.sub(lambda match: values[match.group(1)], template)
    return check_identifier("schema", filled)


def table_name(descriptor_name: str) -> str:
    """A table's name: the descriptor's with `-` replaced by `_`, as lakeFS's own exporter does, in lower case.

    Raises InvalidNameError where the rules are broken, or its folder would be taken for a Delta log.
    """
    name = check_identifier("table name", descriptor_name).replace("-", "_")
    if name == DELTA_LOG:
        raise InvalidNameError(
            f"table name {descriptor_name!r} would make the branch's folder look like a Delta table; use another name"
        )
    return name


def is_server_address(text: str) -> bool:
    """Whether the text is `https://` and a host, with a port or without; on this machine `http://` will do."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    return secure and bare and bool(parts.hostname) and text.isprintable() and not _NOT_IN_ADDRESSES.search(text)


def table_path(path: str) -> str:
    """A table's path in its repository, without a leading or trailing `/`.

    Raises InvalidNameError for an empty path, one longer than an object's key can be, empty, `.` or `..`
    segments, control characters, quotes, backslashes and `{{` or `}}`, and for a Delta table's log.
    """
    bare = path.removeprefix("/").removesuffix("/")
    if not bare:
        raise InvalidNameError(f"path {path!r} is empty; name the folder of the table")
    if found := _CONTROL.search(bare) or _NOT_IN_PATHS.search(bare):
        raise InvalidNameError(f"path {path[:200]!r} holds {found.group()!r}; use a path without it")
    if (size := len(bare.encode())) > MAX_PATH_BYTES:
        raise InvalidNameError(f"path {path[:40]!r}... has {size} bytes, an object's key {MAX_PATH_BYTES}; shorten it")
    for segment in bare.split("/"):
        if segment in ("", ".", ".."):
            named = f"the segment {segment!r}" if segment else "an empty segment"
            raise InvalidNameError(f"path {path!r} has {named}; write it from the repository's root")
    if segment == DELTA_LOG:
        raise InvalidNameError(f"path {path!r} is the log of a Delta table; name the table's folder, which holds it")
    return bare


def source_path(*, repository: str, commit_id: str, path: str) -> str:
    """The table at a commit, through the lakeFS S3 gateway."""
    return f"s3a://{repository}/{commit_id}/{path}"


def target_path(*, target_base_location: str, branch: str, table: str) -> str:
    """Where the clone of a branch's table lies. The SQL files have the same rule."""
    return f"{target_base_location}/{branch}/{table}"


def target_base(location: str) -> str:
    """The storage URI under which clones lie, without a trailing `/`; `file:/` as Unity Catalog spells it, `file:///`.

    Raises SettingsError where it is no absolute URI, is a volume, or holds characters that break SQL text.
    """
    if location.startswith(("/Volumes", "dbfs:/Volumes")):
        raise SettingsError(
            f"target_base_location {location!r} is a volume, and Unity Catalog registers no table inside a volume; "
            "use a path under an external location, such as abfss://container@account.dfs.core.windows.net/exports"
        )
    match = _STORAGE_URI.fullmatch(location)
    if match is None:
        raise SettingsError(
            f"target_base_location {location!r} is no storage URI; "
            "use one with a scheme, such as abfss://..., s3://bucket/..., gs://bucket/... or file:/..."
        )
    if found := _CONTROL.search(location) or re.search(r"""[\s'"`\\{}?#]""", location):
        raise SettingsError(f"target_base_location {location!r} holds {found.group()!r}; use a URI without it")
    bare = location.rstrip("/")
    if match["scheme"].lower() != "file" and not re.match(r"[^:]+://[^/]+", bare):
        raise SettingsError(f"target_base_location {location!r} names no bucket or container; put it after '://'")
    if not match["rest"].strip("/"):
        raise SettingsError(f"target_base_location {location!r} is the root of all files; name a folder")
    if any(segment in (".", "..") for segment in match["rest"].split("/")):
        raise SettingsError(f"target_base_location {location!r} has a '.' or '..' segment; write the path out")
    return f"file:///{match['rest'].strip('/')}" if match["scheme"].lower() == "file" else bare


def same_location(one: str, other: str) -> bool:
    """Whether two storage URIs name the same place, whatever their spelling (`s3a` or `s3`, `file:/` or `file:///`)."""
    return _comparable(one) == _comparable(other)


def encloses(outer: str, inner: str) -> bool:
    """Whether the inner storage URI names the outer's place or one under it, whatever their spelling."""
    (scheme, place), (inner_scheme, inner_place) = _comparable(outer), _comparable(inner)
    return scheme == inner_scheme and (inner_place + "/").startswith(place + "/")


def _comparable(location: str) -> tuple[str, str]:
    scheme, _, rest = location.partition(":")
    scheme = {"s3a": "s3", "s3n": "s3"}.get(scheme.lower(), scheme.lower())
    if scheme == "file":
        rest = "/" + rest.lstrip("/")
    return scheme, rest.rstrip("/")


def check_repository(value: str) -> str:
    """The repository's name. Raises SettingsError where lakeFS could not have such a repository."""
    return _check_parameter("repository", value, _REPOSITORY, "lower-case letters, digits and '-', 3 to 63 characters")


def unreadable_repository(value: str) -> str:
    """Why Spark cannot read the repository with this name through the S3 gateway; empty where it can."""
    found = [reason for pattern, reason in _UNREADABLE if re.fullmatch(pattern, value)]
    return f"its name {found[0]}; export from a repository with another name" if found else ""


def check_readable(value: str) -> str:
    """The repository's name. Raises SettingsError where Spark could not read its tables."""
    if reason := unreadable_repository(value):
        raise SettingsError(f"repository {value!r} cannot be exported, for {reason}")
    return value


def check_branch(value: str) -> str:
    """The branch's name. Raises SettingsError where lakeFS could not have such a branch."""
    return _check_parameter("branch", value, _BRANCH, "letters, digits, '_' and '-'")


def check_branch_folder(branch: str) -> str:
    """The branch's name. Raises InvalidNameError where no other branch could be exported once its folder is there.

    Delta looks for a table's log in every folder above a path, and takes what lies beside one for its partitions.
    """
    if branch == DELTA_LOG:
        raise InvalidNameError(
            f"the folder of branch {branch!r} would make target_base_location look like a Delta table; "
            "use a branch with another name"
        )
    return branch


def check_commit_id(value: str) -> str:
    """The commit's id, or empty. Raises SettingsError where it is not hexadecimal."""
    return value if not value else _check_parameter("commit_id", value, _COMMIT_ID, "6 to 64 hexadecimal digits")


def check_choice(name: str, value: str, choices: Mapping[str, object] | tuple[str, ...]) -> str:
    """The value. Raises SettingsError where it is none of the choices."""
    if value not in choices:
        raise SettingsError(f"job parameter {name} is {value!r}; use one of {', '.join(choices)}")
    return value


def check_setting(name: str, value: str, choices: tuple[str, ...]) -> str:
    """The value. Raises SettingsError where it is none of the choices."""
    if value not in choices:
        raise SettingsError(f"{name} is {value!r}; set the bundle variable to one of {', '.join(choices)}")
    return value


def _check_parameter(name: str, value: str, pattern: re.Pattern[str], rule: str) -> str:
    if not value:
        raise SettingsError(f"job parameter {name} is empty; run the job with {name} set")
    if not pattern.fullmatch(value):
        raise SettingsError(f"job parameter {name} is {value[:100]!r}; lakeFS names are {rule}")
    return value
