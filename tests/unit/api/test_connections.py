"""One connection of the server, without a network."""

import asyncio
import json
from typing import Any

import pytest
import structlog
import uvicorn
from uvicorn.server import ServerState

from wearbase.api.door.pace import Pace
from wearbase.api.door.rules import DoorRules
from wearbase.api.errors import LastResort
from wearbase.api.metrics import Metrics
from wearbase.api.middleware import Floods, Observed
from wearbase.app.connections import Connection
from wearbase.store.sealing import KeyRing

REQUEST = b"GET /a HTTP/1.1\r\nHost: wear.example\r\n\r\n"


class Wire:
    """Takes what is written until it is closed."""

    def __init__(self) -> None:
        self.written, self.late, self.is_closed = b"", b"", False

    def get_extra_info(self, name: str) -> Any:
        return ("192.0.2.1", 4711) if name == "peername" else None

    def write(self, content: bytes) -> None:
        if self.is_closed:
            self.late += content
            raise RuntimeError("unable to perform operation: the handler is closed")
        self.written += content

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@pytest.mark.parametrize("how", ["lost", "cut"])
async def test_who_asks_for_much_at_once_and_goes_is_answered_no_more_and_no_defect(how: str) -> None:
    begun, go_on, paths = asyncio.Event(), asyncio.Event(), list[str]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        paths.append(scope["path"])
        begun.set()
        await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    wire, state = Wire(), ServerState()
    connection = Connection(uvicorn.Config(app, log_config=None, lifespan="off"), state, {})
    connection.connection_made(wire)  # type: ignore[arg-type]
    connection.data_received(REQUEST * 3)
    await begun.wait()
    if how == "cut":
        connection.cut("answer")
    wire.is_closed = True
    connection.connection_lost(None)
    go_on.set()
    await asyncio.gather(*state.tasks)
    assert (paths, wire.written, wire.late) == (["/a"], b"", b"")


async def headers_of(raw: bytes) -> list[tuple[bytes, bytes]]:
    """What the application is told of a request, once all of it is there."""
    seen = list[tuple[bytes, bytes]]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        seen.extend(scope["headers"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    state = ServerState()
    connection = Connection(uvicorn.Config(app, log_config=None, lifespan="off"), state, {})
    connection.connection_made(Wire())  # type: ignore[arg-type]
    connection.data_received(raw)
    await asyncio.gather(*state.tasks)
    connection.connection_lost(None)
    return seen


async def test_what_follows_a_body_is_no_header() -> None:
    trailers = b"X-API-Key: other\r\nX-Forwarded-For: 192.0.2.9\r\nHost: evil.example\r\n\r\n"
    head = b"POST /a HTTP/1.1\r\nHost: wear.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    found = await headers_of(head + b"2\r\n{}\r\n0\r\n" + trailers)
    assert found == [(b"host", b"wear.example"), (b"transfer-encoding", b"chunked")]


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"http://evil.example/a", b"evil.example"),
        (b"https://wear.example:8443/a?x=/y", b"wear.example:8443"),
        (b"http://a:b@wear.example/a", b"a:b@wear.example"),
        (b"/a?u=http://evil.example/", b"wear.example"),
    ],
)
async def test_a_host_in_the_address_is_the_one_that_counts(target: bytes, host: bytes) -> None:
    found = await headers_of(b"GET " + target + b" HTTP/1.1\r\nHost: wear.example\r\n\r\n")
    assert [value for name, value in found if name == b"host"] == [host]


POST = b"POST /a HTTP/1.1\r\nHost: wear.example\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        POST + b"Content-Length: 2\r\nContent-Length: 30\r\n\r\n{}", POST + b"Content-Length: 2, 2\r\n\r\n{}",
        POST + b"Content-Length: +2\r\n\r\n{}", POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        POST + b"X-A: b\r\n c\r\n\r\n", POST + b"X-A: b\rX-B: c\r\n\r\n", POST + b"X-A: b\0c\r\n\r\n", POST.replace(b"\r", b"") + b"\n",
        b"GET http://wear.example HTTP/1.1\r\n\r\n", b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_a_proxy_could_read_otherwise_is_refused_unread(raw: bytes) -> None:
    bodies: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:  # a head may be whole before its body is seen to be none
        bodies.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    wire, state = Wire(), ServerState()
    connection = Connection(uvicorn.Config(app, log_config=None, lifespan="off"), state, {})
    connection.connection_made(wire)  # type: ignore[arg-type]
    connection.data_received(raw)
    await asyncio.gather(*state.tasks)
    assert bodies in ([], [{"type": "http.disconnect"}])
    assert wire.written.startswith(b"HTTP/1.1 400 ")
    assert b'{"error":{"code":"bad_request"' in wire.written
    assert (wire.is_closed, wire.late, wire.written.count(b"HTTP/1.1")) == (True, b"", 1)


