import datetime as dt

import pytest

from wearbase_client import Invalid, ResourceStatus, SyncResult, Unavailable

SYNCED = {"synced": {"recovery": 2, "sleep": 3, "workout": 0, "cycle": None}, "total_api_calls": 4}


def test_sync_reports_what_was_stored(client, service):
    service.answers(200, SYNCED)
    result = client.sync("member-42")
    assert (service.request.method, service.request.url.path) == ("POST", "/api/v1/whoop/sync/member-42")
    assert (service.sent_body, service.request.url.query) == ({}, b"")
    assert result == SyncResult(synced=SYNCED["synced"], total_api_calls=4, is_complete=True)


def test_sync_names_what_to_read(client, service):
    service.answers(200, SYNCED)
    client.sync("member-42", ("sleep", "cycle"), (dt.date(2026, 5, 1), "2026-05-08"))
    assert service.sent_body == {"data_types": ["sleep", "cycle"], "date_range": {"start": "2026-05-01", "end": "2026-05-08"}}


@pytest.mark.parametrize("body", [None, {"status": "accepted"}])
def test_an_accepted_sync_is_not_complete(client, service, body):
    service.answers(202, body)
    result = client.sync("member-42", wait=False)
    assert dict(service.request.url.params) == {"wait": "false"}
    assert result == SyncResult(synced={}, total_api_calls=None, is_complete=False)


def test_a_sync_that_took_too_long_is_not_complete_either(client, service):
    service.answers(202, {})
    assert client.sync("member-42").is_complete is False


def test_a_sync_without_calls_says_when_it_is_tried_again(client, service):
    service.answers(202, {"synced": {}, "state": "waiting_for_calls", "retry_at": "2026-05-14T12:05:00Z"})
    result = client.sync("member-42")
    assert (result.is_complete, result.state) == (False, "waiting_for_calls")
    assert result.retry_at == dt.datetime(2026, 5, 14, 12, 5, tzinfo=dt.UTC)


def test_a_success_without_counts_is_no_success(client, service):
    service.answers(200, {"total_api_calls": 0})
    with pytest.raises(Unavailable, match="synced"):
        client.sync("member-42")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("sleep",), "data_types"),
        ((None, ("2026-05-01", "soon")), "date_range"),
    ],
)
def test_unusable_arguments_are_not_sent(client, service, arguments, field):
    with pytest.raises(Invalid) as caught:
        client.sync("member-42", *arguments)
    assert caught.value.field == field
    assert service.requests == []


def test_sync_status_is_told_per_resource(client, service):
    sleep = {
        "state": "ok",
        "status": "failed",
        "last_attempt_at": "2026-05-14T05:04:20Z",
        "last_success_at": None,
        "records_synced": 12,
        "error": "provider_unavailable",
        "open_deliveries": 1,
        "parked_records": 0,
    }
    service.answers(200, {"user_id": "member-42", "state": "stale", "resources": {"sleep": sleep, "cycle": {}}})
    status = client.sync_status("member-42")
    assert (service.request.method, service.request.url.path) == ("GET", "/api/v1/whoop/sync-status/member-42")
    assert (status.user_id, status.state) == ("member-42", "stale")
    assert status.resources["sleep"] == ResourceStatus(
        state="ok",
        status="failed",
        last_attempt_at=dt.datetime(2026, 5, 14, 5, 4, 20, tzinfo=dt.UTC),
        records_synced=12,
        error="provider_unavailable",
        open_deliveries=1,
        parked_records=0,
    )
    assert status.resources["cycle"] == ResourceStatus()
