"""The operator's open pages: told the figures and the lists again when they are not as before, asked for once for all."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from wearbase.domain.errors import DatabaseUnavailable, TooManyRequests
from wearbase.read.ops.overview import Overview

EVERY_S = 2.0
MOST_STREAMS = 32


@dataclass(eq=False)
class OpsStream:
    """One open page: of each kind of event only the newest waits."""

    is_over: bool = False
    _waiting: dict[str, bytes] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, *, at_most_s: float) -> list[bytes]:
        """The events that wait; none if none came in that time, or the stream is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._wake.wait()
        self._wake.clear()
        events = list(self._waiting.values())
        self._waiting.clear()
        return events

    def put(self, name: str, event: bytes) -> None:
        """One more event, in the place of an older one of its kind."""
        self._waiting[name] = event
        self._wake.set()

    def end(self) -> None:
        """Nothing more is sent."""
        self.is_over = True
        self._wake.set()


class Feed:
    """All operators' pages of this process."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview
        self._streams: list[OpsStream] = []
        self._told: dict[str, bytes] = {}
        self._running: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._streams)

    def open(self) -> OpsStream:
        """A stream that begins with everything as it is. Raises TooManyRequests."""
        if len(self._streams) >= MOST_STREAMS:
            raise TooManyRequests("Too many operators' pages are open at once. Close one.", retry_after_s=30)
        stream = OpsStream()
        self._streams.append(stream)
        for name, event in self._told.items():
            stream.put(name, event)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return stream

    def leave(self, stream: OpsStream) -> None:
        """The reader has gone."""
        with suppress(ValueError):
            self._streams.remove(stream)

    def close(self) -> None:
        """Ends every stream: the process stops."""
        if self._running is not None:
            self._running.cancel()

    async def _run(self) -> None:
        try:
            while self._streams:
                with suppress(DatabaseUnavailable):
                    self._tell("summary", await self._overview.summary())
                    self._tell("failing", await self._overview.failing())
                await asyncio.sleep(EVERY_S)
        finally:
            self._told.clear()
            for stream in self._streams:
                stream.end()

    def _tell(self, name: str, content: dict[str, Any]) -> None:
        event = b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(content))
        if self._told.get(name) != event:
            self._told[name] = event
            for stream in self._streams:
                stream.put(name, event)
