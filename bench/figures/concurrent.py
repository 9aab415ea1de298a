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
PATIENCE_S = 240
HOW = (
    f"{MEMBERS} members bring their codes at the same moment; the simulator allows {QUOTA} calls in any sliding minute "
    f"and we {CEILING}. A callback that "
    "is told to come later (429, 503) is brought again with a new consent, as an app would. Calls as the simulator counted them."
)


@dataclass
class Outcome:
    """When each member's today was there (s), what the simulator counted, and how many callbacks were put off."""

    seen_s: list[float]
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
    ], HOW  # fmt: skip


def _all_at_once(place: Rig, cloud: Cloud) -> Outcome:
    client, accounts = place.client(), members.awake(cloud, MEMBERS)
    codes = {account: members.code_for(client, cloud, f"member-{account}", account) for account in accounts}
    began = time.perf_counter()
    with ThreadPoolExecutor(MEMBERS) as pool:
        tries = list(pool.map(lambda account: _join(client, cloud, account, codes[account], began), accounts))
        seen = _watch(place, accounts, began)
    calls = cloud.calls()
    refused = calls["by_status"].get("429", 0)
    return Outcome(seen, calls["max_in_60s"], calls["data"], calls["token"], refused, sum(tries))


def _join(client: httpx2.Client, cloud: Cloud, account: int, brought: dict[str, str], began: float) -> int:
    """Brings the code, again until it is taken; how often it was put off."""
    put_off = 0
    while time.perf_counter() - began < PATIENCE_S:
        answer = client.post("/v1/oauth/callback", json=brought)
        if answer.status_code not in (429, 503):
            answer.raise_for_status()
            return put_off
        put_off += 1
        time.sleep(min(30.0, float(answer.headers.get("retry-after", "2"))))
        brought = members.code_for(client, cloud, f"member-{account}", account)
    return put_off


def _watch(place: Rig, accounts: list[int], began: float) -> list[float]:
    """When each member's document was stored, from the database's own note of it."""
    offset = time.time() - (time.perf_counter() - began)
    statement = """select min(extract(epoch from d.updated_at))::float from wearbase.day_document d
                     join wearbase.connection c using (user_id, provider)
                    where d.has_lead and d.day = c.open_day group by d.user_id"""
    with psycopg.connect(place.url, autocommit=True) as connection:
        while True:
            found = [row[0] - offset for row in connection.execute(statement)]
            if len(found) == len(accounts) or time.perf_counter() - began > PATIENCE_S:
                return found
            time.sleep(0.5)
