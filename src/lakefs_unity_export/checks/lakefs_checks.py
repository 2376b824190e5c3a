"""Checks of lakeFS as the task reaches it: the server, the key, the repository, the branch."""

from lakefs_unity_export import events
from lakefs_unity_export.access.lakefs_connection import LACKS_PERMISSION, check_endpoint, server_words
from lakefs_unity_export.checks.model import (
    Check,
    Claim,
    Outcome,
    Severity,
    finding_and_remedy,
    not_tried,
    passed,
    problem,
    warned,
)
from lakefs_unity_export.checks.setup import Setup, json_of
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.storage_uris import check_target_base
from lakefs_unity_export.errors import (
    ExportError,
    InvalidNameError,
    LakeFSAccessError,
    LakeFSNotFoundError,
    SettingsError,
)
from lakefs_unity_export.hook.files import events_for, is_version
from lakefs_unity_export.setup_ports import Answered, Trouble, Unanswered

HERE = "check_lakefs_and_catalog"
ON_A_CLASSIC_CLUSTER = (
    "run the wheel tasks on a classic cluster in dedicated access mode (docs/overrides/private_network.yml)"
)
_READ_RIGHTS = "fs:ReadRepository, fs:ReadObject, fs:ListObjects, fs:ReadBranch, fs:ReadCommit"
_SHOWN = 200  # characters of what a server says
_NETWORK = (
    "open the way from this compute to it (the workspace's network policy, a firewall's allow list), or copy "
    "docs/overrides/private_network.yml to resources/ and deploy its target, whose tasks run in your own network"
)
_ENDPOINT = "set the bundle variable lakefs_endpoint to the address of the lakeFS server, and deploy"
_TROUBLES = {
    Trouble.NAME: f"correct the host in the bundle variable lakefs_endpoint, and deploy; if it is right, {_NETWORK}",
    Trouble.CONNECTION: f"start the server, or correct lakefs_endpoint and deploy; if both are right, {_NETWORK}",
    Trouble.TIME: f"{_NETWORK}; a server that is overloaded shows in its own log",
    Trouble.TLS: (
        "give the server a certificate for this host's name from an authority that Databricks knows; where it speaks "
        "plain HTTP, write http:// in the bundle variable lakefs_endpoint, and deploy"
    ),
    Trouble.CLOSED: f"look at what stands before the server (a proxy, a load balancer); {_ENDPOINT}",
}


def _settings(setup: Setup) -> Outcome:
    try:
        asked = setup.request
        check_endpoint(setup.settings.lakefs_endpoint)
    except (SettingsError, InvalidNameError) as error:
        finding, remedy = finding_and_remedy(error)
        return problem(finding, remedy or "set the job parameter or the bundle variable that it names, and deploy")
    return passed(
        f"repository {asked.repository}, branch {asked.branch}, to {asked.rules.catalog}.{asked.rules.schema}, "
        f"clone method {asked.clone_method}, under {asked.target_base_location}"
    )


def _dbutils(setup: Setup) -> Outcome:
    return passed(f"by {setup.dbutils_way}")


def _secrets(setup: Setup) -> Outcome:
    asked = setup.settings.request()
    scope, keys = asked.secret_scope, (asked.access_key_name, asked.secret_key_name)
    unread = {key: why for key in keys if (why := _why_unread(setup, scope, key))}
    if unread:
        return problem("; ".join(unread.values()), _secrets_put(scope, tuple(unread), _runs_as(setup)))
    _ = setup.credentials
    return passed(f"both keys can be read from scope {scope}")


def _why_unread(setup: Setup, scope: str, key: str) -> str:
    """Why the secret cannot be read, or nothing."""
    try:
        setup.secret(scope, key)
    except ExportError as error:
        return finding_and_remedy(error)[0]
    return ""


