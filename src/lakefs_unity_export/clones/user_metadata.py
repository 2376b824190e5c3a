"""The user metadata of a Delta commit, which Delta takes from the configuration of the session that commits.

Sessions do not share their configuration, so notebooks that run at once cannot disturb one another. Threads of one
session do share it: there, one commit waits for another.
"""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"

# Whoever shares a configuration finds the same name of a lock in it, through whatever object of Python.
_LOCK = "spark.lakefsUnityExport.userMetadataLock"
_locks: dict[str, threading.RLock] = {}
_locks_of_sessions = threading.Lock()


@contextmanager
def user_metadata(spark: Any, text: str) -> Iterator[None]:
    """Within the block, the session gives this user metadata to what it commits; no other block of it runs meanwhile.

    Afterwards the session is as it was.
    """
    with _lock_of(spark):
        before = spark.conf.get(USER_METADATA, None)
        spark.conf.set(USER_METADATA, text)
        try:
            yield
        finally:
            if before is None:
                spark.conf.unset(USER_METADATA)
            else:
                spark.conf.set(USER_METADATA, before)


def _lock_of(spark: Any) -> threading.RLock:
    with _locks_of_sessions:
        name = spark.conf.get(_LOCK, None)
        if name is None:
            name = uuid.uuid4().hex
            spark.conf.set(_LOCK, name)
        return _locks.setdefault(name, threading.RLock())
