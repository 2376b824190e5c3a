"""The catalog that a local stack exports to: `main` on the embedded Unity Catalog, one of its own on a server."""

import secrets
from dataclasses import dataclass

import httpx

from local_stack.errors import SetupError

EMBEDDED_CATALOG = "main"
REQUEST_SECONDS = 30


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
        try:
            answer = self._call("POST", "", json={"name": self.name, "comment": "A local stack's; it removes it."})
        except httpx.HTTPError as error:
            raise SetupError(
                f"Unity Catalog at {self.url} does not answer ({error}); check UNITY_CATALOG_URL"
            ) from error
        if answer.is_error or not _tells_of(self.name, answer):
            raise SetupError(
                f"Unity Catalog at {self.url} answered {answer.status_code} when catalog {self.name} was to be made: "
                f"{answer.text[:200]}; check UNITY_CATALOG_URL and UNITY_CATALOG_TOKEN"
            )

    def remove(self) -> str:
        """Remove it with all schemas and registrations in it; empty, or why it is still there."""
        try:
            answer = self._call("DELETE", f"/{self.name}", params={"force": "true"})
        except httpx.HTTPError as error:
            return f"no answer ({error})"
        return f"answer {answer.status_code}: {answer.text[:200]}" if answer.is_error else ""

    def _call(self, method: str, path: str, **options: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        with httpx.Client(headers=headers, timeout=REQUEST_SECONDS) as client:
            return client.request(method, f"{self.url}/api/2.1/unity-catalog/catalogs{path}", **options)  # type: ignore[arg-type]


def _tells_of(name: str, answer: httpx.Response) -> bool:
    """Whether the answer is about the catalog: any web server may answer 200."""
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("name") == name
