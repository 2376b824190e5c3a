"""Where open-source Delta differs from Databricks in what the clone task does, and what closes the gap locally.

Cloning with `replace=True` onto a table that has rows: Databricks adds one commit to the target, which replaces
files, schema and properties and keeps the history and the table's id (Databricks documentation, "Clone a
table"). Open-source Delta 4.0 refuses it (`DELTA_UNSUPPORTED_NON_EMPTY_CLONE`) behind all its other checks. Here the
same checks are made, and the commit is Delta's own too (`clone_transaction`). A reader sees the old rows or the new
ones; a clone that fails leaves the target alone.

Deep clones (`isShallow=False`) do not exist in open-source Delta: see `deep_clone`.
"""

import threading
from collections import defaultdict

from delta.tables import DeltaTable

from local_stack.cluster.clone_checks import check_deep_clone, check_second_clone, check_shallow_clone
from local_stack.cluster.clone_transaction import CloneTransaction
from local_stack.cluster.deep_clone import deep_clone

_installed = threading.Lock()
_targets: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def install() -> None:
    """Make `DeltaTable.clone` of this process do what Databricks does. Once is enough, twice does no harm."""
    with _installed:
        if getattr(DeltaTable.clone, "is_bridge", False):
            return
        plain_clone = DeltaTable.clone

        def clone(
            table: DeltaTable,
            target: str,
            isShallow: bool = False,  # noqa: N803, the names are Delta's
            replace: bool = False,
            properties: dict[str, str] | None = None,
        ) -> DeltaTable:
            spark = table._spark
            if isShallow:
                check_shallow_clone(spark, table._jdt.deltaLog().dataPath().toString(), target)
            else:
                check_deep_clone(spark)
            with _targets[target.rstrip("/")]:
                is_there = DeltaTable.isDeltaTable(spark, target)
                if is_there:
                    check_second_clone(spark)
                if (is_there and replace) or (not is_there and not isShallow):
                    transaction = CloneTransaction(table, target, properties or {})
                    if isShallow:
                        transaction.commit(transaction.shared_files())
                    else:
                        deep_clone(spark, transaction)
                else:
                    plain_clone(table, target, True, replace, properties)
            return DeltaTable.forPath(spark, target)

        clone.is_bridge = True  # type: ignore[attr-defined]
        DeltaTable.clone = clone
