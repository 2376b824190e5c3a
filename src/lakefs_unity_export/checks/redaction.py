"""Takes secrets, and parts of them, out of what is told.

Every text of the report goes through here, whatever it is made of: the message of a library may show a header, or the
beginning of a key.
"""

import base64
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

# So many characters of a secret are taken for a part of it. Fewer are found in texts that have nothing to do with it.
PART_LENGTH = 6
REDACTED = "[secret]"


class Redaction:
    """The secrets that are known so far, in each spelling that a message may have them in."""

    def __init__(self) -> None:
        self._parts: set[str] = set()
        self._short: set[str] = set()

    def add(self, *secrets: str) -> None:
        """Take these out from now on, and their parts of 6 characters and more."""
        for spelled in (text for secret in secrets if secret for text in _spellings(secret)):
            if len(spelled) < PART_LENGTH:
                self._short.add(spelled)
            self._parts.update(_windows(spelled))

    def add_pair(self, user: str, password: str) -> None:
        """Take out a password, and the header of Basic authentication with it. The user's name is no secret."""
        self.add(password, base64.b64encode(f"{user}:{password}".encode()).decode())

    def clean(self, text: str) -> str:
        """The text without any of them."""
        for short in self._short:
            text = text.replace(short, REDACTED)
        hidden = [False] * len(text)
        for start in range(len(text) - PART_LENGTH + 1):
            if text[start : start + PART_LENGTH] in self._parts:
                hidden[start : start + PART_LENGTH] = [True] * PART_LENGTH
        return _replaced(text, hidden)


def _spellings(secret: str) -> Iterable[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield repr(secret)[1:-1]
    yield base64.b64encode(secret.encode()).decode()


def _windows(text: str) -> Iterable[str]:
    return (text[start : start + PART_LENGTH] for start in range(len(text) - PART_LENGTH + 1))


def _replaced(text: str, hidden: list[bool]) -> str:
    kept = []
    for position, letter in enumerate(text):
        if not hidden[position]:
            kept.append(letter)
        elif position == 0 or not hidden[position - 1]:
            kept.append(REDACTED)
    return "".join(kept)
