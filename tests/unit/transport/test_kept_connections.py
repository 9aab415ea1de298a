"""A connection that was idle for long is not used again: its other end may just be closing it."""

import asyncio

import pytest

from wearbase.domain.provider import Request
from wearbase.transport import http
from wearbase.transport.http import Http

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
USUAL_S = 5.0  # after which uvicorn, Node and others close an idle connection


async def connections_of_two_calls(*, apart_s: float) -> int:
    came: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer)
        while await reader.read(65_536):
            writer.write(ANSWER)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    client, base_url = Http(), f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for _ in range(2):
        await client.call(Request(method="GET", path="/"), base_url=base_url)
        await asyncio.sleep(apart_s)
    await client.close()
    server.close()
    return len(came)


async def test_a_connection_is_kept_for_the_next_call_but_left_sooner_than_its_other_end_leaves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert http.KEPT_IDLE_S < USUAL_S
    assert await connections_of_two_calls(apart_s=0) == 1
    monkeypatch.setattr(http, "KEPT_IDLE_S", 0.02)
    assert await connections_of_two_calls(apart_s=0.05) == 2
