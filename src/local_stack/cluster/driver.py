"""Runs notebooks inside the cluster's Spark process, several at a time, each in a Spark session of its own."""

import importlib
import io
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from local_stack.cluster import delta_bridge
from local_stack.cluster.libraries import Libraries
from local_stack.cluster.notebook_source import python_cells

_RUNTIME = Path(__file__).with_name("runtime")


class ClusterDriver:
    """The driver of a cluster. folder: where wheels are unpacked."""

    def __init__(self, spark: SparkSession, *, folder: str) -> None:
        self._spark = spark
        self._libraries = Libraries(Path(folder) / "libraries")
        self._output = ThreadOutput(sys.stdout)
        sys.stdout = self._output
        sys.path.insert(0, str(_RUNTIME))
        sys.meta_path.insert(0, self._libraries)
        delta_bridge.install()

    def run_notebook(
        self,
        *,
        notebook: str,
        parameters: Mapping[str, str],
        libraries: Sequence[str],
        host: str,
        token: str,
        task_run_id: int,
    ) -> dict[str, str | None]:
        """Run the notebook's cells in order; the fields of a NotebookResult."""
        with self._output.captured() as log:
            try:
                with self._libraries.use([Path(wheel) for wheel in libraries]):
                    dbutils = self._dbutils(host, token, task_run_id, parameters)
                    ended = self._run_cells(Path(notebook), dbutils)
            except BaseException as error:  # a notebook may raise anything, also SystemExit
                ended = _failed(error)
            return {**ended, "log": log.getvalue()}

    def _run_cells(self, notebook: Path, dbutils: Any) -> dict[str, str | None]:
        from dbruntime.dbutils import NotebookExit

        text = notebook.read_text(encoding="utf-8")
        scope = _notebook_globals(self._spark.newSession(), dbutils)
        try:
            for cell in python_cells(text, name=notebook.name):
                # Line ends in front keep the line numbers of the file in tracebacks.
                source = "\n" * (cell.line - 1) + cell.source
                exec(compile(source, str(notebook), "exec"), scope)  # noqa: S102, running notebooks is the purpose
        except NotebookExit as left:
            return {"exit_value": left.value, "error": None, "trace": None}
        return {"exit_value": None, "error": None, "trace": None}

    def _dbutils(self, host: str, token: str, task_run_id: int, parameters: Mapping[str, str]) -> Any:
        runtime = importlib.import_module("dbruntime.dbutils")
        dbutils = runtime.DBUtils(host, token, task_run_id, parameters)
        # Of the cluster's driver: a wheel task elsewhere sees other files.
        dbutils.fs = importlib.import_module("dbruntime.file_system").FileSystem()
        return dbutils


class ThreadOutput(io.TextIOBase):
    """Standard output that is captured for each thread apart; other threads write through."""

    def __init__(self, through: Any) -> None:
        super().__init__()
        self._through = through
        self._captured = threading.local()

    @contextmanager
    def captured(self) -> Iterator[io.StringIO]:
        """Within the block, what this thread prints goes to the buffer."""
        self._captured.buffer = buffer = io.StringIO()
        try:
            yield buffer
        finally:
            del self._captured.buffer

    def write(self, text: str) -> int:
        """To this thread's buffer, or through."""
        return int(self._target().write(text))

    def flush(self) -> None:
        """Flush what write wrote to."""
        self._target().flush()

    def writable(self) -> bool:
        """It is."""
        return True

    def _target(self) -> Any:
        return getattr(self._captured, "buffer", self._through)


def _notebook_globals(spark: SparkSession, dbutils: Any) -> dict[str, Any]:
    """What every notebook on Databricks finds defined."""

    def display(shown: Any) -> None:
        if hasattr(shown, "show"):
            shown.show(truncate=False)
        else:
            print(shown)

    return {
        "__name__": "__main__",
        "spark": spark,
        "sc": spark.sparkContext,
        "sql": spark.sql,
        "dbutils": dbutils,
        "display": display,
    }


def _failed(error: BaseException) -> dict[str, str | None]:
    # The frames above the notebook's own are this module's.
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    trace = "".join(traceback.format_exception(type(error), error, frames))
    return {"exit_value": None, "error": f"{type(error).__name__}: {error}", "trace": trace}
