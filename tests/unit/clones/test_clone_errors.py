"""What a workspace that makes no shallow clones by path is told, by clone method."""

import pytest

from lakefs_unity_export.clones.clone_errors import refused_clone
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.spark_errors import Cause

REFUSED = "CANNOT_SHALLOW_CLONE_NON_UC_MANAGED_TABLE_AS_SOURCE_OR_TARGET"


@pytest.mark.parametrize("method", CloneMethod)
def test_every_remedy_but_the_method_itself_is_named(method: CloneMethod) -> None:
    error = refused_clone([Cause(java_class="x", condition=REFUSED)], table="`a`.`b`.`c`", method=method)
    told = str(error)
    assert f"the shallow clone of `a`.`b`.`c` with {REFUSED}" in told
    assert "Set clone_method to deep, which copies the data; " in told
    assert ("or to storage, where" in told) == (method is not CloneMethod.STORAGE)
    assert told.endswith("or give the job's cluster another access mode (data_security_mode)")


def test_other_errors_are_none_of_this() -> None:
    assert refused_clone([Cause(java_class="x", message=REFUSED)], table="t", method=CloneMethod.SHALLOW) is None
