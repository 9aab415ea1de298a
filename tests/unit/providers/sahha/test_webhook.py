"""Deliveries: signed over the body alone, in one pinned form; the body decides whose and what they are."""

import hmac
import json
from base64 import b64encode
from datetime import UTC, date, datetime, timedelta

import pytest

from wearbase.domain.errors import BadSignature, MalformedDelivery
from wearbase.providers.sahha import PROVIDER
from wearbase.providers.sahha.webhook import MOST_EVENTS, VARIANTS, Webhook, probe

SECRET = b64encode(b"thirty-two bytes of a secret key").decode()  # looks like base64, as Sahha's does
BODY = b'{"externalId":"u-1"}'
SIGNED = {
    "hex-text": lambda body: hmac.digest(SECRET.encode(), body, "sha256").hex(),
    "hex-base64": lambda body: hmac.digest(b"thirty-two bytes of a secret key", body, "sha256").hex(),
    "base64-text": lambda body: b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode(),
    "base64-base64": lambda body: b64encode(hmac.digest(b"thirty-two bytes of a secret key", body, "sha256")).decode(),
}
EVENTS = {kind: f"{kind.capitalize()}CreatedIntegrationEvent" for kind in ("score", "biomarker", "archetype")}
FOREIGN = ("StreakCreatedIntegrationEvent", "scorecreatedintegrationevent", "ActivityLog_Received")


def headers_of(hook):
    return {name.lower(): value for name, value in hook["headers"].items()}


@pytest.mark.parametrize("signed", VARIANTS)
@pytest.mark.parametrize("pinned", VARIANTS)
def test_the_pinned_form_is_accepted_and_no_other(now, signed, pinned):
    verify, headers = PROVIDER.pinned(pinned).webhook.verify, {"x-signature": SIGNED[signed](BODY)}
    if signed == pinned:
        assert verify(headers, BODY, SECRET, now) == now
        return
    with pytest.raises(BadSignature):
        verify(headers, BODY, SECRET, now)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_probe_finds_which_form_a_delivery_was_signed_in(variant):
    assert probe(BODY, SIGNED[variant](BODY), SECRET) == variant
    assert probe(BODY + b" ", SIGNED[variant](BODY), SECRET) is None
    assert probe(BODY, SIGNED[variant](BODY), "another") is None


def test_forms_without_a_key_sign_nothing(now):
    for variant in VARIANTS:
        for secret in ("", "no base64!" if variant.endswith("-base64") else ""):
            empty = hmac.digest(b"", BODY, "sha256")
            for given in ("", empty.hex(), b64encode(empty).decode()):
                with pytest.raises(BadSignature):
                    Webhook(variant).verify({"x-signature": given}, BODY, secret, now)
                assert probe(BODY, given, secret) is None


def test_hex_is_the_same_in_capitals_and_base64_is_not(now):
    assert Webhook("hex-text").verify({"x-signature": SIGNED["hex-text"](BODY).upper()}, BODY, SECRET, now)
    with pytest.raises(BadSignature):
        Webhook("base64-text").verify({"x-signature": SIGNED["base64-text"](BODY).swapcase()}, BODY, SECRET, now)


def test_what_is_not_pinned_is_hex_over_the_secrets_text():
    assert PROVIDER.webhook == Webhook("hex-text") == PROVIDER.signatures["hex-text"]
    assert tuple(PROVIDER.signatures) == VARIANTS


def test_a_header_that_names_another_member_is_refused_and_a_missing_one_is_not(examples, now):
    hook, key = examples["webhooks"]["score"], examples["webhookKey"]
    headers, body = headers_of(hook), hook["rawBody"].encode()
    for other in ("someone-else", "", "u-7f0c2a4e-0001 "):
        with pytest.raises(BadSignature):
            PROVIDER.webhook.verify({**headers, "x-external-id": other}, body, key, now)
    del headers["x-external-id"]
    assert PROVIDER.webhook.verify(headers, body, key, now)


def test_a_list_with_one_event_of_another_member_is_refused(now):
    body = json.dumps([{"externalId": "u-1"}, {"externalId": "u-2"}]).encode()
    with pytest.raises(BadSignature):
        PROVIDER.webhook.verify({"x-signature": SIGNED["hex-text"](body), "x-external-id": "u-1"}, body, SECRET, now)


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ({"createdAtUtc": "2026-11-18T06:41:02.118304Z"}, datetime(2026, 11, 18, 6, 41, 2, 118304, tzinfo=UTC)),
        ({"createdAt": "2026-11-18T06:41:02"}, datetime(2026, 11, 18, 6, 41, 2, tzinfo=UTC)),
        ({"receivedAtUtc": "2026-11-18T06:40:58.402Z"}, datetime(2026, 11, 18, 6, 40, 58, 402000, tzinfo=UTC)),
        ({"createdAtUtc": "soon"}, None),
        ({"createdAtUtc": "2027-11-18T06:41:02Z"}, None),
        ({}, None),
    ],
)
def test_a_delivery_was_sent_when_its_body_says_or_now(now, told, at):
    body = json.dumps({"externalId": "u-1", **told}).encode()
    assert PROVIDER.webhook.verify({"x-signature": SIGNED["hex-text"](body)}, body, SECRET, now) == (at or now)


