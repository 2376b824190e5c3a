"""Random histories of commits, events and faults, on the real job with real clones."""

import os
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from deployed_exports import Exports
from fault_injection import FAILS_AFTER, IS_CANCELED, SPARK_DIES, Fault, FaultInjection
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from stack_machine import StackMachine
from table_repository import TableRepository, new_repository

from local_stack.stack import LocalStack

pytestmark = pytest.mark.e2e

# A history takes a minute or two. These few are the same each time; with more of them, they are others.
FEW_HISTORIES = 3
HISTORIES = int(os.environ.get("EXPORT_HISTORIES", FEW_HISTORIES))
STEPS = 15


@pytest.fixture
def injection(exports: Exports, stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> FaultInjection:
    """Faults for the runs of the stack's workspace, until the test ends."""
    return FaultInjection(exports.client, stack.cluster, monkeypatch)


@pytest.fixture
def machine(exports: Exports, stack: LocalStack, injection: FaultInjection) -> Iterator[Callable[[], StackMachine]]:
    """Makes machines, each with a repository of its own."""
    repositories: list[TableRepository] = []

    def make() -> StackMachine:
        repositories.append(new_repository(stack.lakefs))
        return StackMachine(exports, repositories[-1], injection)

    yield make
    for repository in repositories:
        repository.delete()


def test_a_history_with_each_kind_of_fault(machine: Callable[[], StackMachine], injection: FaultInjection) -> None:
    history = machine()
    history.deploy(on_removed="drop")
    for fault in (
        Fault("clone_table", SPARK_DIES),
        Fault("register_table", IS_CANCELED),
        Fault("record_export", FAILS_AFTER),
    ):
        history.load("main", fault)
    assert len(injection.struck) == 3
    history.write("main", "b")
    history.describe("main", "a")

    history.teardown()


@pytest.mark.timeout(3600)
def test_random_histories(machine: Callable[[], StackMachine], injection: FaultInjection) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            derandomize=HISTORIES <= FEW_HISTORIES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    explored = StackMachine.explored + Counter(str(fault) for fault in injection.struck)
    print("\n".join(f"{count:6} {what}" for what, count in sorted(explored.items())))
    assert injection.struck
    assert StackMachine.explored["histories"] >= HISTORIES
