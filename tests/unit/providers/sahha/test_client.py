"""Reads: both bounds and the required lists always, slices that cover the window, filtered by the member's local day."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearbase.domain.errors import CursorExpired, ProviderUnavailable, ResourceGone
from wearbase.domain.provider import Lookup
from wearbase.domain.windows import Window
from wearbase.providers.sahha import PROVIDER
from wearbase.providers.sahha.client import ARCHETYPE, BIOMARKER, SCORE, doubts, slices

WINDOW = Window(datetime(2026, 11, 13, tzinfo=UTC), datetime(2026, 11, 20, 12, tzinfo=UTC))
SCORES, BIOMARKERS, ARCHETYPES = (kind.path for kind in (SCORE, BIOMARKER, ARCHETYPE))
PROFILE = "/api/v1/account/profile/{member}"

YEAR_S = 366 * 86_400
instants = st.floats(0, 10 * YEAR_S).map(lambda s: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
lengths = st.timedeltas(timedelta(microseconds=1), timedelta(days=800))
windows = st.builds(lambda start, length: Window(start, start + length), instants, lengths)


def read(name):
    resource = PROVIDER.resource(name)
    assert resource
    return resource.read_page


async def test_a_read_sends_its_lists_and_both_bounds_with_room_on_each_side(sahha):
    for path in (SCORES, BIOMARKERS, ARCHETYPES):
        sahha.will(path, [])
    for name in ("score", "biomarker", "archetype"):
        await read(name)(sahha, WINDOW, None)
    scores, biomarkers, archetypes = sahha.requests
    assert scores.path == "/api/v1/profile/score/{member}"
    assert scores.params == {
        "types": ("sleep", "readiness", "activity", "wellbeing", "mental_wellbeing"),
        "startDateTime": "2026-11-11", "endDateTime": "2026-11-22",
    }  # fmt: skip
    assert biomarkers.path == "/api/v1/profile/biomarker/{member}"
    assert biomarkers.params == {
        "categories": ("sleep", "activity", "vitals", "body"), "startDateTime": "2026-11-03", "endDateTime": "2026-11-22",
    }  # fmt: skip
    assert archetypes.path == "/api/v1/profile/archetypes/{member}"  # plural, unlike the others
    assert archetypes.params == {"startDateTime": "2026-10-11", "endDateTime": "2026-11-22"}


@given(windows, st.integers(1, 40), st.integers(-12 * 60, 14 * 60))
def test_slices_hold_every_local_day_of_the_window_exactly_once(window, days, offset_min):
    found = slices(window, days)
    covered = [first + timedelta(days=i) for first, last in found for i in range((last - first).days + 1)]
    assert len(covered) == len(set(covered))
    assert sorted(covered) == [min(covered) + timedelta(days=i) for i in range(len(covered))]
    assert all(1 <= (last - first).days + 1 <= days for first, last in found)
    assert [last for _, last in found] == sorted((last for _, last in found), reverse=True)
    local = [(at + timedelta(minutes=offset_min)).date() for at in (window.start, window.end - timedelta(microseconds=1))]
    assert set(local) <= set(covered)
    assert len(covered) <= (window.end - window.start).days + 4


@pytest.mark.parametrize("kind", [SCORE, BIOMARKER], ids=lambda kind: kind.resource)
def test_what_is_asked_for_at_once_is_thirty_days_at_most(kind):
    assert kind.days_before + kind.slice_days + 1 <= 30


async def test_a_long_window_is_walked_newest_first(sahha):
    sahha.will(SCORES, 204)
    window, token, tokens = Window(WINDOW.end - timedelta(days=90), WINDOW.end), None, []
    while not tokens or token:
        token = (await read("score")(sahha, window, token)).next_token
        tokens.append(token)
    assert tokens == ["2026-10-24", "2026-09-26", "2026-08-29", None]
    bounds = [(r.params["startDateTime"], r.params["endDateTime"]) for r in sahha.requests]
    assert bounds == [
        ("2026-10-24", "2026-11-22"), ("2026-09-26", "2026-10-25"), ("2026-08-29", "2026-09-27"), ("2026-08-21", "2026-08-30"),
    ]  # fmt: skip


@pytest.mark.parametrize("token", ["stale", "", "0", "2026-11-20", "2026-13-01"])
async def test_a_token_of_another_window_starts_the_walk_again(sahha, token):
    with pytest.raises(CursorExpired):
        await read("score")(sahha, WINDOW, token)
    assert sahha.requests == []


async def test_no_content_and_an_empty_list_are_no_results(sahha):
    for answer in (204, []):
        sahha.will(BIOMARKERS, answer)
        page = await read("biomarker")(sahha, WINDOW, None)
        assert (page.records, page.unmappable, page.next_token) == ([], [], None)


async def test_404_is_no_results_if_there_is_such_a_profile(sahha, examples):
    sahha.will(PROFILE, examples["profile"])
    page = await read("score")(sahha, WINDOW, None)
    assert page.records == []
    assert sahha.paths == [SCORES, PROFILE]


async def test_404_without_a_profile_is_gone(sahha):
    with pytest.raises(ResourceGone):
        await read("score")(sahha, WINDOW, None)
    assert sahha.paths == [SCORES, PROFILE]


async def test_what_was_asked_beside_the_slice_is_left_out(sahha, biomarker):
    def night(day):
        return biomarker(startDateTime=f"{day - timedelta(days=1)}T18:00:00-11:00", endDateTime=f"{day}T17:59:59-11:00")

    days = [date(2026, 11, 22) - timedelta(days=i) for i in range(40)]
    sahha.will(BIOMARKERS, [night(day) for day in days])
    first = await read("biomarker")(sahha, WINDOW, None)
    assert {r.given_day for r in first.records} == {d for d in days if d >= date(2026, 11, 12)}
    window = Window(WINDOW.end - timedelta(days=30), WINDOW.end)
    pages = [await read("biomarker")(sahha, window, token) for token in (None, "2026-11-01")]
    ids = [r.external_id for page in pages for r in page.records]
    assert len(ids) == len(set(ids)) == len([d for d in days if d >= date(2026, 10, 21)])


async def test_a_spoilt_record_is_parked_by_one_slice_alone(sahha, biomarker):
    spoilt = [biomarker(value="many"), biomarker(value="many", endDateTime="2026-10-28T17:59:59+13:00"), {"a": 1}]
    sahha.will(BIOMARKERS, spoilt)
    window = Window(WINDOW.end - timedelta(days=30), WINDOW.end)
    parked = [[u.external_id for u in (await read("biomarker")(sahha, window, token)).unmappable] for token in (None, "2026-11-01")]
    assert parked[0][0] == "sleep/sleep_duration/day/2026-11-18"
    assert parked[0][1].startswith("sha256:")
    assert parked[1] == ["sleep/sleep_duration/day/2026-10-28"]


async def test_an_archetype_of_this_week_is_kept_though_its_last_day_is_to_come(sahha, examples):
    raw = {**examples["archetypes"][0], "startDateTime": "2026-11-16T00:00:00+13:00", "endDateTime": "2026-11-22T00:00:00+13:00"}
    sahha.will(ARCHETYPES, [raw])
    [record] = (await read("archetype")(sahha, WINDOW, None)).records
    assert record.given_day == date(2026, 11, 22)


async def test_a_record_is_asked_for_by_what_its_key_says(sahha, examples):
    biomarkers = PROVIDER.resource("biomarker")
    assert biomarkers
    sahha.will(BIOMARKERS, examples["biomarkers"])
    page = await biomarkers.read_one(sahha, Lookup(external_id="sleep/sleep_duration/day/2026-11-18"))
    assert [r.raw["type"] for r in page.records] == ["sleep_duration"]
    asked = sahha.requests[0].params
    assert (asked["categories"], asked["types"]) == (("sleep",), ("sleep_duration",))
    assert (asked["startDateTime"], asked["endDateTime"]) == ("2026-11-09", "2026-11-28")


async def test_a_record_that_is_not_listed_is_not_proven_gone(sahha, examples):
    scores = PROVIDER.resource("score")
    assert scores
    sahha.will(PROFILE, examples["profile"])
    for answer in ([], 204, 404, [examples["scores"][1]]):
        sahha.will(SCORES, answer)
        with pytest.raises(ProviderUnavailable):
            await scores.read_one(sahha, Lookup(external_id="sleep/2026-11-18"))


@pytest.mark.parametrize("key", ["", "sleep", "sleep/yesterday", "a/b/c/d/e"])
async def test_a_key_that_is_none_of_ours_is_asked_of_nobody(sahha, key):
    for resource in PROVIDER.resources:
        with pytest.raises(ResourceGone):
            await resource.read_one(sahha, Lookup(external_id=key))
    assert sahha.requests == []


@pytest.mark.parametrize(
    ("sent", "is_doubtful"),
    [
        (("0.95", "0.96"), False),
        (("95", "96"), False),
        (("0.95", "95"), True),
        (("0", "95"), False),
        (("72.5", "1"), True),
        (("7250", "0.9"), False),
    ],
)
def test_a_percentage_that_comes_in_both_scales_is_doubted(biomarker, sent, is_doubtful):
    """Zero is zero in either; what is on no scale has no value that could be doubted."""
    told = [BIOMARKER.map(biomarker(type="sleep_efficiency", unit="percentage", value=value)) for value in sent]
    others = [BIOMARKER.map(biomarker()), BIOMARKER.map(biomarker(type="body_fat", unit="percentage", value="21"))]
    assert doubts([*told, *others]) == (("sleep_efficiency_percent came both as a fraction and as percent",) if is_doubtful else ())
