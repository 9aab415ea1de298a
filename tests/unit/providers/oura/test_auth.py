"""Consent, tokens, and what Oura's answers mean."""

from urllib.parse import parse_qs, urlsplit

import pytest

from wearbase.domain.errors import AccessTokenRejected, MissingScope, ReauthorizationRequired
from wearbase.domain.provider import Credentials, Response
from wearbase.providers.oura import PROVIDER

APP = Credentials(client_id="client", client_secret="secret", api_url=PROVIDER.api_url, oauth_url=PROVIDER.oauth_url)
RULES = PROVIDER.oauth


def test_consent_is_asked_on_one_host_and_tokens_come_from_another():
    url = RULES.authorization_url(APP, redirect_uri="https://app.example/cb?a=1", state="s&t", scopes=PROVIDER.scopes)
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://cloud.ouraring.com/oauth/authorize"
    assert parse_qs(parts.query) == {
        "response_type": ["code"], "client_id": ["client"], "redirect_uri": ["https://app.example/cb?a=1"],
        "scope": ["daily workout spo2"], "state": ["s&t"],
    }  # fmt: skip
    assert RULES.refresh_request(APP, refresh_token="R1").path == "https://api.ouraring.com/oauth/token"


def test_nothing_is_asked_for_that_names_the_person():
    assert not {"email", "personal"} & set(PROVIDER.scopes)


def test_the_grants_scopes_are_told_in_the_words_in_which_they_are_asked_for():
    grant = RULES.grant(
        Response(200, {}, b'{"access_token":"A","refresh_token":"R","expires_in":86400,"scope":"extapi:daily extapi:workout"}')
    )
    assert grant.scopes == ("daily", "workout")


@pytest.mark.parametrize(
    ("said", "life"), [("86400", 86_400), ("2592000", 2_592_000), ("0", 86_400), ('"86400"', 86_400), ("true", 86_400), ("1e12", 86_400)]
)
def test_a_token_lives_as_long_as_the_answer_says_within_reason(said, life):
    assert RULES.grant(Response(200, {}, b'{"access_token":"A","expires_in":' + said.encode() + b"}")).expires_in_s == life


@pytest.mark.parametrize("status", [400, 401])
def test_a_used_or_revoked_refresh_token_proves_a_dead_grant(status):
    with pytest.raises(ReauthorizationRequired):
        RULES.grant(Response(status, {}, b'{"status":400,"error":"invalid_grant"}'))


def test_a_rejected_token_is_told_from_a_scope_that_was_not_granted(now):
    """Another token would have the same scopes: refreshing for it would spend one for nothing, again and again."""
    with pytest.raises(MissingScope):
        RULES.check(Response(401, {}, b'{"detail":"Token is not authorized access spo2 scope."}'), now=now)
    with pytest.raises(AccessTokenRejected):
        RULES.check(Response(401, {}, b'{"title":"Invalid Access Token","error":"invalid_token"}'), now=now)


def test_only_the_call_that_revokes_carries_its_token_in_the_query():
    assert RULES.authorized(RULES.revoke_request(), "A1").params == {"access_token": "A1"}
    assert RULES.authorized(RULES.identity_request(), "A1").params == {}
    for request in (RULES.identity_request(), RULES.revoke_request()):
        assert "A1" not in repr(RULES.authorized(request, "A1"))
