"""The modules of Lua hooks that compute, beyond what was recorded of a server."""

import pytest
from lua_snippet import caught, printed

pytestmark = pytest.mark.lua


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("strings.split, 'a,b,', ','", "a|b|"),
        ("strings.split, 'aü', ''", "a|ü"),
        ("strings.split, '', ''", ""),
        ("strings.split, 'aXXb', 'XX'", "a|b"),
    ],
)
def test_split(call: str, result: str) -> None:
    assert printed(f'local _, parts = pcall({call}) print(table.concat(parts, "|"))') == result


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("strings.trim, args.wide", "true\ta"),
        ("strings.replace, 'aüa', '', '-', 2", "true\t-a-üa"),
        ("strings.replace, 'aaa', 'a', 'b', '2'", "true\tbba"),
        ("strings.replace, 'aaa', 'a', 'b', 1.9", "true\tbaa"),
        ("strings.replace, 'aaa', 'a', nil, 1", "false\tbad argument #3 to '?' (string expected, got nil)"),
        ("strings.contains, 5, true", "false\tbad argument #2 to '?' (string expected, got boolean)"),
        ("time.sleep, 0, 'last'", "true\tlast"),
        ("time.sleep, nil", "false\tbad argument #1 to '?' (number expected, got nil)"),
        ("time.format_iso, 1.7e18, 'America/New_York'", "true\t2023-11-14T17:13:20-05:00"),
        ("time.format_iso, 0, '../x'", "false\ttime: invalid location name"),
        ("time.format_iso, 0, nil", "false\tbad argument #2 to '?' (string expected, got nil)"),
        ("time.format, 0, 'Jan 2006'", 'false\ttime: the stand-in does not know the layout "Jan 2006"'),
        ("time.parse, '2006-01-02', '2023-02-29'", 'false\tparsing time "2023-02-29": day out of range'),
        ("time.parse, '2006', '2023 '", 'false\tparsing time "2023 ": extra text: " "'),
        ("time.add, 0, {hour = '1'}", "false\ttime: the stand-in adds numbers only, and hour is a string"),
        ("base64.decode, 'YQ=\\n='", "true\ta"),
        ("base64.decode, 'YQ=a'", "false\tillegal base64 data at input byte 2"),
        ("base64.url_decode, 'YQ='", "false\tillegal base64 data at input byte 2"),
        ("hex.decode, 'f\\255'", "false\tencoding/hex: invalid byte: U+00FF 'ÿ'"),
        ("path.join, '/', 'a', '', 'b'", "true\ta/b"),
        ("path.parse, 'a//'", "false\tpath: the stand-in parses no path that ends in //"),
        ("path.join, '/', '/a'", "false\tpath: the stand-in joins no part that begins with / at the front, or twice"),
        ("path.is_hidden, 'a', '/'", "false\tpath: the stand-in's is_hidden takes a path only"),
        ("path.extract_dir_name, 'a/../b//c'", "true\tb"),
        ("url.build_url, 'https', 'h', '/a b?'", "true\thttps://h/a%20b%3F"),
        ("url.query_unescape, 'a%2'", 'false\tinvalid URL escape "%2"'),
        ("url.parse, 'http://a b/'", 'false\tparse "http://a b/": invalid character " " in host name'),
        ('require("crypto/hmac").sign_sha1, "a"', "false\tbad argument #2 to '?' (string expected, got no value)"),
        ('require("crypto/aes").encryptCBC, "k", "x"', "false\tcrypto/aes: encryptCBC is not in the stand-in"),
    ],
)
def test_a_call_gives_or_raises_what_go_does(call: str, result: str) -> None:
    assert caught(call, wide="\u00a0 a\u3000") == result


def test_a_number_is_text_as_go_prints_it() -> None:
    assert printed("print(strings.trim(0/0), strings.trim(1/0), strings.trim(2^53))") == "NaN\t+Inf\t9.007199254741e+15"


def test_each_uuid_is_new() -> None:
    assert printed('local new = require("uuid").new print(#new(), new() == new())') == "36\tfalse"
