"""Deliveries of any bytes and headers, signed or not, for every source: never a defect; nothing of an unsigned one stays anywhere."""

import base64
import hmac
import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.attacks.arena import OURA_SECRET, Arena
from tests.integration.harness import SAHHA_SECRET

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "canary-5f2c"
SECRETS = {"whoop": "sim-client-secret", "oura": OURA_SECRET, "sahha": SAHHA_SECRET}
BOUNDED = settings(max_examples=60, derandomize=True, database=None, deadline=None)
REFUSED = {"bad_signature", "stale_delivery", "malformed_delivery", "body_too_large"}

Pairs = list[tuple[bytes, bytes]]

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from([10**400, -(10**40), 2**63, 1e308, -0.0]),
    st.text(max_size=20), st.sampled_from(["", "\x00", f"{CANARY}\x00", "😀", "2026-11-18T14:00:00Z", "9999-12-31T23:59:59Z", CANARY * 40]),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8
)
GOOD: dict[str, dict[str, Any]] = {
    "whoop": {"user_id": 456, "id": "8f0c5e1e-6d1b-5a52-9c0a-0c5a4d0b1a11", "type": "sleep.updated", "trace_id": "t"},
    "oura": {"event_type": "create", "data_type": "sleep", "object_id": "o-1", "user_id": "u-1"},
    "sahha": {
        "id": "s-1", "externalId": "e-1", "type": "sleep", "state": "high", "score": 0.7, "factors": [], "dataSources": ["sleep"],
        "scoreDateTime": "2026-11-17T00:00:00+00:00", "createdAtUtc": "2026-11-17T06:00:00+00:00", "version": 1,
    },
}  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn, source: str) -> bytes:
    """Bytes; JSON of any kind; a delivery with odd members, with a name given twice, deep, in another encoding, with more behind it."""
    good = GOOD[source]
    kind = draw(st.sampled_from(["bytes", "json", "odd", "odd", "odd", "twice", "deep", "encoded", "more", "list", "nan"]))
    if kind == "bytes":
        return draw(st.binary(max_size=200))
    if kind == "json":
        return json.dumps(draw(VALUES)).encode()
    if kind == "deep":
        opening = draw(st.sampled_from([b"[", b'{"a":', b'{"user_id":']))
        return opening * draw(st.sampled_from([100, 2_000, 9_000]))
    odd = {**good, **draw(st.dictionaries(st.sampled_from(sorted(good)) | st.text(max_size=8), VALUES, max_size=3))}
    text = json.dumps(odd, ensure_ascii=draw(st.booleans()))
    if kind == "twice":
        text = text[:-1] + f', "{draw(st.sampled_from(sorted(good)))}": {json.dumps(draw(VALUES))}}}'
    if kind == "nan":
        text = (
            text[:-1]
            + f', "{draw(st.sampled_from(sorted(good)))}": {draw(st.sampled_from(["NaN", "Infinity", "-Infinity", "1e999", "01"]))}}}'
        )
    if kind == "list":
        text = json.dumps([odd] * draw(st.sampled_from([0, 1, 2, 101])))
    encoded = text.encode(
        draw(st.sampled_from(["utf-16", "utf-32", "utf-8-sig", "utf-16-be"])) if kind == "encoded" else "utf-8", "surrogatepass"
    )
    return encoded + draw(st.binary(min_size=1, max_size=20)) if kind == "more" else encoded


ODD_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"x-whoop-signature", b"x-whoop-signature-timestamp", b"x-oura-signature", b"x-oura-timestamp", b"x-signature",
                b"x-external-id", b"x-event-type", b"content-length",
                b"content-type", b"content-encoding", b"transfer-encoding", b"x-forwarded-for",
                b"cookie", b"authorization", b"expect",
            ]
        ),
        st.binary(max_size=30) | st.sampled_from([b"", CANARY.encode(), b"9" * 30, b"-1", b"\xff\xfe", b"1795262400000", b"x" * 9_000]),
    ),
    max_size=4,
)  # fmt: skip


def signed(arena: Arena, source: str, body: bytes, *, age_s: float = 0) -> Pairs:
    """The headers with which that source signs."""
    at, secret = arena.service.world.clock.now() - timedelta(seconds=age_s), SECRETS[source].encode()
    if source == "whoop":
        stamp = str(int(at.timestamp() * 1000)).encode()
        digest = base64.b64encode(hmac.digest(secret, stamp + body, "sha256"))
        return [(b"x-whoop-signature", digest), (b"x-whoop-signature-timestamp", stamp)]
    if source == "oura":
        stamp = str(int(at.timestamp())).encode()
        return [(b"x-oura-signature", hmac.digest(secret, stamp + body, "sha256").hex().upper().encode()), (b"x-oura-timestamp", stamp)]
    return [(b"x-signature", hmac.digest(secret, body, "sha256").hex().encode())]


