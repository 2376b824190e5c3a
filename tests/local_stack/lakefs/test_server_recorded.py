"""The stand-in, or a configured server, answers as a lakeFS server was recorded to.

Where the stand-in stays different, fixtures/lakefs_server_differences.yaml says why, record by record.
"""

import os
from collections.abc import Iterator

import pytest
import yaml
from lakefs_recorded import FILE_GONE, FIXTURES, RECORDS, replay

from local_stack.lakefs.server import ENDPOINT_VARIABLE, configured_server, lakefs_of
from local_stack.lakefs.standin import LakeFSStandIn

# A record's id to one reason for the whole of it, or to the reasons by step.
STAYS_DIFFERENT: dict[str, str | dict[int, str]] = yaml.safe_load(
    (FIXTURES / "lakefs_server_differences.yaml").read_text("utf-8")
)


@pytest.fixture(scope="module")
def standin() -> Iterator[LakeFSStandIn]:
    """The stand-in's object, which can be told to lose a file."""
    server = LakeFSStandIn()
    server.start()
    yield server
    server.stop()


def test_the_list_of_differences_names_records_that_there_are() -> None:
    for record_id, reasons in STAYS_DIFFERENT.items():
        steps = RECORDS[record_id]["steps"]
        told = reasons.values() if isinstance(reasons, dict) else [reasons]
        assert all(len(reason.split()) > 4 for reason in told), f"{record_id}: say why it stays different"
        for number in reasons if isinstance(reasons, dict) else ():
            assert "request" in steps[number - 1], f"{record_id}: step {number} is no request"


@pytest.mark.parametrize("record_id", RECORDS)
def test_the_stand_in_answers_as_recorded(standin: LakeFSStandIn, record_id: str) -> None:
    differences = replay(lakefs_of(standin), record_id, standin.lose_file)
    found = {difference.step: difference.text for difference in differences}
    listed = STAYS_DIFFERENT.get(record_id, {})
    if isinstance(listed, str):
        assert found, f"{record_id} agrees now: take it from lakefs_server_differences.yaml"
        return
    agreeing = sorted(set(listed) - set(found))
    assert not agreeing, f"{record_id}: steps {agreeing} agree now: take them from lakefs_server_differences.yaml"
    unlisted = [text for step, text in found.items() if step not in listed]
    assert not unlisted, f"{record_id} ({RECORDS[record_id]['note']}) differs\n  " + "\n  ".join(unlisted)


@pytest.mark.skipif(not os.environ.get(ENDPOINT_VARIABLE), reason=f"{ENDPOINT_VARIABLE} names no server")
@pytest.mark.parametrize("record_id", [record_id for record_id in RECORDS if record_id != FILE_GONE])
def test_a_configured_server_answers_as_recorded(record_id: str) -> None:
    found = replay(configured_server(os.environ), record_id)
    assert not found, "\n  ".join(difference.text for difference in found)
