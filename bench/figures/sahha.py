"""Deliveries that carry their records: how many one API process makes durable, and how many one worker stores."""

import hashlib
import hmac
import random
import time
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any

import orjson
import psycopg

from bench import load
from bench.load import Load, Request
from bench.report import Line, Run, spread
from bench.rig import Rig, rig

MEMBERS, MOST_PER_S, DAYS = 200, 5_000, 3
BARE, BARE_AT_ONCE = 16_000, load.CONNECTIONS
SECRET, EACH_A_DAY = "bench-sahha-webhook-secret", 470
# As counted for 57 profiles over a week: 58 % biomarkers, 33 % scores, 7 % logs, 2 % archetypes.
MIX = (("BiomarkerCreatedIntegrationEvent", 58), ("ScoreCreatedIntegrationEvent", 33), ("DataLogReceivedIntegrationEvent", 7),
       ("ArchetypeCreatedIntegrationEvent", 2))  # fmt: skip
TYPES = ("steps", "floors_climbed", "active_duration", "activity_low_intensity_duration", "activity_sedentary_duration")
FACTORS = ("steps", "active_hours", "active_calories", "intense_activity_duration", "extended_inactivity", "floors_climbed")
HOW = (
    "POST /v1/webhooks/sahha, signed, each delivery once, members in turn, 16 connections, one `wear api`, no worker: the mix of events "
    "that was counted at an integrator's, over the last {days} days of {members} members. Then one `wear worker` stores what has come, "
    "{each} deliveries a member. Beside it the same bodies as bare inserts into the same database: 16 to a commit, one client, no index "
    "but the key. Load by {tool}."
)


def measure(run: Run) -> tuple[list[Line], str]:
    """Deliveries a second: durable, and stored with their days rebuilt."""
    seconds, times = run.take(5, 2), run.take(3, 1)
    with rig() as place:
        place.environment.update(
            SAHHA_CLIENT_ID="bench", SAHHA_CLIENT_SECRET="bench-secret", SAHHA_WEBHOOK_SECRET=SECRET, HOLD_DOWN="0",
            SAHHA_API_URL="http://127.0.0.1:9",
        )  # fmt: skip
        _join(place)
        place.api()
        accepted, stored = [], []
        for _ in range(times + 1):
            deliveries = [_delivery(n) for n in range(seconds * MOST_PER_S)]
            accepted.append(load.load(place.base_url, deliveries, seconds=seconds, folder=place.folder, is_random=False))
        each = sum(a.requests for a in accepted) // MEMBERS
        bare = _bare(place)
        stored = _stored(place)
    return _lines(accepted[1:], stored, bare), HOW.format(days=DAYS, members=MEMBERS, each=each, tool=load.tool())


def _join(place: Rig) -> None:
    """Members as a join leaves them, with nothing to be read for days."""
    with psycopg.connect(place.url, autocommit=True) as connection:
        given = {"now": datetime.now(UTC), "members": MEMBERS}
        connection.execute(
            """insert into wearbase.connection (user_id, provider, state, external_user_id, connected_at, created_at, updated_at, looked_at)
               select 'member-' || n, 'sahha', 'connected', 'u-' || n, %(now)s, %(now)s, %(now)s, %(now)s
                 from generate_series(0, %(members)s::int - 1) n""",
            given,
        )
        connection.execute(
            """insert into wearbase.sync_state (user_id, provider, resource, due_at, reason, priority)
               select user_id, provider, r, %(now)s::timestamptz + interval '3 days', 'timetable', 2
                 from wearbase.connection, unnest(array['score', 'biomarker', 'archetype']) r""",
            given,
        )


def _delivery(nth: int) -> Request:
    kind = random.choices([name for name, _ in MIX], [share for _, share in MIX])[0]
    now = datetime.now(UTC)
    owner = {"profileId": f"p-{nth % MEMBERS}", "accountId": "a", "externalId": f"u-{nth % MEMBERS}", "createdAtUtc": now.isoformat()}
    body = orjson.dumps({"id": f"{random.getrandbits(128):032x}", **owner, **_EVENTS[kind](now.date() - timedelta(days=nth % DAYS))})
    signature = hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()
    headers = (
        ("x-signature", signature), ("x-external-id", owner["externalId"]), ("x-event-type", kind), ("content-type", "application/json"),
    )  # fmt: skip
    return Request("/v1/webhooks/sahha", headers, body.decode())


