"""Unity Catalog as the rooms of the local stack see it: its open REST API, and nothing else.

Works against the embedded server and the open-source one. That looks names up with regard to case, answers deletes
with a text, has errors of another form below `/delta`, and grants that want both lists: what depends on that is here.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

API = "/api/2.1/unity-catalog"
TIMEOUT_SECONDS = 30.0
# How much of an answer that nobody expected an error shows.
SHOWN_LENGTH = 200
# Answers to a route the server does not have: without a code in the body, since nothing of the catalog answered.
NO_SUCH_ROUTE = {404, 405, 501}


class CatalogRequestError(Exception):
    """Unity Catalog refused a request, or did not answer (`status` 0)."""

    def __init__(self, message: str, *, status: int, error_code: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code

    @property
    def missing(self) -> bool:
        """Whether the thing asked for, or what it lies in, is not there."""
        return self.status == 404


class CatalogClient:
    """Calls to one Unity Catalog server. Safe to use from several threads.

    principal: as whom the embedded server takes them, which owns what is made; its own owner without one.
    """

    def __init__(
        self, url: str, token: str, transport: httpx.BaseTransport | None = None, *, principal: str = ""
    ) -> None:
        self._url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"X-Principal": principal} if principal else {}
        self._client = httpx.Client(
            base_url=self._url + API, headers=headers, timeout=TIMEOUT_SECONDS, transport=transport
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, kind: str, *name: str) -> dict[str, Any] | None:
        """A catalog, schema or table by its parts as written, then in lower case; None where it is not there."""
        for candidate in dict.fromkeys([".".join(name), ".".join(name).lower()]):
            try:
                return self._call("GET", _path(kind, candidate))
            except CatalogRequestError as error:
                if not error.missing:
                    raise
        return None

    def list_all(self, kind: str, **parents: str) -> list[dict[str, Any]]:
        """Everything of a kind below `catalog_name` and `schema_name`, over all pages."""
        found: list[dict[str, Any]] = []
        token: str | None = None
        while True:
            page = self._call("GET", f"/{kind}s", params=parents | ({"page_token": token} if token else {}))
            found += page.get(f"{kind}s") or []
            token = page.get("next_page_token")
            if not token:
                return found

    def create(self, kind: str, body: Mapping[str, Any], *, unless_exists: bool) -> dict[str, Any]:
        """Create a catalog, schema or table, and give what the server made of it.

        One that somebody else made in the meantime is an error unless told otherwise, and nothing is given.
        """
        try:
            return self._call("POST", f"/{kind}s", gives_object=True, json=dict(body))
        except CatalogRequestError as error:
            if not (unless_exists and error.error_code.endswith("ALREADY_EXISTS")):
                raise
            return {}

    def update(self, kind: str, full_name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change a schema; properties replace the whole map."""
        return self._call("PATCH", _path(kind, full_name), json=dict(changes))

    def update_table(self, table: Mapping[str, Any], updates: list[dict[str, Any]]) -> None:
        """Change a Delta table, as it was read, by updates of the Delta API; all of them or none.

        Raises CatalogRequestError also where another table has its name by now, and where the server has no route.
        """
        parts = (quote(str(table[part]), safe="") for part in ("catalog_name", "schema_name", "name"))
        path = "/delta/v1/catalogs/{}/schemas/{}/tables/{}".format(*parts)
        requirements = [{"type": "assert-table-uuid", "uuid": table["table_id"]}]
        try:
            self._call("POST", path, json={"requirements": requirements, "updates": updates})
        except CatalogRequestError as error:
            if error.status not in NO_SUCH_ROUTE or error.error_code:
                raise
            raise CatalogRequestError(
                f"Unity Catalog at {self._url} has no route that changes a table (POST {path} answered "
                f"{error.status}), so it keeps showing {table['name']} as it was registered: use the open-source "
                "server from version 0.5 on",
                status=error.status,
                error_code="UNITY_CATALOG_CANNOT_SYNC",
            ) from error

    def delete(self, kind: str, full_name: str, *, force: bool = False) -> None:
        """Delete a catalog, schema or table; the answer's body is of no account."""
        self._call("DELETE", _path(kind, full_name), params={"force": "true"} if force else {})

    def grants(self, securable_type: str, full_name: str, principal: str | None) -> list[dict[str, Any]]:
        """Privilege assignments on a securable."""
        parameters = {"principal": principal} if principal else {}
        answer = self._call("GET", f"/permissions/{securable_type}/{quote(full_name)}", params=parameters)
        return list(answer.get("privilege_assignments") or [])

    def change_grants(self, securable_type: str, full_name: str, change: Mapping[str, Any]) -> None:
        """Apply one change of one principal's privileges."""
        path = f"/permissions/{securable_type}/{quote(full_name)}"
        self._call("PATCH", path, json={"changes": [{"add": [], "remove": []} | dict(change)]})

    def _call(self, method: str, path: str, *, gives_object: bool = False, **content: Any) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, **content)
        except httpx.HTTPError as error:
            raise CatalogRequestError(
                f"Unity Catalog at {self._url} does not answer: {error}", status=0, error_code="UNAVAILABLE"
            ) from error
        body = _json_object(response)
        if response.is_error:
            message, code = _told(body or {})
            raise CatalogRequestError(
                f"Unity Catalog: {message or f'{method} {path} answered {response.status_code}'}",
                status=response.status_code,
                error_code=code,
            )
        if (method == "GET" or gives_object) and body is None:
            raise CatalogRequestError(
                f"Unity Catalog at {self._url} answered {method} {path} with no JSON object: is it a Unity Catalog? "
                f"It answers {response.text[:SHOWN_LENGTH]!r}",
                status=0,
                error_code="UNAVAILABLE",
            )
        return body or {}


def _path(kind: str, full_name: str) -> str:
    return f"/{kind}s/{quote(full_name)}"


def _json_object(response: httpx.Response) -> dict[str, Any] | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _told(body: Mapping[str, Any]) -> tuple[str, str]:
    """Message and code of an error, which below `/delta` is one object deeper."""
    error = body.get("error")
    found = error if isinstance(error, dict) else body
    return str(found.get("message") or ""), str(found.get("error_code") or found.get("type") or "")
