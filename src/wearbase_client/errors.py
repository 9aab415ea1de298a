"""Errors of the client, named for what the caller must do."""

import json
from collections.abc import Mapping
from typing import Any


class WearbaseError(Exception):
    """The service refused, or could not be reached.

    `code` and `message` are the service's own; `status` is the HTTP status, None when no answer came or nothing was sent;
    `request_id` finds the request in the service's log; `details` is the service's, where a field is at fault;
    `retry_after_s` is how long the service asks to wait, None if it did not say.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "error",
        status: int | None = None,
        request_id: str | None = None,
        details: Any = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.request_id = request_id
        self.details = details
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        parts = [self.code]
        if self.status is not None:
            parts.append(f"HTTP {self.status}")
        if self.request_id is not None:
            parts.append(f"request {self.request_id}")
        return f"{self.message} ({', '.join(parts)})"


class Unauthorized(WearbaseError):
    """401: the key or token is missing, wrong, expired or revoked."""


class Forbidden(WearbaseError):
    """403: the key or token is good, but not for this."""


class NotFound(WearbaseError):
    """404: there is no such thing. A user never seen is no error: their state is `not_connected`."""


class Conflict(WearbaseError):
    """409: something else is in the way."""


class Invalid(WearbaseError):
    """400 or 422, or refused by the client before sending (`status` None): a value is not acceptable."""

    @property
    def field(self) -> str | None:
        """The first field at fault, or None if the service did not name one."""
        first = self.details[0] if isinstance(self.details, list) and self.details else self.details
        name = first.get("field") if isinstance(first, dict) else None
        return name if isinstance(name, str) else None


class TooManyRequests(WearbaseError):
    """429: wait `retry_after_s` seconds (None if the service did not say)."""


class Unavailable(WearbaseError):
    """No usable answer: nothing came, a server error, or an answer that is not wearbase's. Nothing is known about the outcome."""


_CLASSES: dict[int, type[WearbaseError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Invalid,
    429: TooManyRequests,
}


def invalid(field: str, message: str) -> Invalid:
    """A value that the client refuses to send."""
    return Invalid(message, code="invalid_argument", details={"field": field})


def unexpected(message: str, status: int | None = None) -> Unavailable:
    """An answer that cannot be read. The message names a place in it, never a value."""
    return Unavailable(message, code="unexpected_answer", status=status)


def error_from(status: int, headers: Mapping[str, str], content: bytes) -> WearbaseError:
    """The exception for an answer that is not a success. `headers` must ignore case.

    Only wearbase's own error body is believed: a 404 from a proxy does not mean that a record is gone.
    """
    error = _error_body(content)
    wait_s = retry_after_s(headers)
    if error is None:
        message = f"The answer is not from wearbase (HTTP {status})."
        return Unavailable(message, code="unexpected_answer", status=status, request_id=headers.get("x-request-id"), retry_after_s=wait_s)
    kind = Unavailable if status >= 500 else _CLASSES.get(status, WearbaseError)
    return kind(
        _text(error.get("message")) or f"HTTP {status}",
        code=_text(error.get("code")) or "error",
        status=status,
        request_id=_text(error.get("request_id")) or headers.get("x-request-id"),
        details=error.get("details"),
        retry_after_s=wait_s,
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds from `Retry-After`; None if absent or given as a date."""
    value = headers.get("retry-after", "").strip()
    return float(value) if value.isascii() and value.isdigit() else None


def _error_body(content: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(content)
    except ValueError:
        return None
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
