"""Runs of the deployed jobs, awaited as long as a workspace may need."""

import time

from databricks.sdk.service.jobs import JobsAPI

from local_stack.demo.runs import RunState, read_run

# A job cluster may take ten minutes to start, and serverless compute some more.
RUN_SECONDS = 2400
POLL_SECONDS = 1


def ended_run(jobs: JobsAPI, run_id: int) -> RunState:
    """The run after its end. Fails after RUN_SECONDS."""
    until = time.monotonic() + RUN_SECONDS
    while not (run := read_run(jobs, run_id)).has_ended:
        assert time.monotonic() < until, f"run {run_id} has not ended within {RUN_SECONDS} s: {run}"
        time.sleep(POLL_SECONDS)
    return run
