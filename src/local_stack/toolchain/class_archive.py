"""Where the archive of Spark's classes lies: with it, Java maps classes into memory instead of reading them from jars.

Java takes an archive only with the Java and the very jars, at their paths, with which it was made, and does without
it otherwise (Java documentation, "Application Class Data Sharing"). So each environment has one of its own.
"""

import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path


def class_archive(java: Path, jars: Path) -> Path:
    """The file of this environment's archive for a Java home and a folder of jars, made or not."""
    made_with = ((java / "bin" / "java").resolve(), jars, spark_jars())
    told = "\n".join(f"{path} {path.stat().st_mtime_ns}" for path in made_with)
    return Path(sys.prefix) / "spark-classes" / f"{hashlib.sha256(told.encode()).hexdigest()[:16]}.jsa"


def archive_option(java: Path, jars: Path) -> str:
    """The Java option that uses the archive, quoted as Spark's launcher takes it; empty where it is not made."""
    archive = class_archive(java, jars)
    return f'"-XX:SharedArchiveFile={archive}"' if archive.is_file() else ""


def spark_jars() -> Path:
    """The folder with the jars of the installed pyspark."""
    found = find_spec("pyspark")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "jars"
