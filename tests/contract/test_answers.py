"""What a provider's answers mean: data errors, token answers, whose account it is, the quota."""

import json
from datetime import timedelta

import pytest

from wearbase.domain import errors
from wearbase.domain.errors import BadRequest, Conflict, ReauthorizationRequired, SettingsError, WearbaseError
from wearbase.domain.provider import Credentials, Request, Response

APP = Credentials(
    client_id="CLIENT", client_secret="SECRET", api_url="https://api.example/developer", oauth_url="https://api.example/oauth"
)


def response(sample, status=None):
    """An example as the transport would hand it over: an answer, or a body alone."""
    if not {"status", "payload", "headers"} & sample.keys():
        return Response(status or 200, {}, json.dumps(sample).encode())
    body = sample.get("body", sample.get("payload", ""))
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    return Response(sample.get("status", 200), {k.lower(): v for k, v in sample.get("headers", {}).items()}, text.encode())


def test_each_answer_means_one_thing(samples, answer_sample, now):
    case = answer_sample.value
    given = response(samples.one(case["from"]), case.get("status"))
    if case["means"] is None:
        assert answer_sample.provider.rules.check(given, now=now) is given
        return
    with pytest.raises(getattr(errors, case["means"])) as raised:
        answer_sample.provider.rules.check(given, now=now)
    if "wait_s" in case:
        assert raised.value.retry_at == now + timedelta(seconds=case["wait_s"])


@pytest.mark.parametrize("status", [100, 204, 301, 304, 400, 401, 402, 403, 404, 405, 408, 409, 410, 418, 429, 500, 503, 599])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error":"invalid_grant"}', b"\xff"])
def test_no_status_of_a_data_answer_ends_a_grant(provider, now, status, body):
    given = Response(status, {}, body)
    if status == 204:
        assert provider.rules.check(given, now=now) is given
        return
    with pytest.raises(WearbaseError) as raised:
        provider.rules.check(given, now=now)
    assert not isinstance(raised.value, ReauthorizationRequired)


def test_each_token_answer_means_one_thing(samples, grant_sample):
    case = grant_sample.value
    given = response(samples.one(case["from"]), case.get("status"))
    if case["means"] is None:
        grant = samples.grant(given)
        assert (grant.refresh_token is not None) == case.get("has_refresh_token", False)
        assert grant.access_token == json.loads(given.body)[case.get("token", "access_token")]
        assert grant.access_token not in repr(grant)
        return
    with pytest.raises(getattr(errors, case["means"])):
        samples.grant(given)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503])
@pytest.mark.parametrize(
    "body", ["", "<html>", "[]", "null", "7", '{"error":null}', '{"error":"a_word_of_tomorrow"}', '{"error":["invalid_grant"]}']
)
def test_only_a_proven_dead_grant_ends_a_connection(samples, status, body):
    with pytest.raises(WearbaseError) as raised:
        samples.grant(Response(status, {}, body.encode()))
    assert not isinstance(raised.value, ReauthorizationRequired)


def test_errors_carry_neither_tokens_nor_bodies(samples, provider, now):
    secret = "R1-very-secret-token"
    for status in (400, 401, 403, 429, 500):
        given = Response(status, {"x": secret}, json.dumps({"error": "invalid_request", "error_description": secret}).encode())
        for means in (lambda given=given: samples.grant(given), lambda given=given: provider.rules.check(given, now=now)):
            with pytest.raises(WearbaseError) as raised:
                means()
            assert secret not in f"{raised.value} {raised.value.fields}"


def test_identity_is_the_id_and_nothing_else(joined_by_consent):
    told = joined_by_consent.contract["identity"]
    identity = joined_by_consent.provider.oauth.identity(response(joined_by_consent.one(told["from"])))
    assert identity.external_user_id == told["external_user_id"]


def test_quota_headers_are_understood(quota_sample):
    case = quota_sample.value
    quota = quota_sample.provider.rules.quota(case["headers"])
    assert (quota.limit, quota.remaining, quota.reset_after_s) == (case["limit"], case["remaining"], case["reset_after_s"])
    assert quota.limits_by_window_s == {int(s): n for s, n in case["windows"].items()}


def test_unreadable_quota_headers_say_nothing(no_quota_sample):
    assert no_quota_sample.provider.rules.quota(no_quota_sample.value) is None


def test_requests_of_the_token_endpoint_are_posted_forms(joined_by_consent):
    rules = joined_by_consent.provider.oauth
    for request in (
        rules.exchange_request(APP, code="c", redirect_uri="https://app.example/cb"),
        rules.refresh_request(APP, refresh_token="r"),
    ):
        assert request.method == "POST"
        assert request.path.startswith((APP.oauth_url, APP.api_url))
        assert request.form


def test_the_apps_own_token_is_asked_for_with_its_secret_which_is_not_shown(joined_by_account):
    request = joined_by_account.provider.account.token_request(APP)
    assert request.method == "POST"
    assert request.path.startswith(APP.api_url)
    assert {"CLIENT", "SECRET"} <= {*(request.json or {}).values(), *(request.form or {}).values()}
    assert "SECRET" not in repr(request)


def test_the_apps_own_token_is_renewed_before_it_ends(joined_by_account):
    [case] = [case for case in joined_by_account.contract["grants"] if case["means"] is None]
    grant = joined_by_account.grant(response(joined_by_account.one(case["from"])))
    assert grant.renew_in_s is not None
    assert 0 < grant.renew_in_s < grant.expires_in_s


@pytest.mark.parametrize("wanted", ["", " ", "..", "a" * 101, "a\nb", "member@mail.example"])
async def test_nobody_joins_under_an_id_that_is_none_or_names_a_person(joined_by_account, fake_send, wanted):
    send = fake_send(joined_by_account.provider)
    with pytest.raises(BadRequest):
        await joined_by_account.provider.account.join(send, wanted)
    assert send.requests == []


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_a_join_that_gets_no_answer_says_nothing_of_the_id(joined_by_account, fake_send, status):
    with pytest.raises(WearbaseError) as raised:
        await joined_by_account.provider.account.join(fake_send(joined_by_account.provider, Response(status, {}, b"")), "u-1")
    assert not isinstance(raised.value, BadRequest)


def test_each_provider_has_the_rules_of_its_own_kind_and_no_others(provider):
    kinds = {"oauth": lambda: provider.oauth, "account": lambda: provider.account}
    other = kinds.pop("account" if provider.joined_by == "oauth" else "oauth")
    assert kinds[provider.joined_by]() is provider.rules
    with pytest.raises(Conflict):
        other()


def test_an_unknown_form_of_signature_cannot_be_pinned(provider):
    with pytest.raises(SettingsError):
        provider.pinned("rot13")
    assert all(provider.pinned(form).webhook is rules for form, rules in provider.signatures.items())


def test_authorizing_a_request_leaves_the_first_one_as_it_was(provider):
    request = Request(path="/x")
    authorized = provider.rules.authorized(request, "A1")
    assert "A1" in authorized.headers["authorization"]
    assert "authorization" not in request.headers
    assert (authorized.method, authorized.path, authorized.params) == (request.method, request.path, request.params)
