"""What the service counts, as Prometheus text."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from lakefs_unity_export.events import LAKEFS_EVENTS

_NAMESPACE = "lakefs_unity_export_webhook"
_BUCKETS = (0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 20, 30, 50)


class Metrics:
    """Counters in a registry of their own. Labels have few values, none of them free text from a request."""

    def __init__(self, *, waiting: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "requests", "Answers, by path and status", ["path", "status"], namespace=_NAMESPACE, registry=self._registry
        )
        self._seconds = Histogram(
            "request_seconds",
            "Time to the answer",
            ["path"],
            namespace=_NAMESPACE,
            registry=self._registry,
            buckets=_BUCKETS,
        )
        self._events = Counter(
            "events", "Events, by type and outcome", ["event", "outcome"], namespace=_NAMESPACE, registry=self._registry
        )
        gauge = Gauge(
            "accepted_calls", "Calls that are running or waiting", namespace=_NAMESPACE, registry=self._registry
        )
        gauge.set_function(waiting)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count an answer; the path is a route's, or `other`."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def told(self, event_type: str, outcome: str) -> None:
        """Count an event, whatever its type is said to be."""
        self._events.labels(event_type if event_type in LAKEFS_EVENTS else "other", outcome).inc()

    def text(self) -> bytes:
        """The counters in the Prometheus text format."""
        return generate_latest(self._registry)
