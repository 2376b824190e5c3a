"""Which clone method is recommended, by what the checks of each found."""

import pytest

from lakefs_unity_export.checks.catalogue import CHECKS
from lakefs_unity_export.checks.model import Line, Status
from lakefs_unity_export.checks.recommendation import Recommendation, recommended, seen_by_others
from lakefs_unity_export.clones.methods import CloneMethod

FAIL, WARN, PASS, NOT_RUN, NOT_TRIED = Status.FAIL, Status.WARN, Status.PASS, Status.NOT_RUN, Status.NOT_TRIED
SHALLOW, STORAGE, DEEP = CloneMethod.SHALLOW, CloneMethod.STORAGE, CloneMethod.DEEP
LATER = ("warehouse_{}", "clone_{}_registered")
BOTH = (SHALLOW, STORAGE)
OF_METHOD = [f"clone_{method}{part}" for method in CloneMethod for part in ("", "_again", "_rows")]


def of(**other: Status) -> Recommendation:
    """Where every check of a clone passes, but for these."""
    statuses = dict.fromkeys(OF_METHOD, PASS) | other
    return recommended({id_: Line(id=id_, status=status, finding="x") for id_, status in statuses.items()})


def test_the_lines_that_it_reads_are_of_checks_that_there_are() -> None:
    later = {part.format(method) for method in CloneMethod for part in LATER}
    of_others = {id_ for method in CloneMethod for id_ in seen_by_others(method)}
    assert {*OF_METHOD, *later, *of_others} <= {check.id for check in CHECKS}


@pytest.mark.parametrize(
    ("other", "for_clusters", "for_everybody"),
    [
        ({}, SHALLOW, DEEP),
        ({"clone_shallow": FAIL}, STORAGE, DEEP),
        ({"clone_shallow": FAIL, "clone_storage": WARN}, DEEP, DEEP),
        ({"clone_shallow_again": FAIL}, STORAGE, DEEP),
        ({"clone_shallow_rows": WARN}, STORAGE, DEEP),
        ({"clone_deep": WARN}, SHALLOW, None),
        ({"clone_deep_again": WARN}, SHALLOW, None),
        ({"clone_shallow": NOT_RUN, "clone_storage": NOT_TRIED}, DEEP, DEEP),
        # What no cluster like this one reads is better than nothing: others may.
        ({"clone_shallow_rows": WARN, "clone_storage_rows": WARN, "clone_deep_rows": WARN}, SHALLOW, DEEP),
        # What was seen goes before what is documented.
        ({"warehouse_storage_rows": PASS}, SHALLOW, STORAGE),
        ({"warehouse_shallow_rows": PASS, "warehouse_storage_rows": PASS}, SHALLOW, SHALLOW),
        ({"warehouse_shallow_rows": WARN, "warehouse_storage_rows": PASS}, SHALLOW, STORAGE),
        ({"warehouse_deep_rows": WARN}, SHALLOW, None),
        ({"warehouse_storage_rows": PASS, "serverless_storage_rows": WARN}, SHALLOW, DEEP),
        ({"warehouse_storage_rows": NOT_RUN, "warehouse_deep_rows": NOT_TRIED}, SHALLOW, DEEP),
        ({"warehouse_shallow": FAIL}, STORAGE, DEEP),
        ({"warehouse_shallow": WARN, "warehouse_storage": WARN}, DEEP, DEEP),
        ({"warehouse_deep": WARN}, SHALLOW, None),
        ({"warehouse_shallow": NOT_RUN, "warehouse_storage": PASS}, SHALLOW, DEEP),
        # Every export but the first clones over a table that is registered.
        ({"clone_shallow_registered": FAIL}, STORAGE, DEEP),
        ({"clone_shallow_registered": NOT_RUN}, SHALLOW, DEEP),
        ({"clone_deep_registered": WARN}, SHALLOW, None),
        ({"warehouse_shallow_rows": PASS, "serverless_shallow_rows": WARN, "serverless_storage_rows": PASS}, *BOTH),
        # It is read, and may not be made.
        ({"clone_storage": WARN, "warehouse_storage_rows": PASS}, SHALLOW, DEEP),
    ],
)
def test_the_cheapest_counts_that_is_allowed_twice_and_read(
    other: dict[str, Status], for_clusters: CloneMethod, for_everybody: CloneMethod | None
) -> None:
    found = of(**other)
    assert (found.for_clusters, found.for_everybody) == (for_clusters, for_everybody)
    assert found.as_json() == {"clusters": for_clusters, "everybody": for_everybody or ""}


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (
            of(),
            "shallow where only clusters with the settings of s3a_conf read, "
            "deep where SQL warehouses and serverless compute do",
        ),
        (of(clone_shallow=FAIL, clone_storage=FAIL), "deep, whoever reads"),
        (
            of(clone_deep=FAIL),
            "shallow for readers on clusters like this one; none that is known to be read by others",
        ),
        (
            of(clone_shallow=FAIL, clone_storage=FAIL, clone_deep=FAIL),
            "none, since this workspace allowed none of them; the lines of each say why",
        ),
        (of(**dict.fromkeys(OF_METHOD, NOT_RUN)), "none, since no clone could be tried"),
        (of(**dict.fromkeys(OF_METHOD, NOT_TRIED)), "none, since no clone could be tried"),
        (recommended({}), "none, since no clone could be tried"),
    ],
)
def test_it_says_for_whom(found: Recommendation, says: str) -> None:
    assert str(found) == says


def test_nothing_is_recommended_as_empty_text() -> None:
    assert recommended({}).as_json() == {"clusters": "", "everybody": ""}


def test_others_than_the_cluster_are_a_warehouse_and_serverless_compute() -> None:
    assert seen_by_others(STORAGE) == ("warehouse_storage_rows", "serverless_storage_rows")