@pytest.mark.parametrize("garbage", [b"GARBAGE\r\n\r\n", b"\x16\x03\x01", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
async def test_what_was_asked_before_garbage_is_answered_whole_and_then_it_ends(garbage: bytes) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        begun.set()
        await go_on.wait()
        await send({"type": "http.response.body"})

    wire, state = Wire(), ServerState()
    connection = Connection(uvicorn.Config(app, log_config=None, lifespan="off"), state, {})
    connection.connection_made(wire)  # type: ignore[arg-type]
    connection.data_received(REQUEST)
    await begun.wait()
    connection.data_received(garbage)
    connection.data_received(b"more")
    go_on.set()
    await asyncio.gather(*state.tasks)
    assert (wire.written.count(b"HTTP/1.1"), wire.written[-4:], wire.is_closed, wire.late) == (1, b"half", True, b"")


def chunked(rest: bytes) -> bytes:
    return POST + b"Transfer-Encoding: chunked\r\n\r\n" + rest


DRIPPING = POST + b"Content-Length: 9\r\n\r\n{"
REFUSED: dict[str, tuple[bytes, str | None, int, str, str]] = {  # what comes, what is then cut, what is answered, why
    "dripping head": (b"GET /canary HTTP/1.1\r\nX: y\r\n", "head", 408, "timed_out", "slow_head"),
    "short body": (DRIPPING, "body", 408, "timed_out", "slow_body"),
    "large head": (POST + b"X: " + b"canary" * 8_000 + b"\r\nX:", None, 431, "head_too_large", "large_head"),
    "method": (b"CANARY / HTTP/1.1\r\n\r\n", None, 400, "bad_request", "Invalid method encountered"),
    "length": (POST + b"Content-Length: -1\r\n\r\n", None, 400, "bad_request", "Invalid character in Content-Length"),
    "address": (b"GET http://[canary HTTP/1.1\r\n\r\n", None, 400, "bad_request", "no_http"),
    "chunks": (chunked(b"canary\r\n"), None, 400, "bad_request", "Invalid character in chunk size"),
}


async def refused_lines(raw: bytes, part: Any, *, is_begun: bool) -> tuple[bytes, list[Any]]:
    """What is written and logged of a request that the connection itself refuses, before the application began with it or after."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    observed = Observed(LastResort(app), metrics=Metrics(), keys=KeyRing([bytes(32)]), is_https=False, pace=Pace(DoorRules()))
    wire, state = Wire(), ServerState()
    connection = Connection(uvicorn.Config(observed, log_config=None, lifespan="off"), state, {})
    connection.connection_made(wire)  # type: ignore[arg-type]
    with structlog.testing.capture_logs() as logs:
        head, _, rest = raw.partition(b"\r\n\r\n")
        connection.data_received(head + b"\r\n\r\n" if rest and is_begun else raw)
        if rest and is_begun:
            await asyncio.sleep(0)
            connection.data_received(rest)
        if part:
            connection.cut(part)
        connection.connection_lost(None)
        await asyncio.gather(*state.tasks)
    return wire.written, [line for line in logs if line["event"] == "request"]


@pytest.mark.parametrize("is_begun", [False, True])
@pytest.mark.parametrize("kind", REFUSED)
async def test_a_refusal_by_the_server_itself_is_one_line_of_the_answers_id_and_reason(
    kind: str, is_begun: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "floods", Floods())
    raw, part, status, code, reason = REFUSED[kind]
    written, lines = await refused_lines(raw, part, is_begun=is_begun)
    assert written.startswith(b"HTTP/1.1 %d " % status)
    error = json.loads(written.partition(b"\r\n\r\n")[2])["error"]
    assert [(line["status"], line["request_id"], line["error"], line["reason"]) for line in lines] == [
        (status, error["request_id"], code, reason)
    ]
    assert error["code"] == code
    assert "canary" not in str(lines).lower()


async def test_a_flood_of_them_is_one_line_a_second_which_says_how_many_were_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(Connection, "floods", Floods(clock=lambda: now[0]))
    lines: list[Any] = []
    for at in (0.0, 0.1, 0.9, 1.1):
        now[0] = at
        lines += (await refused_lines(*REFUSED["method"][:2], is_begun=False))[1]
    assert [line.get("untold") for line in lines] == [None, 2]
