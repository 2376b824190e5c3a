"""What the local stack needs installed: Java, Spark's jars, the Databricks CLI; found, else fetched."""

import os
from pathlib import Path


class ToolMissingError(Exception):
    """Something that the local stack needs is not installed and could not be had; says how to get it."""


def cache_folder() -> Path:
    """Where downloads are kept: `LOCAL_STACK_CACHE`, else `~/.cache/lakefs-unity-export`. Safe to delete."""
    configured = os.environ.get("LOCAL_STACK_CACHE", "")
    return Path(configured) if configured else Path.home() / ".cache" / "lakefs-unity-export"
