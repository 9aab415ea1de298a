"""Answers of one invented member on Saturday 21 November 2026, 07:24 in their zone, as the server gives them."""

import copy
from datetime import UTC, date, datetime, timedelta
from typing import Any

USER = "mira"
TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 6, 24, tzinfo=UTC)
OFFSET = 60
RECOVERY = [78, 73, 47, 44, 64, 51, 71, 66, 51, 65, None, None, 80, 76, 62, 31, 55, 39, 63, 44, 72]  # from 1 November

Json = dict[str, Any]


def local(day: date, clock: str, *, before: bool = False) -> str:
    """An instant of that local day (or of the evening before) in UTC."""
    at = datetime.fromisoformat(f"{day - timedelta(days=before)}T{clock}:00+00:00") - timedelta(minutes=OFFSET)
    return at.isoformat().replace("+00:00", ".000Z")


def rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def session(**changes: Any) -> Json:
    return {
        "user_id": USER, "signed_in_at": "2026-11-20T06:00:00.000Z", "expires_at": "2026-12-20T06:00:00.000Z", "is_demo": False,
        "version": "0.1.0", "sources": ["whoop", "sahha"], "server_time": rfc3339(NOW), **changes,
    }  # fmt: skip


def recovery_of(day: date) -> int | None:
    """What the pictures show; days before them go round."""
    n = (day - date(2026, 11, 1)).days
    return RECOVERY[n] if 0 <= n < len(RECOVERY) else None if day > TODAY else [58, 66, 71, 49, 62, 77, 40][n % 7]


def recovery(score: float | None = 72.0, **changes: Any) -> Json:
    return {
        "cycle_id": 1530000101, "score": score, "hrv_rmssd_ms": 75.2, "resting_heart_rate_bpm": 50.0, "spo2_percent": 96.4,
        "skin_temperature_c": 33.62, "is_calibrating": False, "score_state": "SCORED", "revision": "2026-11-21T05:04:11.120Z", **changes,
    }  # fmt: skip


def sleep(day: date = TODAY, **changes: Any) -> Json:
    return {
        "id": "8f0c5e1e", "start_at": local(day, "22:08", before=True), "end_at": local(day, "05:45"), "utc_offset_min": OFFSET,
        "performance_percent": 86.0, "efficiency_percent": 93.7, "consistency_percent": 78.0, "respiratory_rate_per_min": 14.1,
        "in_bed_s": 27420, "asleep_s": 25680, "light_s": 14340, "slow_wave_s": 5280, "rem_s": 6060, "awake_s": 1740, "no_data_s": 0,
        "cycle_count": 5, "disturbance_count": 9, "need_s": {"total": 29100, "baseline": 27540, "debt": 1440, "strain": 960, "nap": -840},
        "score_state": "SCORED", "revision": "2026-11-21T05:03:58.004Z", **changes,
    }  # fmt: skip


def cycle(day: date = TODAY, **changes: Any) -> Json:
    return {
        "id": 1530000101, "start_at": local(day, "22:08", before=True), "end_at": None, "is_open": True, "strain": 8.42,
        "energy_kj": 3903.7,
        "energy_kcal": 933.0, "average_heart_rate_bpm": 67, "max_heart_rate_bpm": 171, "steps": 7012, "score_state": "SCORED",
        "revision": "2026-11-21T06:20:00.881Z", **changes,
    }  # fmt: skip


def workout(name: str = "running", day: date = TODAY, clock: str = "06:12", minutes: int = 42, **changes: Any) -> Json:
    start = datetime.fromisoformat(local(day, clock).replace("Z", "+00:00"))
    zones = {"zero": 60, "one": 240, "two": 660, "three": 1080, "four": 420, "five": 60}
    return {
        "id": f"{name}-{day}", "sport": name, "start_at": rfc3339(start), "end_at": rfc3339(start + timedelta(minutes=minutes)),
        "utc_offset_min": OFFSET, "strain": 7.91, "average_heart_rate_bpm": 148, "max_heart_rate_bpm": 171, "energy_kj": 1723.8,
        "energy_kcal": 412.0, "distance_m": 7110.0, "altitude_gain_m": None, "altitude_change_m": None, "recorded_fraction": 1.0,
        "zones_s": zones, "score_state": "SCORED", "revision": "2026-11-21T06:10:10.532Z", **changes,
    }  # fmt: skip


