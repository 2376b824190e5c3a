"""How a Delta log names the file of a deletion vector below the table: a prefix and a UUID in Base85 (Delta protocol,
"Deletion Vector Descriptor Schema"; the alphabet is that of Z85)."""

import re
import uuid

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_ENCODED_LENGTH = 20
_FILE = re.compile(r"(?:(?P<prefix>[^/]*)/)?deletion_vector_(?P<id>[0-9a-f-]{36})\.bin")


def vector_file(name: str) -> str:
    """The path below the table of the file that a descriptor of storage type `u` names."""
    prefix, encoded = name[:-_ENCODED_LENGTH], name[-_ENCODED_LENGTH:]
    file = f"deletion_vector_{uuid.UUID(bytes=_decoded(encoded))}.bin"
    return f"{prefix}/{file}" if prefix else file


def vector_name(path: str) -> str:
    """What a descriptor of storage type `u` calls the file at this path below the table."""
    found = _FILE.fullmatch(path)
    if found is None:
        raise ValueError(f"{path} is no file of deletion vectors")
    return (found["prefix"] or "") + _encoded(uuid.UUID(found["id"]).bytes)


def _decoded(text: str) -> bytes:
    words = (text[at : at + 5] for at in range(0, len(text), 5))
    return b"".join(_number(word).to_bytes(4, "big") for word in words)


def _number(word: str) -> int:
    value = 0
    for character in word:
        value = value * 85 + _ALPHABET.index(character)
    return value


def _encoded(data: bytes) -> str:
    words = (int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4))
    return "".join(_ALPHABET[word // 85**power % 85] for word in words for power in (4, 3, 2, 1, 0))
