"""What is told where Unity Catalog refuses the job's identity a path, in each form in which that reaches Python."""

import pytest
from tables_in_memory import REQUEST, tables, target

from lakefs_unity_export.clones.path_access import is_refusal, remedy
from lakefs_unity_export.clones.spark_errors import Cause, causes, described
from lakefs_unity_export.tasks.clone_table import TargetStorageError, clone

ANALYSIS = "org.apache.spark.sql.AnalysisException"
NOT_SELECT = "Insufficient privileges:\nUser does not have SELECT on Table 'unity.main.orders'. SQLSTATE: 42501"
NOT_MODIFY = "PERMISSION_DENIED: User does not have MODIFY on Table 'unity.main.orders'."
UNAUTHORIZED = "com.databricks.sql.managedcatalog.acl.UnauthorizedAccessException"
NO_FILES = "Insufficient privileges:\nUser does not have READ FILES on External Location 'lake'. SQLSTATE: 42501"
OVERLAP = (
    "[RequestId=96dd6185-e0dc-4fe0-94ad-bd8ab05fbd8e ErrorClass=INVALID_PARAMETER_VALUE.LOCATION_OVERLAP] Input path "
    "url 'abfss://lake/main' overlaps with other external tables or volumes within 'CheckPathAccess' call."
)


class ConditionError(Exception):
    """As PySpark's errors are, where there is no Java object."""

    def getCondition(self) -> str:  # noqa: N802, PySpark's
        return "INSUFFICIENT_PERMISSIONS"


ON_TABLE = [
    ConditionError(NOT_SELECT),
    ConditionError(f"[INSUFFICIENT_PERMISSIONS] {NOT_SELECT}"),
    Exception(f"{UNAUTHORIZED}: {NOT_MODIFY}"),
    Exception(
        "org.apache.spark.SparkException: Job aborted.\n\tat A.b(A.java:1)\n"
        f"Caused by: {UNAUTHORIZED}: {NOT_MODIFY}\n\tat A.c(A.java:2)"
    ),
]


@pytest.mark.parametrize("error", ON_TABLE, ids=range(len(ON_TABLE)))
def test_the_grants_of_the_registered_table_are_named(error: Exception) -> None:
    chain = causes(error)
    assert is_refusal(chain)
    grant = "let its owner run GRANT SELECT, MODIFY ON TABLE `unity`.`main`.`orders` TO `<the identity"
    assert grant in remedy(chain, table=REQUEST.table)
    assert "GRANT SELECT, MODIFY ON TABLE unity.main.orders TO" in remedy(chain, table="`unity`.`main`.`items`")
    at = tables(target(), failures={"clone": error})
    with pytest.raises(TargetStorageError, match="cannot clone to the target path") as raised:
        clone(at, REQUEST)
    assert grant in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_refusal_by_the_external_location_names_it_and_both_rights() -> None:
    at = tables(failures={REQUEST.target_path: ConditionError(NO_FILES)})
    with pytest.raises(TargetStorageError) as raised:
        clone(at, REQUEST)
    message = str(raised.value)
    assert "User does not have READ FILES on External Location 'lake'" in message
    assert "check that its external location exists" in message
    assert "SELECT and MODIFY on `unity`.`main`.`orders` where that is registered and others own it" in message
    assert "GRANT" not in message


@pytest.mark.parametrize("java_class", ["", f"{ANALYSIS}: "])
def test_a_path_that_encloses_registered_tables_is_told_by_the_services_own_condition(java_class: str) -> None:
    chain = causes(Exception(f"{java_class}{OVERLAP}"))
    assert chain[0].condition == "INVALID_PARAMETER_VALUE.LOCATION_OVERLAP"
    assert is_refusal(chain)
    assert "export to another target_base_location" in remedy(chain, table=REQUEST.table)


@pytest.mark.parametrize(
    "cause",
    [
        Cause(java_class=ANALYSIS, message=f"no column `{NOT_MODIFY}`", condition="UNRESOLVED_COLUMN"),
        Cause(java_class=ANALYSIS, message="LOCATION_OVERLAP INSUFFICIENT_PERMISSIONS", condition="DELTA_X"),
        Cause(java_class="java.io.IOException", message=f"about {OVERLAP}"),
        Cause(java_class="java.nio.file.AccessDeniedException", message="UnauthorizedAccessException"),
    ],
)
def test_names_that_are_only_quoted_are_no_refusal(cause: Cause) -> None:
    assert not is_refusal([cause])
    assert "GRANT" not in remedy([cause], table=REQUEST.table)


def test_a_line_that_only_announces_the_next_one_is_told_with_it() -> None:
    assert described(ConditionError(NO_FILES)).endswith("READ FILES on External Location 'lake'. SQLSTATE: 42501")
    assert Cause(java_class="a.B", message="first:\nsecond:\nthird").line == "a.B: first: second:"
    assert Cause(java_class="a.B", message="first:").line == "a.B: first:"
