"""Files that a Delta table's log names outside of the table's own location, as that of a shallow clone does."""

from urllib.parse import unquote

from pyspark.sql import SparkSession

from local_stack.warehouse.errors import StatementError


def refuse_foreign_files(spark: SparkSession, location: str) -> None:
    """Raise StatementError where the log of the Delta table at the location names such a file."""
    own = _spelled(location)
    for file in spark.read.format("delta").load(location).inputFiles():
        if not _spelled(file).startswith(f"{own}/"):
            raise _forbidden(file)


def _spelled(uri: str) -> str:
    scheme, _, rest = unquote(uri).partition(":")
    return f"{scheme}:/{rest.strip('/')}"


def _forbidden(file: str) -> StatementError:
    """In the words of Spark's own error for a file, with what S3A says of a refusal."""
    condition = "FAILED_READ_FILE.NO_HINT"
    return StatementError(
        condition,
        f"[{condition}] Error while reading file {file}. SQLSTATE: KD001\n"
        f"Caused by: java.nio.file.AccessDeniedException: {file}: 403 Forbidden",
    )
