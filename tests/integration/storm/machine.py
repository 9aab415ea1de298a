"""The rules of a storm: what hypothesis may let happen, in any order."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.integration.harness import RESOURCES
from tests.integration.storm.cloud import SPOILT
from tests.integration.storm.driver import USERS, Storm, storm
from tests.servers import Server

STEPS_S = (1, 5, 31, 61, 300, 900, 3_600, 4 * 3_600, 9 * 3_600)
ROUTES = ("/v2", "/v2/recovery", "/v2/activity/sleep", "/v2/activity/workout", "/v2/cycle", "/v2/activity/sleep/", "/v2/activity/workout/")
STATUSES = (400, 401, 403, 404, 429, 500, 502, 503)
ANSWERS = ("status", "html", "empty", "cut", "endless", "drop", "slow", "lost_answer")
PAGING = ("drift", "drift_away", "cursor_expired")
TOKENS = ("status", "html", "empty", "cut", "drop", "lost_answer", "endless", "invalid_grant", "dead_grant", "invalid_client")
WEBHOOKS = (
    "drop",
    "late",
    "duplicate",
    "reorder",
    "lost_answer",
    "status",
    "wrong_signature",
    "stale_signature",
    "unknown_member",
    "unknown_type",
)
RECORDS = ("pending", "provisional", "rescored", "extended", "edited", "deleted", "revived", "merged")

users = st.sampled_from(USERS)
somebody = st.none() | users
workers = st.integers(0, 1)
counts = st.none() | st.integers(1, 4)
records = st.sampled_from([0, 0, 1, 2, 6, 10])
shifts = st.sampled_from([-5400, -600, 600, 1800])
changes = st.lists(st.sampled_from(["rescore", "rescore", "edit", "delete"]), min_size=2, max_size=3)


class Box:
    """The time that the storms of a run may take; when it is over, what is left of them passes quickly."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self.storms = self.turns = 0

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._until


