"""The credentials of a task, as the SDK's ``runtime`` strategy asks for them."""

from collections.abc import Callable

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
