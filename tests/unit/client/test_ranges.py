import asyncio
import datetime as dt

import httpx2
import pytest

from wearbase_client import AsyncClient, Client, Cycle, Invalid, Recovery, Sleep, TooManyRequests, Unavailable, Workout

BERLIN = dt.timezone(dt.timedelta(hours=2))


def test_all_pages_are_read_in_order(client, service):
    for numbers, cursor in ([1, 2], "a=&b/"), ([], "c"), ([3], None):
        service.answers(200, {"records": [{"id": number} for number in numbers], "next_cursor": cursor})
    records = client.fetch_range("member-42", "cycles", dt.date(2026, 5, 1), dt.date(2026, 6, 1), page_size=2)
    assert [record.id for record in records] == [1, 2, 3]
    assert {request.url.path for request in service.requests} == {"/v1/data/member-42/cycles"}
    window = {"start": "2026-05-01", "end": "2026-06-01", "limit": "2"}
    assert [dict(request.url.params) for request in service.requests] == [window, window | {"cursor": "a=&b/"}, window | {"cursor": "c"}]


@pytest.mark.parametrize(
    ("method", "resource", "part", "kind"),
    [
        ("fetch_recovery", "recovery", "recovery", Recovery),
        ("fetch_sleep", "sleep", "sleep", Sleep),
        ("fetch_workouts", "workouts", "workouts", Workout),
        ("fetch_cycles", "cycles", "cycle", Cycle),
    ],
)
def test_records_are_the_objects_of_the_day_document(client, service, day_body, method, resource, part, kind):
    wire = day_body[part][0] if part == "workouts" else day_body[part]
    service.answers(200, {"records": [wire | {"provider": "whoop", "day": "2026-05-14"}], "next_cursor": None}).answers(200, day_body)
    (record,) = getattr(client, method)("member-42", "2026-05-01", "2026-06-01")
    assert service.requests[0].url.path == f"/v1/data/member-42/{resource}"
    assert isinstance(record, kind)
    in_day = getattr(client.daily_data("member-42", "2026-05-14"), part)
    assert record == (in_day[0] if part == "workouts" else in_day)


def test_datetimes_are_sent_as_utc_and_open_sides_are_left_out(client, service):
    service.answers(200, {"records": [], "next_cursor": None})
    assert client.fetch_sleep("member-42", dt.datetime(2026, 5, 14, 1, 30, tzinfo=BERLIN)) == []
    assert dict(service.request.url.params) == {"start": "2026-05-13T23:30:00Z"}


def test_arguments_are_checked_before_the_first_step(client, service):
    with pytest.raises(Invalid) as caught:
        client.fetch_sleep("member-42", dt.datetime(2026, 5, 14))  # noqa: DTZ001  the point
    assert caught.value.field == "start"
    with pytest.raises(Invalid) as caught:
        client.fetch_range("member-42", "workout")
    assert caught.value.field == "resource"
    assert service.requests == []


@pytest.mark.parametrize("body", [{}, [], {"records": None}, {"records": [], "next_cursor": 7}, {"records": [{"id": []}]}])
def test_a_page_that_cannot_be_read_is_no_empty_page(client, service, body):
    service.answers(200, body)
    with pytest.raises(Unavailable):
        client.fetch_cycles("member-42")


def test_a_failing_later_page_is_an_error_not_an_end(client, service):
    service.answers(200, {"records": [{"id": 1}], "next_cursor": "a"})
    service.answers(429, {"error": {"code": "rate_limited", "message": "Slow down.", "request_id": "r"}}, {"Retry-After": "9"})
    with pytest.raises(TooManyRequests):
        client.fetch_cycles("member-42")


def test_cursors_that_go_in_circles_are_an_error(client, service):
    for cursor in "a", "b", "a":
        service.answers(200, {"records": [{"id": 1}], "next_cursor": cursor})
    with pytest.raises(Unavailable, match="already read"):
        client.fetch_cycles("member-42")
    assert len(service.requests) == 3


def test_pages_are_fetched_only_as_they_are_needed(service):
    service.answers(200, {"records": [{"id": 1}, {"id": 2}], "next_cursor": "a"})
    client = Client("https://wearbase.test", api_key="k", transport=httpx2.MockTransport(service))
    records = client.fetch_cycles("member-42")
    assert service.requests == []
    assert [next(records).id, next(records).id] == [1, 2]
    assert len(service.requests) == 1


def test_pages_are_fetched_only_as_they_are_needed_async(service):
    async def first_two():
        async with AsyncClient("https://wearbase.test", api_key="k", transport=httpx2.MockTransport(service)) as client:
            records = client.fetch_cycles("member-42")
            assert service.requests == []
            return [(await anext(records)).id, (await anext(records)).id]

    service.answers(200, {"records": [{"id": 1}, {"id": 2}], "next_cursor": "a"})
    assert asyncio.run(first_two()) == [1, 2]
    assert len(service.requests) == 1