class Machine(RuleBasedStateMachine):
    """Runs a storm on an event loop of its own."""

    def __init__(self, server: Server, box: Box) -> None:
        super().__init__()
        self._server, self._box = server, box
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._url = ""
        self._storm: Storm | None = None

    def _do(self, what: Callable[[Storm], Coroutine[Any, Any, None]]) -> None:
        if self._storm is not None and not self._box.is_over:
            self._runner.run(what(self._storm))

    @initialize(
        seed=st.integers(1, 50), per_minute=st.sampled_from([80, 80, 30, 12]), members=st.integers(1, 4),
        windows=st.sampled_from(["fixed", "sliding"]), recovery_delay_s=st.sampled_from([0, 90]),
    )  # fmt: skip
    def begin(self, seed: int, per_minute: int, members: int, **sim: Any) -> None:
        if self._box.is_over:
            return
        self._url = self._server.create(is_migrated=True)
        options = {"rate_windows": sim["windows"], "recovery_delay_s": sim["recovery_delay_s"]}
        self._storm = self._runner.run(self._stack.enter_async_context(storm(self._url, per_minute=per_minute, seed=seed, **options)))
        for user in USERS[:members]:
            self._do(lambda s, user=user: s.connect(user))

    # Members

    @rule(user=users)
    def connect(self, user: str) -> None:
        self._do(lambda s: s.connect(user))

    @rule(user=users, erase=st.booleans())
    def disconnect(self, user: str, erase: bool) -> None:
        self._do(lambda s: s.disconnect(user, erase=erase))

    @rule(
        user=users,
        resources=st.none() | st.lists(st.sampled_from(RESOURCES), min_size=1, unique=True),
        days=st.sampled_from([None, None, 2, 9]),
    )
    def sync(self, user: str, resources: list[str] | None, days: int | None) -> None:
        self._do(lambda s: s.sync(user, resources, days=days))

    @rule(user=users, days_ago=st.integers(0, 8))
    def look(self, user: str, days_ago: int) -> None:
        self._do(lambda s: s.look(user, days_ago))

    @rule(user=users)
    def deauthorize(self, user: str) -> None:
        self._do(lambda s: s.event(user, "deauthorize"))

    # Records

    @rule(user=users, event=st.sampled_from(["wake", "workout", "nap"]), pending=st.booleans(), webhooks=st.booleans())
    def record(self, user: str, event: str, pending: bool, webhooks: bool) -> None:
        self._do(lambda s: s.event(user, event, pending=pending, webhooks=webhooks))

    @rule(user=users, event=st.sampled_from(["rescore", "delete"]), resource=st.sampled_from(RESOURCES), nth=records)
    def change(self, user: str, event: str, resource: str, nth: int) -> None:
        self._do(lambda s: s.event(user, event, resource=resource, nth=nth))

    @rule(user=users, resource=st.sampled_from(["sleep", "workout"]), nth=records, shift_s=shifts)
    def edit(self, user: str, resource: str, nth: int, shift_s: int) -> None:
        self._do(lambda s: s.event(user, "edit", resource=resource, nth=nth, shift_s=shift_s))

    @rule(user=users, resource=st.sampled_from(["sleep", "workout"]), nth=st.sampled_from([0, 6, 6, 8]), events=changes, nth_worker=workers)
    def told_each_time(self, user: str, resource: str, nth: int, events: list[str], nth_worker: int) -> None:
        for event in events:
            self._do(lambda s, event=event: s.event(user, event, resource=resource, nth=nth))
            self._do(lambda s: s.deliver())
            self._do(lambda s: s.work(nth_worker))

    @rule(user=users, resource=st.sampled_from(["sleep", "workout"]))
    def revive(self, user: str, resource: str) -> None:
        self._do(lambda s: s.event(user, "revive", resource=resource))

    @rule(user=users, event=st.sampled_from(["score", "extend", "merge"]), nth=st.integers(0, 3))
    def night(self, user: str, event: str, nth: int) -> None:
        self._do(lambda s: s.event(user, event, resource="sleep", nth=nth))

    @rule(user=users, event=st.sampled_from(["sync_off", "sync_on", "strap_off", "drink"]))
    def strap(self, user: str, event: str) -> None:
        self._do(lambda s: s.event(user, event, hours=5))

    @rule(user=users, zone=st.sampled_from(["Asia/Tokyo", "America/New_York", "Europe/Berlin", "Asia/Kolkata"]))
    def travel(self, user: str, zone: str) -> None:
        self._do(lambda s: s.event(user, "travel", zone=zone))

    # Time and webhooks

    @rule(seconds=st.sampled_from(STEPS_S), leap=st.booleans())
    def step(self, seconds: int, leap: bool) -> None:
        self._do(lambda s: s.step(seconds, leap=leap))

    @rule(order=st.integers(0, 3), most=st.sampled_from([1000, 1, 3]), twice=st.booleans())
    def deliver(self, order: int, most: int, twice: bool) -> None:
        self._do(lambda s: s.deliver(order, most=most, twice=twice))

    @rule(most=st.sampled_from([1, 1000]))
    def lose(self, most: int) -> None:
        if self._storm is not None:
            self._storm.lose(most)

    # What goes wrong

    @rule(route=st.sampled_from(ROUTES), kind=st.sampled_from(ANSWERS), status=st.sampled_from(STATUSES), count=counts, user=somebody)
    def fault(self, route: str, kind: str, status: int, count: int | None, user: str | None) -> None:
        self._do(lambda s: s.fault(route, kind, status=status, count=count, user=user))

    @rule(user=users, count=st.integers(1, 9))
    def reject(self, user: str, count: int) -> None:
        """The access token is refused all at once, as when another has refreshed it."""
        self._do(lambda s: s.fault("/v2", "status", status=401, count=count, user=user))
        self._do(lambda s: s.stir())
        self._do(lambda s: s.work_together())

    @rule(kind=st.sampled_from(PAGING), count=st.integers(1, 2))
    def paging(self, kind: str, count: int) -> None:
        self._do(lambda s: s.fault("/v2", kind, count=count))

    @rule(kind=st.sampled_from(TOKENS), status=st.sampled_from([429, 500, 503]), count=st.integers(1, 3), user=somebody)
    def tokens(self, kind: str, status: int, count: int, user: str | None) -> None:
        self._do(lambda s: s.fault("token", kind, status=status, count=count, user=user))

    @rule(kind=st.sampled_from(WEBHOOKS), count=counts, delay_s=st.sampled_from([60, 600, 3000]))
    def webhooks(self, kind: str, count: int | None, delay_s: int) -> None:
        self._do(lambda s: s.fault("webhook", kind, count=count, delay_s=delay_s))

    @rule(kind=st.sampled_from(RECORDS), count=st.integers(1, 3), delay_s=st.sampled_from([40, 900, 3600]))
    def records_change(self, kind: str, count: int, delay_s: int) -> None:
        self._do(lambda s: s.fault("records", kind, count=count, delay_s=delay_s))

    @rule(kind=st.sampled_from(SPOILT), count=st.integers(1, 3))
    def spoil(self, kind: str, count: int) -> None:
        if self._storm is not None:
            self._storm.spoil(kind, count)

    @rule()
    def heal(self) -> None:
        self._do(lambda s: s.heal())

    # Workers

    @rule(nth=workers)
    def work(self, nth: int) -> None:
        self._do(lambda s: s.work(nth))

    @rule()
    def work_together(self) -> None:
        self._do(lambda s: s.work_together())

    @rule(place=st.sampled_from(["call", "answer", "commit", "committed"]), at=st.integers(1, 12), nth=workers)
    def die(self, place: str, at: int, nth: int) -> None:
        self._do(lambda s: s.stir())
        self._do(lambda s: s.die(place, at, nth))

    @rule(at=st.integers(1, 6), seconds=st.sampled_from([5, 31, 120]))
    def stall(self, at: int, seconds: int) -> None:
        self._do(lambda s: s.stir())
        self._do(lambda s: s.stall(at, seconds))

    def teardown(self) -> None:
        try:
            self._do(lambda s: s.subside())
            if self._storm is not None:
                self._box.storms, self._box.turns = self._box.storms + 1, self._box.turns + self._storm.turns
        finally:
            self._runner.run(self._stack.aclose())
            self._runner.close()
            if self._url:
                self._server.drop(self._url)
