"""What a provider's answers mean: data errors, token answers, the member's identity, the quota."""

import json
from datetime import timedelta

import pytest

from wearbase.domain import errors
from wearbase.domain.errors import ReauthorizationRequired, WearbaseError
from wearbase.domain.provider import Credentials, Response

APP = Credentials(
    client_id="CLIENT", client_secret="SECRET", api_url="https://api.example/developer", oauth_url="https://api.example/oauth"
)


def response(sample):
    """An example as the transport would hand it over."""
    body = sample.get("body", sample.get("payload", ""))
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    return Response(sample.get("status", 200), {k.lower(): v for k, v in sample.get("headers", {}).items()}, text.encode())


def test_each_answer_means_one_thing(samples, answer_sample, now):
    case = answer_sample.value
    given = response(samples.one(case["from"]))
    if case["means"] is None:
        assert answer_sample.provider.oauth.check(given, now=now) is given
        return
    with pytest.raises(getattr(errors, case["means"])) as raised:
        answer_sample.provider.oauth.check(given, now=now)
    if "wait_s" in case:
        assert raised.value.retry_at == now + timedelta(seconds=case["wait_s"])


@pytest.mark.parametrize("status", [100, 204, 301, 304, 400, 401, 402, 403, 404, 405, 408, 409, 410, 418, 429, 500, 503, 599])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error":"invalid_grant"}', b"\xff"])
def test_no_status_of_a_data_answer_ends_a_grant(provider, now, status, body):
    given = Response(status, {}, body)
    if status == 204:
        assert provider.oauth.check(given, now=now) is given
        return
    with pytest.raises(WearbaseError) as raised:
        provider.oauth.check(given, now=now)
    assert not isinstance(raised.value, ReauthorizationRequired)


def test_each_token_answer_means_one_thing(samples, grant_sample):
    case = grant_sample.value
    given = response(samples.one(case["from"]))
    if case["means"] is None:
        grant = grant_sample.provider.oauth.grant(given)
        assert (grant.refresh_token is not None) == case["has_refresh_token"]
        assert grant.access_token == samples.one(case["from"])["payload"]["access_token"]
        assert grant.access_token not in repr(grant)
        return
    with pytest.raises(getattr(errors, case["means"])):
        grant_sample.provider.oauth.grant(given)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503])
@pytest.mark.parametrize(
    "body", ["", "<html>", "[]", "null", "7", '{"error":null}', '{"error":"a_word_of_tomorrow"}', '{"error":["invalid_grant"]}']
)
def test_only_a_proven_dead_grant_ends_a_connection(provider, status, body):
    with pytest.raises(WearbaseError) as raised:
        provider.oauth.grant(Response(status, {}, body.encode()))
    assert not isinstance(raised.value, ReauthorizationRequired)


def test_errors_carry_neither_tokens_nor_bodies(samples, provider, now):
    secret = "R1-very-secret-token"
    for status in (400, 401, 403, 429, 500):
        given = Response(status, {"x": secret}, json.dumps({"error": "invalid_request", "error_description": secret}).encode())
        for means in (lambda given=given: provider.oauth.grant(given), lambda given=given: provider.oauth.check(given, now=now)):
            with pytest.raises(WearbaseError) as raised:
                means()
            assert secret not in f"{raised.value} {raised.value.fields}"


def test_identity_is_the_id_and_nothing_else(samples, provider):
    told = samples.contract["identity"]
    identity = provider.oauth.identity(response(samples.one(told["from"])))
    assert identity.external_user_id == told["external_user_id"]


def test_quota_headers_are_understood(quota_sample):
    case = quota_sample.value
    quota = quota_sample.provider.oauth.quota(case["headers"])
    assert (quota.limit, quota.remaining, quota.reset_after_s) == (case["limit"], case["remaining"], case["reset_after_s"])
    assert quota.limits_by_window_s == {int(s): n for s, n in case["windows"].items()}


def test_unreadable_quota_headers_say_nothing(no_quota_sample):
    assert no_quota_sample.provider.oauth.quota(no_quota_sample.value) is None


def test_requests_of_the_token_endpoint_are_posted_forms(provider):
    for request in (
        provider.oauth.exchange_request(APP, code="c", redirect_uri="https://app.example/cb"),
        provider.oauth.refresh_request(APP, refresh_token="r"),
    ):
        assert request.method == "POST"
        assert request.path.startswith(APP.oauth_url)
        assert request.form


def test_authorizing_a_request_leaves_the_first_one_as_it_was(provider):
    request = provider.oauth.identity_request()
    authorized = provider.oauth.authorized(request, "A1")
    assert "A1" in authorized.headers["authorization"]
    assert "authorization" not in request.headers
    assert (authorized.method, authorized.path, authorized.params) == (request.method, request.path, request.params)
