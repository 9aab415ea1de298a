"""Every stored secret sealed again with the newest key, while workers and servers run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from wearbase.store import observations
from wearbase.store.observations import Observation
from wearbase.store.postgres.database import Database
from wearbase.store.sealed import resealing
from wearbase.store.sealed.columns import COLUMNS
from wearbase.store.sealing import KeyRing

AT_ONCE = 200
RING, OURS = "ring", ""  # the name of the observation; it is of no source
PASSES = 3  # somebody with an older ring may seal meanwhile


@dataclass(kw_only=True)
class Resealed:
    """What was done: values sealed again, those that no key opens, and those that another key sealed meanwhile."""

    resealed: int = 0
    unreadable: int = 0
    left: int = 0


@dataclass(frozen=True, kw_only=True)
class RingUse:
    """How many stored values each key has sealed, by its id; `unknown` are sealed by keys that are not in the ring."""

    by_key: dict[str, int] = field(default_factory=dict)
    unknown: int = 0

    @property
    def unused(self) -> list[str]:
        """Keys but the first that nothing is sealed with any more."""
        return [key for key, count in list(self.by_key.items())[1:] if not count]

    @property
    def to_reseal(self) -> int:
        """Values that a key other than the first has sealed."""
        return sum(list(self.by_key.values())[1:])


async def reseal_all(db: Database, ring: KeyRing, *, on_step: Callable[[int, int], None] = lambda done, of: None) -> Resealed:
    """Goes through every sealed column in small transactions. What was done stays done; begun again, it goes on with the rest."""
    done, total = Resealed(), await _others(db, ring)
    for _ in range(PASSES):
        done.unreadable = 0
        for column in COLUMNS:
            after = None
            while True:
                async with db.transaction() as tx:
                    step = await resealing.step(tx, column, ring, after=after, most=AT_ONCE)
                done.resealed, done.unreadable, after = done.resealed + step.resealed, done.unreadable + step.unreadable, step.after
                on_step(done.resealed, total)
                if after is None:
                    break
        done.left = await _others(db, ring) - done.unreadable
        if done.left <= 0:
            break
    return done


async def note_ring(db: Database, ring: KeyRing, *, host: str, now: datetime) -> RingUse:
    """Keeps which keys a process that starts was given, and says which are in use."""
    async with db.transaction() as tx:
        await observations.note(tx, OURS, RING, {"keys": _names(ring), "host": host}, now=now)
    return await ring_use(db, ring)


async def started_last(db: Database) -> Observation | None:
    """Which keys the process that started last was given."""
    async with db.connection() as tx:
        return (await observations.of(tx, OURS)).get(RING)


def is_given(ring: KeyRing, seen: Observation | None) -> bool:
    """Whether that process was given the same keys in the same order."""
    return seen is None or seen.content.get("keys") == _names(ring)


def can_open(ring: KeyRing, seen: Observation | None) -> bool:
    """Whether that process could open what this ring seals."""
    return seen is None or ring.first_id.hex() in seen.content.get("keys", ())


def named(seen: Observation) -> str:
    """That process, in words."""
    return f"the process that started last ({seen.content.get('host')}, {seen.seen_at:%Y-%m-%d %H:%M} UTC)"


def _names(ring: KeyRing) -> list[str]:
    return [one.hex() for one in ring.ids]


async def ring_use(db: Database, ring: KeyRing) -> RingUse:
    """Which keys are in use."""
    counts, unknown = dict.fromkeys(ring.ids, 0), 0
    async with db.connection() as tx:
        for column in COLUMNS:
            for key, count in (await resealing.keys_in_use(tx, column)).items():
                if key in counts:
                    counts[key] += count
                else:
                    unknown += count
    return RingUse(by_key={key.hex(): count for key, count in counts.items()}, unknown=unknown)


async def _others(db: Database, ring: KeyRing) -> int:
    async with db.connection() as tx:
        return sum([await resealing.others(tx, column, ring) for column in COLUMNS])
