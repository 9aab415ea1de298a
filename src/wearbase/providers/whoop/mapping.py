"""WHOOP's records as ours, and a day's records as its part of the day document. Every unit change is here.

Numbers stay WHOOP's own, unrounded; only converted ones are rounded: times to whole seconds, kilocalories to a tenth,
the recorded fraction to four decimals. Values are null until WHOOP has scored the record, never zero.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from wearbase.domain.days import Dated, leader_of
from wearbase.domain.provider import StoredRecord
from wearbase.domain.records import Dating, Record, Revision
from wearbase.domain.units import kcal_from_kj, seconds_from_ms
from wearbase.providers.whoop.schema import (
    SCORED,
    Cycle,
    CycleScore,
    Recovery,
    RecoveryScore,
    ScoredRecord,
    Sleep,
    SleepNeeded,
    SleepScore,
    StageSummary,
    Workout,
    WorkoutScore,
    ZoneDurations,
    instant_text,
    read,
)

_RECOVERY: dict[str, Callable[[RecoveryScore], Any]] = {
    "score": lambda s: s.recovery_score,
    "hrv_rmssd_ms": lambda s: s.hrv_rmssd_milli,  # already milliseconds, whatever the name suggests
    "resting_heart_rate_bpm": lambda s: s.resting_heart_rate,
    "spo2_percent": lambda s: s.spo2_percentage,
    "skin_temperature_c": lambda s: s.skin_temp_celsius,
    "is_calibrating": lambda s: s.user_calibrating,
}
_SLEEP: dict[str, Callable[[SleepScore], Any]] = {
    "performance_percent": lambda s: s.sleep_performance_percentage,
    "efficiency_percent": lambda s: s.sleep_efficiency_percentage,
    "consistency_percent": lambda s: s.sleep_consistency_percentage,
    "respiratory_rate_per_min": lambda s: s.respiratory_rate,
    "in_bed_s": lambda s: seconds_from_ms(s.stage_summary.total_in_bed_time_milli),
    "asleep_s": lambda s: seconds_from_ms(_asleep_ms(s.stage_summary)),
    "light_s": lambda s: seconds_from_ms(s.stage_summary.total_light_sleep_time_milli),
    "slow_wave_s": lambda s: seconds_from_ms(s.stage_summary.total_slow_wave_sleep_time_milli),
    "rem_s": lambda s: seconds_from_ms(s.stage_summary.total_rem_sleep_time_milli),
    "awake_s": lambda s: seconds_from_ms(s.stage_summary.total_awake_time_milli),
    "no_data_s": lambda s: seconds_from_ms(s.stage_summary.total_no_data_time_milli),
    "cycle_count": lambda s: s.stage_summary.sleep_cycle_count,
    "disturbance_count": lambda s: s.stage_summary.disturbance_count,
    "need_s": lambda s: _need_s(s.sleep_needed),
}
_WORKOUT: dict[str, Callable[[WorkoutScore], Any]] = {
    "strain": lambda s: s.strain,
    "average_heart_rate_bpm": lambda s: s.average_heart_rate,
    "max_heart_rate_bpm": lambda s: s.max_heart_rate,
    "energy_kj": lambda s: s.kilojoule,
    "energy_kcal": lambda s: kcal_from_kj(s.kilojoule),
    "distance_m": lambda s: s.distance_meter,
    "altitude_gain_m": lambda s: s.altitude_gain_meter,
    "altitude_change_m": lambda s: s.altitude_change_meter,
}
_CYCLE: dict[str, Callable[[CycleScore], Any]] = {
    "strain": lambda s: s.strain,
    "energy_kj": lambda s: s.kilojoule,
    "energy_kcal": lambda s: kcal_from_kj(s.kilojoule),
    "average_heart_rate_bpm": lambda s: s.average_heart_rate,
    "max_heart_rate_bpm": lambda s: s.max_heart_rate,
}


def map_recovery(raw: Any) -> Record:
    """One recovery, keyed by its cycle. Raises UnexpectedPayload."""
    wire = read(Recovery, raw)
    values = {"cycle_id": wire.cycle_id, **_scored(_RECOVERY, wire.score), **_state(wire)}
    return Record(
        external_user_id=str(wire.user_id),
        resource="recovery",
        external_id=str(wire.cycle_id),
        revision=Revision(wire.updated_at),
        dating=Dating.FOLLOWS_GROUP,
        score_state=wire.score_state,
        group_id=str(wire.cycle_id),
        parent_id=wire.sleep_id,
        values=values,
        raw=raw,
    )


def map_sleep(raw: Any) -> Record:
    """One night or nap; a nap belongs to no group, although WHOOP names the cycle it falls into. Raises UnexpectedPayload."""
    wire = read(Sleep, raw)
    values = {"id": wire.id, **_span(wire), "utc_offset_min": wire.timezone_offset, **_scored(_SLEEP, wire.score), **_state(wire)}
    return Record(
        external_user_id=str(wire.user_id),
        resource="sleep",
        external_id=wire.id,
        revision=Revision(wire.updated_at),
        dating=Dating.ENDS if wire.nap else Dating.LEADS_GROUP,
        score_state=wire.score_state,
        start_at=wire.start,
        end_at=wire.end,
        utc_offset_min=wire.timezone_offset,
        group_id=None if wire.nap else str(wire.cycle_id),
        values=values,
        raw=raw,
    )


def map_workout(raw: Any) -> Record:
    """One workout or recovery activity (sauna, ice bath). Raises UnexpectedPayload."""
    wire = read(Workout, raw)
    values = {
        "id": wire.id,
        "sport": wire.sport_name.lower().replace("-", "_"),
        **_span(wire),
        "utc_offset_min": wire.timezone_offset,
        **_scored(_WORKOUT, wire.score),
        "recorded_fraction": _recorded_fraction(wire),
        "zones_s": _zones_s(wire.score.zone_durations if wire.score else None),
        **_state(wire),
    }
    return Record(
        external_user_id=str(wire.user_id),
        resource="workout",
        external_id=wire.id,
        revision=Revision(wire.updated_at),
        dating=Dating.STARTS,
        score_state=wire.score_state,
        start_at=wire.start,
        end_at=wire.end,
        utc_offset_min=wire.timezone_offset,
        values=values,
        raw=raw,
    )


def map_cycle(raw: Any) -> Record:
    """One cycle; open, and its values running, while it has no end. Raises UnexpectedPayload."""
    wire = read(Cycle, raw)
    values = {
        "id": wire.id,
        **_span(wire),
        "is_open": wire.end is None,
        **_scored(_CYCLE, wire.score),
        "steps": wire.step_count,  # beside the score on the wire, so not the score state's business
        **_state(wire),
    }
    return Record(
        external_user_id=str(wire.user_id),
        resource="cycle",
        external_id=str(wire.id),
        revision=Revision(wire.updated_at),
        dating=Dating.OPENS_GROUP,
        score_state=wire.score_state,
        start_at=wire.start,
        end_at=wire.end,
        utc_offset_min=wire.timezone_offset,
        group_id=str(wire.id),
        values=values,
        raw=raw,
    )


def _scored(table: Mapping[str, Callable[[Any], Any]], score: Any | None) -> dict[str, Any]:
    return {name: None if score is None else value(score) for name, value in table.items()}


def _span(wire: Sleep | Workout | Cycle) -> dict[str, Any]:
    return {"start_at": instant_text(wire.start), "end_at": None if wire.end is None else instant_text(wire.end)}


def _state(wire: ScoredRecord) -> dict[str, Any]:
    return {"score_state": wire.score_state, "revision": instant_text(wire.updated_at)}


def _asleep_ms(stages: StageSummary) -> int:
    """Light, slow wave and REM. Time in bed less time awake would count no-data time as sleep."""
    return stages.total_light_sleep_time_milli + stages.total_slow_wave_sleep_time_milli + stages.total_rem_sleep_time_milli


def _need_s(need: SleepNeeded) -> dict[str, int]:
    parts_ms = {
        "baseline": need.baseline_milli,
        "debt": need.need_from_sleep_debt_milli,
        "strain": need.need_from_recent_strain_milli,
        "nap": need.need_from_recent_nap_milli,  # zero or negative
    }
    return {name: seconds_from_ms(ms) for name, ms in {"total": sum(parts_ms.values()), **parts_ms}.items()}


def _zones_s(zones: ZoneDurations | None) -> dict[str, int] | None:
    if zones is None:
        return None
    return {name: seconds_from_ms(getattr(zones, f"zone_{name}_milli")) for name in ("zero", "one", "two", "three", "four", "five")}


def _recorded_fraction(wire: Workout) -> float | None:
    """The share of a workout with heart rate data, 0 to 1. WHOOP's contract says percent, its wire a fraction: the zones decide."""
    if wire.score is None:
        return None
    zones, duration = wire.score.zone_durations, wire.end - wire.start
    in_zones = timedelta(milliseconds=sum(zones.model_dump().values())) if zones else timedelta(0)
    if in_zones and duration > timedelta(0):
        return round(min(in_zones / duration, 1.0), 4)
    said = wire.score.percent_recorded
    return round(said if said <= 1 else said / 100, 4)


