"""How many stored days one API process answers."""

from statistics import median

from bench import load, people
from bench.health import beside
from bench.load import Load, Request
from bench.report import Line, Run, spread
from bench.rig import NO_CEILING, NO_QUOTA, Rig, rig
from bench.wear import BODY
from wearbase.access.keys import KeyBook
from wearbase.app.parts import parts

MEMBERS, DAYS = 1_000, 10
HOW = (
    "GET daily-data over 10,000 (member, day) keys at random, 16 connections, one `wear api`; the key is one of the database. Beside "
    "it a route of the same app, middleware and key check that sends ready bytes of the same length. Load by {tool}."
)


def measure(run: Run) -> tuple[list[Line], str]:
    """Requests a second, and how they stand to static bytes."""
    with rig() as place:
        place.environment.update(NO_CEILING)
        cloud = place.cloud(members=people.SOURCES, days=60, **NO_QUOTA)
        found = people.settle(place, cloud, members=MEMBERS, days_each=DAYS)
        cloud.child.stop()
        long = beside.prepare(place, found)
        body = place.folder / "static.json"
        body.write_bytes(found.answer)
        place.api(**{BODY: str(body)})
        secret = _key(place)
        key = (("x-api-key", secret),)
        paths = [f"/api/v1/whoop/daily-data/{user}?date={day}" for user in found.user_ids for day in found.days]
        days = [Request(path, key) for path in paths]
        static = [Request(f"/bench/static/{user}", key) for user in found.user_ids]
        reads, bare = _in_turn(place, run, days, static)
        health = beside.measure(place, run, found, secret, long)
    return [*_lines(reads, bare, len(found.answer)), *health], f"{HOW.format(tool=load.tool())} {beside.HOW}"


def _in_turn(place: Rig, run: Run, days: list[Request], static: list[Request]) -> tuple[list[Load], list[Load]]:
    def once(requests: list[Request], seconds: int) -> Load:
        return load.load(place.base_url, requests, seconds=seconds, folder=place.folder)

    once(days, run.take(4, 2))
    seconds = run.take(6, 2)
    pairs = [(once(days, seconds), once(static, seconds)) for _ in range(run.take(3, 1))]
    return [p[0] for p in pairs], [p[1] for p in pairs]


def _key(place: Rig) -> str:
    import asyncio

    async def make() -> str:
        async with parts(place.settings(), place.place()) as running:
            book = KeyBook(running.db, running.clock)
            return (await book.create("bench", ("read",))).secret

    return asyncio.run(make())


def _lines(reads: list[Load], bare: list[Load], size: int) -> list[Line]:
    rate, p99 = median(r.per_s for r in reads), median(r.p99_ms for r in reads)
    ratio = median(r.per_s / b.per_s for r, b in zip(reads, bare, strict=True))
    failed = sum(r.failed for r in [*reads, *bare])
    static = spread([b.per_s for b in bare])
    return [
        Line(
            what=f"reads of {size:,} bytes", measured=f"{spread([r.per_s for r in reads])} requests/s, {failed} failed",
            goal="≥ 5,000 requests/s", is_met=rate >= 5_000 and not failed, beside=f"static bytes {static} requests/s",
        ),
        Line(
            what="p50 and p99", measured=f"{median(r.p50_ms for r in reads):.1f} ms, {spread([r.p99_ms for r in reads], '{:.1f}')} ms",
            goal="p99 < 20 ms", is_met=p99 < 20, beside=f"static bytes p99 {median(b.p99_ms for b in bare):.1f} ms",
        ),
        Line(
            what="of static bytes", measured=f"{ratio:.2f}", goal="≥ 0.33", is_met=ratio >= 1 / 3, beside="itself the ratio",
        ),
    ]  # fmt: skip
