"""Checks of the cluster that clones: what it is, its way to lakeFS, and its rights on the target."""

from collections.abc import Callable
from typing import TypeVar

from lakefs_unity_export import names
from lakefs_unity_export.checks.cluster_setup import ClusterSetup
from lakefs_unity_export.checks.handed_over import MOST_TARGETS
from lakefs_unity_export.checks.methods_in_use import in_use
from lakefs_unity_export.checks.model import (
    Check,
    Claim,
    Outcome,
    Severity,
    finding_and_remedy,
    not_run,
    not_tried,
    passed,
    problem,
)
from lakefs_unity_export.checks.target_probe import TEXT
from lakefs_unity_export.clones.decision import TargetTakenError, decide, target_of
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.path_access import is_refusal
from lakefs_unity_export.clones.s3a_errors import lakefs_error
from lakefs_unity_export.clones.spark_errors import causes, described
from lakefs_unity_export.clones.storage_uris import place_of
from lakefs_unity_export.errors import ExportError, LakeFSAccessError, SettingsError, StorageCloneError

HERE = "check_cluster"
# As the Clusters API names them (Databricks documentation, "data_security_mode").
DEDICATED = frozenset({"SINGLE_USER", "LEGACY_SINGLE_USER", "DATA_SECURITY_MODE_DEDICATED"})
_S3A = "spark.hadoop.fs.s3a."
_OF_BUCKET = f"{_S3A}bucket."
# Without these S3A asks Amazon, or nobody.
_NEEDED = ("endpoint", "access.key", "secret.key")
_NO_HANDOVER = "task check_lakefs_and_catalog handed no commit of the branch over; see its lines"
_REPORT = "report this line, with the storage's kind"
_ELSEWHERE = (
    "move away what lies there; or set the bundle variable target_base_location to a place where nobody has anything, "
    "and deploy"
)
_MEND_SETTINGS = "in databricks.yml, variable s3a_conf"

_Read = TypeVar("_Read")


def _cluster(setup: ClusterSetup) -> Outcome:
    facts = setup.cluster.facts()
    told = (
        f"runtime {facts.runtime or '(not told)'}, Spark {facts.spark}, "
        f"access mode {facts.access_mode or '(not told)'}, {'one node' if facts.is_one_node else 'several nodes'}"
    )
    if facts.access_mode and facts.access_mode not in DEDICATED:
        return problem(told, "set data_security_mode to SINGLE_USER in the bundle variable clone_cluster, and deploy")
    return passed(told)


def _settings(setup: ClusterSetup) -> Outcome:
    repository = setup.settings.repository
    present = setup.cluster.setting_names()
    own = f"{_OF_BUCKET}{repository}."
    missing = [name for name in _NEEDED if not {own + name, _S3A + name} & present]
    if not missing:
        counted = [name for name in _NEEDED if own + name in present]
        where = f"{own}*" if counted else f"{_S3A}*, for every bucket"
        return passed(f"the cluster has {', '.join(_NEEDED)} for repository {repository}, as {where}")
    others = sorted({_bucket(name) for name in present if name.startswith(_OF_BUCKET)} - {repository, ""})
    told = f"; there are settings of {', '.join(others)}" if others else ""
    return problem(
        f"the cluster has no {', '.join(own + name for name in missing)}{told}",
        f"{_MEND_SETTINGS}, put a block for {repository}, and deploy:\n{_block(repository)}",
    )


def _bucket(name: str) -> str:
    """The repository that a setting is of: its name has no period."""
    return name.removeprefix(_OF_BUCKET).partition(".")[0]


def _block(repository: str) -> str:
    """As databricks.yml has it."""
    values = {
        "endpoint": "${var.lakefs_s3_endpoint}",
        "endpoint.region": "us-east-1",
        "path.style.access": '"true"',
        "access.key": '"{{secrets/${var.secret_scope}/${var.access_key_name}}}"',
        "secret.key": '"{{secrets/${var.secret_scope}/${var.secret_key_name}}}"',
    }
    return "\n".join(f"{_OF_BUCKET}{repository}.{name}: {value}" for name, value in values.items())


def _listing(setup: ClusterSetup) -> Outcome:
    handed = setup.handed
    if not handed.commit_id:
        return not_run(_NO_HANDOVER)
    if not handed.file:
        return not_run("the branch holds no object")
    path = _at_ref(setup, handed.file.rpartition("/")[0])
    found = _through_gateway(setup, path, setup.tables.holds_files)
    if isinstance(found, Outcome):
        return found
    if not found:
        return problem(
            f"the gateway lists nothing under {path}, where lakeFS's API has {handed.file}",
            "set the bundle variable lakefs_s3_endpoint to the S3 gateway of the server that lakefs_endpoint names, "
            "and deploy",
        )
    return passed(f"the gateway lists {path}")


