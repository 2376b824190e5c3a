"""What the live tests are told by environment variables, and which of those are missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import yaml

from local_stack.demo.deployment import CHECKOUT

LAKEFS_VARIABLES = (
    "LAKECTL_SERVER_ENDPOINT_URL",
    "LAKECTL_CREDENTIALS_ACCESS_KEY_ID",
    "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY",
)
STARTED_BY_VARIABLE = "LIVE_STARTED_BY"
READERS_VARIABLE = "LIVE_READERS"
DEFAULT_TARGET = "dev"


class Readers(StrEnum):
    """Who is to read the tables, as the report of `check_setup` names them where it recommends a clone method."""

    CLUSTERS = "clusters"
    EVERYBODY = "everybody"


@dataclass(frozen=True, kw_only=True)
class LiveSettings:
    """A lakeFS server and a target of the bundle. Databricks' own variables stay in `environment`, for its clients.

    `repository` names one that exists, or is empty: then one is made at `storage_namespace`. `by_hook`: whether
    lakeFS starts the runs, or this test does. `readers`: for whom the clone method is chosen.
    """

    target: str
    by_hook: bool
    readers: Readers
    lakefs_url: str
    s3_url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    repository: str
    storage_namespace: str
    cluster_id: str
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "LiveSettings":
        """The settings. Raises ValueError for a way to start runs, or for readers, that there are not."""
        started_by = _one_of(environment, STARTED_BY_VARIABLE, ("hook", "bundle_run"))
        url = environment[LAKEFS_VARIABLES[0]].rstrip("/").removesuffix("/api/v1")
        return cls(
            target=bundle_target(environment),
            by_hook=started_by == "hook",
            readers=Readers(_one_of(environment, READERS_VARIABLE, tuple(Readers))),
            lakefs_url=url,
            s3_url=environment.get("LAKEFS_S3_ENDPOINT_URL", "").rstrip("/") or url,
            access_key_id=environment[LAKEFS_VARIABLES[1]],
            secret_access_key=environment[LAKEFS_VARIABLES[2]],
            repository=environment.get("LAKEFS_REPOSITORY", ""),
            storage_namespace=environment.get("LAKEFS_STORAGE_NAMESPACE", ""),
            cluster_id=environment.get("DATABRICKS_CLUSTER_ID", ""),
            environment=environment,
        )


def _one_of(environment: Mapping[str, str], variable: str, choices: Sequence[str]) -> str:
    """The variable's value; the first choice by default. Raises ValueError for another one."""
    chosen = environment.get(variable) or choices[0]
    if chosen not in choices:
        raise ValueError(f"{variable} is {chosen!r}; set it to {' or '.join(choices)}")
    return chosen


def bundle_target(environment: Mapping[str, str]) -> str:
    """The bundle's target, by the CLI's own variable."""
    return environment.get("DATABRICKS_BUNDLE_TARGET") or DEFAULT_TARGET


def missing_variables(environment: Mapping[str, str]) -> list[str]:
    """What has to be set besides what is, in words; nothing where the live tests can run."""
    alternatives = [
        # Not the CLI's default profile: what nobody named is not deployed to.
        ("DATABRICKS_HOST", "DATABRICKS_CONFIG_PROFILE"),
        *((name,) for name in LAKEFS_VARIABLES),
        ("LAKEFS_STORAGE_NAMESPACE", "LAKEFS_REPOSITORY"),
        *((f"BUNDLE_VAR_{name}",) for name in _variables_without_value(bundle_target(environment))),
    ]
    return [" or ".join(names) for names in alternatives if not any(environment.get(name) for name in names)]


def _variables_without_value(target: str) -> list[str]:
    """The bundle's variables that neither have a default nor get a value from the target."""
    files = [CHECKOUT / "databricks.yml", *sorted((CHECKOUT / "resources").glob("*.yml"))]
    documents: list[dict[str, Any]] = [yaml.safe_load(file.read_text()) or {} for file in files]
    given: set[str] = set()
    for document in documents:
        given |= ((document.get("targets") or {}).get(target) or {}).get("variables", {}).keys()
    declared = {name: each for document in documents for name, each in (document.get("variables") or {}).items()}
    return [name for name, each in declared.items() if name not in given and not {"default", "lookup"} & each.keys()]
