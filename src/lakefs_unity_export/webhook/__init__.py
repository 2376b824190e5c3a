"""The webhook service: takes lakeFS's events and starts the export job, and is the gate for table descriptors.

    uvicorn lakefs_unity_export.webhook:app

It is configured by environment variables, read when it starts. Needs the extra `webhook` of the wheel.
"""

import os
from collections.abc import Mapping

try:
    import prometheus_client  # noqa: F401
    import starlette  # noqa: F401
except ModuleNotFoundError as missing:
    raise ImportError(
        f"the webhook needs {missing.name}: install the wheel with its extra, lakefs-unity-export[webhook]"
    ) from missing

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lakefs_unity_export.errors import SettingsError
from lakefs_unity_export.webhook.application import create_app
from lakefs_unity_export.webhook.request_log import log_to_output
from lakefs_unity_export.webhook.settings import Settings, read_settings

__all__ = ["Settings", "app", "create_app", "read_settings"]


class EnvironmentApp:
    """The service as the environment configures it, read when the server starts it and not on import.

    With settings that cannot be used the server does not start, and says why. Where it starts applications without
    telling them (no lifespan), every request is answered 503 instead.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._built: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI: builds the service first."""
        try:
            built = self._built = self._built or self._build()
        except SettingsError as error:
            await _say(str(error), scope, receive, send)
        else:
            await built(scope, receive, send)

    def _build(self) -> ASGIApp:
        settings = read_settings(self._environment)
        log_to_output(settings.confidential())
        return create_app(settings)


async def _say(problems: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": problems})
    elif scope["type"] == "http":
        answer = PlainTextResponse("the service is not configured; start it with its lifespan on\n", 503)
        await answer(scope, receive, send)


app = EnvironmentApp(os.environ)
