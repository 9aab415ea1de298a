import datetime as dt
import json

import pytest

from wearbase_client import DaySync, Invalid, ResourceFreshness, Unavailable

DAY = dt.date(2026, 5, 14)


def test_a_day_document_is_typed_through_and_through(client, service, day_body):
    service.answers(200, day_body)
    day = client.daily_data("member-42", DAY)
    assert service.request.url.path == "/api/v1/whoop/daily-data/member-42"
    assert dict(service.request.url.params) == {"date": "2026-05-14"}
    assert "if-none-match" not in service.request.headers
    assert (day.user_id, day.date, day.data_source) == ("member-42", DAY, "database")
    assert day.recovery.score == 66.0
    assert day.recovery.revision == dt.datetime(2026, 5, 14, 5, 4, 11, 120000, dt.UTC)
    assert (day.sleep.asleep_s, day.sleep.need_s.nap, day.sleep.cycle_count) == (27320, -300, 5)
    assert (day.cycle.is_open, day.cycle.end_at, day.cycle.steps) == (True, None, 6120)
    assert (day.naps, day.other_cycles) == ((), ())
    assert (day.workouts[0].sport, day.workouts[0].zones_s.three) == ("running", 930)
    assert day.sync.open_cycle_day == DAY
    assert day.sync.resources["workout"].next_due_at == dt.datetime(2026, 5, 14, 18, 31, tzinfo=dt.UTC)


def leaves(value, path=()):
    """Every (path, leaf) of a JSON value."""
    if isinstance(value, dict | list):
        for name, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(member, (*path, name))
    else:
        yield path, value


def test_no_field_of_the_document_is_left_behind(client, service, day_body):
    service.answers(200, day_body)
    day = client.daily_data("member-42", DAY)
    for path, leaf in leaves(day_body):
        value = day
        for name in path:
            value = value[name] if isinstance(name, int) or isinstance(value, dict) else getattr(value, name)
        if isinstance(value, dt.datetime):
            value = value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        assert (str(value) if isinstance(value, dt.date) else value) == leaf, path


def test_null_stays_none_and_is_never_zero(client, service, day_body):
    nulls = {"cycle_id": 1, "score": None, "hrv_rmssd_ms": None, "is_calibrating": None, "score_state": "PENDING_SCORE"}
    service.answers(200, day_body | {"recovery": nulls, "sleep": None, "cycle": None, "last_sync": None})
    day = client.daily_data("member-42", DAY)
    assert (day.recovery.score, day.recovery.hrv_rmssd_ms, day.recovery.is_calibrating) == (None, None, None)
    assert (day.sleep, day.cycle, day.last_sync) == (None, None, None)


def test_zero_stays_zero(client, service, day_body):
    service.answers(200, day_body | {"recovery": {"score": 0, "hrv_rmssd_ms": 0.0}})
    day = client.daily_data("member-42", DAY)
    assert (day.recovery.score, day.recovery.hrv_rmssd_ms) == (0, 0.0)


def test_unknown_fields_are_ignored_and_missing_ones_are_none(client, service):
    service.answers(200, {"user_id": "member-42", "date": "2026-05-14", "sleep": {"id": 7, "dreams": 3}, "moon": "full"})
    day = client.daily_data("member-42", "2026-05-14")
    assert (day.sleep.id, day.sleep.asleep_s, day.recovery, day.naps) == (7, None, None, ())
    assert day.sync == DaySync()


def test_a_user_never_seen_is_an_answer(client, service):
    sync = {"state": "not_connected", "no_data_reason": "not_connected", "resources": {"sleep": {"error": None}}}
    service.answers(200, {"user_id": "nobody", "date": "2026-05-14", "sync": sync})
    day = client.daily_data("nobody", DAY)
    assert (day.sync.state, day.sync.no_data_reason) == ("not_connected", "not_connected")
    assert day.sync.resources == {"sleep": ResourceFreshness()}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"recovery": {"score": "66"}}, "answer.recovery.score"),
        ({"recovery": {"score": True}}, "answer.recovery.score"),
        ({"cycle": {"steps": 1.5}}, "answer.cycle.steps"),
        ({"cycle": {"is_open": 1}}, "answer.cycle.is_open"),
        ({"cycle": {"start_at": "2026-05-14T05:00:00"}}, "answer.cycle.start_at"),
        ({"cycle": {"start_at": "yesterday"}}, "answer.cycle.start_at"),
        ({"workouts": {}}, "answer.workouts"),
        ({"workouts": [{}, []]}, "answer.workouts[1]"),
        ({"sleep": {"id": True}}, "answer.sleep.id"),
        ({"sync": {"resources": []}}, "answer.sync.resources"),
        ({"date": "today"}, "answer.date"),
        ({"date": None}, "answer.date"),
    ],
)
def test_a_value_of_another_type_is_named_not_guessed(client, service, day_body, change, place):
    service.answers(200, day_body | change)
    with pytest.raises(Unavailable) as caught:
        client.daily_data("member-42", DAY)
    assert caught.value.code == "unexpected_answer"
    assert caught.value.message.rstrip(".").endswith(place)


def test_not_a_number_is_refused(client, service, day_body):
    service.answers(200, json.dumps(day_body | {"recovery": {"score": float("nan")}}).encode())
    with pytest.raises(Unavailable, match=r"answer\.recovery\.score"):
        client.daily_data("member-42", DAY)


def test_another_members_day_is_refused(client, service, day_body):
    service.answers(200, day_body)
    with pytest.raises(Unavailable, match="another member"):
        client.daily_data("member-43", DAY)


def test_another_day_is_refused(client, service, day_body):
    service.answers(200, day_body)
    with pytest.raises(Unavailable, match="another day"):
        client.daily_data("member-42", "2026-05-15")


@pytest.mark.parametrize("day", ["14.05.2026", "", "2026-02-30", dt.datetime(2026, 5, 14, tzinfo=dt.UTC), None, 20260514])
def test_a_day_that_is_no_date_is_not_sent(client, service, day):
    with pytest.raises(Invalid) as caught:
        client.daily_data("member-42", day)
    assert caught.value.field == "date"
    assert service.requests == []


@pytest.mark.parametrize("wrapped", [True, False])
def test_days_gives_the_documents_of_a_range(client, service, day_body, wrapped):
    documents = [day_body, day_body | {"date": "2026-05-15", "recovery": None}]
    service.answers(200, {"days": documents} if wrapped else documents)
    days = client.days("member-42", DAY, "2026-05-15", provider="sahha")
    assert service.request.url.path == "/api/v1/sahha/days/member-42"
    assert dict(service.request.url.params) == {"start": "2026-05-14", "end": "2026-05-15"}
    assert [day.date.day for day in days] == [14, 15]
    assert days[1].recovery is None


@pytest.mark.parametrize("body", [{}, {"days": None}, 7])
def test_an_answer_without_days_is_no_empty_range(client, service, body):
    service.answers(200, body)
    with pytest.raises(Unavailable):
        client.days("member-42", DAY, DAY)


def test_days_of_another_member_are_refused(client, service, day_body):
    service.answers(200, [day_body, day_body | {"user_id": "member-43"}])
    with pytest.raises(Unavailable, match="another member"):
        client.days("member-42", DAY, DAY)
