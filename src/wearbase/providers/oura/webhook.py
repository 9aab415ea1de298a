"""Oura's deliveries: who signed them and which document they name; and the question that comes before any (API v2, webhooks)."""

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal, cast

import orjson

from wearbase.domain.errors import BadSignature, MalformedDelivery, StaleDelivery, UnexpectedPayload
from wearbase.domain.provider import Notice
from wearbase.providers.oura.client import COLLECTIONS
from wearbase.providers.oura.schema import Delivery, Named, read

SIGNATURE, TIMESTAMP = "x-oura-signature", "x-oura-timestamp"
OLDEST = timedelta(hours=2)  # what fails is sent again for about an hour, perhaps with its first signature
FURTHEST_AHEAD = timedelta(minutes=5)
ACTIONS = {"create": "updated", "update": "updated", "delete": "deleted"}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Webhook:
    """The rules of Oura's webhooks."""

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> datetime:
        """When the delivery was signed: hex(HMAC-SHA256(client secret, timestamp text + raw body)), in capitals.

        Raises: BadSignature, StaleDelivery.
        """
        given, timestamp = headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, "")
        expected = hmac.digest(secret.encode(), timestamp.encode() + body, "sha256").hex().upper()
        if not secret or not hmac.compare_digest(expected.encode(), given.upper().encode()):
            raise BadSignature(provider="oura")
        found = re.fullmatch(r"(?a)(\d{9,11})(\d{3})?", timestamp)  # Unix time; whether in seconds is not said, so by its length
        if not found:
            raise BadSignature("The delivery's timestamp is no Unix time.", provider="oura")
        signed_at = EPOCH + timedelta(seconds=int(found[1]), milliseconds=int(found[2] or 0))
        if not now - OLDEST <= signed_at <= now + FURTHEST_AHEAD:
            raise StaleDelivery(provider="oura", signed_at=signed_at)
        return signed_at

    def parse(self, body: bytes, headers: Mapping[str, str] | None = None) -> list[Notice]:
        """The one document that a delivery names. Raises MalformedDelivery."""
        try:
            raw = orjson.loads(body)
            delivery = read(Delivery, raw)
            collection, action = COLLECTIONS.get(delivery.data_type), ACTIONS.get(delivery.event_type)
            is_known = collection is not None and action is not None
            external_id = read(Named, raw).object_id if is_known else delivery.object_id or ""
        except (orjson.JSONDecodeError, UnexpectedPayload) as error:
            raise MalformedDelivery.because(error, body, provider="oura") from None
        return [
            Notice(
                external_user_id=delivery.user_id,
                event_type=f"{delivery.data_type}.{delivery.event_type}",
                resource=collection.resource if collection and is_known else None,
                action=cast(Literal["updated", "deleted", "unknown"], action if is_known else "unknown"),
                external_id=external_id,
                trace_id=sha256(body).hexdigest(),  # Oura gives none
            )
        ]


def handshake(query: Mapping[str, str], token: str) -> bytes:
    """Answers the question that comes with a new subscription. Raises BadSignature for one that is not ours."""
    if not token or not hmac.compare_digest(token.encode(), query.get("verification_token", "").encode()):
        raise BadSignature("The question names another verification token.", provider="oura")
    return orjson.dumps({"challenge": query.get("challenge", "")})
