"""XML of the S3 gateway, in and out."""

from collections.abc import Iterable
from typing import TypeAlias
from xml.etree import ElementTree

from local_stack.lakefs_standin.s3_errors import S3Error

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
# An element is its name with its text, or with its children in order.
Element: TypeAlias = "tuple[str, str | int | bool | list[Element]]"


def render(name: str, children: list[Element], *, namespace: str = NAMESPACE) -> bytes:
    """The document with this root."""
    root = ElementTree.Element(name, {"xmlns": namespace} if namespace else {})
    _append(root, children)
    document: bytes = ElementTree.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + document


def _append(parent: ElementTree.Element, children: Iterable[Element]) -> None:
    for name, content in children:
        child = ElementTree.SubElement(parent, name)
        if isinstance(content, list):
            _append(child, content)
        else:
            child.text = str(content).lower() if isinstance(content, bool) else str(content)


def parse(body: bytes) -> ElementTree.Element:
    """The root of a request's document, without namespaces. Raises S3Error where it is none."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314, on 127.0.0.1, from a client with the key pair
    except ElementTree.ParseError as error:
        raise S3Error("MalformedXML", f"The XML cannot be read: {error}") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
