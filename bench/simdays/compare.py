"""The store beside the provider's truth."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from bench.simdays.plan import at_ms, user_of
from bench.simdays.stage import Stage
from wearbase_sim.api import wire

RESOURCES = ("cycle", "recovery", "sleep", "workout")
JUST_NOW = timedelta(seconds=60)  # a change this young may still be on its way
HALF_DAY = timedelta(hours=12)
BATCH = 200


@dataclass(frozen=True, slots=True)
class Gap:
    """A record that is not stored as it is at the provider: `missing`, or `old` if an earlier version is."""

    number: int
    resource: str
    external_id: str
    kind: str
    changed_at: datetime
    at: datetime
    note: str = ""


@dataclass
class Compared:
    """How many records were looked at, and what was not right."""

    records: int = 0
    members: int = 0
    gaps: list[Gap] = field(default_factory=list)

    def add(self, other: "Compared") -> None:
        self.records += other.records
        self.members += other.members
        self.gaps += other.gaps

    def by_kind(self) -> Counter[str]:
        return Counter(f"{gap.resource} {gap.kind}" for gap in self.gaps)


async def compare(stage: Stage, numbers: Sequence[int], *, since: timedelta, is_exact: bool = False) -> Compared:
    """Members' records that lie in the time since then. Unless it is to be exact, what is a minute old is left out,
    and so are the running values of the open cycle.
    """
    done = Compared()
    for begin in range(0, len(numbers), BATCH):
        done.add(await _batch(stage, numbers[begin : begin + BATCH], since, is_exact=is_exact))
    return done


async def _batch(stage: Stage, numbers: Sequence[int], since: timedelta, *, is_exact: bool) -> Compared:
    stored = await _stored(stage, numbers, since)
    done = Compared(members=len(numbers))
    for number in numbers:
        for resource, record in _truth(stage, number, since):
            changed_at = datetime.fromisoformat(record["updated_at"])
            if not is_exact and (_is_young(record, stage.now) or _is_tomorrows(resource, record, stage.now)):
                continue
            done.records += 1
            key = str(record.get("id") or record["cycle_id"])
            kind = _kind(stored.get((user_of(number), resource, key)), record, is_exact=is_exact)
            if kind:
                done.gaps.append(Gap(number, resource, str(record.get("sleep_id") or key), kind, changed_at, stage.now))
    return done


def _is_young(record: dict[str, Any], now: datetime) -> bool:
    is_running = "end" in record and record["end"] is None  # its values move all the time
    return not is_running and now - datetime.fromisoformat(record["updated_at"]) < JUST_NOW


def _is_tomorrows(resource: str, record: dict[str, Any], now: datetime) -> bool:
    """At the end of a day: a cycle without a sleep that began in its last hours belongs to the next."""
    return resource == "cycle" and now - datetime.fromisoformat(record["start"]) < HALF_DAY


async def _stored(stage: Stage, numbers: Iterable[int], since: timedelta) -> dict[tuple[str, str, str], Any]:
    found = await stage.rows(
        """select user_id, resource, external_id, raw from wearbase.record
            where user_id = any(%s) and provider = 'whoop' and deleted_at is null and (start_at is null or start_at > %s)""",
        [user_of(number) for number in numbers], stage.now - since - timedelta(days=20),  # an open cycle may have begun long ago
    )  # fmt: skip
    return {(row["user_id"], row["resource"], row["external_id"]): row["raw"] for row in found}


def _truth(stage: Stage, number: int, since: timedelta) -> Iterable[tuple[str, dict[str, Any]]]:
    timeline, now_ms = stage.world.timeline(number), at_ms(stage.now)
    for resource in RESOURCES:
        for item in timeline.listed(resource, now_ms, low_ms=at_ms(stage.now - since), high_ms=now_ms):
            yield resource, wire.record(timeline.person, item.record, stage.world.options)


def _kind(stored: dict[str, Any] | None, record: dict[str, Any], *, is_exact: bool) -> str:
    if stored is None:
        return "missing"
    is_open = "end" in record and record["end"] is None
    if (is_open and not is_exact) or _text(stored) == _text(record):
        return ""
    return "old"


def _text(record: dict[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
