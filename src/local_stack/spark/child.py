"""The child's side of a SparkProcess: starts Spark, builds the driver, answers calls until the socket closes."""

import importlib
import json
import logging
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from typing import Any

from pyspark import InheritableThread, SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

# Everything else may hold credentials, and a command line can be read by every user of the machine.
_ON_COMMAND_LINE = "spark.driver."


class Answers:
    """Writes messages to the parent, one at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, number: int, answer: Any) -> None:
        """The answer to a call. Raises TypeError where it is not JSON."""
        self._write({"call": number, "answer": answer})

    def send_error(self, number: int, error: BaseException) -> None:
        """The failure of a call."""
        trace = "".join(traceback.format_exception(error))
        described = {"message": str(error), "error_class": error_class(error), "trace": trace}
        self._write({"call": number, "error": described})

    def _write(self, message: Mapping[str, Any]) -> None:
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            self._connection.sendall(line)


def error_class(error: BaseException) -> str:
    """The name by which callers tell errors apart: Spark's condition, the error's own `error_class`, its type."""
    if isinstance(error, PySparkException):
        return str(error.getCondition() or type(error).__name__)
    return str(getattr(error, "error_class", None) or type(error).__name__)


def start_spark(conf: Mapping[str, str]) -> SparkSession:
    """The process's Spark session under this configuration."""
    command_line = SparkConf(loadDefaults=False)
    for key, value in conf.items():
        if key.startswith(_ON_COMMAND_LINE):
            command_line.set(key, value)
    gateway = launch_gateway(command_line)
    # SparkContext would launch a gateway of its own, with everything on its command line.
    SparkContext._ensure_initialized(gateway=gateway)
    complete = SparkConf()
    complete.setAll(list(conf.items()))
    return SparkSession.builder.config(conf=complete).getOrCreate()


def main(descriptor: int) -> None:
    """Serve the parent at the other end of the socket with this file descriptor."""
    # It would write each failed statement with its Java trace; the caller gets those already.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    answers = Answers(connection)
    with connection.makefile("rb") as messages:
        try:
            driver = _build(json.loads(messages.readline()))
            answers.send(0, None)
        except BaseException as error:  # whatever it is, the parent has to hear of it
            traceback.print_exc()
            answers.send_error(0, error)
            return
        try:
            for line in messages:
                InheritableThread(target=_answer, args=(driver, json.loads(line), answers), daemon=True).start()
        except OSError:
            pass


def _build(settings: Mapping[str, Any]) -> Any:
    module, _, name = settings["driver"].partition(":")
    # Before Spark: a driver that is not there is told at once.
    driver = getattr(importlib.import_module(module), name)
    return driver(start_spark(settings["spark_conf"]), **settings["driver_options"])


def _answer(driver: Any, message: Mapping[str, Any], answers: Answers) -> None:
    number, method = message["call"], message["method"]
    try:
        if method.startswith("_") or not hasattr(driver, method):
            raise AttributeError(f"{type(driver).__name__} answers no call {method!r}")
        answers.send(number, getattr(driver, method)(**message["parameters"]))
    except BrokenPipeError:
        pass
    except BaseException as error:  # a driver's failure is the caller's, not this process's
        answers.send_error(number, error)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    finally:
        # Java and Spark's Python workers share our process group; nothing of it may stay behind.
        sys.stdout.flush()
        os.killpg(os.getpid(), signal.SIGKILL)
