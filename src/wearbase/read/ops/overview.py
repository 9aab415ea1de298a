"""How the whole installation stands. Asked over everybody, so it is asked seldom, and once for all who look."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wearbase.domain.clock import Clock
from wearbase.read.envelope import STALE_AFTER
from wearbase.read.ops import crowd
from wearbase.read.ops.budgets import AppName, Budgets
from wearbase.read.status import rfc3339
from wearbase.store.postgres.database import Database, Tx
from wearbase.store.watching import overview, trouble
from wearbase.store.watching.overview import Arrived, Bounds, Open, Standing

AT_LEAST_S, LONGEST_S = 1.0, 60.0
COST_TIMES = 50  # what is asked over everybody takes at most a fiftieth of one connection's time
QUICK = timedelta(seconds=60)
SETTLES_WITHIN = timedelta(hours=1)  # half hours before that are counted again only now and then
WHOLE_DAY_EVERY_S = 600.0
MOST_WORKERS = 50
MOST_LISTED = 200
MOST_LOOKED = 20_000  # of the deliveries, for those that are parked
WORDS = ("current", "filling", "stale", "reconnect")


@dataclass
class _Counted:
    """One answer and what it cost."""

    answer: dict[str, Any]
    made_at: float
    cost_s: float

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.made_at < min(LONGEST_S, max(AT_LEAST_S, COST_TIMES * self.cost_s))


class Overview:
    """The operator's figures. `idle_after`: how long nobody has looked at an idle member."""

    def __init__(self, db: Database, clock: Clock, apps: Mapping[str, AppName], *, idle_after: timedelta) -> None:
        self._db, self._clock, self._idle_after = db, clock, idle_after
        self._budgets = Budgets(apps)
        self._kept: _Counted | None = None
        self._lock = asyncio.Lock()
        self._everybody: _Counted | None = None
        self._inbox: _Counted | None = None
        self._arrived: dict[datetime, Arrived] = {}
        self._arrived_since: datetime | None = None
        self._whole_at = float("-inf")

    async def summary(self) -> dict[str, Any]:
        """Everything but the lists, at most a second old; what is asked over everybody as old as it is dear. Raises DatabaseUnavailable."""
        async with self._lock:
            if self._kept is None or not self._kept.is_fresh:
                async with self._db.connection() as tx:
                    answer = await self._asked(tx, now=self._clock.now())
                self._kept = _Counted(answer, time.monotonic(), 0.0)
            return self._kept.answer

    async def failing(self) -> dict[str, Any]:
        """What fails, what is parked, and who has to connect again: the newest of each. Raises DatabaseUnavailable."""
        async with self._db.connection() as tx:
            counts = await trouble.counts(tx)
            failing, parked = await trouble.failing(tx, limit=MOST_LISTED), await trouble.parked(tx, limit=MOST_LISTED)
            broken = await trouble.broken(tx, limit=MOST_LISTED)
            deliveries = await self._parked_deliveries(tx)
        return {
            "counts": {"failing": counts.failing, "parked": counts.parked, "reconnect": counts.broken, "counted_to": trouble.MOST_COUNTED},
            "parked": [
                {"id": p.id, "user_id": p.user_id, "provider": p.provider, "resource": p.resource, "external_id": p.external_id,
                 "reason": p.reason, "tries": p.tries, "parked_at": rfc3339(p.parked_at)}
                for p in parked
            ],
            "parked_deliveries": deliveries,
            "reconnect": [{"user_id": b.user_id, "provider": b.provider, "ended_at": rfc3339(b.ended_at)} for b in broken],
            "failing": [
                {"user_id": f.user_id, "provider": f.provider, "resource": f.resource, "error": f.error, "tries": f.tries,
                 "last_attempt_at": rfc3339(f.last_attempt_at), "next_at": rfc3339(f.next_at), "watermark": rfc3339(f.watermark),
                 "is_history": f.is_history}
                for f in failing
            ],
        }  # fmt: skip

    async def _parked_deliveries(self, tx: Tx) -> dict[str, Any]:
        """What could not be understood of the newest deliveries, as old as it is dear."""
        if self._inbox is None or not self._inbox.is_fresh:
            began = time.monotonic()
            counts, oldest = await trouble.parked_reasons(tx, looked=MOST_LOOKED)
            newest = await trouble.parked_deliveries(tx, looked=MOST_LOOKED, limit=MOST_LISTED)
            answer = {
                "looked_back_to": rfc3339(oldest.replace(second=0, microsecond=0)) if oldest else None,
                "counts": [{"provider": c.provider, "reason": c.reason, "count": c.count} for c in counts],
                "newest": [
                    {"id": d.id, "user_id": d.user_id, "provider": d.provider, "event_type": d.event_type, "external_id": d.external_id,
                     "reason": d.reason, "received_at": rfc3339(d.received_at)}
                    for d in newest
                ],
            }  # fmt: skip
            ended = time.monotonic()
            self._inbox = _Counted(answer, ended, ended - began)
        return self._inbox.answer

    async def members(self, word: str, *, after: str, limit: int) -> list[Standing]:
        """Members of one state, by user id. Raises DatabaseUnavailable."""
        async with self._db.connection() as tx:
            return await overview.members(tx, self._bounds(self._clock.now()), word, after=after, limit=limit)

    async def _asked(self, tx: Tx, *, now: datetime) -> dict[str, Any]:
        counts, everybody = await trouble.counts(tx), await self._of_everybody(tx, now=now)
        return {
            "at": rfc3339(now), "members": everybody["members"], "freshness": everybody["freshness"],
            "budgets": await self._budgets.shown(tx, now=now),
            "deliveries": await self._deliveries(tx, everybody["open"], now=now),
            "trouble": {"failing": counts.failing, "parked": counts.parked, "reconnect": counts.broken, "counted_to": trouble.MOST_COUNTED},
            "workers": crowd.workers_shown(await overview.workers(tx, now=now, limit=MOST_WORKERS), now=now),
        }  # fmt: skip

    def _bounds(self, now: datetime) -> Bounds:
        return Bounds(ages_s=crowd.AGES_S, late_before=now - STALE_AFTER, idle_before=now - self._idle_after, now=now)

    async def _of_everybody(self, tx: Tx, *, now: datetime) -> dict[str, Any]:
        if self._everybody is None or not self._everybody.is_fresh:
            began = time.monotonic()
            answer = crowd.members_shown(await overview.crowds(tx, self._bounds(now)), words=WORDS, now=now)
            answer["open"] = await overview.open_deliveries(tx, late_before=now - QUICK, idle_before=now - self._idle_after)
            ended = time.monotonic()
            self._everybody = _Counted(answer, ended, ended - began)
        return self._everybody.answer

    async def _deliveries(self, tx: Tx, waiting: Open, *, now: datetime) -> dict[str, Any]:
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if self._arrived_since != day or time.monotonic() - self._whole_at > WHOLE_DAY_EVERY_S:
            self._arrived, self._arrived_since, self._whole_at, since = {}, day, time.monotonic(), day
        else:
            since = max(day, crowd.half_hour(now - SETTLES_WITHIN))
        for arrived in await overview.arrivals(tx, since=since, quick=QUICK):
            self._arrived[arrived.slot] = arrived
        waiting = await overview.open_deliveries(tx, late_before=now - QUICK, idle_before=now - self._idle_after)
        return crowd.deliveries_shown(self._arrived, waiting, day=day, now=now)
