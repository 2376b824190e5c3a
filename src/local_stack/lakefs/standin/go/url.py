"""URLs as Go's `net/url` reads and writes them, with its errors."""

import re
from dataclasses import dataclass, replace
from string import ascii_letters, digits

from local_stack.lakefs.standin.go.text import quoted

PLAIN = ascii_letters + digits + "-_.~"
# What each part of a URL may hold beside letters, digits and `-_.~`.
HOST, ZONE = "!$&'()*+,;=:[]<>\"", "!$&'()*+,;=:[]<>\""
PATH, SEGMENT, USER, FRAGMENT, QUERY = "$&+,/:;=@", "$&+:=@", "$&+,;=", "$&+,/:;=?@!()*", ""
# What may stand in a path as it is, though Go itself would escape it.
VALID_IN_PATH = PATH + "!'()*[]%"
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)?:", re.ASCII)
USERINFO = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*", re.ASCII)
PORT = re.compile(r"(?::[0-9]*)?", re.ASCII)
ESCAPE = re.compile(b"%[0-9a-fA-F]{2}")
LARGEST_ASCII_DIGIT = b"7"


class GoURLError(Exception):
    """What Go says of a URL."""


@dataclass(frozen=True, kw_only=True)
class GoURL:
    """The parts of a URL; the path is unescaped, `raw_path` is as it was written."""

    scheme: str = ""
    opaque: str = ""
    user: str | None = None
    password: str | None = None
    host: str = ""
    path: str = ""
    raw_path: str = ""
    query: str = ""
    force_query: bool = False
    fragment: str = ""

    @property
    def escaped_path(self) -> str:
        """The path as it is sent: as it was written where that is valid."""
        if all(letter in PLAIN + VALID_IN_PATH for letter in self.raw_path):
            return self.raw_path
        return escaped(self.path, PATH)

    @property
    def request_uri(self) -> str:
        """What stands in the first line of a request."""
        uri = self.opaque or self.escaped_path or "/"
        return uri + ("?" + self.query if self.query or self.force_query else "")

    def shown(self) -> str:
        """The URL as text, without the password."""
        text = self.scheme + ":" if self.scheme else ""
        if self.opaque:
            text += self.opaque
        else:
            if (self.scheme or self.host or self.user is not None) and (
                self.host or self.path or self.user is not None
            ):
                text += "//" + self._shown_user() + escaped(self.host, HOST)
            path = self.escaped_path
            text += ("/" if path and path[0] != "/" and self.host else "") + path
        text += "?" + self.query if self.query or self.force_query else ""
        return text + ("#" + escaped(self.fragment, FRAGMENT) if self.fragment else "")

    def _shown_user(self) -> str:
        if self.user is None:
            return ""
        return escaped(self.user, USER) + (":***" if self.password is not None else "") + "@"

    @property
    def hostname(self) -> str:
        """The host without port and brackets."""
        host = re.sub(r":[0-9]*$", "", self.host) if not self.host.endswith("]") else self.host
        return host.strip("[]")

    @property
    def port(self) -> str:
        """The port, or nothing."""
        found = re.search(r":([0-9]*)$", self.host)
        return found[1] if found and not self.host.endswith("]") else ""


def parse_url(text: str) -> GoURL:
    """Read a URL. Raises GoURLError."""
    whole, _, fragment = text.partition("#")
    try:
        url = _parsed(whole)
    except GoURLError as error:
        raise GoURLError(f"parse {quoted(whole)}: {error}") from None
    if not fragment:
        return url
    try:
        return replace(url, fragment=unescaped(fragment))
    except GoURLError as error:
        raise GoURLError(f"parse {quoted(text)}: {error}") from None


def _parsed(text: str) -> GoURL:
    if CONTROL.search(text):
        raise GoURLError("net/url: invalid control character in URL")
    if text == "*":
        return GoURL(path="*", raw_path="*")
    scheme, rest = _scheme(text)
    force_query = rest.endswith("?") and rest.count("?") == 1
    rest, _, query = rest.partition("?")
    if not rest.startswith("/"):
        if scheme:
            return GoURL(scheme=scheme, opaque=rest, query=query, force_query=force_query)
        if ":" in rest.partition("/")[0]:
            raise GoURLError("first path segment in URL cannot contain colon")
    parts: dict[str, str | None] = {}
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        parts = _authority(authority)
    path = unescaped(rest)
    return GoURL(
        scheme=scheme,
        host=parts.get("host") or "",
        user=parts.get("user"),
        password=parts.get("password"),
        path=path,
        raw_path=rest,
        query=query,
        force_query=force_query,
    )


def _scheme(text: str) -> tuple[str, str]:
    found = SCHEME.match(text)
    if found is None:
        return "", text
    if not found[1]:
        raise GoURLError("missing protocol scheme")
    return found[1].lower(), text[found.end() :]


def _authority(authority: str) -> dict[str, str | None]:
    userinfo, at, host = authority.rpartition("@")
    parts: dict[str, str | None] = {"host": _host(host)}
    if at:
        if not USERINFO.fullmatch(userinfo):
            raise GoURLError("net/url: invalid userinfo")
        user, colon, password = userinfo.partition(":")
        parts |= {"user": unescaped(user), "password": unescaped(password) if colon else None}
    return parts


def _host(host: str) -> str:
    if host.startswith("["):
        end = host.rfind("]")
        if end < 0:
            raise GoURLError("missing ']' in host")
        port = host[end + 1 :]
    else:
        port = host[host.rfind(":") :] if ":" in host else ""
    if not PORT.fullmatch(port):
        raise GoURLError(f"invalid port {quoted(port)} after host")
    return unescaped(host, in_host=True)


def unescaped(text: str, *, in_host: bool = False, in_query: bool = False) -> str:
    """A text with its escapes resolved. Raises GoURLError."""
    data = text.encode("utf-8", "surrogateescape")
    for place in (found.start() for found in re.finditer(b"%", data)):
        escape = data[place : place + 3]
        ascii_in_host = in_host and escape[1:2] <= LARGEST_ASCII_DIGIT and escape != b"%25"
        if not ESCAPE.fullmatch(escape) or ascii_in_host:
            raise GoURLError(f"invalid URL escape {quoted(escape.decode('utf-8', 'surrogateescape'))}")
    if in_host:
        wrong = next((letter for letter in text if letter.isascii() and letter not in PLAIN + HOST + "%"), None)
        if wrong is not None:
            raise GoURLError(f"invalid character {quoted(wrong)} in host name")
    data = data.replace(b"+", b" ") if in_query else data
    return ESCAPE.sub(lambda found: bytes([int(found[0][1:], 16)]), data).decode("utf-8", "surrogateescape")


def escaped(text: str, allowed: str) -> str:
    """A text with all escaped that is not allowed."""
    data = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if chr(byte) in PLAIN + allowed else f"%{byte:02X}" for byte in data)
