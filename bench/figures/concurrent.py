"""Many members who connect at once, inside the provider's quota."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx2
import psycopg

from bench import members
from bench.report import Line, Run
from bench.rig import Cloud, Rig, rig

MEMBERS, FIRST, QUOTA, CEILING = 42, 16, 100, 80
PATIENCE_S, LOOK_EVERY_S = 240.0, 0.2
HOW = (
    f"{MEMBERS} members bring their codes at the same moment; the simulator allows {QUOTA} calls in any sliding minute "
    f"and we {CEILING}. A callback that is told to come later (429, 503) is brought again, as an app would. Today is seen once the "
    "member's newest day has its cycle, night and recovery score. Calls as the simulator counted them."
)


@dataclass
class Outcome:
    """When each member's today was there (s), what the simulator counted, and how many callbacks were put off.

    `early` are the pages of history that were read before everybody had seen today.
    """

    seen_s: list[float]
    early: int
    most: int
    total: int
    token: int
    refused: int
    put_off: int


def measure(run: Run) -> tuple[list[Line], str]:
    """Calls in any minute, and when the members see today."""
    with rig() as place:
        place.environment.update(RATE_LIMIT_PER_MINUTE=str(CEILING), RATE_LIMIT_PER_DAY="8000")
        cloud = place.cloud(members=300, days=100, quota_minute=QUOTA, rate_windows="sliding")
        place.api()
        place.worker()
        found = _all_at_once(place, cloud)
    seen, first = sorted(found.seen_s), FIRST - 1
    at = {n: f"{seen[n]:.0f} s" if n < len(seen) else "never" for n in (first, MEMBERS - 1)}
    return [
        Line(
            what="most calls in 60 s", measured=f"{found.most}, {found.refused} refused", goal=f"≤ {QUOTA}", is_met=found.most <= QUOTA,
            beside=f"{found.total} data calls and {found.token} token calls in all",
        ),
        Line(
            what=f"first {FIRST} see today", measured=f"after {at[first]}", goal="within 60 s",
            is_met=len(seen) > first and seen[first] <= 60,
            beside=f"{found.put_off} callbacks were put off",
        ),
        Line(
            what=f"all {MEMBERS} see today", measured=f"after {at[MEMBERS - 1]}", goal="within 180 s", beside=f"{len(seen)} of {MEMBERS}",
            is_met=len(seen) == MEMBERS and seen[-1] <= 180,
        ),
        Line(
            what="history read before that", measured=f"{found.early} pages", goal="none", is_met=found.early == 0,
            beside="backfill waits for all of them",
        ),
    ], HOW  # fmt: skip


def _all_at_once(place: Rig, cloud: Cloud) -> Outcome:
    client, accounts = place.client(), members.awake(cloud, MEMBERS)
    codes = {account: members.code_for(client, cloud, f"member-{account}", account) for account in accounts}
    began = time.perf_counter()
    with ThreadPoolExecutor(MEMBERS) as pool:
        joining = [pool.submit(_join, client, codes[account], began) for account in accounts]
        seen, early = _watch(place, len(accounts), began)
        tries = [task.result() for task in joining]
    calls = cloud.calls()
    refused = calls["by_status"].get("429", 0)
    return Outcome(seen, early, calls["max_in_60s"], calls["data"], calls["token"], refused, sum(tries))


def _join(client: httpx2.Client, brought: dict[str, str], began: float) -> int:
    """Brings the code, again until it is taken; how often it was put off."""
    put_off = 0
    while time.perf_counter() - began < PATIENCE_S:
        answer = client.post("/v1/oauth/callback", json=brought, timeout=PATIENCE_S)
        if answer.status_code not in (429, 503):
            answer.raise_for_status()
            return put_off
        put_off += 1
        time.sleep(min(30.0, float(answer.headers.get("retry-after", "2"))))
    return put_off


def _watch(place: Rig, count: int, began: float) -> tuple[list[float], int]:
    """When each member's today was there, and the pages of history read before the last of them."""
    today = """select d.user_id from wearbase.day_document d join wearbase.connection c using (user_id, provider)
                where d.day = c.open_day and d.has_lead and d.body::json #>> '{recovery,score}' is not null
                  and d.body::json #>> '{sleep,id}' is not null"""
    history = "select coalesce(sum(backfill_pages), 0)::int from wearbase.sync_state"
    seen: dict[str, float] = {}
    with psycopg.connect(place.url, autocommit=True) as connection:
        while True:
            (pages,) = connection.execute(history).fetchone() or (0,)
            found, at = connection.execute(today).fetchall(), time.perf_counter() - began
            for (user_id,) in found:
                seen.setdefault(user_id, at)
            if len(seen) == count or at > PATIENCE_S:
                return list(seen.values()), pages
            time.sleep(LOOK_EVERY_S)
