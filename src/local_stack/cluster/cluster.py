"""The cluster: one Spark process under the Spark configuration of a job cluster, in which notebooks run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from local_stack.cluster.shared_setting import SharedSetting
from local_stack.spark.process import INTERPRETED, SparkCallError, SparkProcess
from local_stack.toolchain import ToolMissingError


@dataclass(frozen=True, kw_only=True)
class NotebookRun:
    """A notebook to run.

    notebook: a Python source notebook.
    parameters: the values of its widgets.
    libraries: wheel files that it imports from.
    host, token, task_run_id: with these, its dbutils call the workspace.
    """

    notebook: Path
    parameters: Mapping[str, str]
    libraries: tuple[Path, ...]
    host: str
    token: str
    task_run_id: int
    job_id: int
    run_id: int
    task_key: str


@dataclass(frozen=True, kw_only=True)
class NotebookResult:
    """How a notebook ended. `error` ends with the line `Type: message`; `log` is what it printed."""

    exit_value: str | None
    log: str
    error: str | None
    trace: str | None


class Cluster:
    """Starts with the first notebook and stays warm; another configuration means another Spark process.

    folder: for the log `cluster.log`, unpacked wheels and Spark's files.
    """

    def __init__(self, *, folder: Path) -> None:
        self._folder = folder
        self._spark: SparkProcess | None = None
        self._lock = Lock()
        self._stopped = False
        self._conf: SharedSetting[tuple[tuple[str, str], ...]] = SharedSetting(self._start, self._is_running)

    def start(self, spark_conf: Mapping[str, str]) -> None:
        """Start Spark under this configuration, so that the first notebook finds it running.

        Raises SparkCallError and ToolMissingError where it does not start; a notebook tries once more.
        """
        with self._conf.use(_setting(spark_conf)):
            pass

    def run_notebook(self, run: NotebookRun, spark_conf: Mapping[str, str]) -> NotebookResult:
        """Run the notebook under this configuration and wait for its end; many may run at a time.

        Where the running Spark process has another configuration, it is replaced once its notebooks have ended.
        A cluster that does not start, or dies, is an error in the result.
        """
        try:
            with self._conf.use(_setting(spark_conf)):
                return self._call(run)
        except (SparkCallError, ToolMissingError) as error:
            trace = error.trace if isinstance(error, SparkCallError) else None
            return NotebookResult(
                exit_value=None, log="", error=f"{type(error).__name__}: {error}", trace=trace or None
            )

    def stop(self) -> None:
        """End the Spark process; no notebook can be run any more. Does nothing where none runs."""
        with self._lock:
            self._stopped = True
            spark = self._spark
        if spark is not None:
            spark.stop()

    def kill(self) -> None:
        """End the Spark process as a crash would; notebooks under way get an error, the next one starts another."""
        with self._lock:
            spark = self._spark
        if spark is not None:
            spark.kill()

    def _call(self, run: NotebookRun) -> NotebookResult:
        assert self._spark is not None
        answer = self._spark.call(
            "run_notebook",
            notebook=str(run.notebook),
            parameters=dict(run.parameters),
            libraries=[str(wheel) for wheel in run.libraries],
            host=run.host,
            token=run.token,
            task_run_id=run.task_run_id,
        )
        return NotebookResult(**answer)

    def _start(self, spark_conf: tuple[tuple[str, str], ...]) -> None:
        if self._spark is not None:
            self._spark.stop()
        spark = SparkProcess(
            name="cluster",
            driver="local_stack.cluster.driver:ClusterDriver",
            # A clone reads the logs of two tables, and no rows.
            spark_conf=INTERPRETED | dict(spark_conf),
            folder=self._folder,
            driver_options={"folder": str(self._folder.absolute())},
        )
        with self._lock:
            if self._stopped:
                raise SparkCallError("the cluster was stopped")
            self._spark = spark
        spark.start()
        if self._stopped:
            spark.stop()

    def _is_running(self) -> bool:
        return self._spark is not None and self._spark.running


def _setting(spark_conf: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(spark_conf.items()))
