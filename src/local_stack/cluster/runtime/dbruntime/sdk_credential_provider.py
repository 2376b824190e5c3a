"""The credentials of a task, as the SDK's ``runtime`` strategy asks for them.

Where the runtime's namespace is not to be had, the SDK forgets the older provider (seen in 0.156), and asks the newer.
"""

from collections.abc import Callable

from dbruntime.dbutils_ways import NAMESPACE, current_way
from dbruntime.task_context import current_context


def init_runtime_native_auth() -> tuple[str | None, Callable[[], dict[str, str]] | None]:
    """The workspace's address and a maker of request headers; nothing outside a task."""
    try:
        host = current_context().host
    except RuntimeError:
        return None, None

    def headers() -> dict[str, str]:
        return {"Authorization": f"Bearer {current_context().token}"}

    return host, headers


if current_way() != NAMESPACE:

    def init_runtime_native_unified() -> tuple[str | None, None, None, Callable[[], dict[str, str]] | None]:
        """The same with an account's and a workspace's id, which nobody needs here."""
        host, headers = init_runtime_native_auth()
        return host, None, None, headers
