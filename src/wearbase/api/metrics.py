"""What is counted about requests. No label names a member."""

from collections.abc import Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from wearbase.store.work.budget import Standing
from wearbase.transport.breaker import State
from wearbase.transport.remote import OUTCOMES, Remote

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

    def text(self, standings: Mapping[str, Standing], remotes: Mapping[str, Remote]) -> bytes:
        """Everything, as Prometheus reads it; the budgets and the other services as they stand now, by source."""
        return generate_latest(self.registry) + generate_latest(_budgets(standings)) + generate_latest(_services(remotes))


def _services(remotes: Mapping[str, Remote]) -> CollectorRegistry:
    """What this process knows of the services that sources come from."""
    registry = CollectorRegistry()
    if not remotes:
        return registry
    breaker = Gauge("wearbase_service_breaker", "1 for the state of the circuit breaker", ["provider", "state"], registry=registry)
    opened = Counter("wearbase_service_breaker_opened", "How often the circuit breaker opened", ["provider"], registry=registry)
    calls = Counter(
        "wearbase_service_calls", "Calls to the service, and copies, by what came of them", ["provider", "outcome"], registry=registry
    )
    for name, remote in remotes.items():
        now = remote.state
        for state in State:
            breaker.labels(name, state.value).set(state is now)
        opened.labels(name).inc(remote.breaker.opened)
        for outcome in OUTCOMES:
            calls.labels(name, outcome).inc(remote.counts[outcome])
    return registry


def _budgets(standings: Mapping[str, Standing]) -> CollectorRegistry:
    """Gauges made for one answer: what is no longer true leaves nothing behind."""
    registry = CollectorRegistry()

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"wearbase_{name}", text, ["provider", *labels], registry=registry)

    used = gauge("budget_calls_used", "Data calls of the last 60 s and of the day", "window")
    limit = gauge("budget_calls_limit", "Data calls allowed", "window")
    by_reason = gauge("budget_calls_today", "Data calls of the day by what they were for", "reason")
    elsewhere = gauge("budget_calls_elsewhere", "Calls that the provider counts and that were not ours")
    resets = gauge("budget_reset_timestamp_seconds", "When the day's count begins again")
    tokens = gauge("budget_token_calls", "Token calls so far, which are counted apart")
    thinned = gauge("budget_slots_left_out", "Reads of the timetable left out today", "slot")
    needed = gauge("budget_forecast_needed", "Calls that the rest of the day needs")
    left = gauge("budget_forecast_left", "Calls left for them")
    closed = gauge("provider_closed", "1 while the provider refuses calls until its reset")
    paused = gauge("provider_paused", "1 while no call is made because several members' calls failed in a row")
    alarm = gauge("provider_refuses_grants", "1 while many members' tokens are refused at once")
    for name, found in standings.items():
        used.labels(name, "minute").set(found.minute_used)
        used.labels(name, "day").set(found.day_used)
        limit.labels(name, "minute").set(found.minute_limit)
        limit.labels(name, "day").set(found.day_limit)
        elsewhere.labels(name).set(found.elsewhere)
        resets.labels(name).set(found.day_resets_at.timestamp())
        tokens.labels(name).set(found.token_calls)
        closed.labels(name).set(found.closed_until is not None)
        paused.labels(name).set(found.paused_until is not None)
        alarm.labels(name).set(found.alarm_since is not None)
        for reason, count in found.by_reason.items():
            by_reason.labels(name, reason).set(count)
        for slot, count in found.thinned.items():
            thinned.labels(name, slot).set(count)
        if found.forecast:
            needed.labels(name).set(found.forecast["needed"])
            left.labels(name).set(found.forecast["left"])
    return registry
