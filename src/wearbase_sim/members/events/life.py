"""What happens in a member's life: the records of the days after it follow, those before it stay as they are."""

from dataclasses import replace
from typing import Any

from wearbase_sim.members.events.found import Change, Impossible, Wish
from wearbase_sim.members.home import Home
from wearbase_sim.members.timeline import KEPT_DAYS, Timeline
from wearbase_sim.members.zones import HOUR_MS, zone_named

LONGEST_GAP_H = 14 * 24


def travel(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The member lands in another zone now."""
    home = timeline.person.home
    zone = zone_named(str(wish.get("zone", "")))
    _live_on(timeline, now_ms, home=Home(home.zone, home.wander, (*home.moves, (now_ms, zone))))
    return []


def ill(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The member falls ill: from tomorrow on, for some days."""
    today, days = timeline.person.home.local_day(now_ms), int(wish.get("days", 4))
    _live_on(timeline, now_ms, ill=(*timeline.person.ill, (today + 1, today + days)))
    return []


def drink(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The member drinks tonight."""
    today = timeline.person.home.local_day(now_ms)
    _live_on(timeline, now_ms, drinks=(*timeline.person.drinks, today))
    return []


def strap_off(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The member takes the strap off now; nothing is recorded for some hours."""
    hours = float(wish.get("hours", 24))
    if not 0 < hours <= LONGEST_GAP_H:
        raise Impossible(f"hours must be above 0 and at most {LONGEST_GAP_H}")
    _live_on(timeline, now_ms, off=(*timeline.person.off, (now_ms, now_ms + int(hours * HOUR_MS))))
    return []


def sync_off(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The strap loses touch with the phone: the provider hears nothing more."""
    uploads = timeline.edits.uploads
    if uploads and uploads[-1][1] is None:
        raise Impossible("the strap is already out of touch")
    timeline.edits.uploads.append((now_ms, None))
    return []


def sync_on(timeline: Timeline, now_ms: int, wish: Wish) -> list[Change]:
    """The strap is in touch again: everything since arrives at once."""
    uploads = timeline.edits.uploads
    if not uploads or uploads[-1][1] is not None:
        raise Impossible("the strap is in touch")
    uploads[-1] = (uploads[-1][0], now_ms)
    return []


def _live_on(timeline: Timeline, now_ms: int, **values: Any) -> None:
    """Go on as a person with another future. What is there already is kept as it is."""
    home = timeline.person.home
    day = home.local_day(now_ms)
    edits = timeline.edits
    # A day more on either side: by another zone, today may be yesterday or tomorrow.
    kept = day - KEPT_DAYS - 1, day + 2
    begun = [each for each in timeline.workouts(*kept) if each.start_ms <= now_ms]
    naps = [each for each in timeline.naps(*kept) if each.start_ms <= now_ms]
    nights = [each for each in timeline.nights(*kept) if each.start_ms <= now_ms]
    edits.coming |= {each.id for each in (*begun, *naps) if each.created_ms > now_ms}
    edits.coming |= {each.sleep.id for each in nights if each.sleep and each.visible_ms > now_ms}
    edits.workouts |= {each.id: each for each in begun}
    edits.naps |= {each.id: each for each in naps}
    edits.nights |= {each.cycle_id: each for each in nights}
    ends = [each.end_ms for each in (*begun, *naps)] + [each.sleep.end_ms for each in nights if each.sleep]
    edits.turned_ms = max([now_ms, *ends])
    timeline.person = replace(timeline.person, **values)
