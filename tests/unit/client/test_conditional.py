import pytest

from wearbase_client import Unavailable

DAY = "2026-05-14"


@pytest.fixture
def client(make_client):
    return make_client(remember_days=2)


def test_an_unchanged_day_is_taken_from_memory(client, service, day_body):
    service.answers(200, day_body, {"ETag": '"r1-ok"'}).answers(304)
    first = client.daily_data("member-42", DAY)
    assert client.daily_data("member-42", DAY) is first
    assert service.requests[1].headers["if-none-match"] == '"r1-ok"'


def test_a_changed_day_replaces_the_remembered_one(client, service, day_body):
    service.answers(200, day_body, {"ETag": '"r1"'}).answers(200, day_body | {"recovery": None}, {"ETag": '"r2"'}).answers(304)
    client.daily_data("member-42", DAY)
    changed = client.daily_data("member-42", DAY)
    assert changed.recovery is None
    assert client.daily_data("member-42", DAY) is changed
    assert service.requests[2].headers["if-none-match"] == '"r2"'


def test_nothing_is_remembered_unless_asked(make_client, service, day_body):
    client = make_client()
    service.answers(200, day_body, {"ETag": '"r1"'}).answers(200, day_body, {"ETag": '"r1"'})
    client.daily_data("member-42", DAY)
    client.daily_data("member-42", DAY)
    assert all("if-none-match" not in request.headers for request in service.requests)


def test_an_answer_without_etag_is_not_remembered(client, service, day_body):
    service.answers(200, day_body).answers(200, day_body)
    client.daily_data("member-42", DAY)
    client.daily_data("member-42", DAY)
    assert "if-none-match" not in service.requests[1].headers


def test_members_days_and_providers_are_kept_apart(make_client, service, day_body):
    client = make_client(remember_days=9)
    etag = {"ETag": '"same"'}
    service.answers(200, day_body, etag).answers(200, day_body | {"user_id": "other"}, etag)
    service.answers(200, day_body | {"date": "2026-05-15"}, etag).answers(200, day_body, etag)
    client.daily_data("member-42", DAY)
    client.daily_data("other", DAY)
    client.daily_data("member-42", "2026-05-15")
    client.daily_data("member-42", DAY, provider="sahha")
    assert all("if-none-match" not in request.headers for request in service.requests)


def test_the_least_recently_used_day_is_dropped(client, service, day_body):
    dates = ["2026-05-14", "2026-05-15", "2026-05-14", "2026-05-16", "2026-05-14", "2026-05-15"]
    for index, date in enumerate(dates):
        if index in (2, 4):
            service.answers(304)
        else:
            service.answers(200, day_body | {"date": date}, {"ETag": f'"{date}"'})
    for date in dates:
        client.daily_data("member-42", date)
    assert [request.headers.get("if-none-match") for request in service.requests] == [
        None,
        None,
        '"2026-05-14"',
        None,
        '"2026-05-14"',
        None,
    ]


def test_a_disconnected_member_is_forgotten(client, service, day_body):
    service.answers(200, day_body, {"ETag": '"r1"'}).answers(204).answers(200, day_body)
    client.daily_data("member-42", DAY)
    client.disconnect("member-42", "erase")
    client.daily_data("member-42", DAY)
    assert "if-none-match" not in service.requests[2].headers


def test_unchanged_without_having_asked_is_no_answer(client, service):
    service.answers(304)
    with pytest.raises(Unavailable):
        client.daily_data("member-42", DAY)
