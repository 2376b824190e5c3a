"""Builds the wheel into an empty dist/, with a version that follows from its content: 0.1.0+<digest>.

The Databricks CLI runs this when it deploys. It uploads the wheel under its file name, and clusters take a wheel of
the same name for the same code: a change of code has to be another name, and no change the same name again.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = ("pyproject.toml", "README.md", "LICENSE")
FOLDERS = ("src/lakefs_unity_export", "resources/lakefs")
DIGEST_LENGTH = 12


def main() -> None:
    """Builds from a copy of the sources, in which the version carries the digest."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in FILES:
            shutil.copy(ROOT / name, copy)
        for name in FOLDERS:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        add_to_version(copy / "pyproject.toml", digest(copy))
        build(copy, ROOT / "dist")


def digest(folder: Path) -> str:
    """A digest of the files in a folder, of their names and content alone."""
    whole = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        whole.update(f"{file.relative_to(folder).as_posix()} {content}\n".encode())
    return whole.hexdigest()[:DIGEST_LENGTH]


def add_to_version(pyproject: Path, local_version: str) -> None:
    """Makes the project's version a local one, as PEP 440 calls it."""
    text, count = re.subn(
        r'^version = "([^"+]+)"$',
        rf'version = "\1+{local_version}"',
        pyproject.read_text(),
        count=1,
        flags=re.MULTILINE,
    )
    if not count:
        sys.exit('pyproject.toml has no line like version = "1.2.3"; the wheel needs one')
    pyproject.write_text(text)


def build(sources: Path, destination: Path) -> None:
    """Builds with what uv has in its cache, else with what it fetches."""
    command = ["uv", "build", "--quiet", "--wheel", "--clear", "--out-dir", str(destination), str(sources)]
    if subprocess.run([*command, "--offline"], stderr=subprocess.DEVNULL, check=False).returncode:
        sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
