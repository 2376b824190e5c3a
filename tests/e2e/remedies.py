"""Does what a line of check_setup's report says, as it is written: statements, commands, and settings of the bundle."""

import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from bundle_commands import BundleCommands
from deployed_exports import Exports

from local_stack.stack import LocalStack

_INSTALL_HOOK = ["uvx", "--from", "$(echo dist/*.whl)[hook]", "install_hook"]
_INSTALL_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Remedies:
    """What the person has who follows a remedy: the bundle's folder with the CLI, a SQL editor, and the right keys."""

    bundle: BundleCommands
    exports: Exports
    stack: LocalStack

    def follow(self, remedy: str, *, where: Sequence[str] = ()) -> list[str]:
        """Carry out its statements and commands; those that were.

        where: which of its conditions hold, as they begin. A line that ends in a colon says when the next ones are
        to be done.
        """
        done, holds = list[str](), True
        for line in remedy.splitlines():
            if line.startswith("where "):
                holds = line.startswith(tuple(where))
            elif line == "in any case:":
                holds = True
            elif holds and self._do(line):
                done.append(line)
        return done

    def _do(self, line: str) -> bool:
        if line.startswith("GRANT "):
            self.exports.sql(line)
        elif line.startswith("CREATE "):
            self._create(line)
        elif line.startswith("databricks "):
            self._command(shlex.split(line)[1:])
        elif line.startswith("uvx "):
            self._install_hook(shlex.split(line))
        else:
            return False
        return True

    def _create(self, statement: str) -> None:
        """By the API, since the local warehouse has neither statement."""
        client = self.exports.client
        if catalog := re.fullmatch(r"CREATE CATALOG `(\w+)`;", statement):
            client.catalogs.create(catalog[1])
            return
        location = re.fullmatch(
            r"CREATE EXTERNAL LOCATION (\w+) URL '(.+)' WITH \(STORAGE CREDENTIAL <.+>\);", statement
        )
        assert location, statement
        client.external_locations.create(location[1], location[2], "a_credential")

    def _command(self, words: Sequence[str]) -> None:
        lakefs = self.stack.lakefs
        keys = {
            "lakefs-access-key-id": lakefs.access_key_id,
            "lakefs-secret-access-key": lakefs.secret_access_key,
        }
        # The CLI asks for a secret's value.
        self.bundle.command(*words, asked=keys[words[3]] if words[1] == "put-secret" else "")

    def _install_hook(self, words: Sequence[str]) -> None:
        """With the stack's environment, on a terminal, where its question is answered."""
        assert list(words[:4]) == _INSTALL_HOOK
        answers, terminal = pty.openpty()
        with os.fdopen(answers, "wb", buffering=0) as typed, os.fdopen(terminal, "rb", buffering=0) as seen:
            typed.write(b"y\n")
            ended = subprocess.run(
                [sys.executable, "-m", "lakefs_unity_export.hook.install_hook", *words[4:]],
                env={**os.environ, **self.stack.environment()},
                stdin=seen,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_INSTALL_SECONDS,
                check=False,
            )
        assert ended.returncode == 0, ended.stdout

    def spark_conf(self, settings: Mapping[str, str], *blocks: str, folder: Path) -> dict[str, str]:
        """The cluster's settings with these as the variable s3a_conf of databricks.yml, and a remedy's blocks put in.

        folder: for a copy of the bundle.
        """
        shutil.copytree(self.bundle.folder, folder, ignore=shutil.ignore_patterns("dist", ".databricks"))
        file = folder / "databricks.yml"
        edited = yaml.safe_load(file.read_text())
        lines = [line for block in blocks for line in block.splitlines() if line.startswith("spark.")]
        edited["targets"]["local"]["variables"]["s3a_conf"] = {**settings, **yaml.safe_load("\n".join(lines))}
        file.write_text(yaml.safe_dump(edited))
        told = replace(self.bundle, folder=folder)("validate", "-t", "local", "-o", "json")
        resolved, _ = json.JSONDecoder().raw_decode(told[told.index("{") :])
        (cluster,) = resolved["resources"]["jobs"]["check_setup"]["job_clusters"]
        found: dict[str, str] = cluster["new_cluster"]["spark_conf"]
        return found
