"""What Databricks refuses in the settings of clusters and serverless environments. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

NODE_FIELDS = ("node_type_id", "instance_pool_id", "policy_id")
# https://docs.databricks.com/api/workspace/clusters/create, data_security_mode
SECURITY_MODES = frozenset(
    {
        "NONE",
        "SINGLE_USER",
        "USER_ISOLATION",
        "DATA_SECURITY_MODE_AUTO",
        "DATA_SECURITY_MODE_STANDARD",
        "DATA_SECURITY_MODE_DEDICATED",
        "LEGACY_PASSTHROUGH",
        "LEGACY_SINGLE_USER",
        "LEGACY_SINGLE_USER_STANDARD",
        "LEGACY_TABLE_ACL",
    }
)
ENVIRONMENT_FIELDS = frozenset({"client", "environment_version", "dependencies"})


def cluster_problems(place: str, cluster: Any) -> Iterator[str]:
    """One sentence for each problem of a ``new_cluster``; `place` names it."""
    if not isinstance(cluster, Mapping):
        yield f"{place} has no new_cluster"
        return
    if not cluster.get("spark_version"):
        yield f"{place} needs spark_version"
    if not any(cluster.get(field) for field in NODE_FIELDS):
        yield f"{place} needs one of {', '.join(NODE_FIELDS)}"
    mode = cluster.get("data_security_mode")
    if mode and mode not in SECURITY_MODES:
        yield f"{place}: data_security_mode '{mode}' is none of {', '.join(sorted(SECURITY_MODES))}"
    if "num_workers" not in cluster and not cluster.get("autoscale") and not cluster.get("is_single_node"):
        yield f"{place} needs num_workers, autoscale or is_single_node"
    for name, value in (cluster.get("spark_conf") or {}).items():
        if not isinstance(value, str):
            yield f"{place}: the value of spark_conf '{name}' is not a string"


def environment_problems(environments: list[dict[str, Any]]) -> Iterator[str]:
    """One sentence for each problem of a job's serverless environments."""
    keys = [environment.get("environment_key") for environment in environments]
    for key in sorted({str(key) for key in keys if keys.count(key) > 1}):
        yield f"the environment_key '{key}' is used more than once"
    for environment in environments:
        place = f"environment '{environment.get('environment_key', '')}'"
        spec = environment.get("spec")
        if not environment.get("environment_key") or not isinstance(spec, Mapping):
            yield f"{place} needs environment_key and spec"
            continue
        if not spec.get("environment_version") and not spec.get("client"):
            yield f"{place} needs environment_version"
        for field in sorted(set(spec) - ENVIRONMENT_FIELDS):
            reason = "; serverless compute takes no Spark configuration" if field == "spark_conf" else ""
            yield f"{place} has the field '{field}', which the local workspace does not support{reason}"
