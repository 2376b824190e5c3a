"""What is taken out of texts: secrets in every spelling, and their parts."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakefs_unity_export.checks.redaction import PART_LENGTH, Redaction

SECRET = "zW9/x+Kq3Vb7'Tn5Yp1Rg"
HEADER = base64.b64encode(f"AKIAJ7QX:{SECRET}".encode()).decode()


def redaction() -> Redaction:
    made = Redaction()
    made.add_pair("AKIAJ7QX", SECRET)
    return made


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("nothing of it", "nothing of it"),
        (f"key {SECRET}.", "key [secret]."),
        (f"{SECRET}{SECRET}", "[secret]"),
        (f"begins {SECRET[:9]}...", "begins [secret]..."),
        (f"ends ...{SECRET[-6:]}", "ends ...[secret]"),
        (f"Authorization: Basic {HEADER}", "Authorization: Basic [secret]"),
        (f"cut Basic {HEADER[20:]}", "cut Basic [secret]"),
        (f"?key={quote(SECRET, safe='')}&x", "?key=[secret]&x"),
        ("user AKIAJ7QX", "user AKIAJ7QX"),
        ("", ""),
    ],
)
def test_secrets_are_taken_out(text: str, clean: str) -> None:
    assert redaction().clean(text) == clean


def test_a_short_secret_is_taken_out_whole() -> None:
    made = Redaction()
    made.add("abc")
    assert made.clean("xabcx ab") == "x[secret]x ab"


def test_an_empty_secret_takes_nothing_out() -> None:
    made = Redaction()
    made.add("")
    assert made.clean("text") == "text"


SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=PART_LENGTH, max_size=40)


@given(secret=SECRETS, before=st.text(), after=st.text(), data=st.data())
def test_no_part_of_any_secret_stays(secret: str, before: str, after: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(secret) - PART_LENGTH))
    end = data.draw(st.integers(start + PART_LENGTH, len(secret)))
    made = Redaction()
    made.add(secret)
    clean = made.clean(before + secret[start:end] + after).replace("[secret]", "\0")
    assert not any(secret[at : at + PART_LENGTH] in clean for at in range(len(secret) - PART_LENGTH + 1))
