"""One value for each quantity of a day, and never one made from two."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearbase.domain.combining import EVERY, Combining
from wearbase.domain.errors import BadRequest
from wearbase.domain.provider import Provider
from wearbase.domain.quantities import Quantity
from wearbase.providers.registry import PROVIDERS

REAL = Combining.of(PROVIDERS.values())


def source(name: str, *quantities: Quantity, passes_on: bool = False, running: tuple[str, ...] = ()) -> Provider:
    """A provider of which only the quantities matter."""
    return replace(PROVIDERS["whoop"], name=name, quantities=quantities, passes_on=passes_on, running=lambda part: running)


SLEPT, HRV = Quantity("asleep_s", "s", "night.asleep"), Quantity("hrv_rmssd_ms", "ms", "hrv")
RING = source("ring", SLEPT, HRV, Quantity("ring_pulse_bpm", "bpm", "pulse", idea="pulse"))
STRAP = source("strap", SLEPT, HRV, Quantity("strap_pulse_bpm", "bpm", "pulse", idea="pulse"))
PHONE = source("phone", SLEPT, HRV, Quantity("hrv_sdnn_ms", "ms", "sdnn"), passes_on=True)
THREE = Combining.of([PHONE, RING, STRAP])
SOURCES = ("ring", "strap", "phone")

numbers = st.one_of(st.none(), st.integers(0, 100), st.floats(0, 100, allow_nan=False))
parts = st.dictionaries(
    st.sampled_from(SOURCES),
    st.fixed_dictionaries(
        {"night": st.one_of(st.none(), st.fixed_dictionaries({"asleep": numbers})), "hrv": numbers, "pulse": numbers, "sdnn": numbers}
    ),
)
orders = st.lists(st.sampled_from(SOURCES), min_size=1, unique=True)
wishes = st.dictionaries(st.sampled_from([EVERY, "asleep_s", "hrv_rmssd_ms"]), orders)


def test_who_measures_is_believed_before_who_passes_on() -> None:
    assert THREE.sources == ("ring", "strap", "phone")
    for real in (REAL, Combining.of(reversed(PROVIDERS.values()))):
        assert [p.passes_on for p in real.providers] == sorted(p.passes_on for p in real.providers)
    assert REAL.sources[0] == "whoop"
    assert REAL.sources[-1] == "sahha"


def test_the_first_of_the_order_that_has_a_value() -> None:
    day = {"ring": {"hrv": None}, "strap": {"hrv": 50}, "phone": {"hrv": 0}}
    assert THREE.combine(day, {})["hrv_rmssd_ms"] == {
        "value": 50, "unit": "ms", "source": "strap", "is_running": False, "near": [],
        "others": [{"source": "phone", "value": 0, "is_running": False}],
    }  # fmt: skip


def test_what_runs_says_so() -> None:
    running = Combining.of([source("ring", HRV, running=("hrv_rmssd_ms",))])
    assert running.combine({"ring": {"hrv": 1}}, {})["hrv_rmssd_ms"]["is_running"] is True


@pytest.mark.parametrize(
    ("deployment", "wished", "order"),
    [
        ("", {}, "ring strap phone"),
        ("phone", {}, "phone ring strap"),
        ("phone,strap; asleep_s=strap", {}, "strap phone ring"),
        ("hrv_rmssd_ms=phone", {}, "ring strap phone"),
        ("asleep_s=strap", {EVERY: ["phone"]}, "phone strap ring"),
        ("asleep_s=strap", {"asleep_s": ["ring"], EVERY: ["phone"]}, "ring phone strap"),
        ("", {"asleep_s": ["gone", "phone"]}, "phone ring strap"),
    ],
)
def test_whose_wish_comes_first(deployment: str, wished: dict[str, Any], order: str) -> None:
    assert Combining.of([RING, STRAP, PHONE], deployment).order("asleep_s", wished) == tuple(order.split())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("fitbit", "ring, strap, phone"),
        ("sleep=ring", "asleep_s"),
        ("asleep_s=", "ring, strap"),
        ("ring,ring", "each once"),
        ("=", "known are"),
    ],
)
def test_a_bad_order_is_refused_and_the_good_ones_are_named(text: str, names: str) -> None:
    with pytest.raises(BadRequest) as refused:
        Combining.of([RING, STRAP, PHONE], text)
    assert names in refused.value.message


def test_one_name_has_one_unit() -> None:
    with pytest.raises(ValueError, match="asleep_s"):
        Combining.of([RING, source("watch", Quantity("asleep_s", "minute", "x"))])


def test_the_making_changes_with_the_order_and_with_what_is_declared() -> None:
    makings = {Combining.of([RING, STRAP], text).making for text in ("", "strap", "asleep_s=strap")}
    assert len(makings | {Combining.of([RING, source("strap", SLEPT)]).making}) == 4
    assert Combining.of([RING, STRAP]).making == Combining.of([RING, STRAP]).making


@given(parts, wishes)
def test_every_value_is_one_that_a_source_said(day: Any, wished: Any) -> None:
    """None is made up, averaged or filled in; null is no value; nothing a source said is lost."""
    combined = THREE.combine(day, wished)
    said = {
        (q.name, p.name): value
        for p in (RING, STRAP, PHONE)
        if p.name in day
        for q in p.quantities
        if (value := q.value(day[p.name])) is not None
    }
    shown = {(name, e["source"]): e["value"] for name, e in combined.items()}
    shown |= {(name, o["source"]): o["value"] for name, e in combined.items() for o in e["others"]}
    assert shown == said
    assert all(type(shown[key]) is type(said[key]) for key in said)


@given(parts, wishes)
def test_the_order_decides(day: Any, wished: Any) -> None:
    for name, entry in THREE.combine(day, wished).items():
        order = THREE.order(name, wished)
        ranks = [order.index(s) for s in (entry["source"], *(o["source"] for o in entry["others"]))]
        assert ranks == sorted(set(ranks))


@given(parts, wishes)
def test_what_is_near_stands_beside_and_never_in_the_place_of_the_other(day: Any, wished: Any) -> None:
    combined = THREE.combine(day, wished)
    for name, entry in combined.items():
        assert all(name in combined[other]["near"] for other in entry["near"])
        assert name not in entry["near"]
    for name, only in (("ring_pulse_bpm", "ring"), ("strap_pulse_bpm", "strap"), ("hrv_sdnn_ms", "phone")):
        if name in combined:
            assert (combined[name]["source"], combined[name]["others"]) == (only, [])


def test_the_two_statistics_of_hrv_never_meet() -> None:
    """Neither the same nor near; and one that is not named is neither."""
    for name, quantity in REAL.quantities.items():
        if "hrv" in name:
            assert quantity.idea is None
            assert {q.metric for p in REAL.providers for q in p.quantities if q.name == name} == {name}


def test_no_score_is_shared() -> None:
    scores = [q.name for p in REAL.providers for q in p.quantities if "score" in q.name or "performance" in q.name]
    assert len(scores) >= 7
    assert len(set(scores)) == len(scores)


def test_a_name_is_followed_where_its_source_keeps_it() -> None:
    assert REAL.followed("asleep_s").items() >= {"whoop": "asleep_s", "sahha": "sleep_duration_s"}.items()
    assert REAL.followed("strain") == {"whoop": "strain"}
    with pytest.raises(BadRequest, match="hrv_rmssd_ms, hrv_sdnn_ms"):
        REAL.followed("sleep")
    with pytest.raises(BadRequest):
        REAL.followed("sleep_start_at")
