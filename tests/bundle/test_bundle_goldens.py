"""The jobs as they are sent to the workspace, compared with a file for each target.

Written anew by `pytest tests/bundle --refresh-goldens`; read the difference before you commit it.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from bundle_deployment import TARGETS
from recorded_workspace import Sent

pytestmark = pytest.mark.bundle

GOLDENS = Path(__file__).with_name("goldens")


@pytest.mark.parametrize("target", TARGETS)
def test_the_jobs_are_sent_as_their_golden_file_says(
    target: str, sent: Mapping[str, Sent], request: pytest.FixtureRequest
) -> None:
    deployed = sent[target]
    actual = as_text(
        {
            "jobs": deployed.jobs,
            "permissions": deployed.permissions,
            "other_permissions": deployed.other_permissions,
        }
    )
    golden = GOLDENS / f"{target}.json"
    if request.config.getoption("--refresh-goldens"):
        golden.write_text(actual)
    assert actual == golden.read_text()


def as_text(value: Mapping[str, Any]) -> str:
    """JSON in a fixed order, with what follows from the code and the workspace taken out."""
    text = json.dumps(value, indent=2, sort_keys=True) + "\n"
    text = re.sub(r"lakefs_unity_export-[0-9.]+\+[0-9a-f]+-", "lakefs_unity_export-<version>-", text)
    text = re.sub(r'"export_job_id": "\d+"', '"export_job_id": "<id of export_tables>"', text)
    return re.sub(r'"reconcile_job_id": "\d+"', '"reconcile_job_id": "<id of reconcile>"', text)
