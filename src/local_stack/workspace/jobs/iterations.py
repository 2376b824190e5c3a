"""The inputs of a for_each task, and which iterations a repair runs again. Pure.

Limits from the Databricks documentation, jobs/for-each: inputs of 5,000 characters as literal text, 48 KB through a
task value, at most 100 iterations at a time.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from local_stack.workspace.jobs.references import REFERENCE

MAXIMUM_LITERAL_CHARACTERS = 5_000
MAXIMUM_INPUT_BYTES = 48 * 1024
MAXIMUM_CONCURRENCY = 100


class InputsError(ValueError):
    """The inputs are no array, or too large."""


def check_literal(inputs: str) -> None:
    """Refuse literal inputs that Databricks would. Raises InputsError."""
    if len(inputs) > MAXIMUM_LITERAL_CHARACTERS:
        raise InputsError(
            f"the inputs have {len(inputs)} characters; as literal text at most {MAXIMUM_LITERAL_CHARACTERS} are "
            "allowed, pass a task value instead"
        )
    if not REFERENCE.search(inputs):
        items_of(inputs)


def items_of(inputs: str) -> list[Any]:
    """The items of resolved inputs, one for each iteration. Raises InputsError."""
    size = len(inputs.encode())
    if size > MAXIMUM_INPUT_BYTES:
        raise InputsError(f"the inputs have {size} bytes; at most {MAXIMUM_INPUT_BYTES} (48 KB) are allowed")
    try:
        items = json.loads(inputs)
    except ValueError as error:
        raise InputsError(f"the inputs are not JSON: {error}") from error
    if not isinstance(items, list):
        raise InputsError("the inputs are not a JSON array")
    return items


def iterations_to_run(items: Sequence[Any], earlier: Sequence[Any] | None, succeeded: Mapping[int, bool]) -> list[int]:
    """The positions of the items to run. `earlier` are the items of the attempt that a repair continues, if any.

    A repair runs only what did not succeed; where the inputs changed meanwhile, everything.
    """
    positions = range(len(items))
    if earlier is None or list(earlier) != list(items) or all(succeeded.get(index, False) for index in positions):
        return list(positions)
    return [index for index in positions if not succeeded.get(index, False)]
