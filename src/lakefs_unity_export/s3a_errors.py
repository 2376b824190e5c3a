"""What went wrong where Spark read a table through lakeFS's S3 gateway, told from the texts of its exceptions.

S3A wraps the answers of a store in Java exceptions of many types, but always with the status code or the
name of the network failure in their texts (Hadoop documentation, "Troubleshooting the S3A connector").
"""

import re
from collections.abc import Sequence

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

_CAUSES: tuple[tuple[str, type[LakeFSError], str], ...] = (
    (
        r"NoAuthWithAWSException|No AWS Credentials provided|Unable to load credentials",
        LakeFSAccessError,
        f"the cluster has no lakeFS credentials for it; {_CHECK_SETTINGS}",
    ),
    (
        r"Status Code: 410\b",
        LakeFSGoneError,
        "its files were removed by lakeFS garbage collection (410); export a newer commit of the branch",
    ),
    (
        r"NoSuchBucket|UnknownStoreException",
        LakeFSNotFoundError,
        f"lakeFS knows no repository {{repository!r}} (404); check the job parameter repository, or {_CHECK_SETTINGS}",
    ),
    (
        r"Status Code: 40[13]\b|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Forbidden",
        LakeFSAccessError,
        f"lakeFS refused the cluster's credentials (401 or 403); {_CHECK_CREDENTIALS}",
    ),
    (
        r"UnknownHostException|Connection refused|ConnectException|Connect to .* failed|[Tt]imed? ?out"
        r"|SocketTimeoutException|NoRouteToHost|Connection reset",
        LakeFSUnavailableError,
        "lakeFS's S3 gateway cannot be reached from the cluster; "
        f"check that lakeFS runs, the network, and {_CHECK_SETTINGS}",
    ),
    (
        r"Status Code: (429|5\d\d)\b|AWSStatus500Exception|AWSServiceThrottledException|SlowDown",
        LakeFSUnavailableError,
        "lakeFS's S3 gateway is failing or limiting requests (429 or 5xx); run the job again when it is well",
    ),
)


def lakefs_error(texts: Sequence[str], *, repository: str, source_path: str) -> LakeFSError | None:
    """The error of lakeFS that these exception texts, outermost first, tell of; None where they tell of none."""
    told = "\n".join(texts)
    for pattern, kind, advice in _CAUSES:
        if re.search(pattern, told):
            return kind(f"cannot read {source_path}: {advice.format(repository=repository)}")
    return None


def exception_texts(error: BaseException) -> list[str]:
    """The texts of an exception and of its causes, also of those in Java, outermost first."""
    texts: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        texts.append(f"{type(seen).__name__}: {seen}")
        texts.extend(_java_texts(seen))
        seen = seen.__cause__
    return texts


def _java_texts(error: BaseException) -> list[str]:
    # Py4J's errors and PySpark's hold the Java exception under different names.
    throwable = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    texts: list[str] = []
    while throwable is not None and len(texts) < 20:
        texts.append(str(throwable.toString()))
        throwable = throwable.getCause()
    return texts


def first_line(error: BaseException) -> str:
    """The one line of an exception that says most, without Java's stack."""
    texts = _java_texts(error) or [f"{type(error).__name__}: {error}"]
    return texts[0].strip().splitlines()[0]
