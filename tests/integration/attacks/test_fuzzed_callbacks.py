"""What comes back from a provider, or from whoever pretends to: any state, code, error and form. Never a defect, never a connection."""

import json
from typing import Any
from urllib.parse import quote_from_bytes

import httpx2
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.api.conftest import APP_URL
from tests.integration.attacks.arena import Arena

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "canary-7d1e"
MARKUP = f'"><script>{CANARY}</script>'
BOUNDED = settings(max_examples=80, derandomize=True, database=None, deadline=None)
PAGES = ["/auth/whoop/callback", "/auth/oura/callback", "/auth/nothing/callback", "/auth/%00/callback", "/v1/oauth/callback"]
LIVE = "the state of a consent under way"

TEXTS = st.one_of(
    st.binary(max_size=40), st.just(LIVE.encode()),
    st.sampled_from(
        [
            b"", b"\x00", b"\r\nset-cookie: a=b", b"\x1b[2J", b"\xff\xfe", b"x" * 200, b"x" * 201, b"x" * 5_000, "é😀".encode(),
            b"access_denied", b"server_error", b"%00", b"agree", b"refuse", b"'; drop table wearbase.record; --", b"\xed\xa0\x80",
            MARKUP.encode(), CANARY.encode(),
        ]
    ),
)  # fmt: skip
NAMES = st.sampled_from(
    [b"state", b"state", b"code", b"code", b"error", b"error_description", b"decision", b"redirect_url", b"user_id", b"scope"]
)
PARAMETERS = st.lists(st.tuples(NAMES, TEXTS), max_size=6)


def written(parameters: list[tuple[bytes, bytes]], state: bytes, *, is_raw: bool) -> bytes:
    """As a query or a form; `is_raw`: as no browser would write it."""
    filled = [(name, state if value == LIVE.encode() else value) for name, value in parameters]
    return b"&".join(name + b"=" + (value if is_raw else quote_from_bytes(value, safe="").encode()) for name, value in filled)


async def state_of_a_consent(arena: Arena, headers: dict[str, str] | None = None) -> bytes:
    answer = await arena.call(
        "POST", f"/api/v1/whoop/connect/ann?redirect_url={APP_URL}", headers or await arena.key("read", "sync", "connect", "erase", "ops")
    )
    return answer.json()["state"].encode()


def checked(answer: httpx2.Response, logs: Any, *, is_page: bool = True) -> None:
    """What every one of these answers has, whatever came."""
    assert answer.status_code < 500, (answer.status_code, logs)
    assert CANARY not in str(logs)
    assert "<script" not in answer.text
    if "location" in answer.headers:
        assert answer.status_code == 303
        assert answer.headers["location"] in {f"{APP_URL}?status={how}&user_id=ann" for how in ("denied", "failed")}
    if is_page:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "set-cookie" not in answer.headers
    elif answer.status_code >= 400:
        assert {"code", "message", "request_id"} <= set(answer.json()["error"])


async def nobody_is_connected(arena: Arena) -> bool:
    return await arena.service.world.rows("select 1 from wearbase.connection") == []


@BOUNDED
@given(st.sampled_from(PAGES), PARAMETERS, st.booleans())
async def test_any_return_is_a_page_or_a_redirect_to_the_app(
    everybody: Arena, path: str, parameters: list[tuple[bytes, bytes]], is_raw: bool
) -> None:
    query = written(parameters, await state_of_a_consent(everybody), is_raw=is_raw)
    with structlog.testing.capture_logs() as logs:
        answer = await everybody.raw("GET", path, query)
    checked(answer, logs)
    assert await nobody_is_connected(everybody)


FORMS = [
    b"application/x-www-form-urlencoded", b"application/x-www-form-urlencoded; charset=utf-16", b"multipart/form-data; boundary=x",
    b"multipart/form-data", b"multipart/form-data; boundary=" + b"y" * 300, b"application/json", b"text/plain", b"", b"\xff",
]  # fmt: skip


@BOUNDED
@given(
    PARAMETERS,
    st.sampled_from(FORMS),
    st.booleans(),
    st.binary(max_size=60),
    st.sampled_from([b"same-origin", b"cross-site", b"none", b"\xff"]),
)
async def test_any_form_is_answered_with_a_page(
    everybody: Arena, parameters: list[tuple[bytes, bytes]], kind: bytes, is_raw: bool, more: bytes, site: bytes
) -> None:
    state = await state_of_a_consent(everybody)
    body = written(parameters, state, is_raw=is_raw)
    if kind.startswith(b"multipart"):
        parts = [b'--x\r\ncontent-disposition: form-data; name="' + name + b'"\r\n\r\n' + value for name, value in parameters]
        body = b"\r\n".join([*parts, b"--x--"]) if is_raw else more
    with structlog.testing.capture_logs() as logs:
        answer = await everybody.raw("POST", "/auth/whoop/callback", b"", [(b"content-type", kind), (b"sec-fetch-site", site)], body)
    checked(answer, logs)
    assert answer.status_code != 200, "only a consent that came about ends with a page that says so"
    assert await nobody_is_connected(everybody)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from([CANARY, MARKUP, "\x00", LIVE]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5,
)  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=60),
    st.fixed_dictionaries({}, optional={"state": VALUES, "code": VALUES, "more": VALUES}).map(lambda told: json.dumps(told).encode()),
    st.sampled_from(
        [b"[" * 20_000, b'{"state":' * 20_000, b'{"code": "c", "state": NaN}', b'{"code": "c", "code": 1, "state": "s"}', b"null"]
    ),
)


@BOUNDED
@given(BODIES, st.sampled_from([b"application/json", b"text/plain", b"application/x-www-form-urlencoded", b""]), st.booleans())
async def test_any_code_that_a_backend_or_a_member_brings_is_refused_in_the_one_form(
    everybody: Arena, body: bytes, kind: bytes, is_member: bool
) -> None:
    state = await state_of_a_consent(everybody, everybody.token("ann") if is_member else None)
    who = everybody.token("ann") if is_member else await everybody.key("connect")
    headers = [(b"content-type", kind), *((name.encode(), value.encode()) for name, value in who.items())]
    with structlog.testing.capture_logs() as logs:
        answer = await everybody.raw("POST", "/v1/oauth/callback", b"", headers, body.replace(LIVE.encode(), state))
    checked(answer, logs, is_page=False)
    assert answer.status_code in (400, 422), answer.text
    assert await nobody_is_connected(everybody)
