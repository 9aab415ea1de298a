"""How many signed deliveries one API process makes durable."""

import asyncio
import hmac
import random
import time
from base64 import b64encode
from statistics import median
from uuid import UUID

import orjson
import psycopg

from bench import load, people
from bench.load import Load, Request
from bench.report import Line, Run, spread
from bench.rig import CLIENT_SECRET, NO_CEILING, NO_QUOTA, Rig, rig

MEMBERS, MOST_PER_S = 4_000, 9_000
EVENTS = ("recovery.updated", "sleep.updated", "workout.updated")
HOW = (
    "POST /v1/webhooks/whoop, signed, each delivery once, members in turn, 16 connections, one `wear api`, no worker. Beside it "
    "single inserts of as many bytes into a bare table, each its own commit, over 16 database connections. Load by {tool}."
)


def measure(run: Run) -> tuple[list[Line], str]:
    """Deliveries a second, and how they stand to single commits."""
    seconds, times = run.take(6, 2), run.take(3, 1)
    with rig() as place:
        place.environment.update(NO_CEILING)
        cloud = place.cloud(members=people.SOURCES, days=20, **NO_QUOTA)
        found = people.settle(place, cloud, members=MEMBERS, days_each=1)
        cloud.child.stop()
        place.api()
        results, commits = [], []
        for _ in range(times + 1):
            deliveries = _deliveries(found.accounts, seconds * MOST_PER_S)
            results.append(load.load(place.base_url, deliveries, seconds=seconds, folder=place.folder, is_random=False))
            commits.append(asyncio.run(_commits(place, seconds / 2)))
        stored = _stored(place)
    return _lines(results[1:], commits[1:], sum(r.requests for r in results) - stored), HOW.format(tool=load.tool())


def _deliveries(accounts: list[int], count: int) -> list[Request]:
    stamp = str(int(time.time() * 1000))
    return [_delivery(accounts[n % len(accounts)], EVENTS[n % 3], stamp) for n in range(count)]


def _delivery(account: int, event: str, stamp: str) -> Request:
    body = orjson.dumps(
        {
            "user_id": account,
            "id": str(UUID(int=random.getrandbits(128))),
            "type": event,
            "trace_id": str(UUID(int=random.getrandbits(128))),
        }
    )
    signature = b64encode(hmac.digest(CLIENT_SECRET.encode(), stamp.encode() + body, "sha256")).decode()
    headers = (("x-whoop-signature", signature), ("x-whoop-signature-timestamp", stamp), ("content-type", "application/json"))
    return Request("/v1/webhooks/whoop", headers, body.decode())


async def _commits(place: Rig, seconds: float) -> float:
    """Inserts committed a second, one to a transaction, as an inbox without shared commits would."""
    until, done = time.perf_counter() + seconds, 0

    async def one() -> None:
        nonlocal done
        async with await psycopg.AsyncConnection.connect(place.url, autocommit=True) as connection:
            while time.perf_counter() < until:
                await connection.execute("insert into bench_commit (body) values (%s)", (b"x" * 160,))
                done += 1

    _make_table(place)
    await asyncio.gather(*(one() for _ in range(load.CONNECTIONS)))
    return done / seconds


def _make_table(place: Rig) -> None:
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("create table if not exists bench_commit (id bigserial primary key, body bytea)")


def _stored(place: Rig) -> int:
    with psycopg.connect(place.url) as connection:
        found = connection.execute("select count(*) from wearbase.delivery where state = 'open'").fetchone()
    return int(found[0]) if found else 0


def _lines(results: list[Load], commits: list[float], missing: int) -> list[Line]:
    rate, p99, failed = median(r.per_s for r in results), median(r.p99_ms for r in results), sum(r.failed for r in results)
    ratio = median(r.per_s / c for r, c in zip(results, commits, strict=True))
    return [
        Line(
            what="deliveries", measured=f"{spread([r.per_s for r in results])}/s, {failed} failed, {max(missing, 0)} not stored",
            goal="≥ 3,000/s", is_met=rate >= 3_000 and not failed and missing <= 0,
            beside=f"single commits {spread(commits)}/s; {ratio:.1f} times as many",
        ),
        Line(
            what="p50 and p99", goal="p99 < 20 ms", is_met=p99 < 20, beside="",
            measured=f"{median(r.p50_ms for r in results):.1f} ms, {spread([r.p99_ms for r in results], '{:.1f}')} ms",
        ),
    ]  # fmt: skip
