import datetime as dt
import json

import pytest

from wearbase_client import CombinedValue, Invalid, SaidValue, Unavailable

DAY = {
    "user_id": "member-42", "date": "2026-05-14",
    "combined": {
        "asleep_s": {"value": 27320, "unit": "s", "source": "whoop", "is_running": False, "near": ["nap_s"],
                     "others": [{"source": "sahha", "value": 26220, "is_running": True}]},
        "sleep_end_at": {"value": "2026-05-14T04:58:40.000Z", "unit": "instant", "source": "whoop"},
    },
    "sources": {
        "whoop": {"state": "stale", "last_success_at": "2026-05-14T05:04:20.000Z", "data": {"recovery": {"score": None}},
                  "completeness": {"is_complete": False, "is_day_over": True, "missing": ["cycle"]}},
        "sahha": {"state": "not_connected", "data": None},
    },
}  # fmt: skip


def test_a_health_document_is_typed(client, service):
    service.answers(200, DAY)
    found = client.health("member-42", "2026-05-14")
    assert service.request.url.path == "/api/v1/health/member-42"
    assert dict(service.request.url.params) == {"date": "2026-05-14"}
    other = SaidValue(source="sahha", value=26220, is_running=True)
    assert found.combined["asleep_s"] == CombinedValue(
        value=27320, unit="s", source="whoop", is_running=False, others=(other,), near=("nap_s",)
    )
    assert found.combined["sleep_end_at"].value == "2026-05-14T04:58:40.000Z"
    whoop = found.sources["whoop"]
    assert (whoop.state, whoop.completeness.missing, whoop.data) == ("stale", ("cycle",), {"recovery": {"score": None}})
    assert found.sources["sahha"].data is None


def test_today_and_several_days(client, service):
    service.answers(200, DAY)
    client.health("member-42")
    assert dict(service.requests[-1].url.params) == {}
    service.answers(200, {"user_id": "member-42", "days": [DAY, DAY]})
    assert [d.date for d in client.health_days("member-42", 2)] == [dt.date(2026, 5, 14)] * 2
    assert dict(service.requests[-1].url.params) == {"days": "2"}


def test_a_trend_keeps_its_gaps(client, service):
    points = [{"day": "2026-05-13", "value": None}, {"day": "2026-05-14", "value": 0, "source": "whoop", "position": "below"}]
    baseline = {"days": 30, "count": 3, "median": None}
    service.answers(200, {"user_id": "member-42", "metric": "strain", "unit": "strain", "series": points, "baselines": [baseline]})
    found = client.trend("member-42", "strain", "2026-05-13", dt.date(2026, 5, 14))
    assert dict(service.request.url.params) == {"metric": "strain", "start": "2026-05-13", "end": "2026-05-14"}
    assert [p.value for p in found.series] == [None, 0]
    assert (found.baselines[0].count, found.baselines[0].median) == (3, None)


def test_another_members_answer_is_not_believed(client, service):
    service.answers(200, DAY | {"user_id": "member-7"})
    with pytest.raises(Unavailable):
        client.health("member-42")
    service.answers(200, {"user_id": "member-42", "metric": "strain"})
    with pytest.raises(Unavailable):
        client.trend("member-42", "asleep_s", "2026-05-13", "2026-05-14")


@pytest.mark.parametrize("day", ["2026-05-14", None])
def test_an_unchanged_document_is_taken_from_memory(make_client, service, day):
    client = make_client(remember_days=2)
    service.answers(200, DAY, {"ETag": '"h1"'}).answers(304).answers(200, DAY | {"combined": {}}, {"ETag": '"h2"'})
    first = client.health("member-42", day)
    assert client.health("member-42", day) is first
    assert service.requests[1].headers["if-none-match"] == '"h1"'
    assert client.health("member-42", day).combined == {}


def test_a_day_of_one_source_today_and_other_members_are_kept_apart(make_client, service, day_body):
    client = make_client(remember_days=9)
    for body in (DAY, DAY, day_body, DAY | {"user_id": "other"}):
        service.answers(200, body, {"ETag": '"same"'})
    client.health("member-42", "2026-05-14")
    client.health("member-42")
    client.daily_data("member-42", "2026-05-14")
    client.health("other")
    assert all("if-none-match" not in request.headers for request in service.requests)


def test_a_document_of_another_day_is_not_believed(client, service):
    service.answers(200, DAY)
    with pytest.raises(Unavailable):
        client.health("member-42", "2026-05-15")


def test_preferences_are_read_and_replaced(client, service):
    told = {"user_id": "member-42", "precedence": {"*": ["sahha", "whoop"]}, "units": {"temperature": "f"},
            "default_precedence": {"*": ["whoop", "sahha"]}}  # fmt: skip
    service.answers(200, told).answers(200, told)
    found = client.preferences("member-42")
    assert (found.precedence, found.units) == ({"*": ("sahha", "whoop")}, {"temperature": "f"})
    assert found.default_precedence == {"*": ("whoop", "sahha")}
    assert client.set_preferences("member-42", precedence={"*": ("sahha", "whoop")}, units={"temperature": "f"}) == found
    put = service.requests[1]
    assert (put.method, put.url.path) == ("PUT", "/api/v1/users/member-42/preferences")
    assert json.loads(put.content) == {"precedence": {"*": ["sahha", "whoop"]}, "units": {"temperature": "f"}}


def test_preferences_that_cannot_be_meant_are_not_sent(client, service):
    with pytest.raises(Invalid):
        client.set_preferences("member-42", precedence={"*": "whoop"})
    assert service.requests == []
    service.answers(200, {"user_id": "member-7"})
    with pytest.raises(Unavailable):
        client.preferences("member-42")
