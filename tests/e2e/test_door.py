"""The door of a real process: slow, endless, half-open, too many, no HTTP; metrics apart; and the bytes that each gets."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2
import pytest

from tests.e2e.processes import KEY, Home, free_port, home, wait_for

PROMPT_S = 5.0  # a fraction of every default
MOST = 12


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def guarded(metrics_port: int) -> Iterator[Home]:
    """One `wear up` with little patience for all of these tests."""
    settings = {
        "HEAD_WITHIN": "300ms", "BODY_WITHIN": "300ms", "ANSWER_WITHIN": "1s", "SOURCE_DEADLINE": "500ms",
        "CONNECTIONS": str(MOST), "METRICS_BIND": f"127.0.0.1:{metrics_port}",
        "ALLOWED_HOSTS": "wear.example", "DEMO": "", "WHOOP_CLIENT_ID": "app", "WHOOP_CLIENT_SECRET": "client-secret-of-the-tests",
    }  # fmt: skip
    with home(**settings) as made:
        made.start()
        yield made


@contextmanager
def dialled(at: Home) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", at.port), timeout=PROMPT_S) as connection:
        yield connection


def rest(connection: socket.socket) -> bytes:
    """Everything until the other side closes; fails if it does not within a few seconds."""
    found = b""
    while piece := connection.recv(65_536):
        found += piece
    return found


def refused(answer: bytes, status: int, code: str) -> None:
    """One error body, with what every answer has."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer
    error = json.loads(body)["error"]
    assert error["code"] == code
    assert f"x-request-id: {error['request_id']}".encode() in head
    for name in (b"x-content-type-options: nosniff", b"content-security-policy: default-src 'none'", b"cache-control: no-store"):
        assert name in head
    assert b"traceback" not in answer.lower()


def test_a_connection_that_says_nothing_is_closed(guarded: Home) -> None:
    with dialled(guarded) as connection:
        assert rest(connection) == b""


def test_a_head_that_never_ends_is_cut(guarded: Home) -> None:
    with dialled(guarded) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: wear.example\r\nX-A: b")
        refused(rest(connection), 408, "timed_out")


def test_a_head_that_drips_is_cut_all_the_same(guarded: Home) -> None:
    with dialled(guarded) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: wear.example\r\n")
        connection.settimeout(0.02)
        give_up, answer = time.monotonic() + PROMPT_S, b""
        while not answer and time.monotonic() < give_up:
            try:
                connection.sendall(b"X: y\r\n")
                answer = connection.recv(65_536)
            except TimeoutError:
                continue
        refused(answer, 408, "timed_out")


def test_so_is_one_on_a_connection_that_was_good_before(guarded: Home) -> None:
    with dialled(guarded) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: wear.example\r\n\r\n")
        answer = b""
        while not answer.endswith(b'{"status":"ok"}'):
            answer += connection.recv(65_536)
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost:")
        refused(rest(connection), 408, "timed_out")


HEAD = b"GET /health/live HTTP/1.1\r\nHost: wear.example\r\n"


@pytest.mark.parametrize("more", [b"\r\nX: y" * 101, b"y" * 32_768 + b"\r\nX:", b"y" * 33_000], ids=["lines", "line", "unended"])
def test_a_head_that_is_too_large_is_refused_as_it_arrives(guarded: Home, more: bytes) -> None:
    with dialled(guarded) as connection:
        connection.sendall(HEAD + b"X: y")
        time.sleep(0.02)
        connection.sendall(more)
        refused(rest(connection), 431, "head_too_large")