def sauna() -> Json:
    nothing: Json = dict.fromkeys(
        ["strain", "average_heart_rate_bpm", "max_heart_rate_bpm", "energy_kj", "energy_kcal", "distance_m", "zones_s"]
    )
    return workout("sauna", clock="07:02", minutes=18, score_state="PENDING_SCORE", recorded_fraction=None, **nothing)


USUAL: Json = {
    "recovery_score_percent": (44.0, 77.0), "sleep_performance_percent": (70.0, 95.0), "strain": (7.1, 16.5), "hrv_rmssd_ms": (55.0, 71.0),
    "resting_heart_rate_bpm": (50.0, 54.0), "sleep_respiratory_rate_per_min": (14.1, 14.7), "sleep_spo2_percent": (95.5, 97.1),
    "skin_temperature_c": (33.4, 34.0), "asleep_s": (22320.0, 28980.0), "slow_wave_s": (4260.0, 6720.0), "rem_s": (5040.0, 7560.0),
    "light_s": (11880.0, 15660.0), "awake_s": (1080.0, 3120.0), "sleep_efficiency_percent": (89.2, 95.4),
    "sleep_consistency_percent": (64.0, 81.0), "disturbance_count": (6.0, 14.0), "sleep_cycle_count": (4.0, 6.0),
    "sleep_need_s": (28000.0, 30100.0),
}  # fmt: skip
SERIES: Json = {
    "recovery_score_percent": [66, 51, 65, None, None, 80, 76, 62, 31, 55, 39, 63, 44, 72],
    "sleep_performance_percent": [92, 76, 87, None, None, 86, 94, 92, 83, 70, 72, 80, 74, 86],
    "strain": [12.1, 11.3, 9.1, None, None, 6.4, 12.2, 10.7, 10.3, 16.5, 9.0, 12.9, 5.9, 8.42],
    "hrv_rmssd_ms": [67, 57, 65, None, None, 73, 70, 62, 64, 65, 55, 68, 63, 75.2],
    "resting_heart_rate_bpm": [52, 52, 51, None, None, 50, 52, 53, 51.6, 51.2, 54, 53, 51, 50],
    "sleep_respiratory_rate_per_min": [14.4, 14.3, 14.2, None, None, 14.7, 14.5, 14.2, 14.4, 14.7, 14.2, 14.1, 14.8, 14.1],
    "sleep_spo2_percent": [95, 97, 97, None, None, 96.2, 96.8, 96.1, 95.8, 96.2, 95.9, 96.2, 97, 96.4],
    "skin_temperature_c": [33.8, 33.8, 33.2, None, None, 33.5, 33.4, 33.6, 33.8, 33.8, 33.8, 33.9, 33.3, 33.62],
    "asleep_s": [28000, 22200, 28400, None, None, 25000, 28100, 29900, 25900, 21600, 25500, 25900, 26220, 25680],
    "sleep_need_s": [28900, 28500, 30000, None, None, 28000, 28500, 28900, 28400, 28700, 30700, 29300, 29460, 29100],
}  # fmt: skip


def usual(**changes: Any) -> Json:
    return {name: {"low": low, "high": high, "count": 27} for name, (low, high) in USUAL.items()} | changes


def recent(upto: date = TODAY) -> Json:
    days = [(upto - timedelta(days=n)).isoformat() for n in range(13, -1, -1)]
    return {name: [list(pair) for pair in zip(days, values, strict=True)] for name, values in SERIES.items()}


def strip(last: date = TODAY) -> list[Json]:
    return [one_day(last - timedelta(days=n)) for n in range(6, -1, -1)]


def one_day(day: date) -> Json:
    score = recovery_of(day)
    return {"day": day.isoformat(), "recovery": score, "state": "future" if day > TODAY else "value" if score is not None else "none"}


