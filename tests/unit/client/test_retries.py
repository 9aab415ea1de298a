import httpx2
import pytest

from wearbase_client import Retry, Unavailable
from wearbase_client.calls import Answer

BUSY = {"error": {"code": "unavailable", "message": "Starting.", "request_id": "r"}}
STATUS = {"user_id": "member-42", "state": "ok", "resources": {}}
LOST = [httpx2.ConnectError("refused"), httpx2.ConnectTimeout("slow"), httpx2.ReadError("reset"), httpx2.RemoteProtocolError("closed")]


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
def test_a_get_survives_two_lost_connections(client, service, error):
    service.fails(error).fails(error).answers(200, STATUS)
    assert client.sync_status("member-42").state == "ok"
    assert len(service.requests) == 3


def test_a_get_survives_two_503s(client, service):
    service.answers(503, BUSY).answers(503, b"<html>upstream</html>").answers(200, STATUS)
    assert client.sync_status("member-42").state == "ok"


def test_the_third_failure_is_raised(client, service):
    service.fails(LOST[0]).answers(503, BUSY).answers(503, BUSY)
    with pytest.raises(Unavailable) as caught:
        client.sync_status("member-42")
    assert caught.value.status == 503
    assert len(service.requests) == 3


def test_every_page_is_retried_by_itself(client, service):
    service.answers(503, BUSY).answers(200, {"records": [{"id": 1}], "next_cursor": "a"})
    service.answers(503, BUSY).answers(503, BUSY).answers(200, {"records": [{"id": 2}], "next_cursor": None})
    assert [cycle.id for cycle in client.fetch_cycles("member-42")] == [1, 2]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("connect", ("member-42",)),
        ("connect_with_code", ("code", "state")),
        ("disconnect", ("member-42",)),
        ("sync", ("member-42",)),
    ],
)
def test_a_call_that_changes_something_is_sent_once(client, service, method, arguments):
    service.answers(503, BUSY)
    with pytest.raises(Unavailable):
        getattr(client, method)(*arguments)
    service.fails(LOST[0])
    with pytest.raises(Unavailable):
        getattr(client, method)(*arguments)
    assert len(service.requests) == 2


@pytest.mark.parametrize("status", [429, 500, 502, 504])
def test_other_errors_are_not_retried(client, service, status):
    service.answers(status, BUSY)
    with pytest.raises(Exception, match="Starting"):
        client.sync_status("member-42")
    assert len(service.requests) == 1


def test_a_slow_answer_is_not_waited_for_again(client, service):
    service.fails(httpx2.ReadTimeout("slow"))
    with pytest.raises(Unavailable):
        client.sync_status("member-42")
    assert len(service.requests) == 1


def test_retries_can_be_switched_off(make_client, service):
    client = make_client(retry=Retry(limit=0))
    service.answers(503, BUSY)
    with pytest.raises(Unavailable):
        client.sync_status("member-42")


def test_the_wait_happens_before_it_is_tried_again(make_client, service, monkeypatch):
    waits_s = []

    def wait(seconds):
        assert len(service.requests) == 1
        waits_s.append(seconds)

    async def wait_in_a_loop(seconds):
        wait(seconds)

    monkeypatch.setattr("wearbase_client.client.time.sleep", wait)
    monkeypatch.setattr("wearbase_client.async_client.asyncio.sleep", wait_in_a_loop)
    client = make_client(retry=Retry(first_wait_s=4))
    service.answers(503, BUSY).answers(200, STATUS)
    client.sync_status("member-42")
    (waited_s,) = waits_s
    assert 2 <= waited_s <= 4


def answer(**headers):
    return Answer(503, httpx2.Headers(headers), b"")


def test_waits_double():
    retry = Retry(first_wait_s=1.0, limit=3)
    for attempt, longest_s in enumerate((1.0, 2.0, 4.0)):
        waits_s = [retry.wait_s("GET", attempt, answer()) for _ in range(50)]
        assert all(wait_s is not None and longest_s / 2 <= wait_s <= longest_s for wait_s in waits_s)
        assert len(set(waits_s)) > 1
    assert retry.wait_s("GET", 3, answer()) is None


def test_retry_after_is_obeyed_or_left_to_the_caller():
    headers = httpx2.Headers({"Retry-After": "4"})
    assert Retry().wait_s("GET", 0, Answer(503, headers, b"")) == 4.0
    assert Retry(longest_wait_s=3).wait_s("GET", 0, Answer(503, headers, b"")) is None