def test_a_large_head_is_served_and_each_request_of_a_connection_counts_anew(guarded: Home) -> None:
    with dialled(guarded) as connection:
        for _ in range(3):
            connection.sendall(HEAD + b"X: %s\r\n" % (b"y" * 300) * 90 + b"\r\n")
            answer = b""
            while not answer.endswith(b'{"status":"ok"}'):
                answer += connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("framing", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
def test_a_body_that_never_ends_is_cut(guarded: Home, framing: bytes) -> None:
    with dialled(guarded) as connection:
        head = b"POST /v1/webhooks/whoop HTTP/1.1\r\nHost: wear.example\r\n%s\r\n\r\n" % framing
        connection.sendall(head + b"5\r\n{    ")
        refused(rest(connection), 408, "timed_out")


def test_a_body_that_nobody_reads_is_cut_after_its_answer(guarded: Home) -> None:
    with dialled(guarded) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: wear.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        answer = rest(connection)
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.count(b"HTTP/1.1") == 1


def test_an_endless_body_is_refused_while_it_streams(guarded: Home) -> None:
    with dialled(guarded) as connection:
        connection.sendall(b"POST /v1/webhooks/whoop HTTP/1.1\r\nHost: wear.example\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(256):
                connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        except OSError:
            pass
        else:
            pytest.fail("it took all of it")


@pytest.mark.parametrize("text", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
def test_what_is_no_http_gets_the_one_error_body(guarded: Home, text: bytes) -> None:
    with dialled(guarded) as connection:
        connection.sendall(text)
        refused(rest(connection), 400, "bad_request")


def test_too_many_connections_are_told_so_and_end_by_themselves(guarded: Home) -> None:
    with ExitStack() as opened:
        for _ in range(MOST + 2):
            opened.enter_context(dialled(guarded))
        with dialled(guarded) as connection:
            connection.sendall(b"GET /app/ HTTP/1.1\r\nHost: wear.example\r\n\r\n")
            answer = rest(connection)
            refused(answer, 503, "too_many_connections")
            assert b"retry-after:" in answer
            alive = opened.enter_context(dialled(guarded))
            alive.sendall(b"GET /health/live HTTP/1.1\r\nHost: wear.example\r\n\r\n")
            assert alive.recv(65_536).startswith(b"HTTP/1.1 200")
    wait_for(lambda: httpx2.get(f"{guarded.url}/app/").status_code == 200, "there is room again")


def test_an_open_stream_is_not_cut(guarded: Home) -> None:
    with dialled(guarded) as connection:
        connection.sendall(b"GET /api/v1/stream/ann HTTP/1.1\r\nHost: wear.example\r\nX-API-Key: %s\r\n\r\n" % KEY.encode())
        began, found = time.monotonic(), b""
        while time.monotonic() < began + 1.0:
            connection.settimeout(max(0.01, began + 1.0 - time.monotonic()))
            try:
                piece = connection.recv(65_536)
            except TimeoutError:
                break
            assert piece, "it was closed"
            found += piece
        assert b"text/event-stream" in found


def test_who_takes_an_answer_too_slowly_is_cut(guarded: Home, metrics_port: int) -> None:
    with dialled(guarded) as connection, httpx2.Client() as anybody:
        asked = b"GET /openapi.json HTTP/1.1\r\nHost: wear.example\r\nX-API-Key: %s\r\n\r\n" % KEY.encode()
        connection.sendall(asked * 200)  # far more than both sides keep for each other
        metrics = f"http://127.0.0.1:{metrics_port}/metrics"
        wait_for(lambda: re.search(r'refused_total\{reason="slow_answer"\} [1-9]', anybody.get(metrics).text), "it is cut")
        taken = 0
        try:
            while piece := connection.recv(1_000_000):
                taken += piece.count(b"HTTP/1.1 200")
        except ConnectionResetError:
            pass
        assert taken < 200


def test_behind_a_proxy_each_has_an_address_of_their_own(guarded: Home) -> None:
    def guess(client: httpx2.Client, said: str) -> int:
        return client.get(
            f"{guarded.url}/api/v1/whoop/sync-status/ann", headers={"x-api-key": "a-guess", "x-forwarded-for": said}
        ).status_code

    with httpx2.Client() as proxy:
        assert {guess(proxy, f"203.0.113.{n}, ::ffff:198.51.100.1") for n in range(60)} == {401, 429}
        assert guess(proxy, "198.51.100.1, 198.51.100.2") == 401
        assert guess(proxy, "2001:db8::1, 127.0.0.1") == 401


def test_the_metrics_have_an_address_of_their_own_and_no_other(guarded: Home, metrics_port: int) -> None:
    there = f"http://127.0.0.1:{metrics_port}"
    with httpx2.Client() as anybody:
        text = anybody.get(f"{there}/metrics", headers={"host": "prometheus-target"})
        assert text.status_code == 200
        assert re.search(r'wearbase_door_refused_total\{reason="slow_head"\} [1-9]', text.text)
        assert "wearbase_database_up 1.0" in text.text
        assert text.headers["x-content-type-options"] == "nosniff"
        refused = anybody.get(f"{there}/metrics", headers={"host": "evil.example"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (421, "wrong_host")
        other = anybody.get(f"{there}/health/live")
        assert (other.status_code, other.json()["error"]["code"]) == (404, "not_found")
        assert anybody.get(f"{guarded.url}/metrics", headers={"x-api-key": KEY}).status_code == 404


def test_another_name_is_refused_by_the_process_too(guarded: Home) -> None:
    with httpx2.Client() as anybody:
        answer = anybody.get(f"{guarded.url}/app/", headers={"host": "evil.example"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (421, "wrong_host")
        assert anybody.get(f"{guarded.url}/health/ready", headers={"host": "10.0.0.7"}).status_code == 200


def test_the_log_says_what_was_cut(guarded: Home) -> None:
    lines = [json.loads(line) for line in guarded.log().splitlines() if line.startswith("{")]
    assert {line["waited_for"] for line in lines if line["event"] == "connections cut"} >= {"head", "body"}
    assert [line for line in lines if line["level"] == "error"] == []
    assert "Traceback" not in guarded.log()