def source(name: str, minutes: int = 4, **changes: Any) -> Json:
    at = rfc3339(NOW - timedelta(minutes=minutes))
    return {
        "title": name.upper(), "is_available": True, "joined_by": "oauth" if name == "whoop" else "account", "connected": True,
        "state": "ok",
        "connected_at": "2025-03-03T08:00:00.000Z", "last_success_at": at, "resources": {}, "days_stored": 381, **changes,
    }  # fmt: skip


def sync(**changes: Any) -> Json:
    at = rfc3339(NOW - timedelta(minutes=4))
    one = {"last_success_at": at, "next_due_at": "2026-11-21T07:12:00.000Z", "error": None}
    names = ("recovery", "sleep", "workout", "cycle")
    return {
        "state": "ok",
        "not_yet": False,
        "no_data_reason": None,
        "open_cycle_day": "2026-11-21",
        "resources": dict.fromkeys(names, one),
        **changes,
    }


def whoop_day(day: date = TODAY, **changes: Any) -> Json:
    found = {
        "user_id": USER, "date": day.isoformat(), "recovery": recovery(), "sleep": sleep(day), "naps": [], "cycle": cycle(day),
        "other_cycles": [], "workouts": [workout(), sauna()], "last_sync": rfc3339(NOW - timedelta(minutes=4)), "data_source": "database",
        "sync": sync(),
    }  # fmt: skip
    return copy.deepcopy(found | changes)


def napping(on: date, minutes: int) -> Json:
    """A day with one nap."""
    nap = {
        "id": f"nap-{on}",
        "start_at": local(on, "14:10"),
        "end_at": local(on, "14:52"),
        "utc_offset_min": OFFSET,
        "asleep_s": minutes * 60,
    }
    return whoop_day(on, naps=[nap])


SAHHA: Json = {
    "scores": [
        {"name": "sleep", "score": 81, "score_as_sent": 0.81, "state": "high"},
        {"name": "readiness", "score": 74, "score_as_sent": 0.74, "state": "medium"},
        {"name": "activity", "score": 38, "score_as_sent": 0.38, "state": "minimal"},
        {"name": "wellbeing", "score": 69, "score_as_sent": 0.69, "state": "medium"},
    ],
    "at": rfc3339(NOW - timedelta(minutes=12)),
}  # fmt: skip


def day(**changes: Any) -> Json:
    """Today, whole. Change any field by name; `whoop` changes fields of the day document."""
    whoop = changes.pop("whoop", {})
    found = {
        "user_id": USER, "date": TODAY.isoformat(), "today": TODAY.isoformat(), "server_time": rfc3339(NOW), "first_day": "2025-03-03",
        "last_day": TODAY.isoformat(), "previous_day_with_data": "2026-11-20", "next_day_with_data": None, "day": whoop_day(**whoop),
        "usual": usual(), "recent": recent(), "strip": strip(),
        "history": {"days_stored": 381, "days_wanted": 381, "reached_back_to": "2025-03-03", "calls": 63, "is_running": False},
        "sources": {"whoop": source("whoop", title="WHOOP"), "sahha": source("sahha", 12, title="Sahha")}, "sahha": SAHHA,
    }  # fmt: skip
    return copy.deepcopy(found | changes)


def past(on: date, score: float | None = None, **changes: Any) -> Json:
    """A day that is over, closed and whole."""
    closed = cycle(on, is_open=False, end_at=local(on, "22:40"), strain=5.93, steps=9120, energy_kj=9012.0)
    whoop = {"date": on.isoformat(), "recovery": recovery(score if score is not None else float(recovery_of(on) or 0)), "sleep": sleep(on),
             "cycle": closed, "workouts": []}  # fmt: skip
    last = min(on + timedelta(days=1), TODAY)
    return day(
        **{
            "date": on.isoformat(), "previous_day_with_data": (on - timedelta(days=1)).isoformat(),
            "next_day_with_data": (on + timedelta(days=1)).isoformat(), "whoop": whoop, "strip": strip(last), "recent": recent(on),
        }
        | changes
    )  # fmt: skip


