"""Errors as answers: one table from error to status, one body, and the last resort."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wearbase.access.keyset import IdentityUnavailable
from wearbase.access.sessions import LinkGone
from wearbase.access.users import InvalidField
from wearbase.domain import errors as e
from wearbase.providers.registry import PROVIDERS
from wearbase.store.sealing import SealBroken
from wearbase.transport.http import NotSent

log = structlog.get_logger()

RETRY_AFTER_S = 5
WEBHOOKS = "/v1/webhooks/"
TOLD_IN_LOGS = ("limit", "network", "scope", "provider", "field", "reason", "host", "caller")
DECLARED = 2  # of a field's place, where it is and its name are ours; what lies deeper may be the sender's

STATUS: dict[type[e.WearbaseError], int] = {
    e.RateLimited: 503,  # the provider's budget, not this caller's doing
    e.ProviderUnavailable: 502,
    NotSent: 502,
    e.EndlessListing: 502,
    e.CursorExpired: 502,
    e.GrantBusy: 503,
    e.GrantsRefused: 502,
    e.AccessTokenRejected: 502,
    e.LeaseLost: 503,
    e.DatabaseUnavailable: 503,
    IdentityUnavailable: 503,
    e.ReauthorizationRequired: 409,
    e.MissingScope: 409,
    e.AccessDenied: 502,
    e.UnexpectedPayload: 502,
    e.RequestRefused: 502,
    e.ClientMisconfigured: 502,
    e.ResourceGone: 404,
    e.BadSignature: 401,
    e.StaleDelivery: 401,
    e.MalformedDelivery: 400,
    e.BadRequest: 400,
    InvalidField: 422,
    LinkGone: 410,
    e.Unauthorized: 401,
    e.Forbidden: 403,
    e.NotFound: 404,
    e.Conflict: 409,
    e.ConsentDenied: 400,
    e.TooManyRequests: 429,
    e.TooManyDeliveries: 503,  # what a provider sends again
    e.WrongHost: 421,
    e.ConnectionEnded: 409,
    e.ServiceUnavailable: 503,
    e.ServiceAnswerUnusable: 502,
    e.ServiceRefusesKey: 502,
    e.PassedOn: 502,  # but for what it says itself
    e.SettingsError: 500,
    SealBroken: 500,
}

HTTP_CODES = {
    400: ("bad_request", "The request cannot be read."),
    404: ("not_found", "There is no such address."),
    405: ("method_not_allowed", "This address does not take that method."),
    413: ("body_too_large", "The body is too large."),
    415: ("unsupported_media_type", "Send JSON, and say so in Content-Type."),
}


class NotConnected(e.Conflict):
    """This user has no connection to this source. Connect first."""

    code = "not_connected"


class SignInAgain(e.Forbidden):
    """This needs a sign-in within the last ten minutes."""

    code = "sign_in_again"


class SyncFailed(e.ProviderUnavailable):
    """Not everything could be brought."""

    code = "sync_failed"


def status_of(error: e.WearbaseError) -> int:
    """The HTTP status of an error, by its nearest class in the table; that of another service's, as it was."""
    if isinstance(error, e.PassedOn):
        return error.status
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def body(code: str, message: str, request_id: str, details: Any = None) -> bytes:
    """The one error body."""
    error = {"code": code, "message": message, "request_id": request_id}
    return orjson.dumps({"error": error if details is None else {**error, "details": details}})


async def on_error(request: Request, error: Exception) -> Response:
    """The answer to one of our own errors."""
    assert isinstance(error, e.WearbaseError)
    status = status_of(error)
    _note_refusal(request.scope, error.code, {"field": getattr(error, "field", None), **error.fields})
    if status == 500 and not isinstance(error, e.PassedOn):
        log.error("internal error", error=error.code, request_id=request_id(request.scope))
        return _answer(request, 500, "internal_error", "Something went wrong here.")
    return _answer(request, status, error.code, error.message, _details(error), headers=_more_headers(request, error, status))


