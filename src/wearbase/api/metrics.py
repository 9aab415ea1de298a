"""What is counted about requests. No label names a member."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics, generate_latest

from wearbase.access.keyset import KeySet
from wearbase.store.postgres.database import PoolUse
from wearbase.store.work.budget import Standing
from wearbase.store.work.census import WAITING, Counted, Vitals
from wearbase.transport.breaker import State
from wearbase.transport.remote import OUTCOMES, Remote

QUEUES = (*WAITING.values(), "history", "inbox", "chore")
ACCEPTED = "accepted"
MISTRUSTED = ("bad_signature", "stale_delivery")
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


disable_created_metrics()  # when each counter began: as many lines again, which nobody reads


@dataclass(frozen=True, slots=True, kw_only=True)
class OfProcess:
    """What a process knows of itself, besides its requests."""

    remotes: Mapping[str, Remote]
    keys: KeySet | None
    pool: PoolUse
    lost: Mapping[str, int]  # lines that could not be written, by what they were of
    streams: Mapping[str, int]  # open pages, by whose


class Metrics:
    """Requests by route, method and status, and how long they took; deliveries; the process itself."""

    def __init__(self, *, version: str = "0") -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        Gauge("wearbase_build_info", "1, with the version that runs", ["version"], registry=self.registry).labels(version).set(1)
        # Without a label, so that it is there before the first: of a series that begins with 1, no increase is seen.
        self._defects = Counter("wearbase_defects", "Requests that ended with a defect of ours (500)", registry=self.registry)
        deliveries = Counter(
            "wearbase_deliveries_received", "Deliveries by what came of them", ["provider", "outcome"], registry=self.registry
        )
        requests = Counter("wearbase_http_requests", "Requests answered", ["method", "route", "status"], registry=self.registry)
        seconds = Histogram("wearbase_http_request_seconds", "Time to answer", ["route"], buckets=BUCKETS, registry=self.registry)
        refused = Counter("wearbase_door_refused", "Requests refused and connections cut at the door", ["reason"], registry=self.registry)
        self._refused, self._deliveries = cache(refused.labels), cache(deliveries.labels)
        self._requests = cache(lambda method, route, status: requests.labels(method, route, str(status)))
        self._seconds = cache(lambda route: seconds.labels(route))

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one answer."""
        self._requests(method, route, status).inc()
        self._seconds(route).observe(seconds)
        if status == 500:
            self._defects.inc()

    def expect_deliveries(self, provider: str) -> None:
        """Has what is expected of a provider told from the start, as nothing yet."""
        for outcome in (ACCEPTED, *MISTRUSTED):
            self._deliveries(provider, outcome)

    def note_delivery(self, provider: str, outcome: str) -> None:
        """Counts a delivery: `accepted`, or the code of the error it was refused with."""
        self._deliveries(provider, outcome).inc()

    def note_refused(self, reason: str, count: int = 1) -> None:
        """Counts what was turned away before it reached a route, or cut off."""
        self._refused(reason).inc(count)

    def text(self, standings: Mapping[str, Standing], vitals: Vitals | None, own: OfProcess, *, at: datetime, took_s: float) -> bytes:
        """Everything, as Prometheus reads it; all but what is counted of requests as it stands now.

        `took_s` is how long the database took for standings and vitals. Without vitals it is away.
        """
        parts = (
            self.registry, _budgets(standings), _services(own.remotes), _identity(own.keys), _process(own), _vitals(vitals, at, took_s)
        )  # fmt: skip
        return b"".join(generate_latest(part) for part in parts)


def _process(own: OfProcess) -> CollectorRegistry:
    """The pool, what was lost, and open pages."""
    registry = CollectorRegistry()
    Gauge("wearbase_database_connections_in_use", "Connections to the database in use", registry=registry).set(own.pool.in_use)
    Gauge("wearbase_database_connections_limit", "Connections that this process may use", registry=registry).set(own.pool.size)
    text = "How long was waited for a connection, all waits together"
    Counter("wearbase_database_wait_seconds", text, registry=registry).inc(own.pool.waited_s)
    lost = Counter("wearbase_lines_lost", "Lines of the log or of the audit trail that could not be written", ["of"], registry=registry)
    for name, count in own.lost.items():
        lost.labels(name).inc(count)
    streams = Gauge("wearbase_streams_open", "Pages that are told what changes", ["by"], registry=registry)
    for name, count in own.streams.items():
        streams.labels(name).set(count)
    return registry


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


