"""Sahha's records as ours, and a day's records as its part of the day document. Every unit change is here.

A value is named by Sahha's own word for it with our unit at the end (`sleep_duration_s`). What has no unit that we know keeps the
form in which it was sent and has no value of ours: it is shown, and enters no sum, comparison or trend.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote

from wearbase.domain.errors import UnexpectedPayload
from wearbase.domain.provider import StoredRecord
from wearbase.domain.records import Dating, Record, Revision, ScoreState
from wearbase.providers.sahha.bounds import is_possible
from wearbase.providers.sahha.schema import (
    Archetype,
    ArchetypeKey,
    Biomarker,
    BiomarkerKey,
    Factor,
    Kept,
    LocalTime,
    Score,
    ScoreKey,
    decimal,
    local_time,
    read,
)

PERCENT = ("percent", Decimal(1))
_UNITS: dict[str, tuple[str, Decimal]] = {
    **dict.fromkeys(("second", "seconds", "sec", "s"), ("s", Decimal(1))),
    **dict.fromkeys(("minute", "minutes", "min"), ("s", Decimal(60))),
    **dict.fromkeys(("hour", "hours", "hr", "h"), ("s", Decimal(3600))),
    **dict.fromkeys(("millisecond", "milliseconds", "ms"), ("ms", Decimal(1))),
    **dict.fromkeys(("count", "counts"), ("count", Decimal(1))),
    **dict.fromkeys(("kcal", "kilocalorie", "kilocalories"), ("kcal", Decimal(1))),
    **dict.fromkeys(("bpm", "beats/min", "beats/minute"), ("bpm", Decimal(1))),
    **dict.fromkeys(("count/minute", "count/min", "breath/min", "breaths/min", "breath/minute"), ("per_min", Decimal(1))),
    **dict.fromkeys(("celsius", "degc", "°c"), ("c", Decimal(1))),
    **dict.fromkeys(("percentage", "percent", "%"), PERCENT),
    **dict.fromkeys(("kilogram", "kilograms", "kg"), ("kg", Decimal(1))),
    **dict.fromkeys(("meter", "meters", "metre", "m"), ("m", Decimal(1))),
    **dict.fromkeys(("kg/m^2", "kg/m2", "kg/m²"), ("kg_per_m2", Decimal(1))),
    "index": ("index", Decimal(1)),
    "ml/kg/min": ("ml_per_kg_min", Decimal(1)),
    "mg/dl": ("mg_per_dl", Decimal(1)),
    "mmol/l": ("mmol_per_l", Decimal(1)),
    "mmhg": ("mmhg", Decimal(1)),
}  # `bps` is missing on purpose: beats or breaths
_SAME = {"activity_mid_intensity_duration": "activity_medium_intensity_duration"}  # the SDKs' word and the wire's
_SHORT = {"heart_rate_variability_rmssd": "hrv_rmssd", "heart_rate_variability_sdnn": "hrv_sdnn"}
_DAY = ("intraday", "daily")
NIGHT, LONGEST = (
    timedelta(days=1),
    timedelta(days=45),
)  # before its day, a sleep's day begins at 18:00, and any other stretch
_NUMERIC = ("integer", "long", "int", "double", "float", "decimal", "number")

SECTIONS = ("sleep", "activity", "vitals", "body")
SCORES = {"sleep": "sleep", "readiness": "sleep", "activity": "activity", "wellbeing": "activity", "mental_wellbeing": "activity"}
_MEASURED = {
    "count": "steps floors_climbed sleep_interruptions",
    "s": "active_hours active_duration activity_low_intensity_duration activity_medium_intensity_duration "
    "activity_high_intensity_duration activity_sedentary_duration exercise_duration sleep_duration sleep_in_bed_duration "
    "sleep_awake_duration sleep_light_duration sleep_rem_duration sleep_deep_duration sleep_latency sleep_debt_weekly",
    "kcal": "active_energy_burned total_energy_burned resting_energy_burned",
    "percent": "sleep_efficiency sleep_regularity_weekly oxygen_saturation oxygen_saturation_sleep body_fat",
    "index": "sleep_regularity_weekly",
    "bpm": "heart_rate_resting heart_rate_sleep",
    "ms": "hrv_rmssd hrv_sdnn",  # two statistics, never one series
    "per_min": "respiratory_rate respiratory_rate_sleep",
    "c": "body_temperature_basal skin_temperature_sleep",
    "m": "height waist_circumference",
    "kg": "weight fat_mass lean_mass",
    "kg_per_m2": "body_mass_index",
    "ml_per_kg_min": "vo2_max",
    "mg_per_dl": "blood_glucose",
    "mmhg": "blood_pressure_systolic blood_pressure_diastolic",
}
METRICS = frozenset(f"{stem}_{unit}" for unit, stems in _MEASURED.items() for stem in stems.split())


class Measured(NamedTuple):
    """A value in our unit and the name that says so; neither where the unit is unknown. `scale`: how a percentage was written."""

    name: str | None = None
    value: int | float | str | None = None
    scale: str | None = None


class Named(NamedTuple):
    """Which fact it is: Sahha's own ids may change with an update, so a fact is known by its kind and its local day."""

    resource: str
    external_id: str
    day: date
    known_from: date  # a stretch of time is told from its beginning on


