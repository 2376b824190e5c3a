"""The modules `path` and `net/url` of Lua hooks.

What they do was observed on a server; where it was not, for separators that come twice, they refuse.
"""

import posixpath
from collections.abc import Callable
from typing import Any, TypeVar

from local_stack.lakefs.standin.go.url import HOST, PATH, SEGMENT, GoURLError, escaped, parse_url, unescaped
from local_stack.lakefs.standin.lua.arguments import Arguments
from local_stack.lakefs.standin.lua.values import LuaCallError, to_lua

T = TypeVar("T")
SEPARATOR = "/"
HIDDEN = "_"


def path_module(runtime: Any) -> dict[str, Any]:
    """`path`."""
    return {
        "parse": lambda *arguments: to_lua(runtime, _path_parts(*arguments)),
        "join": _join,
        "is_hidden": _is_hidden,
        "extract_dir_name": _directory,
        "default_separator": lambda *_: SEPARATOR.encode(),
    }


def _path_parts(*arguments: Any) -> dict[str, str]:
    given = Arguments(arguments)
    path, separator = given.text(1), _separator(given, 2)
    if path.endswith(2 * separator):
        raise LuaCallError(f"path: the stand-in parses no path that ends in {2 * separator}")
    whole = path.removesuffix(separator)
    place = whole.rfind(separator) + len(separator) if separator in whole else 0
    return {"parent": whole[:place], "base_name": whole[place:]}


def _join(*arguments: Any) -> bytes:
    given = Arguments(arguments)
    separator = given.text(1)
    parts = [given.text(position) for position in range(2, len(arguments) + 1)]
    return _joined(parts, separator).encode("utf-8", "surrogateescape")


def _is_hidden(*arguments: Any) -> bool:
    given = Arguments(arguments)
    if given.given(2):
        raise LuaCallError("path: the stand-in's is_hidden takes a path only")
    return any(part.startswith(HIDDEN) for part in given.text(1).split(SEPARATOR))


def _directory(*arguments: Any) -> bytes:
    directory = Arguments(arguments).text(1).rpartition(SEPARATOR)
    cleaned = posixpath.normpath(directory[0] + directory[1])
    return (SEPARATOR if cleaned == 2 * SEPARATOR else cleaned).encode("utf-8", "surrogateescape")


def _separator(given: Arguments, position: int) -> str:
    separator = given.text(position) if given.given(position) else SEPARATOR
    if not separator:
        raise LuaCallError("path: the stand-in wants a separator")
    return separator


def _joined(parts: list[str], separator: str) -> str:
    """The parts with one separator between them, also where a part brings its own."""
    joined = ""
    for index, part in enumerate(parts):
        inner = part.removeprefix(separator) if index > 0 else part
        if separator and inner.startswith(separator):
            raise LuaCallError(f"path: the stand-in joins no part that begins with {separator} at the front, or twice")
        joined += (separator if index > 0 and not joined.endswith(separator) else "") + inner
    return joined


def url_module(runtime: Any) -> dict[str, Any]:
    """`net/url`."""
    return {
        "parse": lambda *arguments: to_lua(runtime, _url_parts(*arguments)),
        "build_url": _build_url,
        "path_escape": lambda *arguments: escaped(Arguments(arguments).text(1), SEGMENT).encode(),
        "query_unescape": _query_unescape,
    }


def _url_parts(*arguments: Any) -> dict[str, str]:
    url = _in_go(lambda: parse_url(Arguments(arguments).text(1)))
    return {
        "scheme": url.scheme,
        "host": url.host,
        "path": url.path,
        "query": url.query,
        "fragment": url.fragment,
    }


def _build_url(*arguments: Any) -> bytes:
    given = Arguments(arguments)
    scheme, host, path = given.text(1), given.text(2), given.text(3)
    if not scheme or not host:
        raise LuaCallError("net/url: the stand-in builds a URL of three texts, the first two not empty")
    slash = "/" if path and not path.startswith("/") else ""
    return f"{scheme}://{escaped(host, HOST)}{slash}{escaped(path, PATH)}".encode()


def _query_unescape(*arguments: Any) -> bytes:
    text = Arguments(arguments).text(1)
    return bytes(_in_go(lambda: unescaped(text, in_query=True)).encode("utf-8", "surrogateescape"))


def _in_go(work: Callable[[], T]) -> T:
    try:
        return work()
    except GoURLError as error:
        raise LuaCallError(str(error)) from error
