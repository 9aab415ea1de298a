"""How long after something is marked due a worker in another process has claimed it."""

import asyncio
import random
import time
from collections.abc import Callable
from statistics import median
from uuid import uuid4

import httpx2
import psycopg

from bench import members
from bench.report import Line, Run, quantile
from bench.rig import NO_CEILING, NO_QUOTA, Rig, rig, signed
from wearbase.app.parts import parts
from wearbase.store.work import due
from wearbase.store.work.due import Mark, Priority

MEMBERS, PAUSE_S = 5, (0.1, 0.4)
HOW = (
    "From the commit of a mark to the commit of the claim, both as the database notes them (track_commit_timestamp): a delivery or a "
    "person's wish reaches `wear api`, a `wear worker` claims the member; hold-down 0, one worker with nothing else to do. Polling only: "
    "marked without a hint, as behind a transaction pooler without DATABASE_DIRECT_URL."
)
# Marks and claims are noted by their transactions, whose commits the database dates: nobody has to watch while it is measured.
_NOTES = """
create table public.bench_note (id bigserial primary key, what text, user_id text, x xid);
create function public.bench_note() returns trigger language plpgsql as $$
begin insert into public.bench_note (what, user_id, x) values (tg_argv[0], new.user_id, pg_current_xact_id()::xid); return null; end $$;
create trigger bench_mark after update on wearbase.sync_state
    for each row when (new.marks > old.marks) execute function public.bench_note('mark');
create trigger bench_claim after update on wearbase.connection
    for each row when (new.lease_number > old.lease_number) execute function public.bench_note('claim');
"""
_WAITS = """
select extract(epoch from claimed - marked)::float * 1000
  from (select user_id, pg_xact_commit_timestamp(x) as marked from public.bench_note where what = 'mark' and id > %(after)s
         group by user_id, x) m
 cross join lateral (select min(pg_xact_commit_timestamp(x)) as claimed from public.bench_note c
                      where c.what = 'claim' and c.user_id = m.user_id and pg_xact_commit_timestamp(x) >= m.marked) c
"""
_IS_IDLE = """
select not exists (select from wearbase.sync_state where due_at <= clock_timestamp())
   and not exists (select from wearbase.connection where lease_until is not null)
"""


def measure(run: Run) -> tuple[list[Line], str]:
    """Milliseconds from mark to claim: by a delivery, by a person, and without hints."""
    with rig(track_commit_timestamp="on") as place:
        place.environment.update(NO_CEILING, HOLD_DOWN="0", BACKFILL_DAYS="5")
        cloud = place.cloud(members=200, days=10, **NO_QUOTA)
        place.api()
        place.worker()
        client, watcher = place.client(), place.stack.enter_context(psycopg.connect(place.url, autocommit=True))
        accounts = members.awake(cloud, MEMBERS)
        for account in accounts:
            members.complete(client, members.code_for(client, cloud, f"member-{account}", account))
        members.wait_until(members.history_done(place))
        watcher.execute(_NOTES)
        count = run.take(40, 10)
        delivered = _waits(watcher, accounts, count, lambda account: _deliver(client, account))
        asked = _waits(watcher, accounts, count, lambda account: _ask(client, watcher, account))
        polled = _waits(watcher, accounts, run.take(30, 8), lambda account: asyncio.run(_mark_silently(place, account)))
    return [*_lines(delivered, asked, polled)], HOW


def _waits(watcher: psycopg.Connection, accounts: list[int], count: int, mark: Callable[[int], None]) -> list[float]:
    """Marks one member after the other, at moments that have nothing to do with each other; how long each waited, in ms."""
    after = watcher.execute("select coalesce(max(id), 0) from public.bench_note").fetchone()
    for n in range(count):
        _rest(watcher)
        mark(accounts[n % len(accounts)])
    _rest(watcher)
    return [row[0] for row in watcher.execute(_WAITS, {"after": after[0] if after else 0})]


def _rest(watcher: psycopg.Connection) -> None:
    """Until nothing is due and nobody is visited, and a moment longer."""
    time.sleep(random.uniform(*PAUSE_S))

    def is_idle() -> bool:
        time.sleep(0.02)
        found = watcher.execute(_IS_IDLE).fetchone()
        return found is not None and found[0]

    if not members.wait_until(is_idle):
        raise RuntimeError("The worker does not come to rest.")
    time.sleep(random.uniform(*PAUSE_S))


def _deliver(client: httpx2.Client, account: int) -> None:
    body, headers = signed({"user_id": account, "id": str(uuid4()), "type": "workout.deleted", "trace_id": str(uuid4())})
    client.post("/v1/webhooks/whoop", content=body, headers=headers).raise_for_status()


def _ask(client: httpx2.Client, watcher: psycopg.Connection, account: int) -> None:
    user_id = f"member-{account}"
    forget = "update wearbase.connection set asked_at = null, person_hour_calls = 0, person_day_calls = 0 where user_id = %s"
    watcher.execute(forget, (user_id,))  # one sync a minute and member would be a long measurement
    client.post(f"/api/v1/whoop/sync/{user_id}", params={"wait": "false"}).raise_for_status()


async def _mark_silently(place: Rig, account: int) -> None:
    async with parts(place.settings(), place.place()) as running, running.db.transaction() as tx:
        wish = Mark(reason="person", priority=Priority.PERSON, due_at=running.clock.now())
        await due.mark(tx, f"member-{account}", "whoop", ["workout"], wish)


def _lines(delivered: list[float], asked: list[float], polled: list[float]) -> list[Line]:
    poll_ms = median(polled)
    hinted = [
        Line(
            what=f"{what} until claimed", measured=_told(waits), goal="median < 20 ms", is_met=median(waits) < 20,
            beside=f"{poll_ms / median(waits):.0f} times as soon as by polling only",
        )
        for what, waits in (("delivery", delivered), ("person's wish", asked))
    ]  # fmt: skip
    return [*hinted, Line(what="polling only", measured=_told(polled), goal="within 1.2 s", is_met=max(polled) < 1200, beside="")]


def _told(waits: list[float]) -> str:
    return f"median {median(waits):.1f} ms, p90 {quantile(waits, 0.9):.1f}, most {max(waits):.0f}, {len(waits)} marks"