def map_score(raw: Any) -> Record:
    """One score of a local day, 0 to 100; a number that was not sent as 0 to 1 is kept as sent only. Raises UnexpectedPayload."""
    wire = read(Score, raw)
    values = {
        "type": wire.type,
        "score": _of_hundred(wire.score),
        "score_as_sent": _plain(wire.score),
        "state": wire.state,  # the label that was sent: its bounds are not known
        "factors": [_factor(factor) for factor in wire.factors],
        "data_sources": wire.data_sources,
        "utc_offset_min": wire.score_date_time.offset_min,
        "revision": instant_text(wire.created_at),
    }
    day = wire.score_date_time.wall.date()
    return _record(wire, raw, Named("score", score_key(wire), day, day), values, placed=wire.score_date_time)


def map_biomarker(raw: Any) -> Record:
    """One quantity of a local day, or of a stretch of days that ends on it. Raises UnexpectedPayload."""
    wire = read(Biomarker, raw)
    day, start, end = wire.end_date_time.last_date, wire.start_date_time, wire.end_date_time
    measured, longest = _measured(wire), NIGHT if _stretch(wire.periodicity) == "day" else LONGEST
    values = {
        **measured._asdict(),
        "category": wire.category,
        "type": wire.type,
        "periodicity": wire.periodicity,
        "aggregation": wire.aggregation,
        "value_as_sent": wire.value,
        "unit_as_sent": wire.unit,
        "start_at": instant_text(start.at),
        "end_at": instant_text(end.at),
        "utc_offset_min": end.offset_min,
    }
    placed = start if _stretch(wire.periodicity) == "day" else _midnight(day, end)
    rank = 0 if wire.periodicity == "intraday" else 1  # the day's final value replaces its running one, never the other way round
    named = Named("biomarker", biomarker_key(wire), day, max(start.wall.date(), day - longest))
    record = _record(wire, raw, named, values, placed=placed)
    return replace(record, revision=Revision(record.revision.at, rank), end_at=end.at)


def map_archetype(raw: Any) -> Record:
    """What a week or a month made of the member, on its last local day. Raises UnexpectedPayload."""
    wire = read(Archetype, raw)
    first, last = wire.start_date_time.wall.date(), _last_day(wire)
    values = {
        "name": wire.name,
        "value": wire.value,
        "ordinality": wire.ordinality,
        "data_type": wire.data_type,
        "periodicity": wire.periodicity,
        "start_date": first.isoformat(),
        "last_date": last.isoformat(),
    }
    placed = _midnight(last, wire.start_date_time)
    return _record(wire, raw, Named("archetype", archetype_key(wire), last, first), values, placed=placed)


def score_key(key: ScoreKey) -> str:
    return _key(key.type, key.score_date_time.wall.date())


def biomarker_key(key: BiomarkerKey) -> str:
    return _key(key.category, _SAME.get(key.type, key.type), _stretch(key.periodicity), key.end_date_time.last_date)


def archetype_key(key: ArchetypeKey) -> str:
    return _key(key.name, key.periodicity or "", key.start_date_time.wall.date())