async def inbox(arena: Arena) -> int:
    return (await arena.service.world.rows("select count(*)::int as n from wearbase.delivery"))[0]["n"]


async def post(arena: Arena, source: str, headers: Pairs, body: bytes) -> tuple[httpx2.Response, str]:
    """The answer, checked for what every answer has, and what was logged."""
    with structlog.testing.capture_logs() as logs:
        answer = await arena.raw("POST", f"/v1/webhooks/{source}", b"", headers, body)
    text = str(logs)
    assert CANARY not in text
    assert answer.status_code < 500, (answer.status_code, text)
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert set(error) <= {"code", "message", "request_id", "details"}
        assert error["code"] in REFUSED
        assert CANARY not in error["message"]
    return answer, text


@pytest.mark.parametrize("source", SECRETS)
@BOUNDED
@given(data=st.data())
async def test_nothing_of_what_the_source_did_not_sign_stays(everybody: Arena, source: str, data: st.DataObject) -> None:
    body, headers = data.draw(bodies(source)), data.draw(ODD_HEADERS)
    before, rows = await inbox(everybody), await everybody.service.world.rows("select user_id from wearbase.connection")
    how = data.draw(st.sampled_from(["not at all", "other body", "other secret", "changed", "twice", "other source"]))
    good = signed(everybody, source, body)
    if how == "other body":
        headers = signed(everybody, source, body + b" ")
    elif how == "changed":
        place = data.draw(st.integers(0, len(good[0][1]) - 1))
        value = bytearray(good[0][1])
        value[place] ^= data.draw(st.integers(1, 127).filter(lambda x: x != 0x20))  # hex may be in small letters
        headers = [(good[0][0], bytes(value)), *good[1:]]
    elif how == "other secret":
        headers = [(good[0][0], hmac.digest(b"other", body, "sha256").hex().encode()), *good[1:]]
    elif how == "twice":
        headers = [*good, (good[0][0], b"x"), *headers]
    elif how == "other source":
        headers = signed(everybody, next(name for name in SECRETS if name != source), body)
    answer, _ = await post(everybody, source, headers, body)
    assert answer.status_code in (401, 413), answer.text
    assert await inbox(everybody) == before
    assert await everybody.service.world.rows("select user_id from wearbase.connection") == rows


@pytest.mark.parametrize("source", SECRETS)
@BOUNDED
@given(data=st.data())
async def test_what_the_source_did_sign_is_taken_once_or_called_malformed(everybody: Arena, source: str, data: st.DataObject) -> None:
    body = data.draw(bodies(source))
    more = [pair for pair in data.draw(ODD_HEADERS) if b"signature" not in pair[0] and b"timestamp" not in pair[0]]
    headers = [*more, *signed(everybody, source, body)]
    before = await inbox(everybody)
    answer, _ = await post(everybody, source, headers, body)
    after = await inbox(everybody)
    if answer.status_code >= 400:
        assert after == before
    again, _ = await post(everybody, source, headers, body)
    assert again.status_code == answer.status_code
    assert await inbox(everybody) == after, "a repetition changes nothing"


@pytest.mark.parametrize("source", ["whoop", "oura"])
async def test_an_old_one_or_one_from_the_future_is_refused_however_well_it_is_signed(everybody: Arena, source: str) -> None:
    body = json.dumps(GOOD[source]).encode()
    before = await inbox(everybody)
    for age_s in (2 * 3600 + 1, -301, 10**8, -(10**9)):
        answer, _ = await post(everybody, source, signed(everybody, source, body, age_s=age_s), body)
        assert answer.json()["error"]["code"] == "stale_delivery"
    assert await inbox(everybody) == before


async def test_the_question_before_any_delivery_is_answered_only_with_the_token(everybody: Arena) -> None:
    for query in (
        b"",
        b"verification_token=",
        b"verification_token=%00",
        b"verification_token=" + b"x" * 9_000,
        b"%ff=%fe&challenge=" + CANARY.encode(),
    ):
        with structlog.testing.capture_logs() as logs:
            answer = await everybody.raw("GET", "/v1/webhooks/oura", query)
        assert answer.json()["error"]["code"] == "bad_signature"
        assert CANARY not in str(logs) + answer.text


@pytest.mark.parametrize("source", SECRETS)
async def test_a_signed_text_that_the_database_cannot_hold_is_malformed_and_not_stored(everybody: Arena, source: str) -> None:
    good, before = GOOD[source], await inbox(everybody)
    names = [name for name, value in good.items() if isinstance(value, str)]
    for name in names:
        for text in ("\x00", "a\x00b", "\ud800"):
            body = json.dumps({**good, name: text}).encode()
            answer, _ = await post(everybody, source, signed(everybody, source, body), body)
            assert answer.status_code < 300 or answer.json()["error"]["code"] == "malformed_delivery"
            assert (await inbox(everybody) == before) is (answer.status_code >= 300) or source == "sahha"
            before = await inbox(everybody)
