"""WHOOP's authorisation, errors and quota as pure rules (reference/whoop-api.md 2, 7, 8)."""

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
from wearbase.providers.whoop.schema import Profile, read

DEFAULT_TOKEN_LIFE_S = 3600
DEFAULT_WAIT_S = 60
DAY_S = 86_400

_BY_STATUS: dict[int, type[WearbaseError]] = {
    401: AccessTokenRejected,
    403: MissingScope,  # or a lapsed membership: the grant is kept either way
    404: ResourceGone,
    408: ProviderUnavailable,
}
_REFUSALS = (400, 401, 403)
_OUR_FAULT = ("invalid_request", "invalid_scope", "invalid_state", "unsupported_grant_type", "unauthorized_client", "request_forbidden")


class OAuth:
    """The rules of WHOOP's OAuth 2.0 and of its answers."""

    def authorization_url(self, app: Credentials, *, redirect_uri: str, state: str, scopes: Sequence[str]) -> str:
        """Where the member's browser gives consent. `state` has at least 8 characters."""
        query = {
            "response_type": "code",
            "client_id": app.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
        }
        return f"{app.oauth_url.rstrip('/')}/auth?{urlencode(query, quote_via=quote, safe='')}"

    def exchange_request(self, app: Credentials, *, code: str, redirect_uri: str) -> Request:
        """The call that turns a code into a grant; `redirect_uri` as in the authorization."""
        return _token_request(app, {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri})

    def refresh_request(self, app: Credentials, *, refresh_token: str) -> Request:
        """The call that spends a refresh token; asking for `offline` alone keeps every other scope."""
        return _token_request(app, {"grant_type": "refresh_token", "refresh_token": refresh_token, "scope": "offline"})

    def revoke_request(self) -> Request:
        """The call that ends the grant at WHOOP, and with it the member's webhooks."""
        return Request(method="DELETE", path="/v2/user/access")

    def identity_request(self) -> Request:
        """The call that says who the member is; the token answer does not."""
        return Request(path="/v2/user/profile/basic")

    def authorized(self, request: Request, access_token: str) -> Request:
        """The request with the member's token."""
        return replace(request, headers={**request.headers, "authorization": f"Bearer {access_token}"})

    def grant(self, response: Response) -> Grant:
        """The token answer.

        Raises: ReauthorizationRequired only for 400 invalid_grant; ClientMisconfigured; RequestRefused; ProviderUnavailable.
        """
        answer = _json_object(response.body)
        if not 200 <= response.status < 300:
            raise _grant_error(response.status, answer.get("error"))
        access_token = answer.get("access_token")
        if not (isinstance(access_token, str) and access_token):
            raise ProviderUnavailable(provider="whoop", status=response.status)
        # The pair before this one is already dead: nothing but a missing access token may lose the new one.
        refresh_token, scope = answer.get("refresh_token"), answer.get("scope")
        return Grant(
            access_token=access_token,
            refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
            expires_in_s=_life_s(answer.get("expires_in")),
            scopes=tuple(scope.split()) if isinstance(scope, str) else (),
        )

    def identity(self, response: Response) -> Identity:
        """The member's WHOOP id; name and e-mail are not kept. Raises ProviderUnavailable, UnexpectedPayload."""
        answer = _json_object(response.body)
        if not answer:
            raise ProviderUnavailable(provider="whoop", status=response.status)
        return Identity(external_user_id=str(read(Profile, answer).user_id))

    def check(self, response: Response, *, now: datetime) -> Response:
        """The answer if it is a 2xx, else the error its status means; WHOOP's error bodies decide nothing."""
        status = response.status
        if 200 <= status < 300:
            return response
        if status == 429:
            raise RateLimited(retry_at=now + timedelta(seconds=_wait_s(response.headers)), provider="whoop")
        fallback = RequestRefused if 400 <= status < 500 else ProviderUnavailable
        raise _BY_STATUS.get(status, fallback)(provider="whoop", status=status)

    def quota(self, headers: Mapping[str, str]) -> Quota | None:
        """What is left of the window nearest to exhaustion, from `100, 100;window=60, 10000;window=86400`."""
        limits = headers.get("x-ratelimit-limit", "")
        limit, remaining = _leading_int(limits), _leading_int(headers.get("x-ratelimit-remaining", ""))
        reset_after_s = _leading_int(headers.get("x-ratelimit-reset", ""))
        if limit is None or remaining is None or reset_after_s is None or not (0 <= remaining <= limit and limit > 0):
            return None  # a limit of none, or more left than there is, is no limit: obeyed, it would stop or free everything
        named = re.findall(r'(?a)\b(\d{1,9})\s*;\s*window\s*=\s*"?(\d{1,9})\b', limits)
        windows = {int(seconds): int(calls) for calls, seconds in named if int(calls) > 0}
        return Quota(limit=limit, remaining=remaining, reset_after_s=reset_after_s, limits_by_window_s=windows)


def _token_request(app: Credentials, form: dict[str, str]) -> Request:
    """A call of the token endpoint. WHOOP wants the client's secret in the form; Basic gives invalid_client."""
    return Request(
        method="POST",
        path=f"{app.oauth_url.rstrip('/')}/token",
        form={**form, "client_id": app.client_id, "client_secret": app.client_secret},
        headers={"accept": "application/json"},
    )


def _grant_error(status: int, error: object) -> WearbaseError:
    """What a refused token call means (reference/whoop-api.md 2.3): one answer alone proves a dead grant."""
    if status == 400 and error == "invalid_grant":
        return ReauthorizationRequired(provider="whoop")
    if status in _REFUSALS and error == "invalid_client":
        return ClientMisconfigured(provider="whoop")
    if status in _REFUSALS and error in _OUR_FAULT:
        return RequestRefused(provider="whoop", status=status, oauth_error=error)
    return ProviderUnavailable(provider="whoop", status=status)


def _json_object(body: bytes) -> dict[str, Any]:
    """The body if it is a JSON object, else an empty one."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _life_s(said: object) -> int:
    return int(said) if isinstance(said, int | float) and not isinstance(said, bool) and 1 <= said <= DAY_S else DEFAULT_TOKEN_LIFE_S


def _leading_int(text: str) -> int | None:
    found = re.match(r"(?a)\s*(\d{1,9})(?!\d)", text)
    return int(found[1]) if found else None


def _wait_s(headers: Mapping[str, str]) -> int:
    """Seconds until WHOOP takes calls again: the longer of its two headers, never a clock time taken for a duration."""
    said = [_leading_int(headers.get(name, "")) for name in ("x-ratelimit-reset", "retry-after")]
    return min(max((s for s in said if s), default=DEFAULT_WAIT_S), DAY_S)
