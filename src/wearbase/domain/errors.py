"""Errors, named for what the caller must do. The class docstring is the default message."""

import traceback
from collections.abc import Mapping
from datetime import datetime
from typing import Any


class WearbaseError(Exception):
    """Something went wrong."""

    code = "error"

    def __init__(self, message: str | None = None, **fields: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.fields = fields
        super().__init__(self.message)


def place_of(error: BaseException) -> list[str]:
    """Where an unforeseen exception came from. Its text is left out: it can hold what was being worked on."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]


# Retry


class RetryLater(WearbaseError):
    """Try again later."""


class RateLimited(RetryLater):
    """The provider's call budget is used up for now."""

    code = "rate_limited"

    def __init__(self, message: str | None = None, *, retry_at: datetime | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retry_at = retry_at


class ProviderUnavailable(RetryLater):
    """The provider did not give a usable answer."""

    code = "provider_unavailable"


class EndlessListing(ProviderUnavailable):
    """The provider's pages do not end; the walk starts again much later."""

    code = "endless_listing"


class CursorExpired(RetryLater):
    """The provider no longer accepts this page token; the walk starts again."""

    code = "cursor_expired"


class GrantBusy(RetryLater):
    """Another worker is refreshing this connection's token."""

    code = "grant_busy"


class GrantsRefused(RetryLater):
    """The provider refuses the tokens of many members at once; nobody is disconnected, and it is tried again."""

    code = "grants_refused"


class AccessTokenRejected(RetryLater):
    """The provider rejected the access token."""

    code = "access_token_rejected"


class ServiceUnavailable(RetryLater):
    """The service that this source comes from does not answer."""

    code = "service_unavailable"


class AnswerLost(ServiceUnavailable):
    """The service that this source comes from did not answer. It may or may not have happened there: ask how it stands, then try again."""


class ServiceAnswerUnusable(RetryLater):
    """The service that this source comes from answered something that cannot be used; nothing of it was stored."""

    code = "service_answer_unusable"


class LeaseLost(RetryLater):
    """Another worker has taken over this work."""

    code = "lease_lost"


# Ask the member


class ReauthorizationRequired(WearbaseError):
    """The member must connect this provider again."""

    code = "reauthorization_required"


# Park: a person must look


class NeedsPerson(WearbaseError):
    """A person must look at this."""


class MissingScope(NeedsPerson):
    """The member's grant does not cover this resource."""

    code = "missing_scope"


class AccessDenied(NeedsPerson):
    """The provider refuses what the member did grant; their membership may have lapsed."""

    code = "access_denied"


class UnexpectedPayload(NeedsPerson):
    """The provider sent a record that cannot be understood."""

    code = "unexpected_payload"

    def __init__(self, message: str | None = None, *, path: str = "", **fields: Any) -> None:
        super().__init__(message or f"{type(self).__doc__} At: {path or 'the whole record'}.", **fields)
        self.path = path


class RequestRefused(NeedsPerson):
    """The provider refused our request as malformed; this is a defect of ours."""

    code = "request_refused"


class ServiceRefusesKey(NeedsPerson):
    """The service that this source comes from does not accept WHOOP_SERVICE_API_KEY, or it lacks a scope."""

    code = "service_refuses_key"


class ClientMisconfigured(NeedsPerson):
    """The provider does not accept this app's client id and secret."""

    code = "client_misconfigured"


# Tombstone


class ResourceGone(WearbaseError):
    """The provider does not have this record."""

    code = "resource_gone"


# Refuse


class Refused(WearbaseError):
    """The request was refused."""


class BadSignature(Refused):
    """The signature does not match the body."""

    code = "bad_signature"


class StaleDelivery(Refused):
    """The delivery's timestamp is too old or too far in the future."""

    code = "stale_delivery"


class MalformedDelivery(Refused):
    """The delivery's body cannot be read."""

    code = "malformed_delivery"

    @classmethod
    def because(cls, error: UnexpectedPayload | ValueError, body: bytes, *, provider: str) -> "MalformedDelivery":
        """What cannot be read of a body: `field` is the place, `reason` the kind, and neither is a value."""
        if isinstance(error, UnexpectedPayload):
            return cls(provider=provider, field=error.path, reason=error.fields.get("kind"))
        try:
            body.decode()
        except UnicodeDecodeError:
            return cls(provider=provider, reason="not_utf8")
        return cls(provider=provider, reason="not_json" if body else "empty")


class BadRequest(Refused):
    """A value in the request is not acceptable."""

    code = "bad_request"

    def __init__(self, message: str | None = None, *, field: str | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.field = field


class PreflightRefused(BadRequest):
    """Pages of other origins may not ask so."""

    code = "preflight_refused"


class Unauthorized(Refused):
    """A valid credential is required."""

    code = "unauthorized"


class MadeBeforeErasure(Unauthorized):
    """This user was erased after this credential was made. Sign in again to begin anew."""

    code = "made_before_erasure"


class Forbidden(Refused):
    """This credential may not do that."""

    code = "forbidden"


class NotFound(Refused):
    """There is no such thing here."""

    code = "not_found"


class Conflict(Refused):
    """The request conflicts with what is stored."""

    code = "conflict"


class ErasedMeanwhile(Conflict):
    """Something was erased while it was being exported. Export again."""

    code = "erased_meanwhile"


class OtherAccount(Conflict):
    """What is stored of this member is of another account there. Disconnect it with data=erase first: two people's days are never mixed."""

    code = "other_account"


class ConsentDenied(Refused):
    """The member, or the provider, did not give consent."""

    code = "consent_denied"


class TooManyRequests(Refused):
    """This member has asked too often; nothing was changed."""

    code = "too_many_requests"

    def __init__(self, message: str | None = None, *, retry_after_s: int = 60, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retry_after_s = retry_after_s


class WrongHost(Refused):
    """This server does not answer to that name. Its own are in PUBLIC_URL and ALLOWED_HOSTS."""

    code = "wrong_host"


class PassedOn(Refused):
    """The service that this source comes from refused the request."""

    code = "refused_by_service"

    def __init__(
        self, message: str | None = None, *, status: int, code: str, headers: Mapping[str, str] | None = None, **fields: Any
    ) -> None:
        super().__init__(message, **fields)
        self.status, self.code, self.headers = status, code, dict(headers or {})


class ConnectionEnded(Refused):
    """The connection has ended; nothing can be stored for it."""

    code = "connection_ended"


# Stop the process


class SettingsError(WearbaseError):
    """A setting is missing or wrong; the program does not start."""

    code = "settings_error"


class TooManyDeliveries(RetryLater):
    """More deliveries came than are taken at once; this one was not looked at. Send it again."""

    code = "too_many_deliveries"

    def __init__(self, message: str | None = None, *, retry_after_s: int = 1, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retry_after_s = retry_after_s


class DatabaseUnavailable(RetryLater):
    """The database cannot be reached."""

    code = "database_unavailable"
