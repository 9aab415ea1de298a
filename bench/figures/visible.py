"""How long after a delivery the day document has changed."""

import time
from statistics import median
from uuid import uuid4

import httpx2
import psycopg

from bench import members
from bench.report import Line, Run, quantile
from bench.rig import NO_CEILING, NO_QUOTA, Cloud, rig, signed

MEMBERS = 5
HOW = (
    "A recovery is scored anew at the provider, its signed delivery is posted, and the stored day is watched until it has changed; "
    "hold-down 0, the simulator answers at once. `wear api`, `wear worker` and the simulator are processes. The quota is lifted, so "
    "that events can follow one another."
)


def measure(run: Run) -> tuple[list[Line], str]:
    """Milliseconds from the POST to the changed document, beside one bare call to the provider."""
    waits: list[float] = []
    with rig() as place:
        place.environment.update(NO_CEILING, HOLD_DOWN="0", BACKFILL_DAYS="10")
        cloud = place.cloud(members=200, days=30, **NO_QUOTA)
        place.api()
        place.worker()
        client, watcher = place.client(), place.stack.enter_context(psycopg.connect(place.url, autocommit=True))
        accounts = members.awake(cloud, MEMBERS)
        for account in accounts:
            members.complete(client, members.code_for(client, cloud, f"member-{account}", account))
        members.wait_until(members.history_done(place))
        time.sleep(2)
        for n in range(run.take(60, 15)):
            waits.append(_one_event(client, cloud, watcher, accounts[n % MEMBERS]))
            time.sleep(0.1)
        call_ms = _bare_call_ms(cloud)
    mid, slow = median(waits) * 1000, quantile(waits, 0.9) * 1000
    line = Line(
        what="delivery until the day has changed", measured=f"median {mid:.0f} ms, p90 {slow:.0f} ms, {len(waits)} events",
        goal="median < 60 ms", is_met=mid < 60, beside=f"{mid / call_ms:.0f} times one bare call to the simulator ({call_ms:.1f} ms)",
    )  # fmt: skip
    return [line], HOW


def _one_event(client: httpx2.Client, cloud: Cloud, watcher: psycopg.Connection, account: int) -> float:
    wish = {"event": "rescore", "resource": "recovery", "webhooks": False}
    changed = cloud.control.post(f"/control/members/{account}/events", json=wish).raise_for_status().json()["changed"]
    before = _digest(watcher, account)
    delivery, headers = signed({"user_id": account, "id": str(changed[0]["id"]), "type": "recovery.updated", "trace_id": str(uuid4())})
    began = time.perf_counter()
    client.post("/v1/webhooks/whoop", content=delivery, headers=headers).raise_for_status()
    if not members.wait_until(lambda: _digest(watcher, account) != before):
        raise RuntimeError("The day has not changed.")
    return time.perf_counter() - began


def _digest(watcher: psycopg.Connection, account: int) -> list[str]:
    statement = "select revision from wearbase.day_document where user_id = %s order by day desc limit 4"
    return [row[0] for row in watcher.execute(statement, (f"member-{account}",))]


def _bare_call_ms(cloud: Cloud) -> float:
    times = []
    for _ in range(50):
        began = time.perf_counter()
        cloud.control.get("/control/health")
        times.append(time.perf_counter() - began)
    return median(times) * 1000
