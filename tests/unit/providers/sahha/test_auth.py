"""The account's token, the word before it, joining, and what Sahha's answers mean."""

import json
from datetime import timedelta

import pytest

from wearbase.domain.errors import BadRequest, ClientMisconfigured, ProviderUnavailable, RateLimited, RequestRefused, WearbaseError
from wearbase.domain.provider import Credentials, Request, Response
from wearbase.providers.sahha import PROVIDER

RULES = PROVIDER.account
APP = Credentials(client_id="C", client_secret="S", api_url="https://sandbox-api.sahha.ai/")
REGISTER, TOKEN = "/api/v1/oauth/profile/register", "/api/v1/oauth/profile/token"


def answered(body, status=200):
    return Response(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def test_the_token_request_is_the_examples_one(examples):
    app = Credentials(client_id="example-client", client_secret="example-secret", api_url="https://api.sahha.ai")
    request = RULES.token_request(app)
    assert (request.method, request.path) == ("POST", "https://api.sahha.ai/api/v1/oauth/account/token")
    assert request.json == examples["accountToken"]["request"]
    assert request.form is None


def test_an_address_with_a_slash_at_its_end_is_the_same():
    assert RULES.token_request(APP).path == "https://sandbox-api.sahha.ai/api/v1/oauth/account/token"


def test_the_word_before_the_token_is_account_and_never_bearer():
    assert RULES.authorized(Request(path="/x"), "T").headers == {"authorization": "account T"}


def test_the_token_is_renewed_at_four_fifths_of_its_life(examples):
    grant = RULES.token(answered(examples["accountToken"]["response"]))
    assert (grant.access_token, grant.expires_in_s, grant.renew_in_s) == ("header.payload.signature", 86_400, 69_120)
    assert grant.refresh_token is None


@pytest.mark.parametrize(
    ("said", "life_s"),
    [("86400", 86_400), (3600.0, 3600), (60, 60), (None, 3600), ("soon", 3600), (0, 3600), (-5, 3600), (1e12, 3600), (True, 3600)],
)
def test_a_life_is_believed_as_number_or_text_and_otherwise_short(said, life_s):
    assert RULES.token(answered({"accountToken": "t", "expiresIn": said})).expires_in_s == life_s


@pytest.mark.parametrize("token", [None, "", 7, "two words", "line\nbreak"])
def test_an_answer_without_a_usable_token_is_no_grant(token):
    with pytest.raises(ProviderUnavailable):
        RULES.token(answered({"accountToken": token, "expiresIn": 86400}))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418])
def test_any_final_refusal_of_a_token_is_about_our_credentials(status):
    with pytest.raises(ClientMisconfigured):
        RULES.token(answered(b"<html>", status))


async def test_a_new_id_is_registered(sahha, examples):
    sahha.will(REGISTER, examples["registerProfile"]["response"])
    assert (await RULES.join(sahha, "u-7f0c2a4e-0001")).external_user_id == "u-7f0c2a4e-0001"
    [request] = sahha.requests
    assert (request.method, request.json) == ("POST", examples["registerProfile"]["request"])


async def test_an_id_that_is_taken_is_found(sahha, examples):
    sahha.will(REGISTER, 400)
    sahha.will(TOKEN, examples["profileToken"]["response"])
    assert (await RULES.join(sahha, "u-7f0c2a4e-0001")).external_user_id == "u-7f0c2a4e-0001"
    assert sahha.paths == [REGISTER, TOKEN]
    assert sahha.requests[1].json == examples["profileToken"]["request"]


@pytest.mark.parametrize("status", [400, 404])
async def test_an_id_is_bad_only_if_no_profile_has_it_either(sahha, status):
    sahha.will(REGISTER, 400)
    sahha.will(TOKEN, status)
    with pytest.raises(BadRequest) as raised:
        await RULES.join(sahha, "u-1")
    assert raised.value.field == "external_id"


async def test_a_failure_of_the_second_question_says_nothing_of_the_id(sahha):
    sahha.will(REGISTER, 400)
    sahha.will(TOKEN, 503)
    with pytest.raises(ProviderUnavailable):
        await RULES.join(sahha, "u-1")


@pytest.mark.parametrize("wanted", ["SampleProfile-4cf07017-acf2", "auth0|12", "a b", "å/ß", "u" * 100, "user@host"])
async def test_ids_that_others_chose_are_taken(sahha, wanted):
    sahha.will(REGISTER, {})
    assert (await RULES.join(sahha, wanted)).external_user_id == wanted


def test_an_id_in_a_path_is_percent_encoded():
    request = Request(path="/api/v1/profile/score/{member}", params={"types": ("a", "b")})
    assert request.of_member("a/b c?d|é").path == "/api/v1/profile/score/a%2Fb%20c%3Fd%7C%C3%A9"
    assert request.of_member("x").params == {"types": ("a", "b")}
    plain = Request(path="/v2/cycle/1")
    assert plain.of_member("x") is plain


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [(None, 60), ("17", 17), ("0", 60), ("soon", 60), ("999999999", 86_400), ("Fri, 20 Nov 2026 12:20:30 GMT", 30),
     ("Fri, 20 Nov 2026 12:00:00 GMT", 60)],
)  # fmt: skip
def test_a_429_is_obeyed_with_and_without_its_header(now, said, wait_s):
    with pytest.raises(RateLimited) as raised:
        RULES.check(Response(429, {"retry-after": said} if said else {}, b""), now=now)
    assert raised.value.retry_at == now + timedelta(seconds=wait_s)


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, RequestRefused), (409, RequestRefused), (410, ClientMisconfigured), (408, ProviderUnavailable), (302, ProviderUnavailable)],
)  # fmt: skip
def test_answers_that_are_documented_nowhere_still_mean_something(now, status, error):
    with pytest.raises(error):
        RULES.check(Response(status, {}, b""), now=now)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_every_success_is_one(now, status):
    assert RULES.check(Response(status, {}, b""), now=now).status == status


def test_errors_do_not_repeat_the_body(now):
    with pytest.raises(WearbaseError) as raised:
        RULES.check(Response(500, {}, b"very-secret"), now=now)
    assert "very-secret" not in f"{raised.value} {raised.value.fields}"


def test_deliveries_have_a_secret_of_their_own():
    assert APP.signing_secret == "S"
    own = Credentials(client_id="C", client_secret="S", api_url="", webhook_secret="W")
    assert own.signing_secret == "W"
    assert "W" not in repr(own).replace("webhook_secret", "")
    assert Credentials(client_id="C", client_secret="S", api_url="", webhook_secret="").signing_secret == ""
