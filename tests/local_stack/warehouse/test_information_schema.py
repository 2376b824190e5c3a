"""The rows of `information_schema`, from a Unity Catalog that changes meanwhile."""

import httpx
import pytest

from local_stack.catalog_client import CatalogClient, CatalogRequestError
from local_stack.warehouse.information_schema import _ROWS

CATALOG = {"name": "lake"}


def client(status_of_tables: int) -> CatalogClient:
    """Two schemas, of which the second answers so when its tables are asked for."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/schemas"):
            return httpx.Response(200, json={"schemas": [{"name": "main"}, {"name": "dropped"}]})
        if request.url.params["schema_name"] == "dropped":
            return httpx.Response(status_of_tables, json={"error_code": "X", "message": "no"})
        return httpx.Response(200, json={"tables": [{"name": "orders", "columns": [{"name": "word"}]}]})

    return CatalogClient("http://catalog.invalid", "", httpx.MockTransport(answer))


@pytest.mark.parametrize("relation", ["tables", "columns"])
def test_a_schema_that_is_dropped_while_tables_are_listed_has_none(relation: str) -> None:
    rows = list(_ROWS[relation](client(404), [CATALOG]))
    assert [(row["table_schema"], row["table_name"]) for row in rows] == [("main", "orders")]


def test_any_other_failure_is_one() -> None:
    with pytest.raises(CatalogRequestError):
        list(_ROWS["tables"](client(500), [CATALOG]))
