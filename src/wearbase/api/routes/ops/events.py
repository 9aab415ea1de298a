"""Server-sent events: an answer that stays open until the reader goes, its credential ends, or we stop.

Written here rather than taken from sse-starlette: that starts four tasks for each stream, one of which only sends heartbeats, and
learns of our stopping by replacing a signal handler that this program does not use. This is one task more than the request has.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

CHECK_S = 2.0  # with the two seconds for which a key is believed: a revoked one ends its streams within five
HEARTBEAT_S = 15.0
SLOW_S = 20.0  # a reader that takes nothing for so long is cut off
RETRY_MS = 3_000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
HEARTBEAT = b"event: heartbeat\ndata: {}\n\n"


class Source(Protocol):
    """What is to be sent."""

    is_over: bool

    async def take(self, *, at_most_s: float) -> list[bytes]: ...

    def end(self) -> None: ...


class EventStream(Response):
    """Sends what the source has. `is_allowed` is asked every other second; `leave` is called once, at the end."""

    media_type = "text/event-stream"
    MARK = "is_stream"  # of a request's state: its answer has no end to be waited for

    def __init__(self, source: Source, *, is_allowed: Callable[[], Awaitable[bool]], leave: Callable[[], None]) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._source, self._is_allowed, self._leave = source, is_allowed, leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})[self.MARK] = True
        gone = asyncio.create_task(self._until_gone(receive))
        try:
            async with asyncio.timeout(None) as patience:
                loop = asyncio.get_running_loop()

                async def put(message: Message) -> None:
                    patience.reschedule(loop.time() + SLOW_S)
                    await send(message)
                    patience.reschedule(None)

                await put({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await put(_part(b"retry: %d\n\n" % RETRY_MS))
                await self._send_all(put)
                await put({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            return  # cut off: the server closes a connection whose answer was not finished
        finally:
            gone.cancel()
            self._leave()

    async def _send_all(self, put: Callable[[Message], Awaitable[None]]) -> None:
        sent_at = checked_at = time.monotonic()
        while not self._source.is_over:
            events = await self._source.take(at_most_s=CHECK_S)
            now = time.monotonic()
            if now - checked_at >= CHECK_S:
                if not await self._is_allowed():
                    return
                checked_at = now
            if not events and now - sent_at >= HEARTBEAT_S:
                events = [HEARTBEAT]
            if events and not self._source.is_over:
                await put(_part(b"".join(events)))
                sent_at = now

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._source.end()


def _part(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}
