"""Random histories of commits, events and faults, on the real job with real clones."""

import itertools
import os
from operator import itemgetter
from random import Random

import pytest
from deployed_exports import Exports
from export_history import FAULTS, ExportHistory
from fault_injection import FAILS_AFTER, FAILS_BEFORE, IS_CANCELED, SPARK_DIES, Fault, FaultInjection
from table_repository import TableRepository

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.stack import LocalStack

pytestmark = pytest.mark.e2e

# A history takes a minute or two.
HISTORIES = int(os.environ.get("EXPORT_HISTORIES", "1"))
STEPS = 12


@pytest.fixture
def injection(exports: Exports, stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> FaultInjection:
    """Faults for the runs of the stack's workspace, until the test ends."""
    return FaultInjection(exports.client, stack.cluster, monkeypatch)


def test_a_history_with_each_kind_of_fault(
    exports: Exports, repository: TableRepository, injection: FaultInjection
) -> None:
    faults = [
        Fault("list_changed_tables", FAILS_AFTER),
        Fault("clone_table", SPARK_DIES),
        Fault("register_table", IS_CANCELED),
        Fault("record_export", FAILS_BEFORE),
        Fault("record_export", FAILS_AFTER),
    ]
    history = ExportHistory(exports, repository, injection, on_removed="drop", methods=itertools.cycle(CloneMethod))
    for page, fault in zip(itertools.cycle([1, 2]), faults, strict=False):
        history.load_with("main", fault, page=page)
    assert injection.struck == faults
    assert history.pages > 1
    first = itemgetter(0)
    history.write(first)
    history.describe(first)

    history.end()


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_random_histories(exports: Exports, repository: TableRepository, injection: FaultInjection, seed: int) -> None:
    random = Random(seed)
    on_removed = random.choice(["keep", "drop"])
    methods = (random.choice(tuple(CloneMethod)) for _ in itertools.count())
    history = ExportHistory(exports, repository, injection, on_removed=on_removed, methods=methods)
    history.load_with("main", random.choice(FAULTS))
    for _ in range(STEPS):
        history.go_on(random.choice)

    history.end()

    assert injection.struck
    print("struck:", *injection.struck, sep="\n  ")