@dataclass(frozen=True, slots=True)
class _Group:
    """What a day holds of one cycle."""

    id: str
    cycle: StoredRecord | None
    recovery: StoredRecord | None
    sleep: StoredRecord | None  # the main one

    def precedence(self) -> tuple[bool, timedelta, str]:
        """Which of a day's cycles leads: the one with a scored recovery, else the longer; an open one has no end yet."""
        span = self.cycle or self.sleep
        length = span.end_at - span.start_at if span and span.start_at and span.end_at else timedelta.max if span else timedelta(0)
        return self.recovery is not None and self.recovery.score_state == SCORED, length, self.id


def empty_day() -> dict[str, Any]:
    """WHOOP's part of a day without records."""
    return {"recovery": None, "sleep": None, "naps": [], "cycle": None, "other_cycles": [], "other_sleeps": [], "workouts": []}


def assemble_day(records: Sequence[StoredRecord]) -> dict[str, Any]:
    """WHOOP's part of a day document. The order of the records does not matter."""
    by_start = sorted(records, key=lambda r: (r.start_at or datetime.min.replace(tzinfo=UTC), r.external_id))
    groups = sorted(_groups(by_start), key=_Group.precedence, reverse=True)
    lead = groups[0] if groups else _Group("", None, None, None)
    others = [g for g in groups[1:] if g.cycle]
    shown = {g.sleep.external_id for g in (lead, *others) if g.sleep}
    sleeps = [r for r in by_start if r.resource == "sleep"]
    return {
        "recovery": _values(lead.recovery),
        "sleep": _values(lead.sleep),
        "naps": [r.values for r in sleeps if r.group_id is None],
        "cycle": _values(lead.cycle),
        "other_cycles": [{**g.cycle.values, "recovery": _values(g.recovery), "sleep": _values(g.sleep)} for g in others if g.cycle],
        "other_sleeps": [r.values for r in sleeps if r.group_id is not None and r.external_id not in shown],
        "workouts": [r.values for r in by_start if r.resource == "workout"],
    }


