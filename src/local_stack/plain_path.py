"""A path that Java's command line and storage URIs take as it is, for a folder that may have any name."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_stack.errors import SetupError

# Spark reads a `%` in a path as it is in one place and decodes it in another, and splits Java's options at spaces.
_PLAIN = re.compile(r"[A-Za-z0-9._/@+-]+")
_USUAL_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108, a folder of our own is made in it


@contextmanager
def plain_path(folder: Path) -> Iterator[Path]:
    """The folder under a path without spaces, `%` and the like: its own, or a link to it for as long as the block.

    Raises SetupError where no folder for temporary files has such a path.
    """
    if _is_plain(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="lakefs-unity-export-", dir=_plain_temporary_folder(folder)) as links:
        link = Path(links) / folder.name if _is_plain(Path(folder.name)) else Path(links) / "folder"
        link.symlink_to(folder, target_is_directory=True)
        yield link


def _is_plain(path: Path) -> bool:
    return _PLAIN.fullmatch(str(path)) is not None


def _plain_temporary_folder(folder: Path) -> Path:
    for candidate in map(Path, (tempfile.gettempdir(), *_USUAL_FOLDERS)):
        if _is_plain(candidate) and candidate.is_dir():
            return candidate
    raise SetupError(
        f"{folder} has characters that Spark does not take in a path, and so has the folder for temporary files, "
        f"{tempfile.gettempdir()}: set TMPDIR to a folder whose path has letters, digits and - . _ only"
    )
