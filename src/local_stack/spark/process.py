"""A child Python process that holds one Spark session and answers calls, several at a time.

Parent and child share one socket: a line of JSON is a message. Calls carry a number, answers carry the same
number, in any order. The child ends when the socket closes, so it never outlives the parent.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from local_stack.toolchain.class_archive import archive_option
from local_stack.toolchain.jars import prefetch_jars
from local_stack.toolchain.java import java_home

START_SECONDS = 180
STOP_SECONDS = 10

_LOG_TAIL_BYTES = 4_000
# Appended to ours instead of replacing them.
JAVA_OPTIONS = "spark.driver.extraJavaOptions"
# Many short statements on few cores: most of the time would go into compiling code that never gets hot.
_QUICK_START = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=512m -XX:+UseSerialGC"
# Likewise in Spark, where statements read the logs of tables and hardly any rows: generating code for a plan, compiling
# it and sending it along with closures costs more than interpreting the plan, and a plan that adapts runs each of its
# stages as a job of its own.
INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
}


class SparkCallError(Exception):
    """A driver raised. `error_class` is Spark's own (such as `DELTA_TABLE_NOT_FOUND`) or the exception's type."""

    def __init__(self, message: str, error_class: str | None = None, trace: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.error_class = error_class
        self.trace = trace


class SparkProcessEndedError(SparkCallError):
    """The Spark process is not running: it did not start, was stopped, or died."""


class SparkProcess:
    """One Spark session in a process of its own, under the base configuration below and `spark_conf` over it.

    name: names the log, `folder/{name}.log`.
    driver: "module:Class"; in the child it is built as `Class(spark, **driver_options)`, and its public methods
        answer calls, each in a thread of its own.
    spark_conf: Spark configuration. It reaches the child through the socket, since it may hold credentials.
    folder: for the log, the warehouse folder and temporary files; made where missing.
    """

    def __init__(
        self,
        *,
        name: str,
        driver: str,
        spark_conf: Mapping[str, str],
        folder: Path,
        driver_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._name = name
        self._driver = driver
        self._spark_conf = dict(spark_conf)
        self._folder = folder.absolute()
        self._driver_options = dict(driver_options or {})
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._answers: dict[int, Future[Any]] = {}
        self._last_call = 0
        self._ended = True

    @property
    def log(self) -> Path:
        """Where the child and its Java write."""
        return self._folder / f"{self._name}.log"

    @property
    def running(self) -> bool:
        """Whether calls are answered."""
        return not self._ended

    @property
    def _temporary(self) -> Path:
        return self._folder / f"{self._name}-tmp"

    def start(self) -> None:
        """Start the child; returns once its session answers.

        Raises ToolMissingError without Java or jars, SparkProcessEndedError with the end of the log where
        Spark or the driver does not start within START_SECONDS.
        """
        jars, java = prefetch_jars(), java_home()
        self._temporary.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        with theirs, self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "local_stack.spark.child", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(java, self._temporary),
                cwd=self._folder,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket, self._ended = ours, False
        ready: Future[Any] = Future()
        self._answers = {0: ready}
        reader = threading.Thread(
            target=self._read_answers, args=(ours.makefile("rb"),), name=f"{self._name} answers", daemon=True
        )
        reader.start()
        self._send(
            {
                "driver": self._driver,
                "driver_options": self._driver_options,
                "spark_conf": _merged(
                    base_conf(folder=self._folder, temporary=self._temporary, jars=jars), self._spark_conf
                ),
            }
        )
        self._await_start(ready)

    def call(self, method: str, **parameters: Any) -> Any:
        """What the driver's method returned; parameters and answer are JSON.

        Raises SparkCallError where the driver raised, SparkProcessEndedError where the process is gone.
        """
        answer: Future[Any] = Future()
        with self._lock:
            if self._ended:
                raise SparkProcessEndedError(f"Spark process {self._name} is not running; see {self.log}")
            self._last_call += 1
            number = self._last_call
            self._answers[number] = answer
        self._send({"call": number, "method": method, "parameters": parameters})
        return answer.result()

    def stop(self) -> None:
        """End the child and everything it started. Does nothing where it is not running."""
        if self._socket is not None:
            self._shut_socket()
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(STOP_SECONDS)
            self.kill()

    def kill(self) -> None:
        """End the child and everything it started, at once (SIGKILL)."""
        child, self._child = self._child, None
        if child is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        self._fail_calls()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _await_start(self, ready: "Future[Any]") -> None:
        try:
            ready.result(START_SECONDS)
        except SparkProcessEndedError as error:
            self.kill()
            raise self._not_started("it ended") from error
        except SparkCallError as error:
            self.kill()
            raise self._not_started(error.message) from error
        except TimeoutError as error:
            self.kill()
            raise self._not_started(f"no answer after {START_SECONDS} s") from error

    def _not_started(self, reason: str) -> SparkProcessEndedError:
        return SparkProcessEndedError(
            f"Spark process {self._name} did not start: {reason}. The end of {self.log}:\n{self._log_tail()}"
        )

    def _log_tail(self) -> str:
        with self.log.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - _LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")

    def _send(self, message: Mapping[str, Any]) -> None:
        line = json.dumps(message).encode() + b"\n"
        try:
            with self._lock:
                if self._socket is not None:
                    self._socket.sendall(line)
        except OSError:
            # The child is gone; the reader sees that too and fails the calls under way.
            self._fail_calls()

    def _read_answers(self, lines: BinaryIO) -> None:
        try:
            for line in lines:
                self._settle(json.loads(line))
        except (OSError, ValueError):
            pass
        finally:
            lines.close()
            self._fail_calls()

    def _settle(self, message: dict[str, Any]) -> None:
        with self._lock:
            answer = self._answers.pop(message["call"], None)
        if answer is None:
            return
        if error := message.get("error"):
            answer.set_exception(SparkCallError(error["message"], error["error_class"], error["trace"]))
        else:
            answer.set_result(message.get("answer"))

    def _fail_calls(self) -> None:
        with self._lock:
            self._ended = True
            unanswered, self._answers = self._answers, {}
        for answer in unanswered.values():
            answer.set_exception(
                SparkProcessEndedError(f"Spark process {self._name} ended during the call; see {self.log}")
            )

    def _shut_socket(self) -> None:
        if self._socket is None:
            return
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def base_conf(*, folder: Path, temporary: Path, jars: Path) -> dict[str, str]:
    """The Spark configuration of every Spark process: small, quiet, Delta on, everything inside `folder`."""
    java_options = (
        _QUICK_START,
        archive_option(java_home(), jars),
        f"-Dderby.system.home={folder / 'derby'}",
        f"-Djava.io.tmpdir={temporary}",
    )
    return {
        "spark.master": "local[2]",
        "spark.app.name": "local-stack",
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraClassPath": f"{jars}/*",
        JAVA_OPTIONS: " ".join(filter(None, java_options)),
        "spark.local.dir": str(temporary),
        "spark.sql.warehouse.dir": str(folder / "spark-warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        # Databricks reads s3:// and s3a:// alike.
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.databricks.delta.snapshotPartitions": "1",
        # VACUUM lists files in so many tasks, 10,000 by default.
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def _merged(base: Mapping[str, str], over: Mapping[str, str]) -> dict[str, str]:
    merged = {**base, **over}
    if JAVA_OPTIONS in over:
        merged[JAVA_OPTIONS] = f"{base[JAVA_OPTIONS]} {over[JAVA_OPTIONS]}"
    return merged


def _environment(java: Path, temporary: Path) -> dict[str, str]:
    path = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "JAVA_HOME": str(java),
        "TMPDIR": str(temporary),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "PYTHONUNBUFFERED": "1",
    }
