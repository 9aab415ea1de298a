"""Sahha's deliveries: who signed them, and the records they carry (reference/sahha-api.md 5).

The signature covers the body alone: no time, no header. So the body decides whose event it is and what it is; headers may only agree.
A repeated body is a repetition by its digest, and an older one is an older revision.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from wearbase.domain.errors import BadSignature, MalformedDelivery, UnexpectedPayload
from wearbase.domain.provider import Notice
from wearbase.domain.records import Record
from wearbase.providers.sahha.client import ARCHETYPE, BIOMARKER, SCORE, Kind
from wearbase.providers.sahha.schema import Event, read

SIGNATURE, MEMBER, EVENT_TYPE = "x-signature", "x-external-id", "x-event-type"
VARIANTS = ("hex-text", "hex-base64", "base64-text", "base64-base64")  # how the signature is written, then what the key is
MOST_EVENTS = 100  # in one delivery; one is usual

_EVENTS: dict[str, tuple[Kind, frozenset[str]]] = {
    "ScoreCreatedIntegrationEvent": (SCORE, frozenset({"type", "scoreDateTime"})),
    "BiomarkerCreatedIntegrationEvent": (BIOMARKER, frozenset({"category", "type", "endDateTime"})),
    "ArchetypeCreatedIntegrationEvent": (ARCHETYPE, frozenset({"name", "value", "startDateTime"})),
}


@dataclass(frozen=True, slots=True)
class Webhook:
    """The rules of Sahha's webhooks, with the one form of signature that is accepted."""

    variant: str = VARIANTS[0]

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> datetime:
        """When Sahha made what the body tells, as far as it says, else now.

        Raises: BadSignature, also for a header that names another member than the signed body: a body sent again under
        another's name is not what Sahha sent.
        """
        given = headers.get(SIGNATURE, "")
        expected = _signed(body, secret, self.variant)
        written = given.lower() if self.variant.startswith("hex") else given
        if not expected or not hmac.compare_digest(expected, written.encode()):
            raise BadSignature(provider="sahha")
        events = _events_told(body)
        if MEMBER in headers and any(event.external_id != headers[MEMBER] for event in events):
            raise BadSignature("The header names another member than the body.", provider="sahha")
        return max((event.created_at for event in events if event.created_at and event.created_at <= now), default=now)

    def parse(self, body: bytes, headers: Mapping[str, str] | None = None) -> list[Notice]:
        """One notice for each event, with its record where it is one of ours. Raises MalformedDelivery."""
        said, raws = (headers or {}).get(EVENT_TYPE) or None, _raws(body)
        return [_notice(raw, said, orjson.dumps(raw)) for raw in raws] if len(raws) > 1 else [_notice(raws[0], said, None)]


def probe_delivery(headers: Mapping[str, str], body: bytes, secret: str) -> str | None:
    """The form in which a delivery is signed that was refused; None if our secret signed it in none."""
    return probe(body, headers.get(SIGNATURE, ""), secret)


def probe(body: bytes, signature: str, secret: str) -> str | None:
    """Which form of signature this one is, for a delivery that is known to be Sahha's own; None if it is none of them."""
    for variant in VARIANTS:
        written = signature.lower() if variant.startswith("hex") else signature
        expected = _signed(body, secret, variant)
        if expected and hmac.compare_digest(expected, written.encode()):
            return variant
    return None


def _signed(body: bytes, secret: str, variant: str) -> bytes:
    """What the signature must be; empty without a key."""
    writing, _, kind = variant.partition("-")
    try:
        key = secret.encode() if kind == "text" else b64decode(secret, validate=True)
    except (NotBase64, ValueError):
        return b""
    if not key:
        return b""
    digest = hmac.digest(key, body, "sha256")
    return digest.hex().encode() if writing == "hex" else b64encode(digest)


def _events_told(body: bytes) -> list[Event]:
    """What can be read of a signed body; what cannot is for `parse` to refuse."""
    try:
        return [read(Event, raw) for raw in _raws(body)]
    except (MalformedDelivery, UnexpectedPayload):
        return []


def _raws(body: bytes) -> list[Any]:
    """The events of a delivery: one, or a list of a bounded length. Raises MalformedDelivery."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedDelivery.because(error, body, provider="sahha") from None
    raws = told if isinstance(told, list) else [told]
    if not 1 <= len(raws) <= MOST_EVENTS:
        raise MalformedDelivery(f"A delivery has 1 to {MOST_EVENTS} events.", provider="sahha", reason="number_of_events")
    return raws


def _notice(raw: Any, said: str | None, own_body: bytes | None) -> Notice:
    """What one event says. Of another kind than it looks like, of a kind we do not know, or not to be understood: of unknown type, kept."""
    try:
        event = read(Event, raw)
    except UnexpectedPayload as unexpected:
        raise MalformedDelivery.because(unexpected, b"", provider="sahha") from None
    event_type = _shape_of(raw) or ""
    is_other = event_type != "" and said not in (None, event_type)
    record, reason = (None, "its header names another event than its body") if is_other else _record(raw, event_type)
    return Notice(
        external_user_id=event.external_id,
        event_type=said or event_type or "unknown",
        resource=record.resource if record else None,
        action="updated" if record else "unknown",
        external_id=record.external_id if record else event.id,
        trace_id=hashlib.sha256(orjson.dumps(raw)).hexdigest(),
        records=(record,) if record else (),
        body=own_body,
        reason=reason,
    )


def _shape_of(raw: dict[str, Any]) -> str | None:
    """The event type that a body has the members of."""
    return next((name for name, (_, members) in _EVENTS.items() if members <= raw.keys()), None)


def _record(raw: dict[str, Any], event_type: str) -> tuple[Record | None, str | None]:
    """The record, or why it could not be understood; neither for an event of a kind that is not ours."""
    if event_type not in _EVENTS:
        return None, None
    try:
        return _EVENTS[event_type][0].map(raw), None
    except UnexpectedPayload as unexpected:
        return None, unexpected.message