def _reading(setup: ClusterSetup) -> Outcome:
    handed = setup.handed
    if not handed.file:
        return not_run(_NO_HANDOVER)
    path = _at_ref(setup, handed.file)
    content = _through_gateway(setup, path, setup.cluster.read_file)
    if isinstance(content, Outcome):
        return content
    if len(content) != handed.file_bytes:
        return problem(
            f"the gateway gives {len(content)} bytes for {path}, and lakeFS's API says {handed.file_bytes}",
            "set the bundle variable lakefs_s3_endpoint to the S3 gateway of the server that lakefs_endpoint names, "
            "and deploy",
        )
    is_as_claimed = setup.cluster.facts().access_mode in DEDICATED and _is_own_block(setup)
    return passed(f"the gateway gives {path}", claim=Claim.CONFIRMED if is_as_claimed else Claim.OPEN)


def _is_own_block(setup: ClusterSetup) -> bool:
    return f"{_OF_BUCKET}{setup.settings.repository}.endpoint" in setup.cluster.setting_names()


def _at_ref(setup: ClusterSetup, path: str) -> str:
    ref = setup.handed.ref_of(path)
    whole = names.source_path(repository=setup.settings.repository, commit_id=ref, path=path)
    return whole.rstrip("/")


def _through_gateway(setup: ClusterSetup, path: str, read: Callable[[str], _Read]) -> _Read | Outcome:
    """What is read, or the problem in the words of the failure's own cause."""
    try:
        return read(path)
    except Exception as error:
        return gateway_problem(setup, path, error)


def gateway_problem(setup: ClusterSetup, path: str, error: Exception) -> Outcome:
    """The problem of reading this path through lakeFS's gateway, by its cause."""
    settings, chain = setup.settings, causes(error)
    if is_refusal(chain):
        return problem(
            f"Unity Catalog refused {path}: {described(error)}",
            f"an external location covers a bucket {settings.repository!r}, whose name the repository has: let it "
            f"cover a folder of the bucket (such as s3://{settings.repository}/exports), or export from a repository "
            "of another name (docs/s3a_settings.md)",
        )
    known = lakefs_error(chain, repository=settings.repository, source_path=path)
    if known is None:
        return problem(
            f"cannot read {path}: {described(error)}",
            f"{_MEND_SETTINGS}, compare the block of {settings.repository} with docs/s3a_settings.md, and deploy",
        )
    finding, remedy = finding_and_remedy(known)
    return problem(finding, f"{remedy}{_secrets_anew(setup) if isinstance(known, LakeFSAccessError) else ''}")


def _secrets_anew(setup: ClusterSetup) -> str:
    """What is told where keys are refused. Where lakeFS's API takes the pair, it is the settings that name another."""
    settings = setup.settings
    keys = (settings.access_key_name, settings.secret_key_name)
    commands = "".join(f"\ndatabricks secrets put-secret {settings.secret_scope} {key}" for key in keys)
    return (
        f"{commands}\nwhere the line lakefs_key passes: {_MEND_SETTINGS}, let the block of {settings.repository} refer "
        f"to them, and deploy (a cluster that runs takes them at its next start):\n{_block(settings.repository)}"
    )


def _api(setup: ClusterSetup) -> Outcome:
    handed = setup.handed
    if not handed.file:
        return not_run(_NO_HANDOVER)
    try:
        found = setup.addresses(handed.ref_of(handed.file), handed.file.rpartition("/")[0])
    except ExportError as error:
        setup.lacks_api = True
        finding, remedy = finding_and_remedy(error)
        return in_use(setup, CloneMethod.STORAGE, finding, remedy or "do what it says")
    return passed(f"lakeFS's API names the storage of {len(found)} objects", claim=_claim_of(list(found.values())))


def _claim_of(addresses: list[str]) -> Claim:
    """Whether lakeFS on Azure names objects as it is taken to."""
    of_azure = [address for address in addresses if address.startswith("https://") and "%" not in address]
    if not of_azure:
        return Claim.OPEN
    try:
        place_of(of_azure[0])
    except StorageCloneError:
        return Claim.REFUTED
    return Claim.CONFIRMED


