"""WHOOP's authorisation: what we send, and what each answer of the token endpoint means."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from wearbase.domain.errors import (
    AccessTokenRejected,
    ClientMisconfigured,
    ProviderUnavailable,
    RateLimited,
    ReauthorizationRequired,
    RequestRefused,
    UnexpectedPayload,
)
from wearbase.domain.provider import Credentials, Response
from wearbase.providers.whoop import PROVIDER

OAUTH = PROVIDER.oauth
APP = Credentials(
    client_id="CLIENT",
    client_secret="SECRET",
    api_url="https://api.prod.whoop.com/developer",
    oauth_url="https://api.prod.whoop.com/oauth/oauth2",
)


def token_answer(status=200, **body):
    return Response(status, {}, json.dumps(body).encode())


def test_authorization_url_is_whoops_own(examples):
    scopes = ["offline", "read:recovery", "read:cycles", "read:sleep", "read:workout", "read:profile"]
    url = OAUTH.authorization_url(APP, redirect_uri="https://app.example.com/callback", state="Zk3v9Qw1", scopes=scopes)
    assert url == examples["oauth"]["authorize_request"]["url"]


def test_authorization_url_escapes_what_it_is_given():
    url = OAUTH.authorization_url(APP, redirect_uri="https://a.example/cb?x=1&y=é", state="a b&c=#d", scopes=["offline"])
    query = parse_qs(urlsplit(url).query, strict_parsing=True)
    assert query["redirect_uri"] == ["https://a.example/cb?x=1&y=é"]
    assert query["state"] == ["a b&c=#d"]


def test_exchange_is_the_documented_form(examples):
    told = examples["oauth"]["code_exchange_request"]
    request = OAUTH.exchange_request(APP, code="CODEPART1.CODEPART2", redirect_uri="https://app.example.com/callback")
    assert (request.method, request.path, request.form) == (told["method"], told["url"], told["form"])


def test_refresh_is_the_documented_form(examples):
    told = examples["oauth"]["refresh_request"]
    request = OAUTH.refresh_request(APP, refresh_token="R1...")
    assert (request.method, request.path, request.form) == (told["method"], told["url"], told["form"])
    assert "authorization" not in request.headers


def test_revocation_and_identity_are_calls_of_the_api():
    assert (OAUTH.revoke_request().method, OAUTH.revoke_request().path) == ("DELETE", "/v2/user/access")
    assert (OAUTH.identity_request().method, OAUTH.identity_request().path) == ("GET", "/v2/user/profile/basic")


def test_a_whole_grant():
    grant = OAUTH.grant(token_answer(access_token="A", refresh_token="R", expires_in=1800, scope="offline read:sleep", token_type="Bearer"))
    assert (grant.access_token, grant.refresh_token, grant.expires_in_s) == ("A", "R", 1800)
    assert grant.scopes == ("offline", "read:sleep")


@pytest.mark.parametrize("expires_in", [None, "3600", -1, 0, True, [], 10**12, 1e300])
def test_an_odd_lifetime_does_not_lose_the_new_pair(expires_in):
    grant = OAUTH.grant(token_answer(access_token="A", refresh_token="R", expires_in=expires_in))
    assert (grant.access_token, grant.refresh_token, grant.expires_in_s) == ("A", "R", 3600)


@pytest.mark.parametrize("odd", [{"refresh_token": None}, {"refresh_token": ""}, {"refresh_token": 7}, {}])
def test_no_refresh_token_is_none(odd):
    assert OAUTH.grant(token_answer(access_token="A", **odd)).refresh_token is None


@pytest.mark.parametrize("body", [{}, {"access_token": None}, {"access_token": ""}, {"access_token": 7}, {"error": "invalid_grant"}])
def test_a_success_without_an_access_token_is_no_answer(body):
    with pytest.raises(ProviderUnavailable):
        OAUTH.grant(token_answer(**body))


@pytest.mark.parametrize(
    ("status", "error", "means"),
    [
        (400, "invalid_grant", ReauthorizationRequired),
        (401, "invalid_grant", ProviderUnavailable),
        (403, "invalid_grant", ProviderUnavailable),
        (500, "invalid_grant", ProviderUnavailable),
        (400, "invalid_client", ClientMisconfigured),
        (401, "invalid_client", ClientMisconfigured),
        (503, "invalid_client", ProviderUnavailable),
        (400, "invalid_request", RequestRefused),
        (400, "invalid_scope", RequestRefused),
        (400, "unauthorized_client", RequestRefused),
        (403, "request_forbidden", RequestRefused),
        (400, "server_error", ProviderUnavailable),
        (400, "temporarily_unavailable", ProviderUnavailable),
        (401, "token_inactive", ProviderUnavailable),
        (429, "invalid_request", ProviderUnavailable),
        (302, "invalid_grant", ProviderUnavailable),
    ],
)
def test_what_a_refused_token_call_means(status, error, means):
    with pytest.raises(means):
        OAUTH.grant(token_answer(status, error=error))


def test_401_of_a_token_call_is_not_a_rejected_access_token():
    with pytest.raises(ProviderUnavailable) as raised:
        OAUTH.grant(Response(401, {}, b"Authorization was not valid"))
    assert not isinstance(raised.value, AccessTokenRejected)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, 60),
        ({"x-ratelimit-reset": "17"}, 17),
        ({"retry-after": "9"}, 9),
        ({"x-ratelimit-reset": "17", "retry-after": "40"}, 40),
        ({"x-ratelimit-reset": "soon", "retry-after": "40"}, 40),
        ({"x-ratelimit-reset": "0"}, 60),
        ({"x-ratelimit-reset": "-5"}, 60),
        ({"retry-after": "Wed, 04 Nov 2026 12:00:00 GMT"}, 60),
        ({"x-ratelimit-reset": "30412"}, 30412),
        ({"x-ratelimit-reset": "999999999"}, 86_400),
        ({"x-ratelimit-reset": "1793707344512"}, 60),
    ],
)
def test_how_long_429_closes_the_gate(now, headers, wait_s):
    with pytest.raises(RateLimited) as raised:
        OAUTH.check(Response(429, headers, b""), now=now)
    assert raised.value.retry_at == now + timedelta(seconds=wait_s)


@pytest.mark.parametrize(
    ("status", "means"),
    [(300, ProviderUnavailable), (401, AccessTokenRejected), (405, RequestRefused), (408, ProviderUnavailable), (422, RequestRefused)],
)
def test_what_other_statuses_mean(now, status, means):
    with pytest.raises(means):
        OAUTH.check(Response(status, {}, b""), now=now)


@pytest.mark.parametrize("user_id", ["20000001", None, True, 1.5, 10**30])
def test_an_identity_that_is_no_whoop_id_is_not_taken(user_id):
    with pytest.raises(UnexpectedPayload) as raised:
        OAUTH.identity(Response(200, {}, json.dumps({"user_id": user_id}).encode()))
    assert raised.value.path == "user_id"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]"])
def test_an_identity_answer_that_is_no_object_is_no_answer(body):
    with pytest.raises(ProviderUnavailable):
        OAUTH.identity(Response(200, {}, body))


def test_scopes_asked_for():
    asked = {"offline", "read:recovery", "read:cycles", "read:sleep", "read:workout", "read:profile", "read:body_measurement"}
    assert set(PROVIDER.scopes) == asked


LIMITS = "x-ratelimit-limit"


@pytest.mark.parametrize(
    ("limit", "remaining"), [("0", "0"), ("0, 0;window=60", "0"), ("100", "101"), ("100", "-1"), ("-5", "0"), ("many", "4"), ("", "")]
)
def test_a_limit_of_none_or_nonsense_says_nothing(limit: str, remaining: str) -> None:
    headers = {LIMITS: limit, "x-ratelimit-remaining": remaining, "x-ratelimit-reset": "30"}
    assert PROVIDER.rules.quota(headers) is None


def test_a_window_without_calls_is_passed_over() -> None:
    headers = {LIMITS: "100, 0;window=60, 10000;window=86400", "x-ratelimit-remaining": "4", "x-ratelimit-reset": "30"}
    quota = PROVIDER.rules.quota(headers)
    assert quota is not None
    assert quota.limits_by_window_s == {86_400: 10_000}
