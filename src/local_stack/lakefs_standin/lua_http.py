"""The module `net/http` of Lua hooks."""

from typing import Any

import httpx
import lupa.lua52 as lupa

from local_stack.lakefs_standin.lua_values import LuaCallError, bytes_of, text_of, to_lua
from local_stack.lakefs_standin.outgoing import http_client

TIMEOUT_SECONDS = 30.0


def http_module(runtime: Any, timeout_seconds: float = TIMEOUT_SECONDS) -> dict[str, Any]:
    """`request`, given a URL or a table, returns code, body, headers and status; only no answer at all is an error."""

    def request(options: Any) -> tuple[Any, ...]:
        url, method, body, headers = _request_parts(options)
        try:
            with http_client(timeout_seconds, follow_redirects=True) as client:
                answer = client.request(method, url, content=body, headers=headers)
        except httpx.TimeoutException as error:
            reason = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            raise LuaCallError(f'{method.capitalize()} "{url}": {reason}') from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LuaCallError(f'{method.capitalize()} "{url}": {error}') from error
        answered = {name.title(): value for name, value in answer.headers.items()}
        status = f"{answer.status_code} {answer.reason_phrase}"
        return answer.status_code, answer.content, to_lua(runtime, answered), status.encode()

    return {"request": request}


def _request_parts(options: Any) -> tuple[str, str, bytes | None, dict[str, str]]:
    if lupa.lua_type(options) != "table":
        return text_of(options), "GET", None, {}
    if options[b"url"] is None:
        raise LuaCallError("net/http: request needs a url")
    method, body, headers = (options[name] for name in (b"method", b"body", b"headers"))
    return (
        text_of(options[b"url"]),
        "GET" if method is None else text_of(method).upper(),
        None if body is None else bytes_of(body),
        {} if headers is None else {text_of(name): text_of(value) for name, value in headers.items()},
    )
