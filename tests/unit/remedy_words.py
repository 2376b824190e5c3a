"""What a remedy may name: variables of the bundle, checks, commands of the Databricks CLI, and privileges."""

import re
from pathlib import Path

import yaml
from databricks.sdk.service.catalog import Privilege

from lakefs_unity_export.checks.catalogue import CHECKS

BUNDLE = yaml.safe_load((Path(__file__).parents[2] / "databricks.yml").read_text())
# Each with the number of arguments that it wants; that the CLI has them is seen in tests/bundle.
COMMANDS = {
    ("bundle", "deploy"): 0,
    ("external-locations", "update"): 1,
    ("permissions", "update"): 2,
    ("secrets", "create-scope"): 1,
    ("secrets", "put-acl"): 3,
    ("secrets", "put-secret"): 2,
    ("warehouses", "list"): 0,
    ("warehouses", "start"): 1,
}
# Other names of ours and of Databricks'.
_OTHERS = {"check_setup", "check_cluster", "install_hook", "data_security_mode", "spark_conf", "table_type"}
_NAME = re.compile(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b")
_COMMAND = re.compile(r"\bdatabricks ([a-z]+[a-z-]*) ([a-z]+[a-z-]*)((?: (?!--)[^\s`]+)*)")
_GRANT = re.compile(r"^GRANT (.+?) ON ", re.MULTILINE)


def unknown_in(remedy: str) -> set[str]:
    """What the remedy names and is nowhere."""
    commands = {(group, command): len(rest.split()) for group, command, rest in _COMMAND.findall(remedy)}
    wrong = {" ".join(named) for named, given in commands.items() if COMMANDS.get(named) != given}
    granted = {privilege for listed in _GRANT.findall(remedy) for privilege in listed.split(", ")}
    known = set(BUNDLE["variables"]) | {check.id for check in CHECKS} | {"repository", "branch"} | _OTHERS
    return wrong | (granted - {each.value.replace("_", " ") for each in Privilege}) | (_named(remedy) - known)


def _named(remedy: str) -> set[str]:
    """The names in its sentences: of variables, whatever they are called, and all that are made of several words."""
    sentences = [
        line for line in remedy.splitlines() if not re.match(r"(GRANT|CREATE|DROP|databricks|uvx|spark\.) ?", line)
    ]
    # Paths, addresses and what is quoted are the installation's own.
    text = re.sub(r"`[^`]*`|\"[^\"]*\"|\S*[/.:]\S+|\[[^]]*\]", " ", "\n".join(sentences))
    return {*re.findall(r"bundle variables? (?!of this name)(\w+)", text), *_NAME.findall(text)}