def _groups(records: Sequence[StoredRecord]) -> list[_Group]:
    groups: dict[str, list[StoredRecord]] = {}
    for record in records:
        if record.group_id is not None:
            groups.setdefault(record.group_id, []).append(record)
    return [_Group(id_, _first(group, "cycle"), _first(group, "recovery"), _main_sleep(group)) for id_, group in groups.items()]


def _first(group: Sequence[StoredRecord], resource: str) -> StoredRecord | None:
    return next((r for r in group if r.resource == resource), None)


def _main_sleep(group: Sequence[StoredRecord]) -> StoredRecord | None:
    """The sleep that gave the group its day."""
    leader = leader_of(
        Dated(
            resource=r.resource,
            external_id=r.external_id,
            dating=Dating(r.dating),
            start_at=r.start_at,
            end_at=r.end_at,
            utc_offset_min=r.utc_offset_min,
            parent_id=r.parent_id,
        )
        for r in group
    )
    return next((r for r in group if leader and (r.resource, r.external_id) == (leader.resource, leader.external_id)), None)


def _values(record: StoredRecord | None) -> dict[str, Any] | None:
    return record.values if record else None


_METRICS = {
    "recovery": ("hrv_rmssd_ms", "resting_heart_rate_bpm", "spo2_percent", "skin_temperature_c"),
    "sleep": ("respiratory_rate_per_min", "in_bed_s", "asleep_s", "light_s", "slow_wave_s", "rem_s", "awake_s", "disturbance_count"),
    "cycle": ("strain", "energy_kj", "energy_kcal", "average_heart_rate_bpm", "max_heart_rate_bpm", "steps"),
}
_SLEEP_METRICS = ("performance_percent", "efficiency_percent", "consistency_percent", "cycle_count")


def day_metrics(document: Mapping[str, Any]) -> dict[str, float]:
    """What a day adds to the trends, by metric. Neither an open cycle's running values nor the score of a calibrating recovery."""
    parts = {part: document.get(part) or {} for part in _METRICS}
    recovery, sleep, cycle = parts["recovery"], parts["sleep"], parts["cycle"]
    values = {
        "recovery_score_percent": None if recovery.get("is_calibrating") else recovery.get("score"),
        **{f"sleep_{key}": sleep.get(key) for key in _SLEEP_METRICS},
        "sleep_need_s": (sleep.get("need_s") or {}).get("total"),
        **{key: parts[part].get(key) for part, keys in _METRICS.items() for key in keys if not (part == "cycle" and cycle.get("is_open"))},
    }
    return {metric: float(value) for metric, value in values.items() if value is not None}
