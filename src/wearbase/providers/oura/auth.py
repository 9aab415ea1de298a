"""Oura's authorisation and what its answers mean, as pure rules (cloud.ouraring.com/docs, API v2)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from wearbase.domain.errors import (
    AccessTokenRejected,
    ClientMisconfigured,
    MissingScope,
    ProviderUnavailable,
    RateLimited,
    ReauthorizationRequired,
    RequestRefused,
    ResourceGone,
    WearbaseError,
)
from wearbase.domain.provider import Credentials, Grant, Identity, Quota, Request, Response
from wearbase.providers.oura.schema import Profile, read

REVOKE = "/oauth/revoke"
SCOPE_PREFIX = "extapi:"  # Oura's own word before the scopes that it says were granted
DEFAULT_TOKEN_LIFE_S = 86_400
LONGEST_TOKEN_LIFE_S = 60 * 86_400  # a day on one page, thirty on another: what the answer says counts
DEFAULT_WAIT_S = 60
DAY_S = 86_400

_BY_STATUS: dict[int, type[WearbaseError]] = {
    401: AccessTokenRejected,
    403: MissingScope,  # or a lapsed membership: the grant is kept either way
    404: ResourceGone,
    408: ProviderUnavailable,
    426: MissingScope,  # the member's app is too old to share this kind of data
}
_REFUSALS = (400, 401, 403)
_OUR_FAULT = ("invalid_request", "invalid_scope", "unsupported_grant_type", "unauthorized_client")
_SCOPE_MISSING = re.compile(rb"not authorized access \w+ scope", re.IGNORECASE)


class OAuth:
    """The rules of Oura's OAuth 2.0 and of its answers. Consent is given on one host, tokens come from the API's."""

    def authorization_url(self, app: Credentials, *, redirect_uri: str, state: str, scopes: Sequence[str]) -> str:
        """Where the member's browser gives consent. Oura drops scopes that it does not know without a word."""
        query = {
            "response_type": "code",
            "client_id": app.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
        }
        return f"{app.oauth_url.rstrip('/')}/authorize?{urlencode(query, quote_via=quote, safe='')}"

    def exchange_request(self, app: Credentials, *, code: str, redirect_uri: str) -> Request:
        """The call that turns a code into a grant, within ten minutes and once."""
        return _token_request(app, {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri})

    def refresh_request(self, app: Credentials, *, refresh_token: str) -> Request:
        """The call that spends a refresh token: each is good for one."""
        return _token_request(app, {"grant_type": "refresh_token", "refresh_token": refresh_token})

    def revoke_request(self) -> Request:
        """The call that ends the grant; `authorized` puts the token where this one wants it."""
        return Request(path=REVOKE)

    def identity_request(self) -> Request:
        """The call that says who the member is. With any scope it tells the id, and without `personal` nothing else."""
        return Request(path="/v2/usercollection/personal_info")

    def authorized(self, request: Request, access_token: str) -> Request:
        """The request with the member's token."""
        headers = {**request.headers, "authorization": f"Bearer {access_token}"}
        params = {**request.params, "access_token": access_token} if request.path == REVOKE else request.params
        return replace(request, headers=headers, params=params)

    def grant(self, response: Response) -> Grant:
        """The token answer.

        Raises: ReauthorizationRequired only for invalid_grant; ClientMisconfigured; RequestRefused; ProviderUnavailable.
        """
        answer = _json_object(response.body)
        if not 200 <= response.status < 300:
            raise _grant_error(response.status, answer.get("error"))
        access_token = answer.get("access_token")
        if not (isinstance(access_token, str) and access_token):
            raise ProviderUnavailable(provider="oura", status=response.status)
        # The pair before this one is already dead: nothing but a missing access token may lose the new one.
        refresh_token, scope = answer.get("refresh_token"), answer.get("scope")
        return Grant(
            access_token=access_token,
            refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
            expires_in_s=_life_s(answer.get("expires_in")),
            scopes=tuple(word.removeprefix(SCOPE_PREFIX) for word in scope.split()) if isinstance(scope, str) else (),
        )

    def identity(self, response: Response) -> Identity:
        """The member's Oura id, which deliveries name. Raises ProviderUnavailable, UnexpectedPayload."""
        answer = _json_object(response.body)
        if not answer:
            raise ProviderUnavailable(provider="oura", status=response.status)
        return Identity(external_user_id=read(Profile, answer).id)

    def check(self, response: Response, *, now: datetime) -> Response:
        """The answer if it is a 2xx, else the error it means. A 401 that names a scope is no dead token: another would not help."""
        status = response.status
        if 200 <= status < 300:
            return response
        if status == 429:
            raise RateLimited(retry_at=now + timedelta(seconds=_wait_s(response.headers, now)), provider="oura")
        if status == 401 and _SCOPE_MISSING.search(response.body):
            raise MissingScope(provider="oura", status=status)
        fallback = RequestRefused if 400 <= status < 500 else ProviderUnavailable
        raise _BY_STATUS.get(status, fallback)(provider="oura", status=status)

    def quota(self, headers: Mapping[str, str]) -> Quota | None:
        """Nothing: Oura tells of its limits only once one is reached."""
        return None


def _token_request(app: Credentials, form: dict[str, str]) -> Request:
    return Request(
        method="POST",
        path=f"{app.api_url.rstrip('/')}/oauth/token",
        form={**form, "client_id": app.client_id, "client_secret": app.client_secret},
        headers={"accept": "application/json"},
    )


def _grant_error(status: int, error: object) -> WearbaseError:
    """What a refused token call means: a refresh token that was used or revoked alone proves a dead grant."""
    if status in (400, 401) and error == "invalid_grant":
        return ReauthorizationRequired(provider="oura")
    if status in _REFUSALS and error == "invalid_client":
        return ClientMisconfigured(provider="oura")
    if status in _REFUSALS and error in _OUR_FAULT:
        return RequestRefused(provider="oura", status=status, oauth_error=error)
    return ProviderUnavailable(provider="oura", status=status)


def _json_object(body: bytes) -> dict[str, Any]:
    """The body if it is a JSON object, else an empty one."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _life_s(said: object) -> int:
    is_number = isinstance(said, int | float) and not isinstance(said, bool)
    return int(said) if is_number and 1 <= said <= LONGEST_TOKEN_LIFE_S else DEFAULT_TOKEN_LIFE_S  # type: ignore[arg-type, operator]


def _wait_s(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds until Oura takes calls again: Retry-After, else until the instant at which the window resets."""
    after, reset = headers.get("retry-after", "").strip(), headers.get("x-ratelimit-reset", "").strip()
    if re.fullmatch(r"(?a)\d{1,9}", after):
        return min(int(after), DAY_S) or DEFAULT_WAIT_S
    wait_s = int(reset) - now.timestamp() if re.fullmatch(r"(?a)\d{9,11}", reset) else 0
    return min(wait_s, DAY_S) if wait_s > 0 else DEFAULT_WAIT_S
