"""The module `net/http` of Lua hooks: Go's client, which asks with GET, follows redirects and raises no status.

Observed on a server: what is no text is left out without a word, a body without a method makes the request a POST,
and a header that comes twice is a list.
"""

from typing import Any

import lupa.lua52 as lupa

from local_stack.lakefs.standin.go.http.client import go_request
from local_stack.lakefs.standin.go.http.exchange import GoHTTPError
from local_stack.lakefs.standin.lua.arguments import Arguments
from local_stack.lakefs.standin.lua.tables import TablePuller
from local_stack.lakefs.standin.lua.values import LuaCallError, text_of, to_lua

TIMEOUT_SECONDS = 30.0


def http_module(runtime: Any, timeout_seconds: float = TIMEOUT_SECONDS) -> dict[str, Any]:
    """`request`, given a URL or a table, returns code, body, headers and status; only no answer at all is an error."""
    tables = TablePuller(runtime)

    def request(*arguments: Any) -> tuple[Any, ...]:
        url, method, body, headers = _request_parts(Arguments(arguments), tables)
        if not url:
            raise LuaCallError("missing request url")
        try:
            answer = go_request(method, url, headers=headers, body=body, timeout_seconds=timeout_seconds)
        except GoHTTPError as error:
            raise LuaCallError(str(error)) from error
        answered = {name: values[0] if len(values) == 1 else values for name, values in answer.headers.items()}
        return answer.code, answer.body, to_lua(runtime, answered), answer.status.encode("utf-8", "surrogateescape")

    return {"request": request}


def _request_parts(given: Arguments, tables: TablePuller) -> tuple[str, str, bytes, dict[str, str]]:
    """URL, method, body and headers; a text is a URL."""
    first = given.value(1)
    if isinstance(first, bytes):
        return text_of(first), "", b"", {}
    if lupa.lua_type(first) != "table":
        raise LuaCallError("first argument can be url or request table (invalid type: ")
    options = tables.pulled(given, 1)
    url, method, body = (_text_or_none(options.get(name)) for name in ("url", "method", "body"))
    headers = options.get("headers")
    if method is None and body == "":
        raise LuaCallError("net/http: the stand-in does not know the method of a request with an empty body: name it")
    return (
        url or "",
        "POST" if method is None and body is not None else method or "",
        (body or "").encode("utf-8", "surrogateescape"),
        {name: value for name, value in headers.items() if isinstance(value, str)} if isinstance(headers, dict) else {},
    )


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None