def _biomarker(day: date) -> dict[str, Any]:
    return {
        "category": "activity", "type": random.choice(TYPES), "periodicity": "intraday", "aggregation": "total",
        "value": str(random.randrange(9_000)), "unit": "count", "valueType": "integer", "startDateTime": f"{day}T00:00:00+02:00",
        "endDateTime": f"{day}T23:59:59+02:00", "version": 1,
    }  # fmt: skip


def _score(day: date) -> dict[str, Any]:
    factors = [
        {"id": name, "name": name, "value": random.randrange(900), "goal": 1000, "score": 0.5, "state": "low", "unit": "count"}
        for name in FACTORS
    ]
    return {
        "type": random.choice(("activity", "sleep", "readiness", "wellbeing", "mental_wellbeing")), "state": "medium",
        "score": random.randrange(100) / 100, "factors": factors, "dataSources": ["activity", "sleep"],
        "scoreDateTime": f"{day}T00:00:00+02:00", "version": 1,
    }  # fmt: skip


def _log(day: date) -> dict[str, Any]:
    return {
        "logType": "activity",
        "dataType": "steps",
        "receivedAtUtc": f"{day}T10:00:00Z",
        "dataLogs": [{"value": 7, "unit": "count"}] * 8,
    }


def _archetype(day: date) -> dict[str, Any]:
    monday = day - timedelta(days=7 + day.weekday())
    return {
        "name": "activity_level", "value": "lightly_active", "dataType": "ordinal", "ordinality": 1, "periodicity": "weekly",
        "startDateTime": f"{monday}T00:00:00+02:00", "endDateTime": f"{monday + timedelta(days=6)}T00:00:00+02:00", "version": 1,
    }  # fmt: skip


_EVENTS = dict(zip((name for name, _ in MIX), (_biomarker, _score, _log, _archetype), strict=True))


def _stored(place: Rig) -> list[float]:
    """Deliveries stored a second, by the second, from the first to the last."""
    with psycopg.connect(place.url, autocommit=True) as connection:
        before = _open(connection)
        place.worker()
        while _open(connection) == before:
            time.sleep(0.005)
        rates, count, at = list[float](), _open(connection), time.perf_counter()
        while count:
            time.sleep(1)
            left, now = _open(connection), time.perf_counter()
            rates.append((count - left) / (now - at))
            count, at = left, now
    return rates[:-1] or rates


def _bare(place: Rig) -> float:
    """Bodies a second that the database takes when nothing is asked of them."""
    bodies = [_delivery(n).body.encode() for n in range(BARE)]
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("create table public.bare (id bigint generated always as identity primary key, body bytea)")
        began = time.perf_counter()
        for start in range(0, BARE, BARE_AT_ONCE):
            connection.execute("insert into public.bare (body) select unnest(%b::bytea[])", (bodies[start : start + BARE_AT_ONCE],))
        return BARE / (time.perf_counter() - began)


def _open(connection: psycopg.Connection[Any]) -> int:
    found = connection.execute("select count(*) from wearbase.delivery where state = 'open'").fetchone()
    return found[0] if found else 0


def _lines(accepted: list[Load], stored: list[float], bare: float) -> list[Line]:
    rates, rate = [a.per_s for a in accepted], median(stored)
    failed = sum(a.failed for a in accepted)
    carried = f"{rate * 86_400 / EACH_A_DAY:,.0f} members' deliveries at {EACH_A_DAY} a day"
    return [
        Line(
            what="accepted and durable", measured=f"{spread(rates)}/s, p99 {max(a.p99_ms for a in accepted):.1f} ms",
            goal="at least 2,000/s", is_met=median(rates) >= 2_000 and not failed,
            beside=f"{failed} failed; {median(rates) / bare:.2f} of {bare:,.0f} bare inserts/s",
        ),
        Line(
            what="stored, days rebuilt", measured=f"{spread(stored)}/s", goal="at least 1,000/s", is_met=rate >= 1_000,
            beside=f"{rate / median(rates):.2f} times as many as are accepted, {rate / bare:.2f} of bare inserts; {carried}",
        ),
    ]  # fmt: skip
