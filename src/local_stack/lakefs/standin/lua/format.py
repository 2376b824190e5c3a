"""What `string.format`, `lower`, `upper` and `reverse` write: as Go's `fmt` and `strings` do."""

import math

from local_stack.lakefs.standin.lua.values import text_of

REPLACEMENT = "\ufffd"
# Go writes these without an exponent where it shows as many digits as are needed.
SHORTEST_SMALLEST, SHORTEST_LARGEST = -4, 6


def lower(text: bytes) -> bytes:
    """Each letter by itself; bytes that are no UTF-8 are replaced."""
    return _encoded("".join(letter.lower()[0] for letter in characters(text))) if not text.isascii() else text.lower()


def upper(text: bytes) -> bytes:
    """Each letter by itself, where its upper case is one letter too."""
    if text.isascii():
        return text.upper()
    return _encoded("".join(_upper(letter) for letter in characters(text)))


def reverse(text: bytes) -> bytes:
    """The characters, not the bytes, the other way round."""
    return _encoded(characters(text)[::-1])


def characters(text: bytes) -> str:
    """The text as Go walks over it: each byte that is no UTF-8 is a replacement character."""
    decoded = text.decode("utf-8", "surrogateescape")
    return "".join(REPLACEMENT if "\ud800" <= letter <= "\udfff" else letter for letter in decoded)


def formatted(flags: bytes, digits: bytes, verb: bytes, value: bytes | float) -> bytes:
    """One option of `string.format`, written. Parameters: flags, width and precision, the letter, and the value."""
    option, width = verb.decode(), digits.decode().partition(".")[0]
    if option == "q":
        return _quoted(_bytes(value))
    if option in "sc":
        text = _bytes(value) if option == "s" else bytes([int(float(value)) % 256])
        return _text(flags.decode(), width, digits.decode().partition(".")[1:], text)
    return _number(flags.decode(), digits.decode(), option, float(value)).encode()


def _number(flags: str, digits: str, option: str, number: float) -> str:
    width = digits.partition(".")[0]
    if option in "diuoxX":
        written = f"%{flags}{digits}{'d' if option in 'iu' else option}" % int(number)
        return written.replace("0o", "0")
    if not math.isfinite(number):
        return _padded(flags, width, _not_finite(number, flags))
    if option in "gG" and "." not in digits:
        shown = _shortest(number)
        sign = "+" if "+" in flags and number >= 0 else ""
        return _padded(flags, width, sign + (shown.upper() if option == "G" else shown))
    return f"%{flags}{digits}{option}" % number


def _not_finite(number: float, flags: str) -> str:
    if math.isnan(number):
        return "+NaN" if "+" in flags else "NaN"
    return "+Inf" if number > 0 else "-Inf"


def _shortest(number: float) -> str:
    """The fewest digits that mean the number."""
    if number == 0:
        return "-0" if math.copysign(1, number) < 0 else "0"
    digits, _, exponent = f"{number:.17e}".partition("e")
    for precision in range(17):
        digits, _, exponent = f"{number:.{precision}e}".partition("e")
        if float(f"{digits}e{exponent}") == number:
            break
    if SHORTEST_SMALLEST <= int(exponent) < SHORTEST_LARGEST:
        decimals = max(len(digits.lstrip("-").replace(".", "")) - 1 - int(exponent), 0)
        return f"{number:.{decimals}f}"
    return f"{digits}e{exponent}"


def _text(flags: str, width: str, precision: tuple[str, str], value: bytes) -> bytes:
    """Text with a width and a precision in characters; a precision is a dot and its digits."""
    text = value.decode("utf-8", "surrogateescape")
    if precision[0]:
        text = text[: int(precision[1] or 0)]
    return _encoded(_padded(flags, width, text))


def _padded(flags: str, width: str, text: str) -> str:
    return text.ljust(int(width or 0)) if "-" in flags else text.rjust(int(width or 0))


def _quoted(text: bytes) -> bytes:
    written = bytearray(b'"')
    for place, byte in enumerate(text):
        if byte in b'"\\\n':
            written += b"\\" + bytes([byte])
        elif byte >= 0x20 and byte != 0x7F:
            written.append(byte)
        else:
            before_digit = text[place + 1 : place + 2].isdigit()
            written += b"\\%03d" % byte if before_digit else b"\\%d" % byte
    return bytes(written + b'"')


def _upper(letter: str) -> str:
    return letter.upper() if len(letter.upper()) == 1 else letter


def _bytes(value: bytes | float) -> bytes:
    return value if isinstance(value, bytes) else _encoded(text_of(value))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
