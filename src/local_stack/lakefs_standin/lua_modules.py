"""The modules of Lua hooks that compute: strings, regexp, time, encodings, digests.

The functions are those that lakeFS's documentation of Lua hooks lists, as far as hooks of exports may want them.
"""

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local_stack.lakefs_standin.lua_values import LuaCallError, bytes_of, text_of, to_lua

Module = dict[str, Any]
NANOSECONDS = 1_000_000_000
# What Unicode calls white space, and Go trims.
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
# An escape, a class of characters, or the end: whichever comes first.
ENDS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]])*\]|\$", re.DOTALL)
# RE2 writes a character by its number in braces.
BY_NUMBER = re.compile(r"(\\[^x])|\\x\{([0-9a-fA-F]+)\}")
# Go's regular expressions (RE2) have neither look-around nor back references.
BEYOND_RE2 = re.compile(r"\(\?(?:[=!]|<[=!]|P=|>)|\\[1-9]")


def strings_module(runtime: Any) -> Module:
    """`strings`."""

    def replace(text: Any, old: Any, new: Any, count: Any) -> bytes:
        return bytes_of(text).replace(bytes_of(old), bytes_of(new), int(count))

    return {
        "split": lambda text, separator: to_lua(runtime, text_of(text).split(text_of(separator))),
        "trim": lambda text: text_of(text).strip(WHITE_SPACE).encode("utf-8", "surrogateescape"),
        "replace": replace,
        "has_prefix": lambda text, prefix: bytes_of(text).startswith(bytes_of(prefix)),
        "has_suffix": lambda text, suffix: bytes_of(text).endswith(bytes_of(suffix)),
        "contains": lambda text, part: bytes_of(part) in bytes_of(text),
    }


def regexp_module(runtime: Any, guarded: Callable[[Module], Any]) -> Module:
    """`regexp`; `guarded` makes a table of functions whose failures are Lua errors."""

    def compile_pattern(pattern: Any) -> Any:
        compiled = _compiled(pattern)

        def submatch(text: Any) -> Any:
            match = compiled.search(text_of(text))
            return to_lua(runtime, [] if match is None else [group or "" for group in (match[0], *match.groups())])

        def find(text: Any) -> bytes:
            match = compiled.search(text_of(text))
            return match[0].encode("utf-8", "surrogateescape") if match else b""

        def find_all(text: Any, count: Any) -> Any:
            found = [match[0] for match in compiled.finditer(text_of(text))]
            return to_lua(runtime, found if count < 0 else found[: int(count)])

        return guarded(
            {
                "find": find,
                "find_all": find_all,
                "find_submatch": submatch,
            }
        )

    return {
        "match": lambda pattern, text: _compiled(pattern).search(text_of(text)) is not None,
        "quote_meta": lambda text: to_lua(runtime, re.escape(text_of(text))),
        "compile": compile_pattern,
    }


def _compiled(pattern: Any) -> re.Pattern[str]:
    text = text_of(pattern)
    if BEYOND_RE2.search(text):
        raise LuaCallError(f"error parsing regexp: invalid or unsupported Perl syntax: `{text}`")
    try:
        return re.compile(BY_NUMBER.sub(_character, ENDS.sub(_with_strict_end, text)), re.ASCII)
    except re.error as error:
        raise LuaCallError(f"error parsing regexp: {error}: `{text}`") from error


def _with_strict_end(match: re.Match[str]) -> str:
    """`$` is the text's very end in Go; in Python it is also before a last line break."""
    return r"\Z" if match[0] == "$" else match[0]


def _character(match: re.Match[str]) -> str:
    return match[1] or f"\\U{int(match[2], 16):08x}"


def time_module(_runtime: Any) -> Module:
    """`time`, in nanoseconds since the epoch."""

    def format_iso(nanoseconds: Any, _zone: Any = None) -> bytes:
        return datetime.fromtimestamp(nanoseconds / NANOSECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()

    def parse_iso(text: Any) -> float:
        try:
            return datetime.fromisoformat(text_of(text)).timestamp() * NANOSECONDS
        except ValueError as error:
            raise LuaCallError(f"cannot parse time: {error}") from error

    return {
        "now": lambda: float(time.time_ns()),
        "since": lambda nanoseconds: float(time.time_ns() - nanoseconds),
        "sleep": lambda nanoseconds: time.sleep(nanoseconds / NANOSECONDS),
        "format_iso": format_iso,
        "parse_iso": parse_iso,
    }


def base64_module(_runtime: Any) -> Module:
    """`encoding/base64`."""

    def decode(text: Any) -> bytes:
        return _decoded(lambda: base64.b64decode(bytes_of(text), validate=True))

    def url_decode(text: Any) -> bytes:
        return _decoded(lambda: base64.urlsafe_b64decode(bytes_of(text)))

    return {
        "encode": lambda text: base64.b64encode(bytes_of(text)),
        "decode": decode,
        "url_encode": lambda text: base64.urlsafe_b64encode(bytes_of(text)),
        "url_decode": url_decode,
    }


def hex_module(_runtime: Any) -> Module:
    """`encoding/hex`."""
    return {
        "encode": lambda data: bytes_of(data).hex().encode(),
        "decode": lambda text: _decoded(lambda: bytes.fromhex(text_of(text))),
    }


def sha256_module(_runtime: Any) -> Module:
    """`crypto/sha256`: the digest is raw bytes."""
    return {"digest": lambda data: hashlib.sha256(bytes_of(data)).digest()}


def hmac_module(_runtime: Any) -> Module:
    """`crypto/hmac`."""
    return {"sign_sha256": lambda text, key: hmac.new(bytes_of(key), bytes_of(text), hashlib.sha256).digest()}


def _decoded(decode: Callable[[], bytes]) -> bytes:
    try:
        return decode()
    except (ValueError, binascii.Error) as error:
        raise LuaCallError(f"cannot decode: {error}") from error
