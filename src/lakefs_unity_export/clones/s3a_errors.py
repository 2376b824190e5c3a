"""What went wrong where Spark read a table through lakeFS's S3 gateway, and where it used the target's storage.

S3A wraps what a store answers, or that it does not answer, in Java exceptions whose classes say what happened, with
the HTTP status and the AWS error code in the SDK's exception below (Hadoop documentation, "Troubleshooting the S3A
connector"). Judged by these alone; an error of Delta's own is Delta's, whatever lies around it.
"""

import re
from collections.abc import Sequence

from lakefs_unity_export.clones.path_access import is_refusal
from lakefs_unity_export.clones.spark_errors import Cause
from lakefs_unity_export.errors import (
    LakeFSAccessError,
    LakeFSError,
    LakeFSGoneError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
)

_CHECK_CREDENTIALS = (
    "check the secrets lakefs-access-key-id and lakefs-secret-access-key, "
    "and that this lakeFS user may list and read the repository"
)
_CHECK_SETTINGS = "check the spark_conf keys spark.hadoop.fs.s3a.bucket.{repository}.* of the job's cluster"

_Meaning = tuple[type[LakeFSError], str]

_GONE = (
    LakeFSGoneError,
    "its objects were removed by lakeFS garbage collection ({answer}); export a newer commit of the branch",
)
_NO_REPOSITORY = (
    LakeFSNotFoundError,
    "lakeFS knows no repository {repository!r} ({answer}); "
    f"check the job parameter repository, or {_CHECK_SETTINGS}",
)
_NO_COMMIT = (
    LakeFSNotFoundError,
    "lakeFS answered {answer}, as it does where the repository has no such commit; check the job parameter commit_id",
)
_REFUSED = LakeFSAccessError, f"lakeFS refused the cluster's credentials ({{answer}}); {_CHECK_CREDENTIALS}"
_NO_CREDENTIALS = LakeFSAccessError, f"the cluster has no lakeFS credentials for it; {_CHECK_SETTINGS}"
_NO_GATEWAY = (
    LakeFSUnavailableError,
    f"what answers there ({{answer}}) is not lakeFS's S3 gateway; {_CHECK_SETTINGS}",
)
_FAILING = (
    LakeFSUnavailableError,
    "lakeFS's S3 gateway is failing or limiting requests ({answer}); run the job again when it is well",
)
_UNREACHABLE = (
    LakeFSUnavailableError,
    f"lakeFS's S3 gateway cannot be reached from the cluster ({{answer}}); "
    f"check that lakeFS runs, the network, and {_CHECK_SETTINGS}",
)
_NO_TLS = (
    LakeFSUnavailableError,
    "no TLS connection to lakeFS's S3 gateway ({answer}); check http or https in the endpoint, the gateway's "
    f"certificate, and {_CHECK_SETTINGS}",
)

# lakeFS's own code: the S3 gateway answers so where it is to list a ref that is not there (recorded, lakeFS 1.84).
_BY_CODE: dict[str, _Meaning] = {"NoSuchVersion": _GONE, "NoSuchBucket": _NO_REPOSITORY, "BadRequest": _NO_COMMIT}
_BY_STATUS: dict[int, _Meaning] = {
    **dict.fromkeys((301, 302, 303, 307, 308), _NO_GATEWAY),
    401: _REFUSED,
    403: _REFUSED,
    410: _GONE,
    429: _FAILING,
}
_BY_CLASS: dict[str, _Meaning] = {
    "NoAuthWithAWSException": _NO_CREDENTIALS,
    "NoAwsCredentialsException": _NO_CREDENTIALS,
    "CredentialInitializationException": _NO_CREDENTIALS,
    "UnknownStoreException": _NO_REPOSITORY,
    "NoVersionAttributeException": _NO_GATEWAY,
    **dict.fromkeys(
        (
            "UnknownHostException",
            "ConnectException",
            "HttpHostConnectException",
            "NoRouteToHostException",
            "PortUnreachableException",
            "SocketException",
            "SocketTimeoutException",
            "ConnectTimeoutException",
            "NoHttpResponseException",
            "HttpChannelEOFException",
            "ConnectionClosedException",
            "AWSApiCallTimeoutException",
            "ApiCallTimeoutException",
            "ApiCallAttemptTimeoutException",
        ),
        _UNREACHABLE,
    ),
    **dict.fromkeys(
        ("SSLException", "SSLHandshakeException", "SSLPeerUnverifiedException", "SSLProtocolException"), _NO_TLS
    ),
}

