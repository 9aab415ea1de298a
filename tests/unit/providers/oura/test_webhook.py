"""Deliveries name a document; the question before them is answered with its own challenge and nothing else."""

import hmac
import json
from datetime import UTC, datetime

import pytest

from wearbase.domain.errors import BadSignature
from wearbase.providers.oura.webhook import Webhook, handshake

verify, parse = Webhook().verify, Webhook().parse
BODY = b'{"event_type":"update"}'
SECRET = "client-secret"


def signed(timestamp, *, body=BODY):
    return {
        "x-oura-timestamp": timestamp,
        "x-oura-signature": hmac.digest(SECRET.encode(), timestamp.encode() + body, "sha256").hex().upper(),
    }


@pytest.mark.parametrize("timestamp", ["1778741500", "1778741500000"])
def test_unix_time_is_read_in_seconds_and_in_milliseconds(timestamp):
    at = datetime.fromtimestamp(1778741500, UTC)
    assert verify(signed(timestamp), BODY, SECRET, at) == at


@pytest.mark.parametrize(
    "timestamp", ["", "yesterday", "-1778741500", "1778741500.5", "17787415000000000", "١٧٧٨٧٤١٥٠٠", "2026-05-14T06:51:40Z"]
)
def test_a_signed_timestamp_that_is_no_unix_time_is_refused(timestamp, now):
    with pytest.raises(BadSignature):
        verify(signed(timestamp), BODY, SECRET, now)


def test_hex_is_the_same_in_small_letters(now):
    headers = signed(str(int(now.timestamp())))
    assert verify({**headers, "x-oura-signature": headers["x-oura-signature"].lower()}, BODY, SECRET, now) == now


@pytest.mark.parametrize(("event", "action"), [("create", "updated"), ("update", "updated"), ("delete", "deleted")])
@pytest.mark.parametrize(("data_type", "resource"), [("daily_sleep", "sleep_score"), ("sleep", "sleep"), ("daily_spo2", "oxygen")])
def test_what_happened_to_which_document(event, action, data_type, resource):
    told = {"event_type": event, "data_type": data_type, "object_id": "o-1", "user_id": "u-1", "event_time": "2026-05-14T06:51:40+00:00"}
    [notice] = parse(json.dumps(told).encode())
    assert (notice.resource, notice.action, notice.external_id, notice.external_user_id) == (resource, action, "o-1", "u-1")
    assert notice.event_type == f"{data_type}.{event}"


def test_the_same_change_told_twice_has_one_trace_and_another_time_another(examples):
    body = examples["webhooks"]["accepted"]["sleep_update"]["raw_body"].encode()
    [one], [same], [other] = parse(body), parse(body), parse(body.replace(b"06:51:40", b"07:51:40"))
    assert one.trace_id == same.trace_id != other.trace_id


def test_the_question_is_answered_with_its_challenge():
    assert json.loads(handshake({"verification_token": "ours", "challenge": "c-1"}, "ours")) == {"challenge": "c-1"}


@pytest.mark.parametrize(
    "query",
    [{}, {"challenge": "c-1"}, {"verification_token": "", "challenge": "c"}, {"verification_token": "ourS"}, {"verification_token": "é"}],
)
@pytest.mark.parametrize("token", ["ours", ""])
def test_a_question_with_another_token_is_not_answered_nor_any_where_none_is_set(query, token):
    with pytest.raises(BadSignature):
        handshake(query, token)
