"""Sahha's account token, profiles and errors as pure rules (reference/sahha-api.md 2, 3, 4.7)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from wearbase.domain.errors import (
    AccessTokenRejected,
    BadRequest,
    ClientMisconfigured,
    ProviderUnavailable,
    RateLimited,
    RequestRefused,
    ResourceGone,
    WearbaseError,
)
from wearbase.domain.provider import Credentials, Grant, Identity, Quota, Request, Response, Send

SCHEME = "account"  # never Bearer: with it profiles are listed, and scores answer 500
LONGEST_ID = 100
DEFAULT_TOKEN_LIFE_S = 3600
LONGEST_TOKEN_LIFE_S = 30 * 86_400
RENEW_AT = 0.8
DEFAULT_WAIT_S = 60
DAY_S = 86_400

_BY_STATUS: dict[int, type[WearbaseError]] = {
    401: AccessTokenRejected,
    404: ResourceGone,
    408: ProviderUnavailable,
    410: ClientMisconfigured,  # the whole account was removed
}
_E_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Account:
    """The rules of the app's own token, which serves all of its members, and of Sahha's answers."""

    def token_request(self, app: Credentials) -> Request:
        """The call that gives a token. There is none that refreshes one: it is asked for again."""
        return Request(
            method="POST",
            path=f"{app.api_url.rstrip('/')}/api/v1/oauth/account/token",
            json={"clientId": app.client_id, "clientSecret": app.client_secret},
            headers={"accept": "application/json"},
        )

    def token(self, response: Response) -> Grant:
        """The token answer. Raises ClientMisconfigured (any final 4xx), ProviderUnavailable."""
        status, answer = response.status, _json_object(response.body)
        if 400 <= status < 500 and status not in (408, 429):
            raise ClientMisconfigured(provider="sahha", status=status)
        token = answer.get("accountToken")
        if not (200 <= status < 300 and isinstance(token, str) and re.fullmatch(r"[!-~]+", token)):
            raise ProviderUnavailable(provider="sahha", status=status)
        life_s = _life_s(answer.get("expiresIn"))
        return Grant(access_token=token, expires_in_s=life_s, renew_in_s=int(life_s * RENEW_AT))

    async def join(self, send: Send, external_user_id: str) -> Identity:
        """The profile of that id, registered now or before.

        Raises: BadRequest for an id that Sahha does not take, or that would name a person.
        """
        _check_id(external_user_id)
        body = {"externalId": external_user_id}
        try:
            await send(Request(method="POST", path="/api/v1/oauth/profile/register", json=body))
        except RequestRefused:  # taken, which is as good, or not acceptable: only an existing profile gets a token
            try:
                await send(Request(method="POST", path="/api/v1/oauth/profile/token", json=body))
            except (RequestRefused, ResourceGone) as refused:
                raise BadRequest("Sahha does not accept this id.", field="external_id") from refused
        return Identity(external_user_id=external_user_id)

    def authorized(self, request: Request, access_token: str) -> Request:
        """The request with the account's token."""
        return replace(request, headers={**request.headers, "authorization": f"{SCHEME} {access_token}"})

    def check(self, response: Response, *, now: datetime) -> Response:
        """The answer if it is a 2xx, else the error its status means; Sahha's error bodies decide nothing."""
        status = response.status
        if 200 <= status < 300:
            return response
        if status == 429:
            raise RateLimited(retry_at=now + timedelta(seconds=_wait_s(response.headers, now)), provider="sahha")
        fallback = RequestRefused if 400 <= status < 500 else ProviderUnavailable
        raise _BY_STATUS.get(status, fallback)(provider="sahha", status=status)

    def quota(self, headers: Mapping[str, str]) -> Quota | None:
        """Sahha says nothing of a quota."""
        return None


def _check_id(external_user_id: str) -> None:
    """At most 100 characters, printable, and no e-mail address."""
    is_plain = external_user_id.isprintable() and external_user_id.strip() == external_user_id and external_user_id.strip(".") != ""
    if not (is_plain and len(external_user_id) <= LONGEST_ID):
        raise BadRequest(f"An external id has 1 to {LONGEST_ID} printable characters.", field="external_id")
    if _E_MAIL.fullmatch(external_user_id):
        raise BadRequest("An external id must not identify a person: no e-mail address.", field="external_id")


def _json_object(body: bytes) -> dict[str, Any]:
    """The body if it is a JSON object, else an empty one."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _life_s(said: object) -> int:
    """Seconds; an old page shows them as text."""
    found = re.fullmatch(r"(?a)(\d{1,9})(\.0*)?", str(said))
    seconds = int(found[1]) if found else 0
    return seconds if 1 <= seconds <= LONGEST_TOKEN_LIFE_S else DEFAULT_TOKEN_LIFE_S


def _wait_s(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds until Sahha takes calls again, from a Retry-After of either form."""
    said = headers.get("retry-after", "").strip()
    if re.fullmatch(r"(?a)\d{1,9}", said):
        return min(int(said), DAY_S) or DEFAULT_WAIT_S
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return DEFAULT_WAIT_S
    wait_s = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return min(wait_s, DAY_S) if wait_s > 0 else DEFAULT_WAIT_S
