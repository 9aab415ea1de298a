"""A storm over one wearbase: what may happen to it, one turn at a time, and the calm in which everything must come right."""

import asyncio
import math
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from tests.integration.harness import RESOURCES, Bench, bench
from tests.integration.storm import laws
from tests.integration.storm.cloud import Cloud, Key, Trap
from wearbase.domain.errors import TooManyRequests, WearbaseError
from wearbase.domain.windows import Window
from wearbase.store import connections
from wearbase.store.postgres.database import Database
from wearbase.sync import ask, disconnect
from wearbase.sync.worker import Worker

USERS = ("ann", "ben", "cho", "dee")
DAYS, HISTORY = 16, 30  # the cloud holds fewer days than we ask for, and fewer than the weekly read looks back
OLD = timedelta(days=2)  # what happens to older records may need its webhook, or the weekly read
SIGNED_FOR, LATEST = timedelta(hours=2), timedelta(minutes=100)
LONGEST_AWAY = timedelta(hours=30)
LONGEST_STEP = timedelta(hours=3)
ENDLESS_S = 60


@dataclass
class Letter:
    """A webhook on its way. One that must arrive is about something that nothing else would tell before the weekly read."""

    headers: dict[str, str]
    body: bytes
    is_needed: bool

    @property
    def signed_at(self) -> datetime:
        return datetime.fromtimestamp(int(self.headers["x-whoop-signature-timestamp"]) / 1000, UTC)


