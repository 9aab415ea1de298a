"""Members who have been connected for weeks: granted and stored in bulk, without a consent each."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import Any

import orjson

from bench.simdays.plan import ONE_ZONE, Plan, at_ms, instant, user_of
from bench.simdays.stage import Stage
from wearbase.domain.provider import Request, Response
from wearbase.domain.records import Page
from wearbase.domain.windows import Window
from wearbase.store import connections
from wearbase.store.connections import Connection
from wearbase.store.postgres.database import Tx, run
from wearbase.sync.visits.keep import keep_page
from wearbase_sim.api import wire
from wearbase_sim.page.connect import grant

STORED_DAYS = 4
ROUTES = {"/v2/cycle": "cycle", "/v2/recovery": "recovery", "/v2/activity/sleep": "sleep", "/v2/activity/workout": "workout"}
AT_ONCE = 4
DAY = timedelta(days=1)


async def settle(stage: Stage) -> None:
    """Grants everybody, stores the connections as if they had been served until now, and their last days."""
    plan, world = stage.plan, stage.world
    if plan.zones == "one":
        for number in plan.numbers:
            world.give_traits(number, {"zone": ONE_ZONE})
    people = [_connected(stage, number) for number in plan.numbers]
    async with stage.engine.db.transaction() as tx:
        await _insert(tx, "connection", people)
        await _insert(tx, "sync_state", [state for number in plan.numbers for state in _states(stage, number)])
        await _insert(tx, "budget", [_budget(stage)])
    numbers = iter(plan.numbers)
    await asyncio.gather(*(_store_all(stage, numbers) for _ in range(AT_ONCE)))
    async with stage.engine.db.connection() as tx:
        await run(tx, "vacuum analyze")


def _connected(stage: Stage, number: int) -> dict[str, Any]:
    plan, made, user_id = stage.plan, grant(stage.world, number), user_of(number)
    keys, who, now = stage.engine.keys, {"user_id": user_id, "provider": "whoop"}, stage.now
    is_looked_at = plan.is_looked_at(number)
    return {
        **who, "state": "connected", "external_user_id": str(stage.world.user_id(number)), "asked_scopes": list(made.scope),
        "scopes": list(made.scope), "access_token": keys.seal(made.access_token, **who, kind="access"),
        "refresh_token": keys.seal(made.refresh_token, **who, kind="refresh"), "token_expires_at": instant(made.expires_ms),
        "token_version": 1, "looked_at": now if is_looked_at else now - 10 * DAY, "consented_at": now - 40 * DAY,
        "connected_at": now - 40 * DAY, "created_at": now - 40 * DAY, "updated_at": now,
        "keepalive_due_at": now + DAY * plan.draw("keepalive", number).random(),
    }  # fmt: skip


def _states(stage: Stage, number: int) -> list[dict[str, Any]]:
    """Each resource as a worker would have left it: read this morning, due at its next slot."""
    plan, now, night = stage.plan, stage.now, stage.world.timeline(number).newest_night(at_ms(stage.now))
    read_at = max(instant(night.visible_ms), now - DAY) if night else now - DAY
    rng = plan.draw("states", number)
    jitter, weekly = timedelta(hours=1) * rng.random(), read_at - DAY * rng.randrange(7)
    offset = timedelta(minutes=stage.world.person(number).home.offset_min(at_ms(now)))
    found = []
    for resource in stage.engine.app("whoop").provider.resources:
        due_at, slot = _next_slot(resource.slots, now=now, offset=offset, jitter=jitter)
        found.append({
            "user_id": user_of(number), "provider": "whoop", "resource": resource.name, "due_at": due_at, "slot": slot,
            "reason": "timetable", "priority": 2, "watermark": now, "history_from": now - 40 * DAY, "last_attempt_at": read_at,
            "last_success_at": read_at, "covered_at": read_at, "long_covered_at": weekly,
        })  # fmt: skip
    return found


def _budget(stage: Stage) -> dict[str, Any]:
    """The part of the day that is over has used its part of the calls."""
    app, midnight = stage.engine.app("whoop"), datetime.combine(stage.now.date(), time.min, tzinfo=UTC)
    calls = round(stage.plan.quota * ((stage.now - midnight) / DAY))
    return {"provider": "whoop", "app": app.key, "day": stage.now.date(), "day_calls": calls}


def _next_slot(slots: tuple[int, ...], *, now: datetime, offset: timedelta, jitter: timedelta) -> tuple[datetime, int]:
    midnight = datetime.combine((now + offset).date(), time.min, tzinfo=UTC) - offset
    coming = ((midnight + timedelta(days=day, hours=hour) + jitter, hour) for day in (-1, 0, 1) for hour in sorted(slots))
    return next((at, hour) for at, hour in coming if at > now)


async def _insert(tx: Tx, table: str, made: list[dict[str, Any]]) -> None:
    names = ", ".join(made[0])
    async with tx.cursor() as cursor, cursor.copy(f"copy wearbase.{table} ({names}) from stdin") as copy:  # pyright: ignore
        for each in made:
            await copy.write_row(tuple(each.values()))


async def _store_all(stage: Stage, numbers: Any) -> None:
    for number in numbers:
        await _store(stage, number)


async def _store(stage: Stage, number: int) -> None:
    """The member's last days, through mapping and write path."""
    app, now = stage.engine.app("whoop"), stage.now
    async with stage.engine.db.connection() as tx:
        connection = await connections.get(tx, user_of(number), "whoop")
    assert isinstance(connection, Connection)

    async def send(request: Request) -> Response:
        return Response(200, {}, _listed(stage, number, ROUTES[request.path]))

    window = Window(now - STORED_DAYS * DAY, now)
    pages = [await resource.read_page(send, window, None) for resource in app.provider.resources]
    page = Page([r for p in pages for r in p.records], [u for p in pages for u in p.unmappable], None)
    await keep_page(stage.engine, app, connection, page, read_at=now, step=_nothing)


def _listed(stage: Stage, number: int, resource: str) -> bytes:
    timeline, options, now_ms = stage.world.timeline(number), stage.world.options, at_ms(stage.now)
    items = timeline.listed(resource, now_ms, low_ms=at_ms(stage.now - STORED_DAYS * DAY), high_ms=now_ms)
    return orjson.dumps(wire.page([wire.record(timeline.person, item.record, options) for item in items], None, options))


async def _nothing(tx: Tx) -> None:
    """The walk of no visit."""


__all__ = ["Plan", "settle"]
