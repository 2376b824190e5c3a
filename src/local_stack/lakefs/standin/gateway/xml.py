"""XML of the S3 gateway, in and out."""

import re
from collections.abc import Iterable
from typing import TypeAlias
from xml.etree import ElementTree

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
# What a lakeFS server writes for these: it differs from Python's own escapes, and clients compare entity tags as text.
ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
)
# Characters that XML 1.0 cannot hold.
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# An element is its name with its text, or with its children in order.
Element: TypeAlias = "tuple[str, str | int | bool | list[Element]]"


def render(name: str, children: list[Element], *, namespace: str = "") -> bytes:
    """The document with this root. Characters that XML cannot hold become U+FFFD."""
    opening = f'{name} xmlns="{namespace}"' if namespace else name
    return f"{DECLARATION}<{opening}>{_rendered(children)}</{name}>".encode()


def _rendered(children: Iterable[Element]) -> str:
    return "".join(f"<{name}>{_content(content)}</{name}>" for name, content in children)


def _content(content: "str | int | bool | list[Element]") -> str:
    if isinstance(content, list):
        return _rendered(content)
    text = str(content).lower() if isinstance(content, bool) else str(content)
    return FORBIDDEN.sub("\ufffd", text).translate(ESCAPES)


def parse(body: bytes) -> ElementTree.Element | None:
    """The root of a request's document, without namespaces; None where it cannot be read."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314, on 127.0.0.1, from a client with the key pair
    except (ElementTree.ParseError, LookupError, ValueError):  # the latter two: a declared encoding that is none
        return None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
