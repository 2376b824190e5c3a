"""The module `regexp` of Lua hooks: Go's regular expressions."""

from collections.abc import Callable
from typing import Any

from local_stack.lakefs.standin.go.regexp.matcher import Regexp, compiled_regexp
from local_stack.lakefs.standin.go.regexp.parser import RegexpError
from local_stack.lakefs.standin.lua.arguments import Arguments
from local_stack.lakefs.standin.lua.values import LuaCallError, to_lua

# What Go puts a backslash before.
SPECIAL = frozenset(r"\.+*?()|[]{}^$")


def regexp_module(runtime: Any, guarded: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The module's functions; `guarded` makes a table of functions whose failures are Lua errors."""

    def match(*arguments: Any) -> bool:
        given = Arguments(arguments)
        pattern, text = given.text(1), given.text(2)
        return _compiled(pattern).search(text) is not None

    def quote_meta(*arguments: Any) -> bytes:
        text = Arguments(arguments).text(1)
        return _lua("".join("\\" + letter if letter in SPECIAL else letter for letter in text))

    def compile_pattern(*arguments: Any) -> Any:
        return guarded(_compiled_functions(runtime, _compiled(Arguments(arguments).text(1))))

    return {"match": match, "quote_meta": quote_meta, "compile": compile_pattern}


def _compiled_functions(runtime: Any, regexp: Regexp) -> dict[str, Any]:
    def find(*arguments: Any) -> bytes:
        found = regexp.search(Arguments(arguments).text(1))
        return _lua(found.texts[0]) if found else b""

    def find_all(*arguments: Any) -> Any:
        given = Arguments(arguments)
        text, most = given.text(1), given.integer(2)
        return to_lua(runtime, [found.texts[0] for found in regexp.find_all(text, most)])

    def find_submatch(*arguments: Any) -> Any:
        found = regexp.search(Arguments(arguments).text(1))
        return to_lua(runtime, found.texts if found else [])

    def find_all_submatch(*arguments: Any) -> Any:
        given = Arguments(arguments)
        text, most = given.text(1), given.integer(2)
        return to_lua(runtime, [found.texts for found in regexp.find_all(text, most)])

    return {
        "find": find,
        "find_all": find_all,
        "find_submatch": find_submatch,
        "find_all_submatch": find_all_submatch,
    }


def _compiled(pattern: str) -> Regexp:
    try:
        return compiled_regexp(pattern)
    except RegexpError as error:
        raise LuaCallError(str(error)) from error


def _lua(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
