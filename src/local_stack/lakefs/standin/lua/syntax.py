"""Errors of syntax, worded as go-lua words them; Lua in C finds them.

Seen on a lakeFS 1.84 server and by running go-lua: it quotes reserved words only, shows numbers with six digits, and
names what it expected, or a text that does not end, by the text of the token before.
"""

import re

from local_stack.lakefs.standin.lua.names import chunk_name

_RESERVED = (
    "and break do else elseif end false for function goto if in local nil not or repeat return then true until while "
    ".. ... == >= <= ~= ::"
)
RESERVED = frozenset(_RESERVED.split())
END, FIRST_OF_MARK = "<eof>", "char(239)"
PROBLEM = re.compile(rb"[^:]*:(\d+): (.*?)(?: near (?:'(.*)'|(char\(\d+\))|(<eof>)))?", re.DOTALL)
QUOTED = re.compile(r"'([^']*|')'(?= expected|\)| at line)|'([^']+)'(?= at line)")
NUMBER = re.compile(r"\.?[0-9]")
CODE = re.compile(r"char\((\d+)\)|\\(\d+)")
STRING = re.compile(r"""(["'])(.*)\1|\[(=*)\[\n?(.*)\]\3\]""", re.DOTALL)
LAST_NAME = re.compile(r"([A-Za-z_]\w*)\s*$")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
IN_STRING = ("unfinished string", "invalid escape sequence", "hexadecimal digit expected", "decimal escape too large")
NAME_EXPECTED = "<name> expected"


def syntax_error(problem: bytes, source: bytes, name: bytes) -> bytes:
    """What go-lua says of a text that cannot be compiled. Parameters: what C says, the text, and the chunk's name."""
    match = PROBLEM.fullmatch(problem)
    if match is None:
        return problem
    line, said = match[1].decode(), _decoded(match[2])
    token = _decoded(match[3] or match[4] or match[5] or b"")
    if source.startswith(BYTE_ORDER_MARK) and line == "1" and token == FIRST_OF_MARK:
        said, token = "syntax error", BYTE_ORDER_MARK[1:2].decode("latin-1")
    return f"{chunk_name(name)}:{line}: {_worded(said, token, match, source)}".encode("utf-8", "surrogateescape")


def _worded(said: str, token: str, match: re.Match[bytes], source: bytes) -> str:
    if match[3] is None and match[4] is None and match[5] is None:
        return said
    if match[5] is None and said.startswith(IN_STRING):
        return f"{said} near {_name_before(source, match[3] or b'')}"
    if said.startswith("malformed number"):
        return _malformed_number(token)
    shown, text = _token(token)
    if said == NAME_EXPECTED:
        said = f"{text} expected"
    return f"{QUOTED.sub(_unquoted, said)} near {shown}"


def _token(token: str) -> tuple[str, str]:
    """How a token is shown, and the text that it holds."""
    code = CODE.fullmatch(token)
    string = STRING.fullmatch(token)
    if token == END:
        return token, ""
    if code:
        return chr(int(code[1] or code[2])), ""
    if token in RESERVED:
        return f"'{token}'", token if token.isalpha() else ""
    if string:
        held = string[2] if string[1] else string[4]
        return held, held
    if NUMBER.match(token):
        return f"{_number(token):.6f}", ""
    return token, token if token[:1].isalpha() or token[:1] == "_" else ""


def _unquoted(match: re.Match[str]) -> str:
    word = match[1] or match[2]
    return f"'{word}'" if word in RESERVED or "label" in match.string else word


def _number(token: str) -> float:
    try:
        return float(int(token, 16)) if token[:2].lower() == "0x" else float(token)
    except ValueError:
        return 0.0


def _malformed_number(token: str) -> str:
    """go-lua takes what follows the second dot of a number for a number of its own."""
    dot = token.find(".", token.find(".") + 1) if "." in token else -1
    if dot < 0:
        return f"malformed number near {0:.6f}"
    return f"unexpected symbol near {_number(token[dot:]):.6f}"


def _name_before(source: bytes, partial: bytes) -> str:
    """The name before the string that a piece of it is in."""
    before = source[: max(source.find(partial), 0)]
    if not partial.startswith((b'"', b"'")):
        before = before[: max(before.rfind(b'"'), before.rfind(b"'"), 0)]
    name = LAST_NAME.search(_decoded(before))
    return name[1] if name else ""


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