def without(reason: str | None, on: date = date(2026, 11, 12), **changes: Any) -> Json:
    """A day of which nothing is stored, and why."""
    nothing = {"recovery": None, "sleep": None, "cycle": None, "workouts": [], "date": on.isoformat()}
    values = {name: [[d, None if d == on.isoformat() else v] for d, v in pairs] for name, pairs in recent(on).items()}
    return day(
        **{
            "date": on.isoformat(), "previous_day_with_data": "2026-11-10", "next_day_with_data": "2026-11-13", "recent": values,
            "whoop": nothing | {"sync": sync(no_data_reason=reason)}, "strip": strip(min(on + timedelta(days=1), TODAY)), "sahha": None,
        }
        | changes
    )  # fmt: skip


def pending() -> Json:
    """WHOOP has the night and has not scored it."""
    none: Json = dict.fromkeys(["score", "hrv_rmssd_ms", "resting_heart_rate_bpm", "spo2_percent", "skin_temperature_c"])
    kept = ("id", "start_at", "end_at", "utc_offset_min", "in_bed_s", "score_state", "revision")
    stages: Json = {name: None for name in sleep() if name not in kept}
    whoop = {
        "recovery": recovery(**none, score_state="PENDING_SCORE"), "sleep": sleep(**stages, score_state="PENDING_SCORE"),
        "cycle": cycle(strain=0.41, energy_kj=420.0, steps=212), "workouts": [],
    }  # fmt: skip
    days = strip()
    days[-1] = {"day": TODAY.isoformat(), "recovery": None, "state": "pending"}
    values = recent()
    for name, pairs in values.items():
        if name != "strain":
            pairs[-1][1] = None
    return day(whoop=whoop, strip=days, recent=values, sources={"whoop": source("whoop", 1, title="WHOOP")}, sahha=None)


def backfilling(stored: int = 9) -> Json:
    values = {name: [[d, v if n >= 14 - stored else None] for n, (d, v) in enumerate(pairs)] for name, pairs in recent().items()}
    none = {name: {"low": None, "high": None, "count": stored} for name in USUAL}
    history = {"days_stored": stored, "days_wanted": 90, "reached_back_to": "2026-11-13", "calls": 5, "is_running": True}
    return day(
        usual=none, recent=values, history=history, sources={"whoop": source("whoop", 0, title="WHOOP", state="running")}, sahha=None
    )


def month(name: str = "2026-11") -> Json:
    first = date.fromisoformat(f"{name}-01")
    days = [first + timedelta(days=n) for n in range(31) if (first + timedelta(days=n)).month == first.month]
    return {"month": name, "today": TODAY.isoformat(), "days": [one_day(one) for one in days]}


def workouts() -> Json:
    found = [
        workout(), sauna(),
        workout("strength_trainer", date(2026, 11, 19), "18:05", 58, strain=8.61, average_heart_rate_bpm=112, max_heart_rate_bpm=156,
                energy_kj=1414.2, distance_m=None, zones_s={"zero": 720, "one": 1440, "two": 960, "three": 300, "four": 60, "five": 0}),
        workout("cycling", date(2026, 11, 17),
        "17:31", 112, strain=13.8, average_heart_rate_bpm=139, max_heart_rate_bpm=176, energy_kj=4284.4,
                distance_m=46300.0, altitude_gain_m=388.0,
                zones_s={"zero": 360, "one": 1680, "two": 2760, "three": 1440, "four": 420, "five": 60}),
    ]  # fmt: skip
    dated = [one | {"day": one["id"][-10:]} for one in found]
    usual = {"low": 13800.0, "high": 20400.0, "median": 17100.0, "count": 12}
    week = {
        "from": "2026-11-16",
        "usual_s": usual,
        "zones_s": {"zero": 1740, "one": 4560, "two": 5880, "three": 3420, "four": 1020, "five": 120},
        "count": 5,
        "duration_s": 16740,
    }
    return {"workouts": dated, "next": "2026-11-17T16:31:00.000Z", "week": week}
