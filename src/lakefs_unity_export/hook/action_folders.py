"""Folders below `_lakefs_actions/`: lakeFS takes each for an action file that is not there, and refuses everything.

Recorded on lakeFS 1.84 (action-file/sub-folder): every commit and every new branch is answered with 404.
"""

import re
from collections.abc import Sequence

ACTION_FOLDER = "_lakefs_actions/"
_TOLD = re.compile(r"loading file (_lakefs_actions/\S+/): ")


def told_folders(words: str) -> list[str]:
    """The folders that a refusal of lakeFS names."""
    return _TOLD.findall(words)


def remedy(folders: Sequence[str]) -> str:
    """What is wrong with such folders, and what to do."""
    return (
        f"{', '.join(folders)}: a folder below {ACTION_FOLDER} makes lakeFS refuse every commit and every new branch "
        "with 404; move what is in it elsewhere, such as scripts to scripts/, and delete it there"
    )
