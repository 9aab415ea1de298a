"""One connection of the server, without a network."""

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from wearbase.app.connections import Connection

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
