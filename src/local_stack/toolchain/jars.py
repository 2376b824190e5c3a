"""The jars that Spark needs for Delta and for lakeFS's S3 gateway, fetched once through Spark's own Ivy."""

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local_stack.plain_path import plain_path
from local_stack.toolchain import ToolMissingError, cache_folder
from local_stack.toolchain.java import java_home

# hadoop-aws asks for one bundle of every AWS service (558 MB); the two modules that S3A uses are enough.
PACKAGES = (
    "io.delta:delta-spark_2.13:4.0.1",
    "org.apache.hadoop:hadoop-aws:3.4.1",
    "software.amazon.awssdk:s3:2.25.53",
    "software.amazon.awssdk:s3-transfer-manager:2.25.53",
)
# The rest is in Spark already, in newer versions, which the ones fetched would hide.
EXCLUDES = (
    "software.amazon.awssdk:bundle",
    "commons-codec:commons-codec",
    "commons-logging:commons-logging",
    "io.netty:*",
    "org.antlr:antlr4-runtime",
    "org.apache.httpcomponents:*",
    "org.slf4j:slf4j-api",
)
IVY_SETTINGS = Path(__file__).with_name("ivysettings.xml")

_LOG_TAIL_LINES = 30


def jars_folder() -> Path:
    """The folder that holds the jars of exactly these packages, once they are fetched."""
    wanted = "\n".join((*PACKAGES, "-", *EXCLUDES))
    return cache_folder() / "spark-jars" / hashlib.sha256(wanted.encode()).hexdigest()[:16]


def prefetch_jars(progress: Callable[[str], None] = lambda _: None) -> Path:
    """The folder with the jars; fetches them where it is missing.

    progress is told each step in one line. Several at a time wait for the first.
    Raises ToolMissingError with the end of Ivy's log where the jars cannot be had.
    """
    folder = jars_folder()
    if folder.is_dir():
        return folder
    with _one_at_a_time(folder.parent):
        if not folder.is_dir():
            _fetch(folder, progress)
    return folder


def _fetch(folder: Path, progress: Callable[[str], None]) -> None:
    progress("fetching Spark's jars for Delta and S3 (about 35 files, 20 MB)")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as draft, plain_path(Path(draft)) as home:
        _resolve(home, progress)
        (home / "ivy" / "jars").rename(folder)
    progress(f"fetched {len(list(folder.iterdir()))} jars")


def _resolve(home: Path, progress: Callable[[str], None]) -> None:
    import pyspark

    # spark-submit resolves the packages before it runs the program, which has nothing to do. What it is given lies in
    # one folder with a plain path.
    program = home / "nothing.py"
    program.touch()
    settings = home / IVY_SETTINGS.name
    settings.write_bytes(IVY_SETTINGS.read_bytes())
    command = [
        str(Path(pyspark.__file__).parent / "bin" / "spark-submit"),
        *("--master", "local[1]"),
        *("--packages", ",".join(PACKAGES)),
        *("--exclude-packages", ",".join(EXCLUDES)),
        *("--conf", f"spark.jars.ivySettings={settings}"),
        *("--conf", f"spark.jars.ivy={home / 'ivy'}"),
        *("--conf", f"spark.pyspark.python={sys.executable}"),
        str(program),
    ]
    tail = _run(command, progress)
    if tail is not None:
        raise ToolMissingError(
            "Spark's jars could not be fetched; check that Java can reach the package repository "
            "(proxy, certificates) and try again. Ivy said:\n" + tail
        )


def _run(command: list[str], progress: Callable[[str], None]) -> str | None:
    """None where the command succeeds, else the end of what it wrote."""
    tail: deque[str] = deque(maxlen=_LOG_TAIL_LINES)
    environment = os.environ | {"JAVA_HOME": str(java_home())}
    fetched = 0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as running:
        for line in running.stdout or ():
            tail.append(line.rstrip())
            if "[SUCCESSFUL ]" in line:
                fetched += 1
                if fetched % 10 == 0:
                    progress(f"fetched {fetched} jars so far")
    return "\n".join(tail) if running.returncode else None


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
