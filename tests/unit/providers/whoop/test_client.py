"""WHOOP's reads: the requests that are sent and the pages that come of the answers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from wearbase.domain.errors import ResourceGone, UnexpectedPayload
from wearbase.domain.provider import Lookup
from wearbase.domain.windows import Window
from wearbase.providers.whoop import client

SLEEP_ID = "bb59b2a3-7e30-423d-880d-8fd9e7d05087"
WINDOW = Window(datetime(2026, 10, 30, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC))


@pytest.mark.parametrize(
    ("resource", "path"),
    [("recovery", "/v2/recovery"), ("sleep", "/v2/activity/sleep"), ("workout", "/v2/activity/workout"), ("cycle", "/v2/cycle")],
)
async def test_a_page_is_asked_for_with_limit_window_and_token(whoop, resource_of, resource, path):
    whoop.answers[path] = {"records": [], "next_token": "T2"}
    declared = resource_of(resource)
    first = await declared.read_page(whoop, WINDOW, None)
    await declared.read_page(whoop, WINDOW, "T1")
    plain = {"limit": "25", "start": "2026-10-30T00:00:00.000Z", "end": "2026-11-04T00:00:00.000Z"}
    assert first.next_token == "T2"
    assert [(r.method, r.path, dict(r.params)) for r in whoop.requests] == [
        ("GET", path, plain),
        ("GET", path, {**plain, "nextToken": "T1"}),
    ]


async def test_the_window_is_sent_in_utc_and_never_narrowed(whoop):
    whoop.answers["/v2/cycle"] = {"records": []}
    east = timezone(timedelta(hours=5, minutes=45))
    window = Window(datetime(2026, 11, 4, 5, 45, 0, 123_999, tzinfo=east), datetime(2026, 11, 4, 0, 0, 9, 1, tzinfo=UTC))
    await client.read_cycles(whoop, window, None)
    assert whoop.requests[0].params["start"] == "2026-11-04T00:00:00.123Z"
    assert whoop.requests[0].params["end"] == "2026-11-04T00:00:09.001Z"


async def test_a_record_that_comes_again_on_the_next_page_is_given_again(whoop, examples):
    ids = []
    for page in examples["collections"]["page_drift"]["pages"]:
        whoop.answers["/v2/activity/workout"] = page["payload"]
        ids += [r.external_id for r in (await client.read_workouts(whoop, WINDOW, None)).records]
    assert len(ids) == 4
    assert len(set(ids)) == 3


async def test_recovery_by_its_cycle(whoop, examples):
    whoop.answers["/v2/cycle/1838200101/recovery"] = examples["recoveries"]["scored"]["payload"]
    page = await client.read_recovery(whoop, Lookup(external_id="1838200101"))
    assert [r.external_id for r in page.records] == ["1838200101"]


@pytest.mark.parametrize("group_id", [None, "1838200101"])
async def test_recovery_by_its_sleep(whoop, examples, group_id):
    whoop.answers[f"/v2/activity/sleep/{SLEEP_ID}"] = examples["sleeps"]["main_scored"]["payload"]
    whoop.answers["/v2/cycle/1838200101/recovery"] = examples["recoveries"]["scored"]["payload"]
    page = await client.read_recovery(whoop, Lookup(external_id=SLEEP_ID, is_by_parent=True, group_id=group_id))
    assert [r.parent_id for r in page.records] == [SLEEP_ID]
    assert len(whoop.requests) == (1 if group_id else 2)


async def test_recovery_that_belongs_to_another_sleep_by_now_is_gone(whoop, examples):
    whoop.answers["/v2/cycle/1838200101/recovery"] = examples["recoveries"]["scored"]["payload"]
    other = "33e70ecd-129e-459e-8e7e-def23cc206b1"
    with pytest.raises(ResourceGone):
        await client.read_recovery(whoop, Lookup(external_id=other, is_by_parent=True, group_id="1838200101"))


async def test_recovery_of_a_deleted_sleep_is_gone(whoop):
    with pytest.raises(ResourceGone):
        await client.read_recovery(whoop, Lookup(external_id=SLEEP_ID, is_by_parent=True))
    assert whoop.paths == [f"/v2/activity/sleep/{SLEEP_ID}"]


async def test_recovery_of_a_nap_is_gone(whoop, examples):
    nap, night = examples["sleeps"]["nap"]["payload"], examples["sleeps"]["across_dst_end"]["payload"]
    assert nap["cycle_id"] == night["cycle_id"]
    recovery = next(r for r in examples["collections"]["recovery_page"]["payload"]["records"] if r["cycle_id"] == nap["cycle_id"])
    whoop.answers.update({f"/v2/activity/sleep/{nap['id']}": nap, f"/v2/cycle/{nap['cycle_id']}/recovery": recovery})
    with pytest.raises(ResourceGone):
        await client.read_recovery(whoop, Lookup(external_id=nap["id"], is_by_parent=True))


async def test_recovery_whose_sleep_names_no_cycle_cannot_be_found(whoop, examples):
    whoop.answers[f"/v2/activity/sleep/{SLEEP_ID}"] = {**examples["sleeps"]["main_scored"]["payload"], "cycle_id": None}
    with pytest.raises(UnexpectedPayload) as raised:
        await client.read_recovery(whoop, Lookup(external_id=SLEEP_ID, is_by_parent=True))
    assert raised.value.path == "cycle_id"


async def test_a_recovery_that_cannot_be_understood_is_parked_under_its_own_id(whoop, examples):
    raw = {**examples["recoveries"]["scored"]["payload"], "score": None}
    whoop.answers["/v2/cycle/1838200101/recovery"] = raw
    page = await client.read_recovery(whoop, Lookup(external_id=SLEEP_ID, is_by_parent=True, group_id="1838200101"))
    assert page.records == []
    [parked] = page.unmappable
    assert (parked.resource, parked.external_id, parked.raw) == ("recovery", "1838200101", raw)
    assert "score" in parked.reason


async def test_a_parked_sleep_keeps_the_spelling_its_record_would_have(whoop, examples):
    raw = {**examples["sleeps"]["main_scored"]["payload"], "id": SLEEP_ID.upper(), "start": None}
    whoop.answers["/v2/activity/sleep"] = {"records": [raw]}
    [parked] = (await client.read_sleeps(whoop, WINDOW, None)).unmappable
    assert parked.external_id == SLEEP_ID
