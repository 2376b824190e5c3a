"""What the stand-in has of Go's libraries does what Go 1.26 and its `yaml.v3` 3.0.1 did for odd input.

`fixtures/go_cases.json` holds random and chosen input with what a Go program made of it: a value, or Go's error.
Text that is no UTF-8 stands there with surrogates for its stray bytes. `action_file` is YAML that the program read into
the types of an action file: the fields that an action, an event and a hook have here.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_stack.lakefs.standin.go.regexp.matcher import Regexp
from local_stack.lakefs.standin.go.regexp.parser import RegexpError
from local_stack.lakefs.standin.go.time import GoTimeError, parsed
from local_stack.lakefs.standin.go.url import GoURLError, parse_url
from local_stack.lakefs.standin.go.yaml.reader import read_yaml
from local_stack.lakefs.standin.go.yaml.scalars import Timestamp, YAMLError
from local_stack.lakefs.standin.go.yaml.types import GoMap
from local_stack.lakefs.standin.hooks.action_file import ACTION
from local_stack.lakefs.standin.lua.modules.computing import STANDARD_ALPHABET, URL_ALPHABET, decode_base64
from local_stack.lakefs.standin.lua.modules.json import decoded, written
from local_stack.lakefs.standin.lua.values import LuaArray, LuaCallError

CASES = json.loads((Path(__file__).parents[5] / "fixtures/go_cases.json").read_text())
HIDDEN = "***"


def cases(group: str, name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", CASES[group], ids=lambda case: ascii(case[name])[:60])


def outcome(work: Callable[[], Any], *errors: type[Exception]) -> dict[str, Any]:
    """What a case says of it: a value, or an error."""
    try:
        return {"value": work()}
    except errors as error:
        return {"error": str(error)}


def in_utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def shape(value: Any) -> Any:
    """A value as the cases write it: numbers, maps and times are told from text."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, int | float):
        return {"number": number(float(value))}
    if isinstance(value, Timestamp):
        return {"time": True}
    if isinstance(value, list):
        return {"list": [shape(item) for item in value]}
    pairs = value.pairs.values() if isinstance(value, GoMap) else value.items() if isinstance(value, dict) else None
    if pairs is None:
        return value
    return {"map": sorted(([shape(key), shape(item)] for key, item in pairs), key=json.dumps)}


def number(value: float) -> str:
    return "nan" if math.isnan(value) else repr(value)


def expected(case: dict[str, Any]) -> dict[str, Any]:
    """The recorded value or error, its numbers written as `number` writes them."""
    return {"error": case["error"]} if "error" in case else {"value": _numbers(case["value"])}


def _numbers(value: Any) -> Any:
    if isinstance(value, dict) and "number" in value:
        return {"number": number(float(value["number"]))}
    if isinstance(value, dict) and "map" in value:
        pairs = [[_numbers(key), _numbers(item)] for key, item in value["map"]]
        return {"map": sorted(pairs, key=json.dumps)}
    if isinstance(value, dict) and "list" in value:
        return {"list": [_numbers(item) for item in value["list"]]}
    return value


@cases("regexp", "pattern")
def test_regular_expressions(case: dict[str, Any]) -> None:
    def found() -> list[list[str]]:
        regexp = Regexp(case["pattern"])
        return [match.texts for match in regexp.find_all(case["text"], case["count"])]

    wanted = {"error": case["error"]} if "error" in case else {"value": case["found"]}
    assert outcome(found, RegexpError) == wanted


@cases("json_read", "text")
def test_json_is_read(case: dict[str, Any]) -> None:
    assert outcome(lambda: shape(decoded(in_utf8(case["text"]))), LuaCallError) == expected(case)


@cases("json_write", "text")
def test_json_is_written(case: dict[str, Any]) -> None:
    layout = None if case["layout"] is None else (case["layout"][0], case["layout"][1])
    assert written(_with_arrays(case["value"]), layout).decode() == case["text"]


def _with_arrays(value: Any) -> Any:
    if isinstance(value, list):
        return LuaArray(_with_arrays(item) for item in value)
    return {key: _with_arrays(item) for key, item in value.items()} if isinstance(value, dict) else value


@cases("yaml", "text")
def test_yaml_is_read(case: dict[str, Any]) -> None:
    assert outcome(lambda: shape(read_yaml(in_utf8(case["text"]))), YAMLError) == expected(case)


@cases("action_file", "text")
def test_action_files_are_read_into_types(case: dict[str, Any]) -> None:
    def fields() -> dict[str, Any]:
        read = read_yaml(in_utf8(case["text"]), ACTION)
        return {
            "name": read.get("name", ""),
            "on": {event: on.get("branches", []) for event, on in read.get("on", GoMap(text_keys=True)).pairs.values()},
            "hooks": [_hook(hook) for hook in read.get("hooks", [])],
        }

    wanted = expected(case)
    for hook in wanted.get("value", {}).get("hooks", []):
        hook["properties"] = _numbers(hook["properties"])
    assert outcome(fields, YAMLError) == wanted


def _hook(read: dict[str, Any]) -> dict[str, Any]:
    texts = {name: read.get(name, "") for name in ("id", "type", "if")}
    return texts | {"properties": shape(read.get("properties", GoMap(text_keys=True)))}


@cases("base64", "text")
def test_base64_is_decoded(case: dict[str, Any]) -> None:
    for kind, alphabet in (("standard", STANDARD_ALPHABET), ("url", URL_ALPHABET)):
        found = outcome(
            lambda alphabet=alphabet, kind=kind: decode_base64(
                in_utf8(case["text"]), alphabet, padded=kind == "standard"
            ).decode("utf-8", "surrogateescape"),
            LuaCallError,
        )
        assert found == (case[kind] if isinstance(case[kind], dict) else {"value": case[kind]})


@cases("time_parse", "text")
def test_times_are_read(case: dict[str, Any]) -> None:
    wanted = {"error": case["error"]} if "error" in case else {"value": case["nanoseconds"]}
    assert outcome(lambda: parsed(case["layout"], case["text"]), GoTimeError) == wanted


@cases("url", "url")
def test_urls_are_read(case: dict[str, Any]) -> None:
    def parts() -> dict[str, str]:
        url = parse_url(case["url"])
        names = {name: getattr(url, name) for name in ("scheme", "host", "path", "query", "fragment")}
        return {"url": case["url"], **names, "shown": url.shown(), "uri": url.request_uri}

    wanted = {"error": case["error"]} if "error" in case else {"value": {**case, "shown": _hidden(case["shown"])}}
    assert outcome(parts, GoURLError) == wanted


def _hidden(shown: str) -> str:
    """Errors show a URL without its password."""
    return shown.replace(":pw@", f":{HIDDEN}@")
