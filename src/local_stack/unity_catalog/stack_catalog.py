"""The catalog that a local stack exports to: `main` on the embedded Unity Catalog, one of its own on a server."""

import json
import secrets
from contextlib import closing
from dataclasses import dataclass

from local_stack.catalog_client import SHOWN_LENGTH, CatalogClient, CatalogRequestError
from local_stack.errors import SetupError

EMBEDDED_CATALOG = "main"
EXTERNAL_LOCATION = "exports"
# What the README wants of the identity that the job runs as.
ON_CATALOG = ("USE_CATALOG", "CREATE_SCHEMA")
ON_LOCATION = ("CREATE_EXTERNAL_TABLE", "READ_FILES", "WRITE_FILES")


@dataclass(frozen=True, kw_only=True)
class StackCatalog:
    """A catalog on the Unity Catalog at this URL. The token is empty where the server asks for none."""

    url: str
    token: str
    name: str

    @classmethod
    def on_server(cls, url: str, token: str) -> "StackCatalog":
        """One with a name that no other stack on the server has, so that none meets what another left."""
        return cls(url=url, token=token, name=f"local_stack_{secrets.token_hex(4)}")

    def create(self) -> None:
        """Make it. Raises SetupError where the server refuses or does not answer."""
        body = {"name": self.name, "comment": "A local stack's; it removes it."}
        try:
            with closing(CatalogClient(self.url, self.token)) as client:
                made = client.create("catalog", body, unless_exists=False)
        except CatalogRequestError as error:
            raise SetupError(self._reason(error)) from error
        if made.get("name") != self.name:  # any web server may answer
            raise SetupError(
                f"Unity Catalog at {self.url} answered {json.dumps(made)[:SHOWN_LENGTH]} when catalog {self.name} was "
                "to be made; check UNITY_CATALOG_URL"
            )

    def allow(self, principal: str, location: str) -> None:
        """Give the principal what an export needs, and the location to export to. For a server of the stack's own."""
        with closing(CatalogClient(self.url, self.token)) as client:
            client.create("external-location", {"name": EXTERNAL_LOCATION, "url": location}, unless_exists=False)
            client.change_grants("catalog", self.name, {"principal": principal, "add": list(ON_CATALOG)})
            change = {"principal": principal, "add": list(ON_LOCATION)}
            client.change_grants("external_location", EXTERNAL_LOCATION, change)

    def remove(self) -> str:
        """Remove it with all schemas and registrations in it; empty, or why it is still there."""
        try:
            with closing(CatalogClient(self.url, self.token)) as client:
                client.delete("catalog", self.name, force=True)
        except CatalogRequestError as error:
            return f"answer {error.status}, {error}" if error.status else str(error)
        return ""

    def _reason(self, error: CatalogRequestError) -> str:
        if not error.status:
            return f"{error}; check UNITY_CATALOG_URL"
        return (
            f"{error}: {self.url} answered {error.status} when catalog {self.name} was to be made; check "
            "UNITY_CATALOG_URL and UNITY_CATALOG_TOKEN"
        )