def _key(*parts: str | date) -> str:
    return "/".join(quote(str(part), safe="") for part in parts)


def _stretch(periodicity: str | None) -> str:
    """What a value covers: a day, running or over, or a longer stretch by Sahha's word."""
    return "day" if periodicity in _DAY else periodicity or "unstated"


def _last_day(wire: Archetype) -> date:
    """By start and periodicity, because ends are written both inclusive and exclusive. A stretch by another name: its first day."""
    first = wire.start_date_time.wall.date()
    if wire.periodicity == "weekly":
        return first + timedelta(days=6)
    if wire.periodicity == "monthly":
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        return min(following + timedelta(days=first.day - 1), _last_of_month(following)) - timedelta(days=1)
    return first


def _last_of_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1) - timedelta(days=1)


def _midnight(day: date, like: LocalTime) -> LocalTime:
    return LocalTime(datetime(day.year, day.month, day.day), like.offset_min)  # noqa: DTZ001 a wall-clock time


def _record(wire: Kept, raw: Any, named: Named, values: dict[str, Any], *, placed: LocalTime) -> Record:
    """Placed in time where its day is; without a creation time it counts as of the read that brought it."""
    sent = values.get("value_as_sent", values.get("score_as_sent", values.get("value")))
    return Record(
        external_user_id=wire.external_id,
        resource=named.resource,
        external_id=named.external_id,
        revision=Revision(wire.created_at or placed.at or placed.wall.replace(tzinfo=UTC), 1),
        is_dated_by_read=wire.created_at is None,
        is_tied_by_content=wire.created_at is not None,  # deliveries come in any order, and nothing says which of one instant is the later
        dating=Dating.GIVEN,
        given_day=named.day,
        known_from=named.known_from,
        score_state=ScoreState.UNSCORABLE if sent is None else ScoreState.SCORED,
        start_at=placed.at,
        utc_offset_min=placed.offset_min,
        values=values,
        raw=raw,
    )


def _factor(factor: Factor) -> dict[str, Any]:
    """One factor of a score: value and goal in the unit that ends its name, the score of 100."""
    stem = _SHORT.get(factor.name, factor.name)  # "heart_rate_variability" stays: its statistic is not said
    value, goal = in_our_unit(stem, factor.unit, factor.value), in_our_unit(stem, factor.unit, factor.goal)
    return {
        "name": value.name or factor.name,
        "value": value.value,
        "goal": goal.value,
        "score": _of_hundred(factor.score),
        "state": factor.state,
        "value_as_sent": _plain(factor.value),
        "unit_as_sent": factor.unit,
    }


def _measured(wire: Biomarker) -> Measured:
    stem = _SAME.get(wire.type, wire.type)
    kind, stretch = _SHORT.get(stem, stem), _stretch(wire.periodicity)
    stem = kind if stretch == "day" else f"{kind}_{stretch}"
    if "datetime" in (wire.unit, wire.value_type):
        return _moment(stem, wire.value)
    try:
        number = None if wire.value is None else decimal(wire.value)
    except ValueError:
        if (wire.value_type or "").lower() in _NUMERIC:
            raise UnexpectedPayload(path="value", provider="sahha") from None
        return Measured()  # a word, such as a sex: kept as sent
    found = in_our_unit(stem, wire.unit, number)
    if found.name is None or not isinstance(found.value, int | float):
        return found
    return found if is_possible(kind + found.name.removeprefix(stem), found.value, stretch=stretch) else Measured(found.name)


def _moment(stem: str, value: object) -> Measured:
    """An instant; a wall-clock time without an offset is no instant."""
    name = f"{stem.removesuffix('_time')}_at"
    if value is None:
        return Measured(name)
    try:
        return Measured(name, instant_text(local_time(value).at))
    except ValueError:
        raise UnexpectedPayload(path="value", provider="sahha") from None


def in_our_unit(stem: str, unit: str | None, number: Decimal | None) -> Measured:
    """A number in our unit. A percentage up to 1 was written as a fraction, up to 100 as percent; beyond, it is neither."""
    known = _UNITS.get((unit or "").strip().lower())
    if known is None:
        return Measured()
    ending, factor = known
    name = f"{stem}_{ending}"
    if number is None:
        return Measured(name)
    if known is not PERCENT:
        return Measured(name, _plain(number * factor) if factor == 1 else _rounded(number * factor))
    if not 0 <= number <= 100:
        return Measured(name)
    return Measured(name, _rounded(number * 100), "fraction") if number <= 1 else Measured(name, _plain(number), "percent")