async def on_http_error(request: Request, error: Exception) -> Response:
    """The answer to what the framework refuses: unknown address, wrong method, a body too large."""
    assert isinstance(error, HTTPException)
    code, message = HTTP_CODES.get(error.status_code, ("refused", "The request was refused."))
    _note_refusal(request.scope, code, {})
    return _answer(request, error.status_code, code, message, headers=error.headers)


async def on_validation_error(request: Request, error: Exception) -> Response:
    """The answer to fields of a wrong form: each named, none repeated."""
    assert isinstance(error, RequestValidationError)
    details = [{"field": _field(found["loc"]), "message": str(found["msg"]).removeprefix("Value error, ")} for found in error.errors()]
    first = details[0]
    named = error.errors()[0]
    place = named["loc"][:-1] if named["type"] == "extra_forbidden" else named["loc"]  # its own name is the sender's
    field = _field(place[:DECLARED])
    _note_refusal(request.scope, InvalidField.code, {"field": field})
    return _answer(request, 422, InvalidField.code, f"{first['field']}: {first['message']}", details)


async def refuse(error: e.WearbaseError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with an error where there is no route yet to raise it."""
    await (await on_error(Request(scope), error))(scope, receive, send)


def _note_refusal(scope: Scope, code: str, fields: Mapping[str, Any]) -> None:
    """Keeps for the request's line in the log why it was refused; of the fields those that hold nothing of a member."""
    told = {name: fields[name] for name in TOLD_IN_LOGS if fields.get(name)}
    if (provider := scope.get("path_params", {}).get("provider")) in PROVIDERS:  # any other is what somebody wrote
        told.setdefault("provider", provider)
    scope.setdefault("state", {})["refused"] = {"error": code, **told}


def request_id(scope: Scope) -> str:
    """The id that the middleware gave this request."""
    return scope.get("state", {}).get("request_id", "")


class LastResort:
    """Whatever nobody expected becomes a 500 that tells nothing; the log has the place, never a value."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        has_started = False

        async def watched(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Exception as error:  # noqa: BLE001 the API's last resort
            if has_started and (reason := _reason(error)) is not None:  # too late for an answer of its own
                log.warning("answer broken off", error=reason.code, request_id=request_id(scope))
                raise ConnectionAbortedError("the answer was cut") from None
            log.error("defect", error=type(error).__name__, place=e.place_of(error), request_id=request_id(scope))
            if has_started:
                raise ConnectionAbortedError("the answer was cut") from None
            content = body("internal_error", "Something went wrong here.", request_id(scope))
            await Response(content, 500, media_type="application/json")(scope, receive, send)


def _reason(error: Exception) -> e.WearbaseError | None:
    """Why an answer that had begun could not go on, if it is one of our own errors; the framework hands on that it came too late."""
    for one in (error, error.__cause__):
        if isinstance(one, e.WearbaseError) and status_of(one) != 500:
            return one
    return None


def _answer(request: Request, status: int, code: str, message: str, details: Any = None, *, headers: Any = None) -> Response:
    return Response(body(code, message, request_id(request.scope), details), status, headers=headers, media_type="application/json")


def _details(error: e.WearbaseError) -> Any:
    if isinstance(error, e.BadRequest) and error.field:
        return [{"field": error.field, "message": error.message}]
    return error.fields.get("details")


def _more_headers(request: Request, error: e.WearbaseError, status: int) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, e.PassedOn) and error.headers:
        return {name.title(): text for name, text in error.headers.items()}
    if isinstance(error, (e.TooManyRequests, e.TooManyDeliveries)):
        return {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, e.RateLimited) and error.retry_at is not None:
        wait_s = (error.retry_at - request.app.state.services.clock.now()).total_seconds()
        return {"Retry-After": str(max(1, int(wait_s + 1)))}
    return {"Retry-After": str(RETRY_AFTER_S)} if status in (429, 503) else {}


def _field(place: Sequence[Any]) -> str:
    names = [str(part) for part in place if not isinstance(part, int)]
    return ".".join(names[1:] if names[0] in ("query", "path", "body", "header", "cookie") and len(names) > 1 else names)
