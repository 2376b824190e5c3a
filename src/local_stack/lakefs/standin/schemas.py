"""The API's schemas, of bodies and of parameters.

The recorded texts of refusals show those of RepositoryCreation, CommitCreation, ResetCreation and of the parameters
whole. The others are as lakeFS's published SDK describes them.
"""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"default": False, "type": "boolean"}
_METADATA: Schema = {"additionalProperties": _TEXT, "type": "object"}
_OVERRIDES: Schema = {"$ref": "#/components/schemas/CommitOverrides"}

AMOUNT: Schema = {"default": 100, "maximum": 1000, "minimum": -1, "type": "integer"}
DIFF_TYPE: Schema = {"default": "three_dot", "enum": ["two_dot", "three_dot"], "type": "string"}
RANGE: Schema = {"pattern": r"^bytes=((\d*-\d*,? ?)+)$", "type": "string"}
BODIES: dict[str, Schema] = {
    "BranchCreation": {
        "properties": {
            "force": _FLAG,
            "hidden": {
                "default": False,
                "description": "When set, branch will not show up when listing branches by default. *EXPERIMENTAL*",
                "type": "boolean",
            },
            "name": _TEXT,
            "source": _TEXT,
        },
        "required": ["name", "source"],
        "type": "object",
    },
    "BranchProtectionRules": {
        "items": {"properties": {"pattern": _TEXT}, "required": ["pattern"], "type": "object"},
        "type": "array",
    },
    "CherryPickCreation": {
        "properties": {
            "commit_overrides": _OVERRIDES,
            "force": _FLAG,
            "parent_number": {
                "description": "When cherry-picking a merge commit, the parent number (starting from 1) with which to "
                "perform the diff. The default branch is parent 1.\n",
                "type": "integer",
            },
            "ref": {"description": "the commit to cherry-pick, given by a ref", "type": "string"},
        },
        "required": ["ref"],
        "type": "object",
    },
    "CommitCreation": {
        "properties": {
            "allow_empty": {
                "default": False,
                "description": "sets whether a commit can contain no changes",
                "type": "boolean",
            },
            "date": {
                "description": "set date to override creation date in the commit (Unix Epoch in seconds)",
                "format": "int64",
                "type": "integer",
            },
            "force": _FLAG,
            "message": _TEXT,
            "metadata": _METADATA,
        },
        "required": ["message"],
        "type": "object",
    },
    "CommitOverrides": {
        "properties": {
            "message": {"description": "replace the commit message", "type": "string"},
            "metadata": {
                "additionalProperties": _TEXT,
                "description": "replace the metadata of the commit",
                "type": "object",
            },
        },
        "type": "object",
    },
    "Merge": {
        "properties": {
            "allow_empty": _FLAG,
            "force": _FLAG,
            "message": _TEXT,
            "metadata": _METADATA,
            "squash_merge": _FLAG,
            "strategy": _TEXT,
        },
        "type": "object",
    },
    "ObjectCopyCreation": {
        "properties": {
            "force": _FLAG,
            "shallow": _FLAG,
            "src_path": {"description": "path of the copied object relative to the ref", "type": "string"},
            "src_ref": {
                "description": "a reference, if empty uses the provided branch as ref",
                "type": "string",
            },
        },
        "required": ["src_path"],
        "type": "object",
    },
    "PathList": {
        "properties": {"paths": {"items": _TEXT, "type": "array"}},
        "required": ["paths"],
        "type": "object",
    },
    "RepositoryCreation": {
        "properties": {
            "default_branch": {"example": "main", "type": "string"},
            "name": {"pattern": "^[a-z0-9][a-z0-9-]{2,62}$", "type": "string"},
            "read_only": {"default": False, "example": True, "type": "boolean"},
            "sample_data": {"default": False, "example": True, "type": "boolean"},
            "storage_id": {
                "description": "Unique identifier of the underlying data store. *EXPERIMENTAL*",
                "type": "string",
            },
            "storage_namespace": {
                "description": 'Filesystem URI to store the underlying data in (e.g. "s3://my-bucket/some/path/")',
                "example": "s3://example-bucket/",
                "pattern": "^(s3|gs|https?|mem|local|transient)://.*$",
                "type": "string",
            },
        },
        "required": ["name", "storage_namespace"],
        "type": "object",
    },
    "ResetCreation": {
        "properties": {
            "force": _FLAG,
            "path": _TEXT,
            "type": {
                "description": "What to reset according to path.",
                "enum": ["object", "common_prefix", "reset"],
                "type": "string",
            },
        },
        "required": ["type"],
        "type": "object",
    },
    "RevertCreation": {
        "properties": {
            "allow_empty": {
                "default": False,
                "description": "allow empty commit (revert without changes)",
                "type": "boolean",
            },
            "commit_overrides": _OVERRIDES,
            "force": _FLAG,
            "parent_number": {
                "description": "when reverting a merge commit, the parent number (starting from 1) relative to which "
                "to perform the revert.",
                "type": "integer",
            },
            "ref": {"description": "the commit to revert, given by a ref", "type": "string"},
        },
        "required": ["ref", "parent_number"],
        "type": "object",
    },
    "TagCreation": {
        "description": "Make tag ID point at this REF.",
        "properties": {
            "force": _FLAG,
            "id": {"description": "ID of tag to create", "type": "string"},
            "ref": {"description": "the commit to tag", "type": "string"},
        },
        "required": ["id", "ref"],
        "type": "object",
    },
    "UpdateObjectUserMetadata": {
        "properties": {"set": _METADATA},
        "required": ["set"],
        "type": "object",
    },
}
