"""Members who have been connected for weeks: granted and stored in bulk, without a consent each."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import orjson

from bench.simdays.plan import ONE_ZONE, at_ms, instant, user_of
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

STORED_DAYS, IDLE_STORED_DAYS = 4, 11  # before the first instant; the second reaches beyond the last visit to anybody
ROUTES = {"/v2/cycle": "cycle", "/v2/recovery": "recovery", "/v2/activity/sleep": "sleep", "/v2/activity/workout": "workout"}
AT_ONCE = 4
MORNING, LONGEST_MORNING, IDLE_EVERY_DAYS = 8, timedelta(hours=5), 7
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


def _read_at(stage: Stage, number: int) -> datetime:
    """When everything of a member was last read: as the night ended, or at the slot of a morning without one; of who does not look on
    any morning of the last week.
    """
    before = stage.now
    if not stage.plan.is_looked_at(number):
        before -= DAY * stage.plan.draw("idle", number).randrange(IDLE_EVERY_DAYS)
    slot = _local(stage, number).next([MORNING], after=before - DAY)[0]
    night = stage.world.timeline(number).newest_night(at_ms(before))
    woke_at = instant(night.visible_ms) if night else slot
    return woke_at if woke_at > slot - LONGEST_MORNING else slot


def _states(stage: Stage, number: int) -> list[dict[str, Any]]:
    """Each resource as a worker would have left it: read whole, due at its next slot or idle visit."""
    now, read_at, local = stage.now, _read_at(stage, number), _local(stage, number)
    is_looked_at = stage.plan.is_looked_at(number)
    idle_at = max(local.next([MORNING], after=read_at + DAY * (IDLE_EVERY_DAYS - 0.5))[0], local.next([MORNING], after=now)[0])
    found = []
    for resource in stage.engine.app("whoop").provider.resources:
        due_at, slot = local.next(resource.slots, after=now) if is_looked_at else (idle_at, None)
        found.append({
            "user_id": user_of(number), "provider": "whoop", "resource": resource.name, "due_at": due_at, "slot": slot,
            "reason": "timetable" if is_looked_at else "idle", "priority": 2 if is_looked_at else 3,
            "watermark": now if is_looked_at else read_at, "history_from": now - 40 * DAY, "last_attempt_at": read_at,
            "last_success_at": read_at, "covered_at": read_at,
        })  # fmt: skip
    return found


def _local(stage: Stage, number: int) -> "_Local":
    offset_min = stage.world.person(number).home.offset_min(at_ms(stage.now))
    return _Local(timedelta(minutes=offset_min), timedelta(hours=1) * stage.plan.draw("jitter", number).random())


@dataclass(frozen=True)
class _Local:
    """A member's own hours, each with the same minutes added."""

    offset: timedelta
    jitter: timedelta

    def next(self, hours: Sequence[int], *, after: datetime) -> tuple[datetime, int]:
        midnight = datetime.combine((after + self.offset).date(), time.min, tzinfo=UTC) - self.offset
        coming = ((midnight + timedelta(days=day, hours=hour) + self.jitter, hour) for day in (-1, 0, 1) for hour in sorted(hours))
        return next((at, hour) for at, hour in coming if at > after)


def _budget(stage: Stage) -> dict[str, Any]:
    """The part of the day that is over has used its part of the calls."""
    app, midnight = stage.engine.app("whoop"), datetime.combine(stage.now.date(), time.min, tzinfo=UTC)
    calls = round(stage.plan.quota * ((stage.now - midnight) / DAY))
    return {"provider": "whoop", "app": app.key, "day": stage.now.date(), "day_calls": calls}


async def _insert(tx: Tx, table: str, made: list[dict[str, Any]]) -> None:
    names = ", ".join(made[0])
    async with tx.cursor() as cursor, cursor.copy(f"copy wearbase.{table} ({names}) from stdin") as copy:  # pyright: ignore
        for each in made:
            await copy.write_row(tuple(each.values()))


async def _store_all(stage: Stage, numbers: Any) -> None:
    for number in numbers:
        await _store(stage, number)


async def _store(stage: Stage, number: int) -> None:
    """The member's last days, as they were when they were last read, through mapping and write path."""
    app, is_looked_at = stage.engine.app("whoop"), stage.plan.is_looked_at(number)
    until = stage.now if is_looked_at else _read_at(stage, number)
    window = Window(stage.now - DAY * (STORED_DAYS if is_looked_at else IDLE_STORED_DAYS), until)
    async with stage.engine.db.connection() as tx:
        connection = await connections.get(tx, user_of(number), "whoop")
    assert isinstance(connection, Connection)

    async def send(request: Request) -> Response:
        return Response(200, {}, _listed(stage, number, ROUTES[request.path], window))

    pages = [await resource.read_page(send, window, None) for resource in app.provider.resources]
    page = Page([r for p in pages for r in p.records], [u for p in pages for u in p.unmappable], None)
    await keep_page(stage.engine, app, connection, page, read_at=until, step=_nothing)


def _listed(stage: Stage, number: int, resource: str, window: Window) -> bytes:
    timeline, options, until_ms = stage.world.timeline(number), stage.world.options, at_ms(window.end)
    items = timeline.listed(resource, until_ms, low_ms=at_ms(window.start), high_ms=until_ms)
    return orjson.dumps(wire.page([wire.record(timeline.person, item.record, options) for item in items], None, options))


async def _nothing(tx: Tx) -> None:
    """The walk of no visit."""