class Storm:
    """One wearbase of two workers, up to four members, and whatever happens to them."""

    def __init__(self, world: Bench, other: Worker, *, per_minute: int, per_day: int = 8_000) -> None:
        self.bench, self.cloud, self.per_minute, self.per_day = world, Cloud(world), per_minute, per_day
        self.workers = [world.worker, other]
        self.accounts: dict[str, int] = {}
        self.connected: set[str] = set()
        self.fresh: set[str] = set()
        self.flying: list[Letter] = []
        self.needed: set[str] = set()  # traces
        self.told_once: dict[str, set[Key]] = {user: set() for user in USERS}
        self.away_since: dict[str, datetime] = {}
        self.turns = 0
        world.limit(per_minute=per_minute, per_day=per_day)
        for worker in self.workers:
            _set_traps(worker._engine.db, self.cloud)

    async def begin(self) -> None:
        self.accounts = dict(zip(USERS, [m["user_id"] for m in await self.bench.members()], strict=True))
        self.states = await laws.states(self.bench)

    # Members.

    async def connect(self, user: str) -> None:
        """Consents, whether or not a connection exists. Nothing is promised while things go wrong."""
        is_new = not await self.bench.rows("select 1 from wearbase.sync_state where user_id = %s", user)
        async with self.turn():
            try:
                await self.bench.connect(user, USERS.index(user))
            except WearbaseError:
                return
            self.connected.add(user)
            self.fresh.add(user)
            if is_new:
                self.cloud.untold = {key for key in self.cloud.untold if key[0] != self.accounts[user]}

    async def disconnect(self, user: str, *, erase: bool = False) -> None:
        """A delivery that is still open is parked, and with it what only it would have told."""
        await self.deliver()
        async with self.turn():
            self.cloud.untold |= self.told_once[user]
            self.connected.discard(user)
            await disconnect.disconnect(self.bench.engine, user, "whoop", erase=erase)

    async def sync(self, user: str, resources: Sequence[str] | None = None, *, days: int | None = None) -> None:
        """A person asks for a sync."""
        now = self.bench.clock.now()
        window = Window(now - timedelta(days=days), now) if days else None
        async with self.turn():
            with suppress(TooManyRequests):
                await ask.sync(self.bench.engine, user, "whoop", resources=resources, window=window)

    async def look(self, user: str, days_ago: int = 0) -> None:
        """A person looks at a day."""
        async with self.turn():
            async with self.bench.engine.db.transaction() as tx:
                await connections.look(tx, user, "whoop", now=self.bench.clock.now())
            await ask.missing_day(self.bench.engine, user, "whoop", (self.bench.clock.now() - timedelta(days=days_ago)).date())

    # What happens to their records.

    async def event(self, user: str, event: str, *, nth: int | None = None, resource: str = "workout", **more: Any) -> None:
        """Something happens to a member, to their n-th newest record if it is about one; nothing if it is impossible."""
        await self.step(1)
        account, now_ms = self.accounts[user], self.cloud.world.clock.now_ms()
        if nth is not None:
            keys = [key for (name, key), _ in sorted(self.cloud.truth(account).items(), key=lambda i: -i[1][0]) if name == resource]
            more |= {"resource": resource, "record_id": keys[nth % len(keys)]} if keys else {"resource": resource}
        before = self.cloud.truth(account)
        answer = await self.bench.sim.post(f"/control/members/{account}/events", json={"event": event, "wait": True, **more})
        if answer.status_code == 409:
            return
        assert answer.status_code == 200, answer.text
        if event == "sync_off":
            self.away_since[user] = self.bench.clock.now()
        if event == "sync_on":
            self.away_since.pop(user, None)
        await self._need(user, before, answer.json()["deliveries"], now_ms)
        self._collect()

    async def _need(self, user: str, before: dict[tuple[str, str], tuple[int, Any]], ids: list[int], now_ms: int) -> None:
        """Sees to it that what nothing else would tell for a week is told by its webhook, if it has one."""
        account, after = self.accounts[user], self.cloud.truth(self.accounts[user])
        limit = now_ms - OLD.total_seconds() * 1000
        changed = {
            key: (before.get(key) or after[key])[1]
            for key in before.keys() | after.keys()
            if before.get(key) != after.get(key) and min(x[key][0] for x in (before, after) if key in x) < limit
        }
        sent = [self.cloud.world.sender.deliveries[i] for i in ids]
        named = {(n["type"].split(".")[0], n["id"]): (d, n["trace_id"]) for d in sent for n in [orjson.loads(d.body)]}
        for (resource, key), raw in changed.items():
            notice = named.get((resource, raw["sleep_id"] if resource == "recovery" else key))
            if notice is None or user not in self.connected:
                self.cloud.untold.add((account, resource, key))
                continue
            delivery, trace = notice
            self.needed.add(trace)
            self.told_once[user].add((account, resource, key))
            if delivery.state != "delivered" or delivery.fault:
                await self.bench.sim.post(f"/control/deliveries/{delivery.id}/redeliver", json={"wait": True})

    # Time, webhooks, faults.

    async def step(self, seconds: float, *, leap: bool = False) -> None:
        """Time passes; what happens by itself happens at its time, or all at the end as after a night in which nobody listened."""
        for user, since in list(self.away_since.items()):
            if self.bench.clock.now() + timedelta(seconds=seconds) - since > LONGEST_AWAY:
                await self.event(user, "sync_on")
        if seconds > 60 and any(
            n.is_needed and self.bench.clock.now() + timedelta(seconds=seconds) - n.signed_at > LATEST for n in self.flying
        ):
            await self.deliver()
        if leap:
            await self.bench.step(seconds=seconds)
        else:
            self.bench.clock.advance(timedelta(seconds=seconds))
            target_ms = self.cloud.world.clock.now_ms() + int(seconds * 1000)
            await self.cloud.world.course.run_to(target_ms, settle=True)
        self._collect()

    def _collect(self) -> None:
        """Takes note of what the cloud has sent."""
        sent, self.bench.deliveries[:] = list(self.bench.deliveries), []
        self.flying += [Letter(headers, body, orjson.loads(body)["trace_id"] in self.needed) for headers, body in sent]

    async def deliver(self, order: int = 0, *, most: int = 1000, twice: bool = False) -> None:
        """Webhooks arrive, in any order, some of them twice."""
        self._collect()
        if order:
            random.Random(order).shuffle(self.flying)
        now, self.flying = self.flying[:most], self.flying[most:]
        async with self.turn():
            for letter in now * (2 if twice else 1):
                with suppress(WearbaseError):  # a signature that is wrong or too old
                    await self.bench.receiver.receive("whoop", letter.headers, letter.body)

    def lose(self, most: int = 1000) -> None:
        """Webhooks are lost for ever, but for those that must arrive."""
        self._collect()
        self.flying = [n for i, n in enumerate(self.flying) if n.is_needed or i >= most]

    async def fault(self, route: str, kind: str, *, user: str | None = None, **more: Any) -> None:
        who = {"user_id": self.accounts[user]} if user else {}
        await self.bench.fault(route, kind, delay_s=more.pop("delay_s", 0.01), **who, **more)

    async def named_fault(self, name: str, **more: Any) -> None:
        answer = await self.bench.sim.post("/control/faults", json={"name": name, **more})
        assert answer.status_code == 200, answer.text

    def spoil(self, kind: str, count: int = 1) -> None:
        self.cloud.spoiling.append((kind, count))

    async def heal(self) -> None:
        self.cloud.calm()
        await self.bench.heal()

    # Workers.

    async def stir(self) -> None:
        """Everything is due for everybody, so that there is something to be disturbed at."""
        for user in sorted(self.connected):
            await self.bench.mark(user_id=user)

    async def work(self, nth: int = 0) -> None:
        """A worker does everything that is due."""
        async with self.turn():
            await self.workers[nth].drain()

    async def work_together(self) -> None:
        """Two workers at once."""
        async with self.turn():
            await asyncio.gather(*(worker.drain() for worker in self.workers))

    async def die(self, place: str, at: int, nth: int = 0) -> None:
        """A worker is killed where it passes a place for the n-th time; its lease is left behind."""
        async with self.turn():
            living = asyncio.all_tasks()
            task = asyncio.create_task(self.workers[nth].drain())
            self.cloud.trap = Trap(place, at, victim=task)
            await asyncio.wait([task])
            for other in (left := asyncio.all_tasks() - living):
                other.cancel()
            await asyncio.gather(*left, task, return_exceptions=True)
            if not task.cancelled():
                task.result()
            if self.cloud.trap.sprung.is_set():
                await self._bury(nth)
            self.cloud.trap = None

    async def _bury(self, nth: int) -> None:
        self.workers[nth] = Worker(self.workers[nth]._engine, slots=1)
        stored = set((await self._stored_tokens()).values())
        for refresh in self.cloud.refreshes:
            refresh.is_lost |= bool(refresh.made) and refresh.made in self._newest_tokens() - stored

    async def stall(self, at: int, seconds: float) -> None:
        """A worker stands still with an answer in its hands, long enough to lose its lease; the other goes on; then it wakes."""
        async with self.turn():
            slow = asyncio.create_task(self.workers[0]._one())
            trap = self.cloud.trap = Trap("answer", at)
            stopped = asyncio.create_task(trap.sprung.wait())
            await asyncio.wait([slow, stopped], return_when=asyncio.FIRST_COMPLETED)
            self.cloud.trap = None
            if trap.sprung.is_set() and not self.is_in_token_call():
                held = await self.bench.rows(
                    "select user_id, lease_number from wearbase.connection where lease_holder = %s", self.workers[0].id
                )
                await self.step(seconds)
                await self.workers[1].drain()
                before = await self._kept(held)
                trap.let_go.set()
                await slow
                assert before == await self._kept(held), "a worker stored something after it had lost its lease"
            trap.let_go.set()
            stopped.cancel()
            await slow

    async def _kept(self, held: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Everything stored of the members whose lease has been lost."""
        lost = [
            h["user_id"]
            for h in held
            if not await self.bench.rows("select 1 from wearbase.connection where user_id = %s and lease_number = %s", *h.values())
        ]
        tables = ("record", "day_document", "sync_state", "delivery")
        return [
            row
            for table in tables
            for user in lost
            for row in await self.bench.rows(f"select t::text as row from wearbase.{table} t where user_id = %s order by 1", user)
        ]

    def is_in_token_call(self) -> bool:
        """Whether the newest thing asked of the cloud was a refresh: an answer kept from the store is a lost one."""
        return bool(self.cloud.refreshes) and self.cloud.refreshes[-1].made in self._newest_tokens() and self.cloud.is_token_last

    # The calm after it.

    async def subside(self) -> None:
        """Faults end, webhooks under way are lost, and the timetable brings everything within two days."""
        await self.heal()
        for user in list(self.away_since):
            await self.event(user, "sync_on")
        await self.deliver_needed()
        end, compared = self.bench.clock.now() + timedelta(hours=24), set[tuple[str, str]]()
        while self.bench.clock.now() < end + timedelta(hours=30):
            await self._calm_step()
            if self.bench.clock.now() >= end:
                compared |= await self._compare_what_was_read()
                if compared >= {(user, r) for user in self.connected for r in RESOURCES}:
                    break
        missing = {(user, r) for user in self.connected for r in RESOURCES} - compared
        assert not missing, f"not completely read for a day: {sorted(missing)}"
        await self._check_rest()

    async def deliver_needed(self) -> None:
        self.lose()
        await self.deliver()

    async def _calm_step(self) -> None:
        """To the next instant at which something is due, and everything that is due then; nobody is told of anything."""
        now = self.bench.clock.now()
        found = await self.bench.rows(
            """select min(t) as at from (select least(due_at, backfill_due_at) as t from wearbase.sync_state
                                         union all select due_at from wearbase.chore) d where t > %s""",
            now,
        )
        at = min(found[0]["at"] or now + LONGEST_STEP, now + LONGEST_STEP)
        await self.bench.step(seconds=max(1, math.ceil((at - now).total_seconds())), webhooks=False)
        self.bench.deliveries.clear()
        await self.work_together()

    async def _compare_what_was_read(self) -> set[tuple[str, str]]:
        """Compares each resource that was completely read at this very instant."""
        now = self.bench.clock.now()
        read = {key for key, s in self.states.items() if s["watermark"] == now and key[0] in self.connected}
        for user, resource in read:
            await laws.compare(self.bench, self.cloud, user, self.accounts[user], but=self.cloud.untold, only=[resource])
        return read

    async def _check_rest(self) -> None:
        left = await self.bench.rows(
            "select user_id, event_type, external_id, reason, attempts from wearbase.delivery where state = 'open'"
        )
        assert not [d for d in left if d["user_id"] in self.connected], left
        tokens = await self._stored_tokens()
        for user in sorted(self.connected):
            assert tokens[user] in self.cloud.live_refresh_tokens(self.accounts[user]), f"{user} counts as connected with a dead grant"
            await laws.check_days(self.bench, user)
        errors = [s["error"] or s["backfill_error"] for (user, _), s in self.states.items() if user in self.connected]
        assert not any(errors), self.states

    # After every turn.

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One thing that happens; afterwards every law must hold."""
        self.cloud.completed.clear()
        self.fresh.clear()
        async with asyncio.timeout(ENDLESS_S):
            yield
        self.turns += 1
        await self._judge()

    async def _judge(self) -> None:
        before, self.states = self.states, await laws.states(self.bench)
        laws.check_ceilings(self.cloud.sent, per_minute=self.per_minute, per_day=self.per_day)
        assert self.cloud.over_quota == 0, "the cloud refused a call over its quota"
        laws.check_successes(before, self.states, self.cloud, self.accounts, fresh=self.fresh)
        found = {c["user_id"]: c["state"] for c in await self.bench.rows("select user_id, state from wearbase.connection")}
        for user in sorted(self.connected):
            if found[user] != "connected":
                assert found[user] == "needs_reauthorization", f"{user} is {found[user]}"
                laws.check_end(self.accounts[user], self.cloud)
                self.connected.discard(user)

    async def _stored_tokens(self) -> dict[str, str]:
        found = await self.bench.rows("select user_id, refresh_token from wearbase.connection where refresh_token is not null")
        return {
            f["user_id"]: self.bench.engine.keys.open(f["refresh_token"], user_id=f["user_id"], provider="whoop", kind="refresh")
            for f in found
        }

    def _newest_tokens(self) -> set[str]:
        return {token for account in self.accounts.values() for token in self.cloud.live_refresh_tokens(account)}


def _set_traps(db: Database, cloud: Cloud) -> None:
    """A worker can also die before or after a commit."""
    real = db.transaction

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Any]:
        trap = cloud.trap
        if trap:
            await trap.reach("begin")
        async with real() as tx:
            yield tx
            if trap:
                await trap.reach("commit")
        if trap:
            await trap.reach("committed")

    db.transaction = transaction  # type: ignore[method-assign]


@asynccontextmanager
async def storm(url: str, *, per_minute: int = 80, seed: int = 7, **sim: Any) -> AsyncIterator[Storm]:
    """A fresh wearbase, ready for a storm."""
    options = {"quota_minute": 100, "quota_day": 10_000, "retry_after": "on", "members": len(USERS), "seed": seed, **sim}
    async with bench(url, days=DAYS, backfill_days=HISTORY, **options) as world, world.another() as other:
        made = Storm(world, other, per_minute=per_minute)
        await made.begin()
        yield made