def _secrets_put(scope: str, keys: tuple[str, ...], identity: str) -> str:
    """Each command on a line of its own: what the condition before it says is not told by dbutils."""
    return "\n".join(
        [
            f"where there is no scope {scope} yet:",
            f"databricks secrets create-scope {scope}",
            "where a key is missing or empty:",
            *(f"databricks secrets put-secret {scope} {key}" for key in keys),
            "in any case:",
            f"databricks secrets put-acl {scope} {identity} READ",
        ]
    )


def _runs_as(setup: Setup) -> str:
    try:
        return setup.identity.name
    except ExportError:
        return "<who the job runs as>"


def _reachable(setup: Setup) -> Outcome:
    answer = setup.health
    endpoint = setup.settings.lakefs_endpoint
    if isinstance(answer, Unanswered):
        return problem(f"{endpoint}: {answer}", _TROUBLES[answer.trouble])
    if answer.status == 204:
        return passed(f"lakeFS answers at {endpoint}")
    if answer.status >= 500:
        return problem(
            f"{endpoint} answered {answer.status}{_words(answer)}",
            "look at the server's log, and at the proxy before it; run check_setup again once it answers",
        )
    return _not_lakefs(endpoint, answer)


def _not_lakefs(endpoint: str, answer: Answered) -> Outcome:
    return problem(f"{endpoint} answered {answer.status}, and not as lakeFS does: {_looks_like(answer)}", _ENDPOINT)


def _looks_like(answer: Answered) -> str:
    if 300 <= answer.status < 400:
        return "it sends elsewhere, such as to a page to sign in"
    if b"<html" in answer.body[:1000].lower():
        return "a web page"
    return "another server"


def _words(answer: Answered) -> str:
    words = " ".join(server_words(answer.body.decode("utf-8", "replace")).split())[:_SHOWN]
    return f" ({words})" if words else ""


def _key(setup: Setup) -> Outcome:
    answer = setup.repository_answer
    endpoint = setup.settings.lakefs_endpoint
    if isinstance(answer, Unanswered):
        return problem(f"{endpoint}: {answer}", _TROUBLES[answer.trouble])
    if answer.status == 401 and LACKS_PERMISSION not in _words(answer):
        asked = setup.settings.request()
        scope = asked.secret_scope
        return problem(
            f"lakeFS answered 401{_words(answer)}: it does not know the key pair of scope {scope}, or no longer",
            f"databricks secrets put-secret {scope} {asked.access_key_name}\n"
            f"databricks secrets put-secret {scope} {asked.secret_key_name}\n"
            "with a key pair that is active in lakeFS",
        )
    if answer.status >= 500:
        return problem(f"lakeFS answered {answer.status}{_words(answer)}", "look at the lakeFS server's log")
    if not json_of(answer):
        return _not_lakefs(endpoint, answer)
    return passed("lakeFS knows the key pair")


def _repository(setup: Setup) -> Outcome:
    answer = setup.repository_answer
    name = setup.request.repository
    if not isinstance(answer, Answered):
        return not_tried(answer.words)
    if answer.status in (401, 403):
        return problem(f"lakeFS answered {answer.status}{_words(answer)}", _policy(name))
    if answer.status == 404:
        return problem(
            f"lakeFS has no repository {name}{_words(answer)}",
            "run the job with the job parameter repository set to one that `lakectl repo list` shows",
        )
    if answer.status != 200 or "storage_namespace" not in json_of(answer):
        return problem(f"lakeFS answered {answer.status}{_words(answer)} about repository {name}", _ENDPOINT)
    return passed(f"repository {name}, stored in {json_of(answer)['storage_namespace']}")


def _branch(setup: Setup) -> Outcome:
    name, repository = setup.request.branch, setup.request.repository
    try:
        return passed(f"branch {name} is at commit {setup.head.id}")
    except LakeFSNotFoundError as error:
        return problem(
            f"repository {repository} has no branch {name} ({error})",
            f"run the job with the parameter branch set to one that `lakectl branch list lakefs://{repository}` shows",
        )
    except LakeFSAccessError as error:
        return problem(str(error), _policy(repository))


def _policy(repository: str) -> str:
    return f"give the key's user in lakeFS a policy for repository {repository} with {_READ_RIGHTS}"


