"""The ways in which a runtime offers `dbutils` to a wheel task, one of them at a time: for tests.

The environment variable names the way. Without it, the runtime's namespace has `dbutils`, as on classic compute, and
the other ways lead nowhere. In the others, asking for the namespace fails as on Spark Connect.
"""

import os
import sys
import types

WAY_VARIABLE = "LOCAL_STACK_DBUTILS"
NAMESPACE, IPYTHON, SPARK, NONE = WAYS = ("namespace", "ipython", "spark", "none")


def current_way() -> str:
    """The way that this process is to offer. Raises ValueError for one that there is not."""
    way = os.environ.get(WAY_VARIABLE) or NAMESPACE
    if way not in WAYS:
        raise ValueError(f"{WAY_VARIABLE} is {way!r}; use one of {', '.join(WAYS)}")
    return way


def require_namespace() -> None:
    """Raise what a runtime with Spark Connect is reported to raise, unless the namespace is the way."""
    if current_way() != NAMESPACE:
        raise RuntimeError(
            "[CONTEXT_UNAVAILABLE_FOR_REMOTE_CLIENT] Remote client cannot create a SparkContext. "
            "Create SparkSession instead."
        )


def offer(dbutils: object) -> None:
    """Give this process the modules of its way, in which `dbutils` is found."""
    way = current_way()
    if way == IPYTHON:
        shell = types.SimpleNamespace(user_ns={"dbutils": dbutils})
        _module("IPython", get_ipython=lambda: shell)
    elif way == SPARK:
        session = types.SimpleNamespace(getOrCreate=object)
        _module("pyspark", __path__=[])
        _module("pyspark.sql", SparkSession=types.SimpleNamespace(builder=session))
        _module("pyspark.dbutils", DBUtils=lambda _spark: dbutils)


def _module(name: str, **attributes: object) -> None:
    module = types.ModuleType(name)
    vars(module).update(attributes)
    sys.modules[name] = module