def _identity(keys: KeySet | None) -> CollectorRegistry:
    """How old the identity provider's keys are, as this process has them."""
    registry = CollectorRegistry()
    if keys is None:
        return registry
    Gauge("wearbase_identity_keys_age_seconds", "Since the keys were fetched; infinite before", registry=registry).set(keys.age_s)
    fetches = Counter("wearbase_identity_fetches", "Fetches of the keys by what came of them", ["outcome"], registry=registry)
    for outcome, count in keys.counts.items():
        fetches.labels(outcome).inc(count)
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


def _vitals(found: Vitals | None, at: datetime, took_s: float) -> CollectorRegistry:
    """Who works, what waits, and the newest census of each source."""
    registry = CollectorRegistry()
    Gauge("wearbase_database_up", "1 if the database could be asked", registry=registry).set(found is not None)
    if found is None:
        return registry
    Gauge("wearbase_database_answer_seconds", "How long the database took for what is told here", registry=registry).set(took_s)
    if found.backup_at is not None:
        text = "When the newest backup by wear backup was begun"
        Gauge("wearbase_backup_timestamp_seconds", text, registry=registry).set(found.backup_at.timestamp())
    Gauge("wearbase_workers_alive", "Workers with a recent sign of life", registry=registry).set(found.workers)
    text = "How long the oldest of what is due has waited; 0 if nothing is"
    age = Gauge("wearbase_queue_age_seconds", text, ["waiting"], registry=registry)
    for name in QUEUES:
        waited = at - found.oldest_due.get(name, at)
        age.labels(name).set(max(waited, timedelta(0)).total_seconds())
    chores = Gauge("wearbase_chores_failing", "Chores whose last attempt failed", ["kind"], registry=registry)
    for kind, count in found.failing_chores.items():
        chores.labels(kind).set(count)
    if found.unopenable is not None:
        text = "Sealed values, of tokens for the most part, that none of the keys at hand opens"
        Gauge("wearbase_sealed_values_unopenable", text, registry=registry).set(found.unopenable)
    _census(registry, found.sources, at)
    return registry


def _census(registry: CollectorRegistry, sources: Mapping[str, Counted], at: datetime) -> None:
    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"wearbase_{name}", text, ["provider", *labels], registry=registry)

    made = gauge("census_timestamp_seconds", "When the members were counted last")
    by_state = gauge("members", "Members by the state of their connection", "state")
    of_members = {
        "idle": gauge("members_idle", "Connected members at whom nobody has looked for a while"),
        "stale": gauge("members_stale", "Connected members, looked at, whose oldest resource was read more than 26 hours ago"),
        "grants_refused": gauge("grants_refused", "Connected members whose tokens the provider refuses"),
        "grants_unknown": gauge("grants_unknown", "Connected members whose last token refresh was begun twice without an answer"),
        "grants_overdue": gauge("grants_overdue", "Connected members whose tokens have not been refreshed within TOKEN_KEEPALIVE"),
    }
    of_resources = {
        "failing": gauge("resources_failing", "Members whose reads of a resource fail", "resource"),
        "histories_failing": gauge("histories_failing", "Members whose history of a resource cannot be read on", "resource"),
        "parked": gauge("records_parked", "Records that could not be understood", "resource"),
    }
    waiting = gauge("deliveries_open", "Deliveries of members looked at that are not settled")
    oldest = gauge("delivery_age_seconds", "How long the oldest of them has waited; 0 if there is none")
    for name, counted in sources.items():
        content = counted.content
        made.labels(name).set(counted.seen_at.timestamp())
        for state in ("connected", "needs_reauthorization"):
            by_state.labels(name, state).set(content["members"].get(state, 0))
        for key, one in of_members.items():
            one.labels(name).set(content["members"].get(key, 0))
        for key, one in of_resources.items():
            for resource, count in content[key].items():
                one.labels(name, resource).set(count)
        waiting.labels(name).set(content["deliveries"]["deliveries_open"])
        since = content["deliveries"]["oldest_open_at"]
        oldest.labels(name).set((at - datetime.fromisoformat(since)).total_seconds() if since else 0)
