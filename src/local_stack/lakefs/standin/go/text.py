"""Text as Go sees it: bytes, of which those that are no UTF-8 count one by one."""

import math
import re

REPLACEMENT = "\ufffd"
# What `surrogateescape` makes of a byte that is no UTF-8.
STRAY_BYTE = re.compile("[\udc80-\udcff]")
SHORT_ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}
LAST_OF_TWO_DIGITS, LAST_OF_FOUR_DIGITS = 0x7F, 0xFFFF


def replaced(text: str) -> str:
    """Text as Go decodes it: each stray byte is one U+FFFD."""
    return STRAY_BYTE.sub(REPLACEMENT, text)


def quoted(text: str) -> str:
    """A text as Go's `%q` writes it."""
    return '"' + "".join("\\" + letter if letter in '"\\' else _shown(letter) for letter in text) + '"'


def quoted_letter(letter: str) -> str:
    """A letter as Go's errors of JSON write it."""
    return {"'": r"'\''", '"': "'\"'"}.get(letter) or "'" + quoted(letter)[1:-1] + "'"


def number_text(value: float) -> str:
    """A number as Go prints it with 14 digits."""
    if math.isnan(value):
        return "NaN"
    return {float("inf"): "+Inf", float("-inf"): "-Inf"}.get(value) or f"{value:.14g}"


def _shown(letter: str) -> str:
    number = ord(letter)
    if letter.isprintable() or letter == " ":
        return letter
    if STRAY_BYTE.match(letter):
        return f"\\x{number - 0xDC00:02x}"
    if number in SHORT_ESCAPES:
        return SHORT_ESCAPES[number]
    if number <= LAST_OF_TWO_DIGITS:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= LAST_OF_FOUR_DIGITS else f"\\U{number:08x}"
