"""The modules of Lua hooks that compute: strings, time, encodings, digests.

All that they do was observed on a server (`fixtures/lakefs_lua_recorded.json`), or is what Go's libraries do.
"""

import base64
import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from local_stack.lakefs.standin.go import time as go_time
from local_stack.lakefs.standin.lua.arguments import Arguments
from local_stack.lakefs.standin.lua.values import LuaCallError, lua_type, to_lua

Module = dict[str, Any]
T = TypeVar("T")
# What Unicode calls white space, and Go trims.
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
STANDARD_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
URL_ALPHABET = STANDARD_ALPHABET[:-2] + b"-_"
DIGITS_OF_BLOCK = 4
PADDING = ord("=")
NANOSECONDS_OF = {"hour": 3600 * go_time.NANOSECONDS, "minute": 60 * go_time.NANOSECONDS, "second": go_time.NANOSECONDS}


def strings_module(runtime: Any) -> Module:
    """`strings`."""
    return {
        "split": lambda *arguments: to_lua(runtime, _split(*arguments)),
        "trim": lambda *arguments: bytes_of_text(Arguments(arguments).text(1).strip(WHITE_SPACE)),
        "replace": _replace,
        "has_prefix": _has_prefix,
        "has_suffix": _has_suffix,
        "contains": _contains,
    }


def _two_texts(arguments: tuple[Any, ...]) -> tuple[bytes, bytes]:
    given = Arguments(arguments)
    return given.data(1), given.data(2)


def _split(*arguments: Any) -> list[bytes] | list[str]:
    text, separator = _two_texts(arguments)
    return text.split(separator) if separator else list(Arguments(arguments).text(1))


def _replace(*arguments: Any) -> bytes:
    given = Arguments(arguments)
    old, new = given.text(2), given.text(3)
    given.text(1)
    count = max(given.integer(4), -1)
    if old:
        return given.data(1).replace(given.data(2), given.data(3), count)
    return bytes_of_text(given.text(1).replace(old, new, count))


def _has_prefix(*arguments: Any) -> bool:
    text, prefix = _two_texts(arguments)
    return text.startswith(prefix)


def _has_suffix(*arguments: Any) -> bool:
    text, suffix = _two_texts(arguments)
    return text.endswith(suffix)


def _contains(*arguments: Any) -> bool:
    text, part = _two_texts(arguments)
    return part in text


def time_module(_runtime: Any) -> Module:
    """`time`, in nanoseconds since the epoch."""
    return {
        "now": lambda *_: float(time.time_ns()),
        "since": lambda *arguments: float(time.time_ns() - Arguments(arguments).integer(1)),
        "sleep": _sleep,
        "format": _format,
        "format_iso": _format_iso,
        "parse": _parse,
        "parse_iso": _parse_iso,
        "add": _add,
    }


def _sleep(*arguments: Any) -> Any:
    nanoseconds = Arguments(arguments).integer(1)
    if nanoseconds > 0:
        time.sleep(nanoseconds / go_time.NANOSECONDS)
    # It hands back what lies on the stack.
    return arguments[-1]


def _format(*arguments: Any) -> bytes:
    given = Arguments(arguments)
    nanoseconds, layout, zone = given.integer(1), given.text(2), given.optional_text(3)
    return bytes_of_text(_in_go(lambda: go_time.formatted(nanoseconds, layout, zone)))


def _format_iso(*arguments: Any) -> bytes:
    given = Arguments(arguments)
    return _in_go(lambda: go_time.formatted(given.integer(1), go_time.ISO, given.optional_text(2))).encode()


def _parse(*arguments: Any) -> float:
    given = Arguments(arguments)
    layout, text = given.text(1), given.text(2)
    return float(_in_go(lambda: go_time.parsed(layout, text)))


def _parse_iso(*arguments: Any) -> float:
    text = Arguments(arguments).text(1)
    return float(_in_go(lambda: go_time.parsed(go_time.ISO, text)))


def _add(*arguments: Any) -> float:
    given = Arguments(arguments)
    start, units = given.integer(1), given.table(2)
    return float(start + sum(_unit(units, name) * size for name, size in NANOSECONDS_OF.items()))


def _unit(units: Any, name: str) -> int:
    value = units[name.encode()]
    if value is None:
        return 0
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise LuaCallError(f"time: the stand-in adds numbers only, and {name} is a {lua_type(value)}")
    return int(value)


