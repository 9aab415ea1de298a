"""Deliveries: the raw bytes are verified before anything is read of them."""

from datetime import timedelta

import pytest

from wearbase.domain.errors import BadSignature, MalformedDelivery, Refused, StaleDelivery


def test_what_the_provider_signed_is_accepted(samples, accepted_delivery):
    headers, body, _ = accepted_delivery.value
    at = samples.signed_at(headers)
    assert accepted_delivery.provider.webhook.verify(headers, body, samples.secret, at) == at


def test_what_was_signed_otherwise_is_refused(samples, rejected_delivery):
    headers, body = rejected_delivery.value
    with pytest.raises(BadSignature):
        rejected_delivery.provider.webhook.verify(headers, body, samples.secret, samples.signed_at(headers))


def test_any_change_of_body_secret_or_headers_is_refused(samples, accepted_delivery):
    headers, body, _ = accepted_delivery.value
    verify, at = accepted_delivery.provider.webhook.verify, samples.signed_at(headers)
    for changed_body in (body + b" ", body[:-1], b"", body.replace(b":", b": ", 1), b"\xff" + body):
        with pytest.raises(BadSignature):
            verify(headers, changed_body, samples.secret, at)
    for secret in ("", samples.secret + "x", samples.secret[:-1]):
        with pytest.raises(BadSignature):
            verify(headers, body, secret, at)
    for name in samples.contract["webhooks"].get("verified_headers", headers):
        if name != "content-type":
            for changed in ({}, {name: ""}, {name: headers[name] + " "}, {name: " " + headers[name]}, {name: "é" + headers[name]}):
                with pytest.raises(BadSignature):
                    verify({**{k: v for k, v in headers.items() if k != name}, **changed}, body, samples.secret, at)


def test_age_is_bounded_on_both_sides(samples, accepted_delivery):
    headers, body, _ = accepted_delivery.value
    if not samples.is_dated:
        return
    verify, at = accepted_delivery.provider.webhook.verify, samples.signed_at(headers)
    for age in (timedelta(hours=2), timedelta(0), timedelta(minutes=-5)):
        assert verify(headers, body, samples.secret, at + age) == at
    for age in (timedelta(hours=2, milliseconds=1), timedelta(days=400), timedelta(minutes=-5, milliseconds=-1)):
        with pytest.raises(StaleDelivery):
            verify(headers, body, samples.secret, at + age)


def test_a_stale_delivery_with_a_false_signature_is_a_false_one(samples, accepted_delivery):
    headers, body, _ = accepted_delivery.value
    with pytest.raises(BadSignature):
        accepted_delivery.provider.webhook.verify(headers, body, "another", samples.signed_at(headers) + timedelta(days=2))


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{", b"\x00" * 100, b"[" * 5000])
def test_verifying_reads_nothing_of_the_body(samples, provider, body, now):
    with pytest.raises(BadSignature):
        provider.webhook.verify({}, body, samples.secret, now)


def test_a_delivery_says_what_happened(samples, accepted_delivery):
    headers, body, payload = accepted_delivery.value
    told = samples.contract["webhooks"]
    [notice] = accepted_delivery.provider.webhook.parse(body, headers)
    own = ".".join(payload[member] for member in told.get("event", []))
    assert notice.event_type == (headers[told["event_header"]] if "event_header" in told else own or payload["type"])
    if accepted_delivery.provider.delivers == "payload":
        [record] = notice.records
        assert (record.resource, record.external_id, record.raw) == (notice.resource, notice.external_id, payload)
        assert record.external_user_id == notice.external_user_id
    else:
        assert notice.external_id == payload[told["id"]]
        assert notice.records == ()
    assert notice.action in ("updated", "deleted")
    assert accepted_delivery.provider.resource(notice.resource)
    assert notice.trace_id


def test_a_body_read_again_without_its_headers_says_the_same(accepted_delivery):
    headers, body, _ = accepted_delivery.value
    parse = accepted_delivery.provider.webhook.parse
    assert parse(body) == parse(body, headers)


def test_a_body_that_cannot_be_read_is_refused(malformed_delivery):
    with pytest.raises(MalformedDelivery):
        malformed_delivery.provider.webhook.parse(malformed_delivery.value)


@pytest.mark.parametrize("body", [b"\xff\xfe{}", b'{"user_id":1,"id":"\xff"}', b"[" * 5000, b'"\\ud800"', b'{"a":' * 3000])
def test_bytes_that_are_no_text_are_refused(provider, body):
    with pytest.raises(MalformedDelivery) as raised:
        provider.webhook.parse(body)
    assert isinstance(raised.value, Refused)


def test_an_unknown_type_is_acknowledged(unknown_delivery):
    [notice] = unknown_delivery.provider.webhook.parse(unknown_delivery.value)
    assert (notice.resource, notice.action) == (None, "unknown")
    assert notice.external_id in ("1838200105", "")
