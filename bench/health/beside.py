"""What the health document costs, in turn with daily-data of the same days."""

import time
from statistics import median

import httpx2

from bench import load
from bench.health import parts
from bench.load import Load, Request
from bench.people import People
from bench.report import Line, Run, spread
from bench.rig import Rig

MOST, LONG_MS = 1.2, 15
HOW = (
    "The health document in turn with daily-data of the same days: of members with one source, and with two. Thirty days of two sources "
    "are asked for one after the other, with the client's own time."
)


def prepare(place: Rig, found: People) -> str:
    """Half of the members have two sources; who has thirty days of both."""
    return parts.add(place, found, with_two=found.user_ids[len(found.user_ids) // 2 :])


def measure(place: Rig, run: Run, found: People, key: str, long: str) -> list[Line]:
    """Time per answer against daily-data's, and thirty days at once."""
    half = len(found.user_ids) // 2
    one, two = found.user_ids[:half], [u for u in found.user_ids[half:] if u != long]
    return [
        _line(f"health, {words}", *_in_turn(place, run, users, found, key)) for users, words in ((one, "one source"), (two, "two sources"))
    ] + [_thirty(place, run, key, long)]


def _in_turn(place: Rig, run: Run, users: list[str], found: People, key: str) -> tuple[list[Load], list[Load], int, int]:
    def requests(path: str) -> list[Request]:
        return [Request(path.format(user, day), (("x-api-key", key),)) for user in users for day in found.days]

    health, daily = requests("/api/v1/health/{}?date={}"), requests("/api/v1/whoop/daily-data/{}?date={}")
    sizes = [len(httpx2.get(place.base_url + r[0].path, headers=dict(r[0].headers), trust_env=False).content) for r in (health, daily)]
    seconds = run.take(6, 2)
    load.load(place.base_url, health, seconds=2, folder=place.folder)
    pairs = [
        [load.load(place.base_url, asked, seconds=seconds, folder=place.folder) for asked in (health, daily)] for _ in range(run.take(3, 2))
    ]
    return [p[0] for p in pairs], [p[1] for p in pairs], sizes[0], sizes[1]


def _line(what: str, health: list[Load], daily: list[Load], size: int, daily_size: int) -> Line:
    ratio = median(d.per_s / h.per_s for h, d in zip(health, daily, strict=True))
    rates = spread([h.per_s for h in health])
    failed = sum(r.failed for r in [*health, *daily])
    return Line(
        what=f"{what}, {size:,} bytes", measured=f"{ratio:.2f} × daily-data; {rates} requests/s, {failed} failed",
        goal=f"≤ {MOST} ×", is_met=ratio <= MOST and not failed,
        beside=f"daily-data of {daily_size:,} bytes {spread([d.per_s for d in daily])} requests/s",
    )  # fmt: skip


def _thirty(place: Rig, run: Run, key: str, user_id: str) -> Line:
    with httpx2.Client(base_url=place.base_url, headers={"x-api-key": key}, trust_env=False) as client:

        def once(path: str) -> tuple[float, int]:
            began = time.perf_counter()
            answer = client.get(path)
            assert answer.status_code == 200
            return (time.perf_counter() - began) * 1000, len(answer.content)

        taken = [once(f"/api/v1/health/{user_id}?days=30") for _ in range(run.take(200, 60))]
        single = [once(f"/api/v1/health/{user_id}")[0] for _ in range(50)]
    middle = median(ms for ms, _ in taken)
    return Line(
        what=f"health, thirty days, {taken[0][1]:,} bytes", measured=f"{middle:.1f} ms", goal=f"< {LONG_MS} ms", is_met=middle < LONG_MS,
        beside=f"one day {median(single):.1f} ms, both with the client's time",
    )  # fmt: skip