def _in_go(work: Callable[[], T]) -> T:
    try:
        return work()
    except go_time.GoTimeError as error:
        raise LuaCallError(str(error)) from error


def base64_module(_runtime: Any) -> Module:
    """`encoding/base64`; the URL's alphabet goes without padding."""
    return {
        "encode": lambda *arguments: base64.b64encode(Arguments(arguments).data(1)),
        "decode": lambda *arguments: decode_base64(Arguments(arguments).data(1), STANDARD_ALPHABET, padded=True),
        "url_encode": lambda *arguments: base64.urlsafe_b64encode(Arguments(arguments).data(1)).rstrip(b"="),
        "url_decode": lambda *arguments: decode_base64(Arguments(arguments).data(1), URL_ALPHABET, padded=False),
    }


def decode_base64(data: bytes, alphabet: bytes, *, padded: bool) -> bytes:
    """Base64 as Go decodes it: line breaks are skipped. Raises LuaCallError with Go's text."""
    places = [index for index, byte in enumerate(data) if byte not in b"\r\n"]
    digits = bytes(data[index] for index in places)
    plain = len(digits) - len(digits.lstrip(alphabet))
    rest, tail = digits[plain:], plain % DIGITS_OF_BLOCK
    padding = b"=" * (-plain % DIGITS_OF_BLOCK) if padded else b""
    if tail == 1 or rest != padding:
        raise LuaCallError(f"illegal base64 data at input byte {_wrong_byte(data, places, plain, padded=padded)}")
    missing = -plain % DIGITS_OF_BLOCK
    standard = digits[:plain].translate(bytes.maketrans(alphabet, STANDARD_ALPHABET))
    return base64.b64decode(standard + b"=" * missing)


def _wrong_byte(data: bytes, places: list[int], plain: int, *, padded: bool) -> int:
    """Which byte Go says is wrong: `places` are those of what is no line break, of which `plain` are digits."""
    tail = plain % DIGITS_OF_BLOCK
    if plain == len(places):
        return len(data) - tail
    if not padded or tail < 2 or data[places[plain]] != PADDING:
        return places[plain]
    following = places[plain + 1 :]
    if tail == 2 and not following:
        return len(data)
    if tail == 2 and data[following[0]] != PADDING:
        return following[0] - 1
    return following[1 if tail == 2 else 0]


def hex_module(_runtime: Any) -> Module:
    """`encoding/hex`."""
    return {
        "encode": lambda *arguments: Arguments(arguments).data(1).hex().encode(),
        "decode": lambda *arguments: _decode_hex(Arguments(arguments).data(1)),
    }


def _decode_hex(data: bytes) -> bytes:
    wrong = re.search(rb"[^0-9a-fA-F]", data if len(data) % 2 == 0 else data[:-1])
    if wrong is None and len(data) % 2:
        wrong = re.search(rb"[^0-9a-fA-F]", data[-1:])
    if wrong is not None:
        letter = wrong[0].decode("latin-1")
        raise LuaCallError(f"encoding/hex: invalid byte: U+{ord(letter):04X}" + _shown(letter))
    if len(data) % 2:
        raise LuaCallError("encoding/hex: odd length hex string")
    return bytes.fromhex(data.decode())


def _shown(letter: str) -> str:
    """What `%#U` adds to a number: the letter, where it can be printed."""
    return f" '{letter}'" if letter.isprintable() or letter == " " else ""


def sha256_module(_runtime: Any) -> Module:
    """`crypto/sha256`: the digest is raw bytes."""
    return {"digest": lambda *arguments: hashlib.sha256(Arguments(arguments).data(1)).digest()}


def hmac_module(_runtime: Any) -> Module:
    """`crypto/hmac`: the message comes first, then the key."""

    def sign(algorithm: str) -> Any:
        def signed(*arguments: Any) -> bytes:
            given = Arguments(arguments)
            message, key = given.data(1), given.data(2)
            return hmac.new(key, message, algorithm).digest()

        return signed

    return {"sign_sha256": sign("sha256"), "sign_sha1": sign("sha1")}


def uuid_module(_runtime: Any) -> Module:
    """`uuid`."""
    return {"new": lambda *_: str(uuid.uuid4()).encode()}


def bytes_of_text(text: str) -> bytes:
    """Text as Lua holds it."""
    return text.encode("utf-8", "surrogateescape")
