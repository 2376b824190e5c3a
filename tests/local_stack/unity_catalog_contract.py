"""What the tests of the Unity Catalog contract share: a server under test, with a catalog of its own."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from databricks.sdk import WorkspaceClient
from databricks.sdk.credentials_provider import credentials_strategy

API = "/api/2.1/unity-catalog"


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """A server under test, with a catalog made for this module. The token is empty where the server wants none."""

    url: str
    token: str
    name: str
    sdk: WorkspaceClient
    client: httpx.Client

    def request(self, method: str, path: str, **content: Any) -> httpx.Response:
        headers = authorization(self.token) | dict(content.pop("headers", {}))
        return self.client.request(method, f"{self.url}{API}{path}", headers=headers, **content)

    def table(self, full_name: str) -> dict[str, Any]:
        """The table, its columns in order."""
        found: dict[str, Any] = self.request("GET", f"/tables/{full_name}").json()
        found["columns"].sort(key=lambda column: column["position"])
        return found

    def update(self, full_name: str, *updates: dict[str, Any], **changed: Any) -> httpx.Response:
        """Change a table by the Delta API, asserting that it is the one that has the name now."""
        catalog, schema, table = full_name.split(".")
        asserted = {"type": "assert-table-uuid", "uuid": self.table(full_name)["table_id"]}
        body = {"requirements": [asserted], "updates": list(updates)} | changed
        return self.request("POST", f"/delta/v1/catalogs/{catalog}/schemas/{schema}/tables/{table}", json=body)


def authorization(token: str) -> dict[str, str]:
    """The header with the token, or none without one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def sdk_of(url: str, token: str) -> WorkspaceClient:
    """databricks-sdk for the server, which sends no header where there is no token."""

    @credentials_strategy("unity-catalog", [])
    def strategy(_: object) -> Callable[[], dict[str, str]]:
        return lambda: authorization(token)

    return WorkspaceClient(host=url, credentials_strategy=strategy)


def with_catalog(url: str, token: str) -> Catalog:
    sdk = sdk_of(url, token)
    name = f"contract_{uuid.uuid4().hex[:8]}"
    sdk.catalogs.create(name, comment="made by a test")
    return Catalog(url=url, token=token, name=name, sdk=sdk, client=httpx.Client(trust_env=False))


def created(server: Catalog, schema: str, table: str, **more: Any) -> httpx.Response:
    """The answer to the registration of an external Delta table."""
    body = {
        "name": table,
        "catalog_name": server.name,
        "schema_name": schema,
        "table_type": "EXTERNAL",
        "data_source_format": "DELTA",
        "storage_location": f"s3://bucket/{schema}/{table}",
        "columns": [],
    } | more
    return server.request("POST", "/tables", json=body)


def register(server: Catalog, schema: str, table: str, location: str | None = None, **more: Any) -> str:
    """Register an external Delta table, and return its full name."""
    place = {"storage_location": location} if location else {}
    created(server, schema, table, **place | more).raise_for_status()
    return f"{server.name}.{schema}.{table}"


def field(name: str, data_type: Any = "long", **more: Any) -> dict[str, Any]:
    """A field of a schema, as Delta's log has it."""
    return {"name": name, "type": data_type, "nullable": True, "metadata": {}} | more


def column(name: str = "id", data_type: Any = "long", **more: Any) -> dict[str, Any]:
    """A column as the REST API takes it, of a type that `type_name` and `type_text` need not name truly."""
    type_json = json.dumps(field(name, data_type))
    return {"name": name, "type_text": "bigint", "type_name": "LONG", "type_json": type_json, "position": 0} | more