def _target(setup: ClusterSetup) -> Outcome:
    try:
        target = setup.target
    except SettingsError as error:
        return not_tried(str(error))
    doing = "written"
    try:
        file = target.make()
        doing = "read"
        content = setup.cluster.read_file(file)
        doing = "listed"
        is_listed = setup.tables.holds_files(target.folder)
    except Exception as error:
        return problem(f"{target.folder} cannot be {doing}: {described(error)}", _grants_on_target(setup))
    if content != TEXT.encode():
        return problem(f"{file} does not hold what was written to it", _REPORT)
    if not is_listed:
        return problem(f"{target.folder} is listed without what was written to it", _REPORT, claim=Claim.REFUTED)
    return passed(f"{file} was written, read and listed", claim=Claim.CONFIRMED)


def _targets(setup: ClusterSetup) -> Outcome:
    """As `clone_table` looks at them before it clones."""
    if not setup.handed.targets:
        return not_run("no descriptor of the branch names a table")
    taken, unread = [], []
    for table, path in setup.handed.targets.items():
        request = setup.settings.export_request(setup.handed, table, path)
        try:
            decide(request, target_of(setup.tables, request))
        except TargetTakenError as error:
            taken.append(str(error))
        except Exception as error:
            unread.append(f"{request.target_path} of {table} cannot be looked at: {described(error)}")
    if taken:
        return problem("\n".join(taken), _ELSEWHERE)
    if unread:
        return not_tried("\n".join(unread), "do what the lines table_grants and external_location_grants say")
    return passed(f"the targets of {len(setup.handed.targets)} tables are free, or hold this export's own clones")


def _grants_on_target(setup: ClusterSetup) -> str:
    """The statement, with the names that the task before found out."""
    location, identity = setup.handed.location, setup.handed.identity or "<who the job runs as>"
    if not location:
        return "do what the lines external_location and external_location_grants say"
    return f"GRANT READ FILES, WRITE FILES ON EXTERNAL LOCATION {names.quoted(location)} TO `{identity}`;"


CHECKS: tuple[Check[ClusterSetup], ...] = (
    Check(
        id="cluster",
        place=HERE,
        asks="Which runtime and which access mode has the cluster that clones?",
        means="in standard access mode the cluster may ignore the keys of lakeFS",
        remedy="set data_security_mode to SINGLE_USER in clone_cluster",
        look=_cluster,
        severity=Severity.WARNING,
    ),
    Check(
        id="cluster_settings",
        place=HERE,
        asks="Has the cluster S3A settings for this repository? Their names are looked at, never their values.",
        means="no table of this repository can be cloned",
        remedy="put a block for the repository into s3a_conf",
        look=_settings,
    ),
    Check(
        id="gateway_listing",
        place=HERE,
        asks="Does lakeFS's S3 gateway list a folder at the branch's head?",
        means="no table of this repository can be cloned",
        remedy="correct the settings of s3a_conf or the secrets, or open the way to the gateway",
        look=_listing,
        needs=("branch", "cluster_settings"),
    ),
    Check(
        id="gateway_reading",
        place=HERE,
        asks="Does it give a file at the branch's head?",
        means="no table of this repository can be cloned",
        remedy="give the key's user fs:ReadObject, or correct the settings of s3a_conf",
        look=_reading,
        needs=("gateway_listing",),
        claims=("A classic cluster with `data_security_mode: SINGLE_USER` takes per-bucket `fs.s3a` settings",),
    ),
    Check(
        id="cluster_lakefs_api",
        place=HERE,
        asks="Can the cluster read the secrets, and ask lakeFS's API where objects are kept?",
        means="the clone method storage does not work",
        remedy="open the way from the cluster to lakefs_endpoint, or choose another clone method",
        look=_api,
        needs=("branch",),
        claims=("lakeFS names objects on Azure as",),
    ),
    Check(
        id="target_written",
        place=HERE,
        asks="Can the cluster write, read and list below target_base_location?",
        means="no table can be cloned",
        remedy="GRANT READ FILES, WRITE FILES ON EXTERNAL LOCATION",
        look=_target,
        needs=("settings",),
        claims=("Listing a target with `binaryFile` works with the rights on the external location",),
    ),
    Check(
        id="targets_free",
        place=HERE,
        asks=f"Are the targets of the described tables free, or hold clones of this export? The first {MOST_TARGETS}.",
        means="those tables are refused, and what lies there stays as it is",
        remedy="move away what lies there, or set target_base_location to another place",
        look=_targets,
        needs=("branch", "target_written"),
    ),
)
