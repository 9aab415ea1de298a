"""What a profile's day amounts to, in Sahha's own quantities and windows."""

from dataclasses import dataclass
from datetime import date

from wearbase_sim.members.body.effort import pace_of
from wearbase_sim.members.facts import Recovery, Sleep, Workout
from wearbase_sim.members.ids import EPOCH
from wearbase_sim.members.timeline import Timeline
from wearbase_sim.members.zones import DAY_MS, HOUR_MS, MINUTE_MS

# A day stays open for a while after midnight.
LATE_MS = 6 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Day:
    """One local day of a member, as far as it has gone."""

    day: int
    timeline: Timeline
    now_ms: int
    sleep: Sleep | None
    recovery: Recovery | None
    workouts: tuple[Workout, ...]
    # The share of the day that is over.
    share: float

    @property
    def is_open(self) -> bool:
        return self.now_ms < self.timeline.person.home.midnight_ms(self.day + 1) + LATE_MS

    @property
    def steps(self) -> int:
        person = self.timeline.person
        return int(pace_of(person, self.day).steps * self.share) + sum(workout.steps for workout in self.workouts)

    def minutes_in(self, *zones: int) -> int:
        """Minutes of workouts in some heart-rate zones."""
        return sum(workout.zones_ms[zone] for workout in self.workouts for zone in zones) // MINUTE_MS


def day_of(timeline: Timeline, day: int, now_ms: int) -> Day:
    """A local day as it stands at an instant."""
    home = timeline.person.home
    low_ms, high_ms = home.midnight_ms(day), home.midnight_ms(day + 1)
    nights = [night for night in timeline.visible_nights(now_ms, day, day) if night.sleep and not night.sleep.is_deleted]
    night = nights[-1] if nights else None
    workouts = [each for each in timeline.workouts(day - 1, day + 1) if low_ms <= each.start_ms < high_ms and not each.is_deleted]
    return Day(
        day=day,
        timeline=timeline,
        now_ms=now_ms,
        sleep=night.sleep if night else None,
        recovery=night.recovery if night else None,
        workouts=tuple(each for each in workouts if each.created_ms <= now_ms),
        share=min(max((now_ms - low_ms) / DAY_MS, 0.0), 1.0),
    )


def calendar(day: int) -> date:
    """The date of a local day."""
    return date.fromordinal(EPOCH + day)


def stamp(timeline: Timeline, day: int, *, hour: int = 0, less_s: int = 0) -> str:
    """An hour of a local day with the offset that then holds."""
    home = timeline.person.home
    at_ms = home.midnight_ms(day) + hour * HOUR_MS - less_s * 1000
    return local(timeline, at_ms)


def local(timeline: Timeline, at_ms: int, *, with_seconds: bool = True) -> str:
    """An instant on the member's clock, with its offset."""
    offset_min = timeline.person.home.offset_min(at_ms)
    shown_ms = at_ms + offset_min * MINUTE_MS
    day, rest = divmod(shown_ms, DAY_MS)
    hours, minutes, seconds = rest // HOUR_MS, rest // MINUTE_MS % 60, rest // 1000 % 60
    sign, (off_h, off_m) = "-" if offset_min < 0 else "+", divmod(abs(offset_min), 60)
    clock = f"{hours:02d}:{minutes:02d}" + (f":{seconds:02d}" if with_seconds else "")
    return f"{calendar(int(day))}T{clock}{sign}{off_h:02d}:{off_m:02d}"


def full_weeks(timeline: Timeline, now_ms: int, *, count: int) -> list[list[Day]]:
    """The last full weeks, Monday to Sunday, newest first."""
    today = timeline.person.home.local_day(now_ms)
    monday = today - (today + 3) % 7
    starts = [monday - 7 * back for back in range(1, count + 1)]
    return [[day_of(timeline, start + nth, now_ms) for nth in range(7)] for start in starts]


def full_month(timeline: Timeline, now_ms: int) -> list[Day]:
    """The last full month."""
    end = calendar(timeline.person.home.local_day(now_ms)).replace(day=1).toordinal()
    start = date.fromordinal(end - 1).replace(day=1).toordinal()
    return [day_of(timeline, ordinal - EPOCH, now_ms) for ordinal in range(start, end)]
