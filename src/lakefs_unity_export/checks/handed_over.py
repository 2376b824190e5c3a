"""What the task `check_lakefs_and_catalog` hands to `check_cluster`, which reads no descriptors and no grants."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

# Under which key, and by which task.
KEY = "for_cluster"
TASK = "check_lakefs_and_catalog"
# So many tables are tried as the source of a clone.
MOST_TABLES = 5


@dataclass(frozen=True, kw_only=True)
class HandedOver:
    """The branch's head, and what is known for remedies. What could not be found out is empty.

    file, file_bytes: an object at the head, and its size. tables: paths of tables that descriptors name. methods: the
    clone methods that exports of the branch use. identity: who the job runs as. location: the external location.
    """

    commit_id: str = ""
    commit_generation: int = 0
    file: str = ""
    file_bytes: int = 0
    tables: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    identity: str = ""
    location: str = ""

    def as_json(self) -> dict[str, Any]:
        """As a task value."""
        return asdict(self) | {"tables": list(self.tables), "methods": list(self.methods)}

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> "HandedOver":
        """What `as_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            commit_id=str(fields["commit_id"]),
            commit_generation=int(fields["commit_generation"]),
            file=str(fields["file"]),
            file_bytes=int(fields["file_bytes"]),
            tables=tuple(map(str, fields["tables"])),
            methods=tuple(map(str, fields["methods"])),
            identity=str(fields["identity"]),
            location=str(fields["location"]),
        )
