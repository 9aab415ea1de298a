"""Reads: days in the member's own time, a day more at either end, page after page."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from wearbase.domain.errors import CursorExpired, ResourceGone
from wearbase.domain.provider import Lookup
from wearbase.domain.windows import Window
from wearbase.providers.oura import PROVIDER
from wearbase.providers.oura.client import COLLECTIONS, SLEEP

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)


async def test_a_window_is_asked_for_in_days_with_one_more_at_either_end(oura):
    oura.answers = [{"data": [], "next_token": None}]
    await SLEEP.page(oura, Window(NOON - timedelta(days=3), NOON), None)
    [request] = oura.requests
    assert request.path == "/v2/usercollection/sleep"
    assert request.params == {"start_date": "2026-05-10", "end_date": "2026-05-16"}


async def test_a_window_of_an_instant_still_holds_every_local_day_of_it(oura):
    for hour in range(24):
        at = datetime(2026, 5, 14, hour, 30, tzinfo=UTC)
        oura.answers = [{"data": [], "next_token": None}]
        await SLEEP.page(oura, Window(at, at + timedelta(seconds=1)), None)
        params = oura.requests[-1].params
        for offset in (-12, 14):
            local = (at + timedelta(hours=offset)).date().isoformat()
            assert params["start_date"] < local < params["end_date"]


async def test_the_pages_of_a_walk_are_one_listing(oura, examples):
    pages = examples["pages"]["walk"]
    oura.answers, token, found = list(pages), None, []
    while True:
        page = await SLEEP.page(oura, Window(NOON - timedelta(days=7), NOON), token)
        found += [record.external_id for record in page.records]
        token = page.next_token
        if token is None:
            break
    assert found == [raw["id"] for page in pages for raw in page["data"]]
    assert [r.params.get("next_token") for r in oura.requests] == [None, "W1siYSJdXQ==", "W1siYiJdXQ=="]


async def walked(oura, window, answer):
    """Every id of a walk in the order in which it came."""
    token, found = None, []
    while True:
        oura.answers = [answer]
        page = await SLEEP.page(oura, window, token)
        found += [record.external_id for record in page.records]
        token = page.next_token
        if token is None:
            return found


async def test_a_long_window_is_cut_into_stretches_that_lie_side_by_side(oura):
    window = Window(NOON - timedelta(days=730), NOON)
    assert await walked(oura, window, {"data": [], "next_token": None}) == []
    asked = [(r.params["start_date"], r.params["end_date"]) for r in oura.requests]
    assert len(asked) == 9
    assert asked[0] == ("2026-02-14", "2026-05-16")
    assert asked[-1][0] == "2024-05-13"
    for (start, _), (_, older_end) in pairwise(asked):
        assert date.fromisoformat(older_end) - date.fromisoformat(start) == timedelta(days=1)  # a day more at either end


async def test_pages_of_an_older_stretch_keep_to_it(oura, examples):
    window, raw = Window(NOON - timedelta(days=100), NOON), examples["sleep"]["night"]
    oura.answers = [{"data": [], "next_token": None}]
    first = await SLEEP.page(oura, window, None)
    oura.answers = [{"data": [raw], "next_token": "b~2"}]
    second = await SLEEP.page(oura, window, first.next_token)
    oura.answers = [{"data": [], "next_token": None}]
    last = await SLEEP.page(oura, window, second.next_token)
    assert [r.params.get("next_token") for r in oura.requests] == [None, None, "b~2"]
    assert oura.requests[1].params["end_date"] == oura.requests[2].params["end_date"] != oura.requests[0].params["end_date"]
    assert last.next_token is None


async def test_what_lies_in_the_day_between_two_stretches_comes_once(oura, examples):
    newest = date(2026, 5, 15)
    edge = newest - timedelta(days=90)  # the older stretch's last day; the newer asks for it, too
    raws = [{**examples["sleep"]["night"], "id": str(d), "day": (edge + timedelta(days=d)).isoformat()} for d in (-1, 0, 1)]
    found = await walked(oura, Window(NOON - timedelta(days=150), NOON), {"data": raws, "next_token": None})
    assert found == ["1", "-1", "0"]


async def test_what_lies_beside_the_window_is_as_good(oura, examples):
    raws = [{**examples["sleep"]["night"], "id": day, "day": day} for day in ("2026-05-09", "2026-05-12", "2026-05-18")]
    assert await walked(oura, Window(NOON - timedelta(days=3), NOON), {"data": raws, "next_token": None}) == [raw["id"] for raw in raws]


@pytest.mark.parametrize("token", ["2026-05-15~", "2020-01-01~x", "~", "x~y"])
async def test_a_token_of_another_walk_starts_it_again(oura, token):
    with pytest.raises(CursorExpired):
        await SLEEP.page(oura, Window(NOON - timedelta(days=150), NOON), token)
    assert oura.requests == []


@pytest.mark.parametrize("status", [400, 422])
async def test_a_page_token_that_oura_refuses_starts_the_walk_again(oura, status):
    oura.answers = [status]
    with pytest.raises(CursorExpired):
        await SLEEP.page(oura, Window(NOON - timedelta(days=7), NOON), "old")


@pytest.mark.parametrize("external_id", ["", ".", ".."])
async def test_an_id_that_would_be_another_path_is_gone_without_a_call(oura, external_id):
    with pytest.raises(ResourceGone):
        await SLEEP.one(oura, Lookup(external_id=external_id))
    assert oura.requests == []


def test_each_collection_is_declared_and_reads_its_own(examples):
    assert {c.resource for c in COLLECTIONS.values()} == {r.name for r in PROVIDER.resources}
    for collection in COLLECTIONS.values():
        resource = PROVIDER.resource(collection.resource)
        assert resource is not None
        assert (resource.read_page, resource.read_one) == (collection.page, collection.one)
        raw = next(iter(examples[collection.resource].values()))
        assert collection.map(raw).resource == collection.resource
