"""What is counted about requests. No label names a member."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """Requests by route, method and status, and how long they took."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        requests = Counter("wearbase_http_requests", "Requests answered", ["method", "route", "status"], registry=self.registry)
        seconds = Histogram("wearbase_http_request_seconds", "Time to answer", ["route"], buckets=BUCKETS, registry=self.registry)
        self._requests = cache(lambda method, route, status: requests.labels(method, route, str(status)))
        self._seconds = cache(lambda route: seconds.labels(route))

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one answer."""
        self._requests(method, route, status).inc()
        self._seconds(route).observe(seconds)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)