def _version(setup: Setup) -> Outcome:
    version = setup.server_version
    if not is_version(version):
        return warned(
            f"the server does not say its version{f' ({version})' if version else ''}, so that it is not known which "
            "events it knows",
            "give the key's user fs:ReadConfig, or make sure that the server is lakeFS 1.65 or newer",
        )
    unknown = events_for(version, events.COMMIT_EVENTS)[1]
    if unknown:
        return problem(
            f"lakeFS {version} does not know {', '.join(unknown)}",
            "upgrade lakeFS to 1.65 or newer, or install the hook with install_hook, which leaves these events out",
            claim=Claim.CONFIRMED,
        )
    return passed(f"lakeFS {version} knows every event of the hook", claim=Claim.CONFIRMED)


def _storage(setup: Setup) -> Outcome:
    namespace, asked = setup.lakefs.storage_namespace(), setup.request
    by_storage = asked.clone_method is CloneMethod.STORAGE
    try:
        check_target_base(asked.target_base_location, storage_namespace=namespace, by_storage=by_storage)
    except SettingsError as error:
        finding, _, remedy = str(error).partition(": ")
        return problem(finding, f"{remedy}; set the bundle variable target_base_location, and deploy")
    return passed(f"{asked.target_base_location} and {namespace} are not in each other's way")


CHECKS: tuple[Check[Setup], ...] = (
    Check(
        id="dbutils",
        place=HERE,
        asks="Has a wheel task dbutils with task values, and by which way?",
        means="no task of an export can read its secrets, or hear from the task before it",
        remedy=ON_A_CLASSIC_CLUSTER,
        look=_dbutils,
    ),
    Check(
        id="settings",
        place=HERE,
        asks="Can the job parameters and the bundle's variables be used?",
        means="every export ends in its first task",
        remedy="set the parameter or the variable that is named",
        look=_settings,
    ),
    Check(
        id="secrets",
        place=HERE,
        asks="Can the job's identity read lakeFS's key pair from the secret scope?",
        means="every export ends in its first task",
        remedy="put the keys into the scope, and give the identity READ on it",
        look=_secrets,
        needs=("dbutils", "settings"),
    ),
    Check(
        id="lakefs_reachable",
        place=HERE,
        asks="Does a lakeFS server answer at lakefs_endpoint?",
        means="every export ends in its first task",
        remedy="correct lakefs_endpoint, or open the way to the server",
        look=_reachable,
        needs=("settings",),
    ),
    Check(
        id="lakefs_key",
        place=HERE,
        asks="Does lakeFS know the key pair?",
        means="every export ends in its first task",
        remedy="put a key pair that is active in lakeFS into the secret scope",
        look=_key,
        needs=("secrets", "lakefs_reachable"),
    ),
    Check(
        id="repository",
        place=HERE,
        asks="Is the repository there, and may the key's user read it?",
        means="exports of this repository end in their first task",
        remedy="name a repository that is there, or give the key's user the right to read it",
        look=_repository,
        needs=("lakefs_key",),
    ),
    Check(
        id="branch",
        place=HERE,
        asks="Is the branch there, and can its head be read?",
        means="exports of this branch end in their first task",
        remedy="name a branch that is there, or give the key's user the right to read it",
        look=_branch,
        needs=("repository",),
    ),
    Check(
        id="lakefs_version",
        place=HERE,
        asks="Which version is the server, and does it know the events of the hook?",
        means="an action file that names an unknown event makes every commit on its branch fail",
        remedy="upgrade lakeFS, or leave those events out",
        look=_version,
        severity=Severity.WARNING,
        needs=("lakefs_key",),
        claims=("`config` of a lakeFS server names its version",),
    ),
    Check(
        id="target_and_storage",
        place=HERE,
        asks="Do target_base_location and lakeFS's own storage keep out of each other's way?",
        means="lakeFS's garbage collection would remove clones, or a VACUUM lakeFS's objects",
        remedy="choose a target_base_location beside lakeFS's storage namespace",
        look=_storage,
        needs=("repository",),
    ),
)
