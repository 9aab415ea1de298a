"""Where a member is, and so which clock hangs on the wall: at home, on a journey, or moved for good."""

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from wearbase_sim.members.zones import DAY_MS, HOUR_MS, MINUTE_MS, ZONES, Zone

BLOCK_DAYS = 28
FARTHEST_MIN = 9 * 60


@dataclass(frozen=True, slots=True, eq=False)
class Home:
    """A zone at every instant. `moves` are journeys made by hand: from an instant on, a zone."""

    zone: Zone
    # What the regular journeys of a traveller follow from; empty for who stays at home.
    wander: str = ""
    moves: tuple[tuple[int, Zone], ...] = ()

    def zone_at(self, at_ms: int) -> Zone:
        """The zone at an instant."""
        for from_ms, zone in reversed(self.moves):
            if at_ms >= from_ms:
                return zone
        if self.wander:
            from_ms, until_ms, zone = _journey(self.wander, self.zone, block=at_ms // (BLOCK_DAYS * DAY_MS))
            if from_ms <= at_ms < until_ms:
                return zone
        return self.zone

    def offset_min(self, at_ms: int) -> int:
        """Minutes east of UTC at an instant."""
        return self.zone_at(at_ms).offset_min(at_ms)

    def local_day(self, at_ms: int) -> int:
        """Days since 1970-01-01 on the member's calendar."""
        return (at_ms + self.offset_min(at_ms) * MINUTE_MS) // DAY_MS

    def midnight_ms(self, day: int) -> int:
        """The instant at which a local day begins."""
        guess_ms = day * DAY_MS - self.zone_at(day * DAY_MS).standard_min * MINUTE_MS
        return day * DAY_MS - self.offset_min(guess_ms) * MINUTE_MS


@lru_cache(maxsize=4096)
def _journey(wander: str, zone: Zone, *, block: int) -> tuple[int, int, Zone]:
    """One journey in four weeks, of four to eight days, nine hours away at most."""
    rng = Random(f"{wander}/{block}")
    near = [other for other in ZONES if other != zone and abs(other.standard_min - zone.standard_min) <= FARTHEST_MIN - 60]
    from_ms = (block * BLOCK_DAYS + rng.randint(3, 12)) * DAY_MS + 10 * HOUR_MS
    return from_ms, from_ms + rng.randint(4, 8) * DAY_MS, rng.choice(near)
