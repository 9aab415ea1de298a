"""Every change that the provider announces, and when a day document held it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from bench.simdays.plan import at_ms, instant, user_of
from bench.simdays.stage import Stage
from wearbase_sim.api import wire
from wearbase_sim.members import ids

AT_ONCE = timedelta(seconds=60)


@dataclass(slots=True)
class Event:
    """One announced change of one record: `key` names it in a document, `is_lost` if its webhook never came."""

    user_id: str
    resource: str
    key: str
    external_id: str
    revision: datetime
    at: datetime
    is_lost: bool
    is_looked_at: bool
    seen_at: datetime | None = None

    def delay(self, now: datetime) -> timedelta:
        """From the change until it was seen, or until now."""
        return (self.seen_at or now) - self.at


class Events:
    """All events since the beginning; those not seen yet by member."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.all: list[Event] = []
        self._waiting: dict[str, list[Event]] = {}
        self._heard = 0
        self._asked_at = stage.now

    def hear(self) -> None:
        """Takes note of what the provider has announced since the last time."""
        sender = self._stage.world.sender
        while delivery := sender.deliveries.get(self._heard + 1):
            self._heard += 1
            notice = orjson.loads(delivery.body)
            event = self._made(
                delivery.user_id, notice["type"], str(notice["id"]), delivery.created_ms, is_lost=delivery.state == "dropped"
            )
            if event:
                self.all.append(event)
                self._waiting.setdefault(event.user_id, []).append(event)

    def _made(self, account: int, kind: str, record_id: str, created_ms: int, *, is_lost: bool) -> Event | None:
        number, resource = ids.member_number(str(account)), kind.partition(".")[0]
        timeline = self._stage.world.timeline(number)
        found = timeline.find(resource, at_ms(self._stage.now), record_id)
        if found is None:
            return None
        told = wire.record(timeline.person, found, self._stage.world.options)
        return Event(
            user_id=user_of(number), resource=resource, key=f"{resource}/{told.get('id') or told['cycle_id']}", external_id=record_id,
            revision=datetime.fromisoformat(told["updated_at"]), at=instant(created_ms), is_lost=is_lost,
            is_looked_at=self._stage.plan.is_looked_at(number),
        )  # fmt: skip

    async def look(self) -> None:
        """Looks which events the documents hold that were written since the last time."""
        since, self._asked_at = self._asked_at, self._stage.now
        if not self._waiting:
            return
        found = await self._stage.rows(
            "select user_id, body from wearbase.day_document where user_id = any(%s) and provider = 'whoop' and updated_at > %s",
            list(self._waiting), since,
        )  # fmt: skip
        for row in found:
            shown = dict(_shown(orjson.loads(row["body"])))
            for event in self._waiting.get(row["user_id"], ()):
                if event.seen_at is None and event.key in shown and shown[event.key] >= event.revision:
                    event.seen_at = self._stage.now
        self._forget({row["user_id"] for row in found})

    async def look_behind(self) -> None:
        """What is stored, but not shown because another record leads the day, is seen too, when it was stored."""
        waiting = [e for events in self._waiting.values() for e in events if self._stage.now - e.at > AT_ONCE / 2]
        stored = await self._stage.rows(
            """select i.n, r.stored_at from unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) with ordinality
                      i(user_id, resource, external_id, revision, n)
                 join wearbase.record r on r.user_id = i.user_id and r.provider = 'whoop' and r.resource = i.resource
                      and (r.external_id = i.external_id or r.parent_id = i.external_id) and r.revision_at >= i.revision""",
            [e.user_id for e in waiting], [e.resource for e in waiting], [e.external_id for e in waiting],
            [e.revision for e in waiting],
        )  # fmt: skip
        for row in stored:
            event = waiting[row["n"] - 1]
            event.seen_at = max(row["stored_at"], event.at)
        self._forget({waiting[row["n"] - 1].user_id for row in stored})

    def _forget(self, users: set[str]) -> None:
        for user_id in users:
            if left := [e for e in self._waiting.get(user_id, ()) if e.seen_at is None]:
                self._waiting[user_id] = left
            else:
                self._waiting.pop(user_id, None)

    def is_lost(self, user_id: str, resource: str, external_id: str) -> bool:
        """Whether a record's newest announcement never came and has not been seen."""
        return any(e.is_lost for e in self._waiting.get(user_id, ()) if (e.resource, e.external_id) == (resource, external_id))


def _shown(body: dict[str, Any]) -> Iterator[tuple[str, datetime]]:
    """The records that a document shows, each with its revision."""
    if part := body.get("recovery"):
        yield f"recovery/{part['cycle_id']}", datetime.fromisoformat(part["revision"])
    sleeps = [body["sleep"]] if body.get("sleep") else []
    for resource, parts in (("sleep", [*sleeps, *body.get("naps", [])]), ("workout", body.get("workouts", []))):
        for part in parts:
            yield f"{resource}/{part['id']}", datetime.fromisoformat(part["revision"])
