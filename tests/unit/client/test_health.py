import datetime as dt

import pytest

from wearbase_client import CombinedValue, SaidValue, Unavailable

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