def test_an_old_delivery_is_not_stale_because_nothing_signs_its_age(examples):
    hook = examples["webhooks"]["score"]
    late = datetime(2026, 11, 18, tzinfo=UTC) + timedelta(days=400)
    assert PROVIDER.webhook.verify(headers_of(hook), hook["rawBody"].encode(), examples["webhookKey"], late)


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_carries_its_record(examples, kind):
    hook = examples["webhooks"][kind]
    [notice] = PROVIDER.webhook.parse(hook["rawBody"].encode(), headers_of(hook))
    [record] = notice.records
    assert (notice.resource, notice.action, notice.event_type) == (kind, "updated", EVENTS[kind])
    assert notice.external_user_id == record.external_user_id == "u-7f0c2a4e-0001"
    assert notice.external_id == record.external_id
    assert record.given_day == (date(2026, 11, 15) if kind == "archetype" else date(2026, 11, 18))


def test_the_same_event_has_one_trace_and_an_update_another(examples):
    hooks = examples["webhooks"]
    one, other = (PROVIDER.webhook.parse(hooks[name]["rawBody"].encode())[0] for name in ("biomarker", "biomarker_same_id_new_value"))
    [again] = PROVIDER.webhook.parse(json.dumps([hooks["biomarker"]["body"]]).encode())
    assert one.trace_id == again.trace_id != other.trace_id
    assert one.external_id == other.external_id
    assert other.records[0].revision.is_newer_than(one.records[0].revision)


def test_a_list_of_events_is_taken_up_to_a_fixed_size(examples):
    bodies = [examples["webhooks"][kind]["body"] for kind in EVENTS]
    notices = PROVIDER.webhook.parse(json.dumps(bodies).encode())
    assert [n.resource for n in notices] == list(EVENTS)
    assert len(PROVIDER.webhook.parse(json.dumps(bodies[:1] * MOST_EVENTS).encode())) == MOST_EVENTS
    with pytest.raises(MalformedDelivery):
        PROVIDER.webhook.parse(json.dumps(bodies[:1] * (MOST_EVENTS + 1)).encode())


@pytest.mark.parametrize("said", [*FOREIGN, *EVENTS.values()])
@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_of_another_name_than_its_shape_is_kept_aside(examples, said, kind):
    [notice] = PROVIDER.webhook.parse(examples["webhooks"][kind]["rawBody"].encode(), {"x-event-type": said})
    is_agreed = said == EVENTS[kind]
    assert (notice.resource, notice.action) == ((kind, "updated") if is_agreed else (None, "unknown"))
    assert bool(notice.records) == is_agreed
    assert notice.event_type == said


def test_raw_logs_are_kept_aside_under_their_name(examples):
    hook = examples["webhooks"]["dataLog"]
    [notice] = PROVIDER.webhook.parse(hook["rawBody"].encode(), headers_of(hook))
    assert (notice.resource, notice.action, notice.event_type) == (None, "unknown", "DataLogReceivedIntegrationEvent")
    assert (notice.external_user_id, notice.external_id, notice.records) == ("u-7f0c2a4e-0001", "", ())


def test_an_event_of_tomorrow_is_kept_aside_under_its_name(examples):
    hook = examples["webhooks"]["accept_and_park_unknown_event"]
    [notice] = PROVIDER.webhook.parse(hook["rawBody"].encode(), headers_of(hook))
    assert (notice.resource, notice.event_type) == (None, "StreakCreatedIntegrationEvent")
    assert notice.external_id == hook["body"]["id"]


@pytest.mark.parametrize("spoilt", [{"score": "high"}, {"createdAtUtc": "soon"}, {"factors": 7}, {"scoreDateTime": None}, {"id": 7}])
def test_an_event_whose_record_cannot_be_understood_is_not_refused(examples, spoilt):
    hook = examples["webhooks"]["score"]
    [notice] = PROVIDER.webhook.parse(json.dumps({**hook["body"], **spoilt}).encode(), headers_of(hook))
    assert notice.external_user_id == "u-7f0c2a4e-0001"
    assert (notice.action == "unknown") == ("id" not in spoilt)
