import pickle

import httpx2
import pytest

from wearbase_client import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    WearbaseError,
)


def body(details=None):
    error = {"code": "some_code", "message": "Some message.", "request_id": "req-7"}
    return {"error": error if details is None else error | {"details": details}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (405, WearbaseError),
        (409, Conflict),
        (422, Invalid),
        (429, TooManyRequests),
        (500, Unavailable),
        (502, Unavailable),
        (504, Unavailable),
    ],
)
def test_each_status_has_its_exception(client, service, status, kind):
    service.answers(status, body())
    with pytest.raises(WearbaseError) as caught:
        client.sync_status("member-42")
    error = caught.value
    assert type(error) is kind
    assert (error.code, error.message, error.status, error.request_id) == ("some_code", "Some message.", status, "req-7")
    assert str(error) == f"Some message. (some_code, HTTP {status}, request req-7)"


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"field": "date"}, "date"),
        ([{"field": "start"}, {"field": "end"}], "start"),
        (None, None),
        ([], None),
        ({"field": 7}, None),
        ("x", None),
    ],
)
def test_an_invalid_value_is_named(client, service, details, field):
    service.answers(422, body(details))
    with pytest.raises(Invalid) as caught:
        client.sync("member-42")
    assert caught.value.field == field
    assert caught.value.details == details


@pytest.mark.parametrize(
    ("headers", "wait_s"), [({"Retry-After": "37"}, 37.0), ({}, None), ({"Retry-After": "Thu, 14 May 2026 05:00:00 GMT"}, None)]
)
def test_too_many_requests_says_how_long_to_wait(client, service, headers, wait_s):
    service.answers(429, body(), headers)
    with pytest.raises(TooManyRequests) as caught:
        client.sync("member-42")
    assert caught.value.retry_after_s == wait_s


@pytest.mark.parametrize("status", [200, 201, 301, 302, 400, 401, 404, 429, 500])
def test_an_answer_that_is_not_json_is_not_the_services(client, service, status):
    service.answers(status, b"<html>a proxy's page</html>", {"Location": "https://elsewhere.test/", "X-Request-ID": "req-8"})
    with pytest.raises(Unavailable) as caught:
        client.sync_status("member-42")
    assert (caught.value.code, caught.value.status) == ("unexpected_answer", status)
    assert "proxy" not in str(caught.value)
    assert len(service.requests) == 1


@pytest.mark.parametrize("other", [{"detail": "Not Found"}, [], {"error": "not_found"}, None])
def test_a_404_in_another_format_does_not_mean_gone(client, service, other):
    service.answers(404, other)
    with pytest.raises(Unavailable):
        client.sync_status("member-42")


def test_an_error_body_with_gaps_is_still_an_error(client, service):
    service.answers(403, {"error": {}}, {"X-Request-ID": "req-9"})
    with pytest.raises(Forbidden) as caught:
        client.sync("member-42")
    assert (caught.value.code, caught.value.message, caught.value.request_id) == ("error", "HTTP 403", "req-9")


def test_no_answer_at_all_is_unavailable(client, service):
    service.fails(httpx2.ReadTimeout("slow"))
    with pytest.raises(Unavailable) as caught:
        client.sync("member-42")
    assert (caught.value.code, caught.value.status) == ("no_answer", None)
    assert isinstance(caught.value.__cause__, httpx2.ReadTimeout)


def test_an_error_survives_a_journey_between_processes():
    error = TooManyRequests("Wait.", code="rate_limited", status=429, request_id="r", retry_after_s=3.0)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.retry_after_s) == (TooManyRequests, str(error), 3.0)
