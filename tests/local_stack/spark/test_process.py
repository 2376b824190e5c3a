"""A Spark session in a child process: calls, failures, and that nothing of it stays behind."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_stack.spark.process import SparkCallError, SparkProcess, SparkProcessEndedError

pytestmark = pytest.mark.spark

DRIVER = """
import os
import threading

class Driver:
    def __init__(self, spark, greeting):
        self._spark = spark
        self._greeting = greeting
        self._second = threading.Event()

    def greet(self, name):
        print("to the log, not to the parent")
        return f"{self._greeting}, {name}"

    def sql(self, text):
        return [row.asDict() for row in self._spark.sql(text).collect()]

    def first(self):
        return self._second.wait(30)

    def second(self):
        self._second.set()

    def process(self):
        return os.getpid()

    def odd(self):
        return object()

    def die(self):
        os._exit(7)
"""


@pytest.fixture(scope="module")
def driver_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("driver")
    (folder / "greeting_driver.py").write_text(DRIVER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        yield folder


def made(folder: Path, **options: Any) -> SparkProcess:
    conf = {"spark.hadoop.fs.s3a.bucket.lake.secret.key": "do-not-show-me", "spark.sql.session.timeZone": "Asia/Tokyo"}
    settings: dict[str, Any] = {"driver": "greeting_driver:Driver", "driver_options": {"greeting": "Hello"}, **options}
    return SparkProcess(name="greeter", spark_conf=conf, folder=folder, **settings)


@pytest.fixture(scope="module")
def process(driver_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkProcess]:
    running = made(tmp_path_factory.mktemp("running"))
    running.start()
    yield running
    running.stop()


def group(process: int) -> list[str]:
    """The command lines of the processes of a process group."""
    listed = subprocess.run(["ps", "-eo", "pgid,stat,args"], capture_output=True, text=True, check=True)
    lines = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [line[2] for line in lines if line[0] == str(process) and not line[1].startswith("Z")]


def wait_until_gone(process: int) -> None:
    deadline = time.monotonic() + 20
    while group(process):
        assert time.monotonic() < deadline, group(process)
        time.sleep(0.1)


def test_a_call_gets_its_answer_and_prints_go_to_the_log(process: SparkProcess) -> None:
    assert process.call("greet", name="wörld") == "Hello, wörld"
    assert "to the log" in process.log.read_text()


def test_the_given_configuration_goes_over_the_base(process: SparkProcess) -> None:
    assert process.call("sql", text="SELECT current_timezone() AS zone") == [{"zone": "Asia/Tokyo"}]
    extensions = process.call("sql", text="SET spark.sql.extensions")
    assert extensions == [{"key": "spark.sql.extensions", "value": "io.delta.sql.DeltaSparkSessionExtension"}]


def test_calls_run_at_the_same_time(process: SparkProcess) -> None:
    waited: list[bool] = []
    first = threading.Thread(target=lambda: waited.append(process.call("first")))
    first.start()
    process.call("second")
    first.join(30)
    assert waited == [True]


def test_a_failure_of_the_driver_is_told_and_the_next_call_works(process: SparkProcess) -> None:
    with pytest.raises(SparkCallError, match="no_such_table") as raised:
        process.call("sql", text="SELECT * FROM no_such_table")
    assert raised.value.error_class == "TABLE_OR_VIEW_NOT_FOUND"
    assert "greeting_driver.py" in raised.value.trace
    for method in ("odd", "_spark", "nothing"):
        with pytest.raises(SparkCallError):
            process.call(method)
    assert process.call("greet", name="again") == "Hello, again"


def test_credentials_are_on_no_command_line_and_in_no_log(process: SparkProcess) -> None:
    commands = group(process.call("process"))
    assert any("java" in command for command in commands)
    assert not any("do-not-show-me" in command for command in commands)
    assert "do-not-show-me" not in process.log.read_text()


def test_a_driver_that_does_not_start_is_told_with_the_end_of_the_log(driver_folder: Path, tmp_path: Path) -> None:
    broken = made(tmp_path, driver="greeting_driver:Nobody")
    with pytest.raises(SparkProcessEndedError, match=r"(?s)greeter did not start.*Nobody.*greeter\.log"):
        broken.start()
    assert not broken.running
    assert not (tmp_path / "greeter-tmp").exists()


def test_a_stopped_process_leaves_nothing_and_says_so(driver_folder: Path, tmp_path: Path) -> None:
    stopped = made(tmp_path)
    stopped.start()
    child = stopped.call("process")
    stopped.stop()
    stopped.stop()
    wait_until_gone(child)
    assert not (tmp_path / "greeter-tmp").exists()
    with pytest.raises(SparkProcessEndedError, match="not running"):
        stopped.call("greet", name="nobody")


def test_a_process_that_dies_fails_the_calls_under_way(driver_folder: Path, tmp_path: Path) -> None:
    dying = made(tmp_path)
    dying.start()
    child = dying.call("process")
    failures: list[SparkCallError] = []

    def wait_for_second() -> None:
        try:
            dying.call("first")
        except SparkCallError as error:
            failures.append(error)

    waiting = threading.Thread(target=wait_for_second)
    waiting.start()
    with pytest.raises(SparkProcessEndedError, match="ended during the call"):
        dying.call("die")
    waiting.join(20)
    assert [type(error) for error in failures] == [SparkProcessEndedError]
    assert not dying.running
    dying.stop()
    wait_until_gone(child)


def test_the_child_ends_with_its_parent(driver_folder: Path, tmp_path: Path) -> None:
    parent = tmp_path / "parent.py"
    parent.write_text(
        textwrap.dedent(
            f"""
            import time
            from pathlib import Path
            from local_stack.spark.process import SparkProcess

            options = {{"greeting": "Hello"}}
            spark = SparkProcess(
                name="orphan",
                driver="greeting_driver:Driver",
                spark_conf={{}},
                folder=Path({str(tmp_path)!r}),
                driver_options=options,
            )
            spark.start()
            print(spark.call("process"), flush=True)
            time.sleep(300)
            """
        )
    )
    with subprocess.Popen([sys.executable, parent], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        child = int(running.stdout.readline())
        assert group(child)
        os.kill(running.pid, signal.SIGKILL)
    wait_until_gone(child)
