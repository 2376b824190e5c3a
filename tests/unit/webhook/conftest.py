"""One webhook service for the tests of a module, as new for each of them."""

from collections.abc import Iterator

import pytest
from webhook_double import Webhook, webhook


@pytest.fixture(scope="module")
def shared() -> Iterator[Webhook]:
    """The service, while the module's tests run."""
    with webhook() as running:
        yield running


@pytest.fixture
def service(shared: Webhook) -> Webhook:
    """A service that has not been asked anything yet."""
    shared.runs.runs.clear()
    shared.runs.calls = 0
    shared.runs.error = None
    shared.lines.clear()
    return shared
