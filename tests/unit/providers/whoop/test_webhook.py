"""WHOOP's signatures and notices."""

import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wearbase.domain.errors import BadSignature, MalformedDelivery
from wearbase.providers.whoop import PROVIDER

WEBHOOK = PROVIDER.webhook
SECRET = "example-client-secret-not-real-0123456789"
NOW = datetime(2026, 11, 3, 12, 3, tzinfo=UTC)
SLEEP_ID = "bbf7915a-5093-4b88-94ab-c6a1d3aa0175"


def signed(body: bytes, timestamp: str, secret: str = SECRET) -> dict[str, str]:
    mac = hmac.new(secret.encode(), timestamp.encode() + body, "sha256").digest()
    return {"x-whoop-signature": b64encode(mac).decode(), "x-whoop-signature-timestamp": timestamp}


def delivery(**changes) -> bytes:
    return json.dumps({"user_id": 20000001, "id": SLEEP_ID, "type": "sleep.updated", "trace_id": "t", **changes}).encode()


@given(st.binary(max_size=300))
def test_any_body_signed_by_whoop_is_accepted(body):
    assert WEBHOOK.verify(signed(body, "1793707344512"), body, SECRET, NOW).timestamp() == 1793707344.512


@given(st.binary(max_size=60), st.text(max_size=60), st.text(alphabet="0123456789abc -+.", max_size=20))
def test_nothing_else_is(body, signature, timestamp):
    headers = {"x-whoop-signature": signature, "x-whoop-signature-timestamp": timestamp}
    with pytest.raises(BadSignature):
        WEBHOOK.verify(headers, body, SECRET, NOW)


@pytest.mark.parametrize(
    "timestamp", ["", "1793707344.512", "-1793707344512", "+1793707344512", "1793707344512 ", "0x1A", "²", "9" * 15, "9" * 400]
)
def test_a_signed_timestamp_that_is_not_milliseconds_is_refused(timestamp):
    with pytest.raises(BadSignature):
        WEBHOOK.verify(signed(b"{}", timestamp), b"{}", SECRET, NOW)


def test_another_base64_spelling_of_the_same_signature_is_refused():
    headers = signed(b"{}", "1793707344512")
    text = headers["x-whoop-signature"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    sibling = text[:-2] + alphabet[alphabet.index(text[-2]) + 1] + "="  # differs in bits that base64 drops
    for other in (sibling, text.rstrip("="), text + "=", text.replace("+", "-").replace("/", "_") + "=", text + "\n"):
        with pytest.raises(BadSignature):
            WEBHOOK.verify({**headers, "x-whoop-signature": other}, b"{}", SECRET, NOW)


def test_a_missing_secret_verifies_nothing():
    with pytest.raises(BadSignature):
        WEBHOOK.verify(signed(b"{}", "1793707344512", secret=""), b"{}", "", NOW)


@pytest.mark.parametrize("resource", ["recovery", "sleep", "workout"])
@pytest.mark.parametrize("action", ["updated", "deleted"])
def test_known_types(resource, action):
    [notice] = WEBHOOK.parse(delivery(type=f"{resource}.{action}", id=SLEEP_ID.upper()))
    assert (notice.resource, notice.action, notice.event_type) == (resource, action, f"{resource}.{action}")
    assert (notice.external_user_id, notice.external_id, notice.trace_id) == ("20000001", SLEEP_ID, "t")
    assert notice.is_by_parent == (resource == "recovery")
    assert notice.records == ()


@pytest.mark.parametrize(
    "event_type", ["cycle.updated", "sleep", "sleep.created", "SLEEP.UPDATED", "sleep.updated.v3", ".", "user.deleted"]
)
def test_unknown_types_are_noted_as_such(event_type):
    [notice] = WEBHOOK.parse(delivery(type=event_type, id=7))
    assert (notice.resource, notice.action, notice.external_id, notice.is_by_parent) == (None, "unknown", "7", False)


def test_whole_floats_are_ids_and_int64_is_the_limit():
    assert WEBHOOK.parse(delivery(user_id=20000001.0))[0].external_user_id == "20000001"
    assert WEBHOOK.parse(delivery(user_id=2**63 - 1))[0].external_user_id == str(2**63 - 1)
    for user_id in (2**63, 2**64, 10**40, -(2**63) - 1, 0.5, None, "1", True, [], {}):
        with pytest.raises(MalformedDelivery):
            WEBHOOK.parse(delivery(user_id=user_id))


@pytest.mark.parametrize("member", ["id", "type"])
@pytest.mark.parametrize("value", [None, "", [], {}, False, "x" * 201, "a\x00b"])
def test_members_of_wrong_types_are_refused(member, value):
    with pytest.raises(MalformedDelivery):
        WEBHOOK.parse(delivery(**{member: value}))


def test_a_delivery_without_a_trace_is_taken():
    (notice,) = WEBHOOK.parse(delivery(trace_id=None))
    assert (notice.resource, notice.trace_id) == ("sleep", "")


def test_what_is_wrong_is_named_without_its_value():
    with pytest.raises(MalformedDelivery) as raised:
        WEBHOOK.parse(delivery(id="secret-value"))
    assert raised.value.fields["field"] == "id"
    assert "secret-value" not in f"{raised.value}{raised.value.fields}"


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s))
)
def test_any_other_json_is_refused(value):
    with pytest.raises(MalformedDelivery):
        WEBHOOK.parse(json.dumps(value).encode())
