"""HTTP clients for what hooks send."""

import ssl
from functools import cache

import httpx

USER_AGENT = "Go-http-client/1.1"


@cache
def tls_context() -> ssl.SSLContext:
    """Loading the certificates takes longer than a request does, so it is done once."""
    return ssl.create_default_context()


def http_client(timeout_seconds: float, *, follow_redirects: bool) -> httpx.Client:
    """A client that says of itself what lakeFS's says, and takes no proxy from the environment."""
    client = httpx.Client(
        timeout=timeout_seconds, verify=tls_context(), trust_env=False, follow_redirects=follow_redirects
    )
    del client.headers["Accept"]
    client.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"})
    return client
