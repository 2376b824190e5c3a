"""Lua snippets with what a lakeFS server made of them, and how far an outcome agrees with the recorded one.

`fixtures/lakefs_lua_recorded.json` was recorded from lakeFS 1.84.0. Each snippet is the script of a hook: its printed
lines, what its run showed where it failed, or what became of the commit. `fixtures/lakefs_lua_differences.yaml` lists
what the stand-in does otherwise, with the reason.
"""

import json
import re
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any, Literal

import yaml

FIXTURES = Path(__file__).parents[2] / "fixtures"
RECORDED = FIXTURES / "lakefs_lua_recorded.json"
DIFFERENCES = FIXTURES / "lakefs_lua_differences.yaml"

Result = Literal["output", "no-run", "commit-refused", "server-ended"]
Agreement = Literal["full", "wording", "outcome"]

# What stands in recorded output for values that differ from run to run. A numbered id, or the repository, is the same
# wherever it stands in one record.
ANY = {
    "run_id": "[0-9a-v]{20}",
    "address": "(?:0x)?[0-9a-f]+",
    "number": r"[0-9.e+]+",
    "time": "[0-9]+",
    "iso_time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "block_path": '[^"}]*?',
    "partition": '[^"}/]+',
    "file": '[^"}/,]+',
}
SAME = {"repo": "[a-z0-9-]+", **{f"id_{number}": "[0-9a-f]{64}" for number in range(1, 10)}}
PLACEHOLDER = re.compile("<(" + "|".join([*ANY, *SAME]) + ")>")
# Among printed values, the text that follows one of these is that of a caught error.
CAUGHT = ("false", "nil", "raised")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a snippet: all that its run shows, or the message that a refused commit was answered."""

    result: Result = "output"
    text: str = ""
    commit_status: int = 201


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """One recorded snippet, as `fixtures/lakefs_lua_recorded.json` has it."""

    id: str
    script: str
    output: tuple[str, ...]
    error: str | None
    event: str
    setup: str
    args_yaml: str | None
    script_path: str | None
    result: Result
    commit_status: int

    @property
    def group(self) -> str:
        """What the snippet is about."""
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        """The snippet's id as the name of an action, which takes no slash."""
        return self.id.replace("/", "-")

    @property
    def needs_a_repository(self) -> bool:
        """Whether it needs objects, args, a file, an event or a commit of its own."""
        alone = self.args_yaml is not None or self.script_path is not None or self.result != "output"
        return alone or self.setup == "lakefs"

    @property
    def lines(self) -> list[str]:
        """The lines that its run showed."""
        return [*self.output, *(self.error.split("\n") if self.error is not None else [])]


def recorded_snippets() -> dict[str, Snippet]:
    """All snippets by id."""
    return {fields["id"]: _snippet(fields) for fields in json.loads(RECORDED.read_text())}


def listed_differences() -> dict[str, dict[str, str]]:
    """What may differ: by id, `kind` and `reason`."""
    return yaml.safe_load(DIFFERENCES.read_text()) or {}


def agreement(snippet: Snippet, outcome: Outcome) -> Agreement:
    """How far what happened is what was recorded; `wording` where only texts of errors differ."""
    if (outcome.result, outcome.commit_status) != (snippet.result, snippet.commit_status):
        return "outcome"
    lines = outcome.text.removesuffix("\n").split("\n") if outcome.text.removesuffix("\n") else []
    if _pattern("\n".join(snippet.lines)).fullmatch("\n".join(lines)):
        return "full"
    if snippet.result == "commit-refused":
        return "wording"
    printed, failed = _split(lines)
    if failed != (snippet.error is not None):
        return "outcome"
    recorded = _without_caught_texts(list(snippet.output))
    same = _pattern("\n".join(recorded)).fullmatch("\n".join(_without_caught_texts(printed)))
    return "wording" if same else "outcome"


def comparison(snippet: Snippet, outcome: Outcome) -> str:
    """Both sides, for whoever reads that a test failed."""
    rows = zip_longest(snippet.lines, outcome.text.removesuffix("\n").split("\n"), fillvalue="(nothing)")
    shown = "\n".join(f"recorded: {recorded}\nhere:     {here}" for recorded, here in rows)
    results = f"{snippet.result} {snippet.commit_status}, here {outcome.result} {outcome.commit_status}"
    return f"{snippet.id}: {results}\n{shown}"


def _snippet(fields: dict[str, Any]) -> Snippet:
    return Snippet(
        id=fields["id"],
        script=fields["script"],
        output=tuple(fields["output"]),
        error=fields.get("error"),
        event=fields.get("event", "post-commit"),
        setup=fields.get("setup", ""),
        args_yaml=fields.get("args_yaml"),
        script_path=fields.get("script_path"),
        result=fields.get("result", "output"),
        commit_status=fields.get("commit_status", 201),
    )


def _pattern(text: str) -> re.Pattern[str]:
    """A pattern for recorded text: placeholders stand for any value of their kind."""
    seen: set[str] = set()

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name in ANY:
            return ANY[name]
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>{SAME[name]})"

    parts = PLACEHOLDER.split(text)
    pattern = re.escape(parts[0])
    for name, rest in zip(parts[1::2], parts[2::2], strict=True):
        pattern += PLACEHOLDER.sub(value, f"<{name}>") + re.escape(rest)
    return re.compile(pattern, re.DOTALL)


def _split(lines: list[str]) -> tuple[list[str], bool]:
    """The printed lines, and whether the hook failed after them."""
    for position, line in enumerate(lines):
        if line.startswith("Error: "):
            return lines[:position], True
    return lines, False


def _without_caught_texts(lines: list[str]) -> list[str]:
    """The lines without the texts of caught errors; the lines after the first of such a text belong to it."""
    kept: list[str] = []
    for line in lines:
        values = line.split("\t")
        pairs = enumerate(pairwise(values))
        caught = [place for place, (value, text) in pairs if value in CAUGHT and text not in ("", *CAUGHT)]
        if caught:
            kept.append("\t".join(values[: caught[0] + 1]))
        elif not line.startswith(("\t", "stack traceback:")):
            kept.append(line)
    return kept
