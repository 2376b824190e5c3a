"""lakeFS by plain HTTP, and the workspace through its SDK.

Answers as `ports` says, and raises this package's errors. For entry points, which hand it to the rooms that decide.
"""

try:
    import databricks.sdk  # noqa: F401
except ModuleNotFoundError as missing:
    raise ImportError(
        f"{missing.name} is missing: the wheel brings no other package. Name those of its extra `tasks` beside it, as "
        "resources/export_tables.job.yml and docs/overrides/private_network.yml do, or install it with that extra"
    ) from missing