def _of_hundred(number: Decimal | None) -> int | float | None:
    """A score as 0 to 100. Sahha sends 0 to 1; what is outside is not guessed at."""
    return None if number is None or not 0 <= number <= 1 else _rounded(number * 100)


def _rounded(number: Decimal) -> int | float:
    """Four decimals: what is beyond is the 32-bit float of Sahha's own arithmetic."""
    return _plain(round(number, 4))


def _plain(number: Decimal | None) -> Any:
    """An int where it is whole, so that `437`, `"437"` and `"437."` are one value."""
    if number is None:
        return None
    return int(number) if number == number.to_integral_value() else float(number)


def instant_text(instant: datetime | None) -> str | None:
    """RFC 3339, UTC, milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if instant else None


def empty_day() -> dict[str, Any]:
    """Sahha's part of a day without records."""
    return {"scores": {}, **dict.fromkeys(SECTIONS), "other": [], "archetypes": [], "intraday": []}


def assemble_day(records: Sequence[StoredRecord]) -> dict[str, Any]:
    """Sahha's part of a day document. The order of the records does not matter.

    `intraday` names the values that still run; `other` holds what has no value in a unit of ours, or belongs to no section, as sent.
    """
    found = sorted(records, key=lambda r: (r.resource, r.external_id))
    day, biomarkers = empty_day(), [r.values for r in found if r.resource == "biomarker"]
    for section in SECTIONS:
        day[section] = _section([v for v in biomarkers if v["category"] == section and _is_shown(v)]) or None
    day["scores"] = {r.values["type"]: r.values for r in found if r.resource == "score"}
    day["other"] = [v for v in biomarkers if not _is_shown(v)]
    day["archetypes"] = [r.values for r in found if r.resource == "archetype"]
    day["intraday"] = sorted(v["name"] for v in biomarkers if v["periodicity"] == "intraday" and _is_shown(v))
    return day


def _is_shown(values: Mapping[str, Any]) -> bool:
    """Whether the section shows it by its name."""
    is_readable = values["value"] is not None or values["value_as_sent"] is None
    return values["category"] in SECTIONS and values["name"] is not None and is_readable


def _section(biomarkers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Values by name, with the offset that turns their instants into the member's own clock."""
    if not biomarkers:
        return {}
    offsets = [v["utc_offset_min"] for v in biomarkers if v["utc_offset_min"] is not None]
    return {"utc_offset_min": offsets[-1] if offsets else None, **{v["name"]: v["value"] for v in sorted(biomarkers, key=_name)}}


def _name(values: Mapping[str, Any]) -> str:
    return values["name"]


def day_metrics(document: Mapping[str, Any]) -> dict[str, float]:
    """What a day adds to the trends, by metric: known quantities and Sahha's scores, once they run no more."""
    values = {name: value for section in SECTIONS for name, value in (document[section] or {}).items() if name in METRICS}
    values |= {f"sahha_{kind}_score": (document["scores"].get(kind) or {}).get("score") for kind in SCORES}
    running = still_running(document)
    return {name: float(value) for name, value in values.items() if value is not None and name not in running}


def still_running(document: Mapping[str, Any]) -> set[str]:
    """The names of what is not final: intraday values and, while a section's day runs, the weeks that end with it and its scores."""
    found = set(document["intraday"])
    for section in SECTIONS:
        if _is_running(document, section):
            found |= {name for name in document[section] if "_weekly_" in name}
            found |= {f"sahha_{kind}_score" for kind, made_of in SCORES.items() if made_of == section}
    return found


def _is_running(document: Mapping[str, Any], section: str) -> bool:
    """Whether all daily values of a section are intraday ones. Scores do not say it of themselves."""
    names = [name for name in document[section] or {} if name != "utc_offset_min" and "_weekly_" not in name]
    return bool(names) and set(names) <= set(document["intraday"])