# How Java says that an answer lacks what every answer of S3 has: a web page is taken for one until then. Spark Connect
# puts the class before it.
_LACKING = re.compile(
    r'(?:\([\w.]+\) )?Cannot invoke "[^"]+" because the return value of "[\w.]*\b(awssdk|amazonaws)\.[^"]+" is null'
)

_NO_LOG_PATH = "DELTA_CANNOT_CREATE_LOG_PATH"
_INPUT_OUTPUT = re.compile(
    r"^(java\.(io|net|nio)|javax\.net)\.|\bhadoop\.|\b(awssdk|amazonaws|azurebfs|azure|cloud\.hadoop)\."
)


def lakefs_error(chain: Sequence[Cause], *, repository: str, source_path: str) -> LakeFSError | None:
    """The error of lakeFS that an exception of reading the source tells of; None where it tells of none."""
    if _is_deltas_own(chain) or not any(cause.is_aws or _is_no_answer(cause) for cause in chain):
        return None
    for cause in chain:
        meaning, answer = _meaning(cause)
        if meaning is not None:
            kind, advice = meaning
            return kind(f"cannot read {source_path}: {advice.format(repository=repository, answer=answer)}")
    return None


def _meaning(cause: Cause) -> tuple[_Meaning | None, str]:
    if _is_no_answer(cause):
        return _NO_GATEWAY, cause.name
    if cause.status is None:
        return _BY_CLASS.get(cause.name), cause.name
    failing = _FAILING if 500 <= cause.status <= 599 else None
    meaning = _BY_CODE.get(cause.code or "") or _BY_STATUS.get(cause.status) or failing
    return meaning, " ".join([str(cause.status), *([cause.code] if cause.code else [])])


def _is_no_answer(cause: Cause) -> bool:
    return cause.name == "NullPointerException" and _LACKING.fullmatch(cause.message) is not None


def is_about(chain: Sequence[Cause], path: str, *, not_about: str) -> bool:
    """Whether the exceptions are of using the one path and not the other.

    S3A and Spark name the path that they worked on first; when they write, with its bucket left out. A source path
    holds a commit id, so it is not part of a target path, and the one that is named first is the one.
    """
    for cause in chain:
        at, other = _named_at(path, cause.message), _named_at(not_about, cause.message)
        if at is not None or other is not None:
            return at is not None and (other is None or at < other)
    return False


def is_storage_error(chain: Sequence[Cause], path: str, *, not_about: str) -> bool:
    """Whether the job's identity may not use the path, or its storage failed: a matter of its external location."""
    if is_refusal(chain) or any(cause.condition == _NO_LOG_PATH for cause in chain):
        return True
    is_failure = any(_INPUT_OUTPUT.search(cause.java_class) for cause in chain)
    return is_failure and not _is_deltas_own(chain) and is_about(chain, path, not_about=not_about)


def _is_deltas_own(chain: Sequence[Cause]) -> bool:
    return any(cause.condition and cause.condition.startswith("DELTA_") for cause in chain)


def _named_at(path: str, message: str) -> int | None:
    bare = path.partition(":")[2].lstrip("/")
    found = [at for name in (bare, bare.partition("/")[2]) if name and (at := message.find(name)) >= 0]
    return min(found, default=None)
