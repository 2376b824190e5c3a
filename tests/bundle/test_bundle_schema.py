"""The YAML files against the schema that the CLI itself gives."""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from bundle_deployment import OVERRIDES, ROOT

pytestmark = pytest.mark.bundle

FILES = [ROOT / "databricks.yml", *sorted((ROOT / "resources").glob("*.yml")), *sorted(OVERRIDES.glob("*.yml"))]


@pytest.fixture(scope="session")
def validator(cli: Path) -> jsonschema.Draft7Validator:
    done = subprocess.run([cli, "bundle", "schema"], capture_output=True, text=True, timeout=60, check=True)
    # Python's regular expressions have no classes of Unicode; the schema means letters and digits in references.
    text = done.stdout.replace(r"\\p{L}", "a-zA-Z").replace(r"\\p{N}", "0-9").replace(".a-zA-Z+", ".[a-zA-Z]+")
    return jsonschema.Draft7Validator(json.loads(text))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_follows_the_schema(file: Path, validator: jsonschema.Draft7Validator) -> None:
    assert problems(validator, yaml.safe_load(file.read_text())) == []


@pytest.mark.parametrize(("field", "value"), [("timeout_secs", 5), ("max_concurrent_runs", [1]), ("tasks", {})])
def test_the_schema_refuses_what_is_not_in_it(field: str, value: Any, validator: jsonschema.Draft7Validator) -> None:
    bundle = yaml.safe_load((ROOT / "resources" / "export_tables.job.yml").read_text())
    broken = copy.deepcopy(bundle)
    broken["resources"]["jobs"]["export_tables"][field] = value
    assert problems(validator, broken)


def problems(validator: jsonschema.Draft7Validator, document: Any) -> list[str]:
    """Every problem with its place, the deepest of those that alternatives give."""
    found = (jsonschema.exceptions.best_match([error]) for error in validator.iter_errors(document))
    return [f"{error.json_path}: {error.message}" for error in found if error is not None]
