"""A day document for people: labels and units come from the names of its fields."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from rich.table import Table

from wearbase.cli.output import NONE, table

ENVELOPE = ("user_id", "date", "last_sync", "data_source", "sync")
HIDDEN = ("id", "cycle_id", "revision", "score_state", "utc_offset_min", "is_open")
UNITS = {
    "_percent": "%", "_ms": "ms", "_bpm": "bpm", "_c": "°C", "_per_min": "/min", "_kj": "kJ", "_kcal": "kcal", "_m": "m", "_count": "",
}  # fmt: skip
NAMES = {"hrv_rmssd": "HRV (RMSSD)", "hrv_sdnn": "HRV (SDNN)", "spo2": "SpO2", "rem": "REM", "energy": "energy"}
REASONS = {
    "gap": "the source has nothing for this day",
    "not_reached": "the history of this day has not been read yet",
    "before_history": "this is before the stored history",
    "too_old": "this is before the history that is kept",
    "kept_no_longer": "it is kept no longer",
    "not_scorable": "the source could not score it",
    "future": "this day is in the future",
    "not_connected": "this user is not connected",
}


def sections(document: dict[str, Any]) -> Iterator[Table]:
    """A table for each part of the day that holds anything, all on the local clock of the day's night (else of its first workout)."""
    offset_min = _offset_of(document)
    for name, part in document.items():
        parts = part if isinstance(part, list) else [part] if isinstance(part, dict) else []
        if name in ENVELOPE:
            continue
        for entry in parts:
            yield _section(name, entry, offset_min=entry.get("utc_offset_min", offset_min) or 0)


def _offset_of(document: dict[str, Any]) -> int:
    timed = [document.get("sleep"), *document.get("naps", ()), *document.get("workouts", ())]
    return next((part["utc_offset_min"] for part in timed if part and part.get("utc_offset_min") is not None), 0)


def _section(name: str, entry: dict[str, Any], *, offset_min: int) -> Table:
    state = entry.get("score_state")
    remark = " (running)" if entry.get("is_open") else f" ({str(state).lower().replace('_', ' ')})" if state not in ("SCORED", None) else ""
    made = table("", "", title=_plain(name.removesuffix("s") if name in ("naps", "workouts") else name).capitalize() + remark)
    made.show_header = False
    for label, text in _rows(name, entry, offset_min=offset_min):
        made.add_row(label, text)
    return made


def _rows(section: str, entry: dict[str, Any], *, offset_min: int) -> Iterator[tuple[str, str]]:
    for field, content in entry.items():
        if field in HIDDEN:
            continue
        if isinstance(content, dict):
            yield label_of(field), ", ".join(f"{_plain(k)} {duration(v)}" for k, v in content.items() if v is not None)
        else:
            yield label_of(field), shown(section, field, content, offset_min=offset_min)


def shown(section: str, field: str, content: Any, *, offset_min: int = 0) -> str:
    """A value with its unit; a null is a dash, never a zero."""
    if content is None:
        return NONE
    if isinstance(content, bool):
        return "yes" if content else "no"
    if field.endswith("_at"):
        return local(content, offset_min)
    if field.endswith("_s"):
        return duration(content)
    unit = "%" if (section, field) == ("recovery", "score") else next((u for s, u in UNITS.items() if field.endswith(s)), "")
    text = f"{content:g}" if isinstance(content, float) and content < 1_000_000 else _plain(str(content))
    if isinstance(content, float):
        text = f"{round(content, 2):.10g}"
    return f"{text} {unit}".rstrip()


def label_of(field: str) -> str:
    """A field's name without its unit."""
    for suffix in sorted((*UNITS, "_s", "_at"), key=len, reverse=True):
        if field.endswith(suffix) and suffix != "_count":
            field = field.removesuffix(suffix)
            break
    return NAMES.get(field, _plain(field))


def duration(seconds: Any) -> str:
    """Hours and minutes."""
    if seconds is None:
        return NONE
    sign, minutes = ("-" if seconds < 0 else ""), round(abs(seconds) / 60)
    return f"{sign}{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{sign}{minutes} min"


def local(text: str, offset_min: int) -> str:
    """An instant at the member's offset."""
    return datetime.fromisoformat(text).astimezone(timezone(timedelta(minutes=offset_min))).strftime("%Y-%m-%d %H:%M")


def why_empty(document: dict[str, Any]) -> str | None:
    """Why the day holds nothing, in words; None if it holds something."""
    if any(part for name, part in document.items() if name not in ENVELOPE):
        return None
    sync = document.get("sync") or {}
    reason = sync.get("no_data_reason")
    if reason:
        return REASONS.get(reason, _plain(reason))
    return "the day has not begun for this member yet: nothing until they wake" if sync.get("not_yet") else "nothing is stored"


def summary(document: dict[str, Any]) -> list[str]:
    """The day in two lines."""
    if empty := why_empty(document):
        return [f"no data: {empty}"]
    recovery, sleep, cycle = (document.get(name) or {} for name in ("recovery", "sleep", "cycle"))
    morning = [
        f"recovery {shown('recovery', 'score', recovery.get('score'))}",
        f"HRV {shown('recovery', 'hrv_rmssd_ms', recovery.get('hrv_rmssd_ms'))}",
        f"resting heart rate {shown('recovery', 'resting_heart_rate_bpm', recovery.get('resting_heart_rate_bpm'))}",
    ]
    so_far = " so far" if cycle.get("is_open") else ""
    rest = [f"slept {duration(sleep.get('asleep_s'))}", f"strain {shown('cycle', 'strain', cycle.get('strain'))}{so_far}"]
    count = len(document.get("workouts") or ())
    return [", ".join(morning), ", ".join([*rest, f"{count} workout{'' if count == 1 else 's'}"])]


def _plain(name: str) -> str:
    return name.replace("_", " ")
