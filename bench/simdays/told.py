"""A simulated day in words, and which of the conditions hold."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from bench.simdays.day import Outcome
from bench.simdays.events import AT_ONCE, Event

SHOWN_GAPS = 12
CURRENT_WITHIN = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Condition:
    """One of those that must all hold for the members to be carried."""

    what: str
    holds: bool
    found: str


def conditions(day: Outcome) -> list[Condition]:
    """All of them, with what was found."""
    found = [_within_quota(day), _visible(day), _stored(day), _read(day)]
    return found if day.plan.looking == 1 else [*found, _current(day), _nothing_lost(day)]


def _within_quota(day: Outcome) -> Condition:
    spent, refused, most = _counted(day), day.provider["by_status"].get("429", 0), day.provider["max_in_60s"]
    text = f"{spent:,} of {day.plan.quota:,} calls, {refused} refused, at most {most} data calls in 60 s"
    return Condition("within the quota", not refused and spent <= day.plan.quota, text)


def _counted(day: Outcome) -> int:
    """The calls that use up the quota, as the provider counted them."""
    return day.provider["data"] + (day.token_calls if day.plan.is_token_counted else 0)


def _visible(day: Outcome) -> Condition:
    heard = [e for e in day.events if not e.is_lost and e.is_looked_at]
    quick = sum(1 for e in heard if e.delay(day.at_end) <= AT_ONCE)
    text = f"{quick:,} of {len(heard):,} ({_percent(quick, len(heard))}), worst {_longest(heard, day)}"
    return Condition("events visible within 60 s", quick == len(heard), text)


def _stored(day: Outcome) -> Condition:
    seen = day.records
    gaps = f"; {_counts(seen.by_kind())}" if seen.gaps else ""
    text = f"{seen.records - len(seen.gaps):,} of {seen.records:,} records of {seen.members:,} members{gaps}"
    return Condition("every record of the day stored by its end", not seen.gaps, text)


def _read(day: Outcome) -> Condition:
    unread = {name: count for name, count in day.read.items() if name != "read"}
    text = f"{day.read['read']:,} of {day.read.total():,} resources of members within their own day"
    return Condition("each resource completely read", not unread, f"{text}; {_counts(unread)}" if unread else text)


def _current(day: Outcome) -> Condition:
    took = [x.current_at - x.at for x in day.looked if x.current_at]
    quick = sum(1 for each in took if each <= CURRENT_WITHIN)
    slowest = _hours(max(took, default=timedelta(0)))
    text = f"{quick} of {len(day.looked)}, slowest {slowest}, never {len(day.looked) - len(took)}"
    return Condition("current within 3 s of looking", quick == len(day.looked), text)


def _nothing_lost(day: Outcome) -> Condition:
    there = sum(1 for x in day.proved if x.current_at)
    text = f"{there} of {len(day.proved)} idle members were current when looked at after the day; {_current_before(day)} before"
    return Condition("nothing lost of those who do not look", there == len(day.proved), text)


def _current_before(day: Outcome) -> int:
    return sum(1 for x in day.proved if x.was_current)


def lines(day: Outcome) -> Iterator[str]:
    """Everything, for a person."""
    plan, budget = day.plan, day.budget
    yield f"{plan.members:,} members, {plan.looking:.0%} looking, zones {plan.zones}, {plan.midnight:%A}, scores in {plan.steps} step(s)"
    counted = "counted" if plan.is_token_counted else "not counted"
    yield f"quota {plan.quota:,} a day and {plan.per_minute} a minute, token calls {counted}"
    yield f"calls by reason (ours):      {_counts(budget.get('used') or {})}"
    yield f"calls by route (provider's): {_counts(day.provider['by_route'])}; by status {day.provider['by_status']}"
    ours, theirs = sum((budget.get("used") or {}).values()), _counted(day)
    yield f"ours {ours:,}, provider's {theirs:,}: {'agree' if ours == theirs else 'DISAGREE'}; {theirs / plan.members:.2f} a member"
    yield f"token calls: {day.token_calls:,}, {day.token_calls / plan.members:.2f} a member"
    yield f"thinned: {_counts(budget.get('thinned') or {})}; forecast: {budget.get('forecast')}"
    yield f"events: {_counts(day.appeared)}; {sum(day.appeared.values()) / plan.members:.2f} a member"
    yield f"webhooks lost: {_lost(day)}"
    yield f"delays of the others: {_delays([e for e in day.events if not e.is_lost and e.is_looked_at], day)}"
    if plan.looking < 1:
        yield f"idle members' events: {_delays([e for e in day.events if not e.is_looked_at], day)}"
        ages = sorted(day.idle_age)
        yield f"idle members: last read whole {_hours(ages[len(ages) // 2])} ago (median), {_hours(ages[-1])} (oldest)"
    ages_open = [f"{who} {_hours(age) if age else 'none'}" for who, age in day.oldest_open.items()]
    yield f"oldest unsettled delivery: {', '.join(ages_open)}"
    for condition in conditions(day):
        yield f"{'yes' if condition.holds else 'NO '}  {condition.what}: {condition.found}"
    looks = [gap for looked in [*day.looked, *day.proved] if not looked.current_at for gap in looked.gaps]
    for gap in [*day.records.gaps[:SHOWN_GAPS], *looks[:SHOWN_GAPS]]:
        when = f"changed {gap.changed_at:%d %H:%M:%S}, looked at {gap.at:%d %H:%M}"
        yield f"     {gap.kind}: {gap.resource} {gap.external_id} of member {gap.number}, {when}{gap.note}"
    yield f"carried: {'YES' if all(c.holds for c in conditions(day)) else 'NO'}"
    yield f"log: {dict(day.said.most_common(8))}"
    yield f"real time: {', '.join(f'{what} {s:.0f} s' for what, s in day.took_s.items())}; {day.steps:,} steps"


def _lost(day: Outcome) -> str:
    lost = [e for e in day.events if e.is_lost and e.is_looked_at]
    return f"{len(lost)}, of which {sum(1 for e in lost if e.seen_at)} seen: {_delays(lost, day)}"


def _delays(events: list[Event], day: Outcome) -> str:
    if not events:
        return "none"
    delays = sorted(e.delay(day.at_end) for e in events)
    parts = [f"{part:g} % within {_hours(delays[min(len(delays) - 1, int(part / 100 * len(delays)))])}" for part in (50, 90, 99, 99.9)]
    return f"{', '.join(parts)}, worst {_hours(delays[-1])}, {sum(1 for e in events if not e.seen_at)} not seen by the end"


def _longest(events: list[Event], day: Outcome) -> str:
    return _hours(max((e.delay(day.at_end) for e in events), default=timedelta(0)))


def _hours(age: timedelta) -> str:
    seconds = age.total_seconds()
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"


def _counts(counts: "Counter[str] | dict[str, int]") -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda each: -each[1])) or "nothing"
