"""The commands that remedies of `check_setup` name: the Databricks CLI has them, with as many arguments."""

import re
import subprocess
from pathlib import Path

import pytest
from remedy_words import COMMANDS

pytestmark = pytest.mark.bundle


@pytest.mark.parametrize(("group", "command"), COMMANDS)
def test_the_cli_has_the_command(cli: Path, group: str, command: str) -> None:
    told = subprocess.run([cli, group, command, "--help"], capture_output=True, text=True, check=True).stdout
    usage = re.search(rf"^ +databricks {group} {command}(.*)$", told, re.MULTILINE)
    assert usage, told
    assert len(re.findall(r"\b[A-Z_]+\b", usage[1])) == COMMANDS[group, command]
