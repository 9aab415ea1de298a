"""A day document in words: units from the names, a dash for a null, a reason for nothing."""

import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from wearbase.cli.showing import days

DAY: dict[str, Any] = json.loads((Path(__file__).parents[2] / "fixtures/whoop/day-document.json").read_text())


def text_of(document: dict[str, Any]) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    for section in days.sections(document):
        console.print(section)
    return console.export_text()


def empty(**sync: Any) -> dict[str, Any]:
    document = {name: [] if isinstance(part, list) else None for name, part in DAY.items()}
    return {**document, "user_id": "ann", "date": "2026-05-14", "sync": {"state": "ok", "not_yet": False, "no_data_reason": None, **sync}}


@pytest.mark.parametrize(
    ("section", "field", "content", "shown"),
    [
        ("recovery", "score", 66.0, "66 %"),
        ("recovery", "hrv_rmssd_ms", 58.314, "58.31 ms"),
        ("recovery", "skin_temperature_c", 33.42, "33.42 °C"),
        ("sleep", "asleep_s", 27_320, "7 h 35 min"),
        ("sleep", "respiratory_rate_per_min", 15.2, "15.2 /min"),
        ("cycle", "energy_kcal", 1769.2, "1769.2 kcal"),
        ("cycle", "average_heart_rate_bpm", 67, "67 bpm"),
        ("cycle", "steps", 0, "0"),
        ("cycle", "strain", None, "–"),
        ("cycle", "strain", 0.0, "0"),
        ("recovery", "is_calibrating", False, "no"),
        ("workout", "sport", "weight_lifting", "weight lifting"),
        ("workout", "distance_m", 123_456.789, "123456.79 m"),
    ],
)
def test_a_value_and_its_unit(section: str, field: str, content: Any, shown: str) -> None:
    assert days.shown(section, field, content) == shown


def test_an_instant_is_shown_at_the_members_offset() -> None:
    assert days.shown("sleep", "end_at", "2026-05-14T23:58:40.000Z", offset_min=330) == "2026-05-15 05:28"


def test_labels_lose_the_unit() -> None:
    labels = ("hrv_rmssd_ms", "resting_heart_rate_bpm", "asleep_s", "start_at", "disturbance_count", "steps")
    assert [days.label_of(name) for name in labels] == [
        "HRV (RMSSD)", "resting heart rate", "asleep", "start", "disturbance count", "steps"
    ]  # fmt: skip


def test_a_whole_day() -> None:
    text = text_of(DAY)
    for part in ("Recovery", "66 %", "Sleep", "7 h 35 min", "Cycle (running)", "Workout", "running", "138 bpm"):
        assert part in text
    assert "None" not in text
    assert "revision" not in text


def test_an_unscored_record_says_so_and_has_no_zeros() -> None:
    document = copy.deepcopy(DAY)
    document["recovery"] |= {"score": None, "hrv_rmssd_ms": None, "score_state": "PENDING_SCORE"}
    text = text_of({"recovery": document["recovery"]})
    assert "Recovery (pending score)" in text
    assert "–" in text
    assert days.summary(document)[0].startswith("recovery –, HRV –")


def test_the_day_in_two_lines() -> None:
    assert days.summary(DAY) == [
        "recovery 66 %, HRV 58.31 ms, resting heart rate 52 bpm",
        "slept 7 h 35 min, strain 9.84 so far, 1 workout",
    ]


def test_an_empty_day_says_why() -> None:
    assert days.why_empty(DAY) is None
    assert days.why_empty(empty(no_data_reason="future")) == "this day is in the future"
    assert "not begun" in (days.why_empty(empty(not_yet=True)) or "")
    assert days.summary(empty(no_data_reason="gap")) == ["no data: the source has nothing for this day"]
