"""Drafts beside a target that cannot be removed."""

import pytest

from lakefs_unity_export.clones.scratch import StorageScratch


class Stuck:
    """`dbutils.fs` of an identity that may not remove."""

    def rm(self, path: str, recurse: bool) -> None:
        raise PermissionError(path)


def test_drafts_that_cannot_be_removed_are_named_and_raise_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    scratch = StorageScratch(None, Stuck(), "s3://bucket/main/orders")
    folder = scratch.new_table().rpartition("/")[0]
    assert folder.startswith("s3://bucket/main/_scratch_orders_")
    scratch.remove()
    assert capsys.readouterr().out == f"note: drafts are left at {folder}: PermissionError; remove that folder\n"
