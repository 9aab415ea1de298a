"""Members who come through the HTTP API: consent, code, and the wait for their day."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import psycopg

from bench.rig import Cloud, Rig

LOOK_EVERY_S, PATIENCE_S = 0.002, 30.0


def code_for(client: httpx2.Client, cloud: Cloud, user_id: str, account: int) -> dict[str, str]:
    """A consent given: what the app brings back."""
    started = client.get("/v1/oauth/authorize", params={"user_id": user_id}).raise_for_status().json()
    return {"code": cloud.approve(started["authorization_url"], account), "state": started["state"]}


def complete(client: httpx2.Client, brought: dict[str, str]) -> None:
    client.post("/v1/oauth/callback", json=brought).raise_for_status()


def awake(cloud: Cloud, count: int) -> list[int]:
    """Accounts whose night ended today where they are, so that today has data."""
    now, found = datetime.now(UTC), []
    for member in cloud.control.get("/control/members").raise_for_status().json():
        if len(found) < count and _is_awake(cloud, member, now):
            found.append(member["user_id"])
    if len(found) < count:
        raise RuntimeError(f"Only {len(found)} simulated members are awake; start the simulator with more.")
    return found


def _is_awake(cloud: Cloud, member: dict[str, Any], now: datetime) -> bool:
    since = (now - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = cloud.control.get(f"/control/truth/{member['user_id']}/sleep", params={"start": since}).raise_for_status()
    offset = datetime.strptime(member["utc_offset"], "%z").utcoffset() or timedelta(0)
    nights = [datetime.fromisoformat(s["end"]) for s in answer.json()["records"] if not s["nap"] and s["score_state"] == "SCORED"]
    return any((end + offset).date() == (now + offset).date() and end < now for end in nights)


def today_ready(place: Rig, user_id: str) -> Callable[[], bool]:
    """Whether the member's newest day, with its cycle, can be read; asked of the database, so that the question costs the API nothing."""
    connection = place.stack.enter_context(psycopg.connect(place.url, autocommit=True))
    statement = """select 1 from wearbase.day_document d join wearbase.connection c using (user_id, provider)
                    where d.user_id = %s and d.has_lead and d.day = c.open_day and d.body::json #>> '{recovery,score}' is not null"""
    return lambda: connection.execute(statement, (user_id,)).fetchone() is not None


def wait_until(is_so: Callable[[], bool], *, patience_s: float = PATIENCE_S) -> bool:
    """Returns once it is so; False if it takes too long."""
    give_up = time.perf_counter() + patience_s
    while not is_so():
        if time.perf_counter() > give_up:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def history_done(place: Rig) -> Callable[[], bool]:
    """Whether nothing of anybody's history is left to read."""
    connection = place.stack.enter_context(psycopg.connect(place.url, autocommit=True))
    statement = (
        "select count(*) filter (where backfill_end is not null), count(*) filter (where history_from is not null) from wearbase.sync_state"
    )

    def ask() -> bool:
        found = connection.execute(statement).fetchone()
        return found is not None and found[0] == 0 and found[1] > 0

    return ask
