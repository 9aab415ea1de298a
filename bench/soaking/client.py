"""The load: a process of its own with a few kept connections, which sends at a pace and notes every answer.

`python -m bench.soaking.client PLAN` reads its plan, works, and leaves what it noted beside it. It costs a part of a core, of which
every figure speaks: a soak is measured with its load on the same machine.
"""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import uvloop

from bench.soaking.kinds import Deliveries, Kind, Reads, Syncs

TICK_S, SWEEP_S = 0.005, 0.25
PATIENCE_S = 10.0  # then a call counts as unanswered
IDLE_S = 15.0  # a connection unused for so long may just be closed at the other end: a new one is taken
LATE_S = 1.0  # what could not be sent for so long is not sent, and counts as failed
DRAIN_S = 90.0


class Connection(asyncio.Protocol):
    """One kept connection, one call at a time."""

    def __init__(self, lane: "Lane", port: int) -> None:
        self._lane, self._port = lane, port
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._buffer = b""
        self._used_at = 0.0
        self.is_busy = False
        self.tag: Any = None
        self.wanted = self.sent = 0.0

    def call(self, content: bytes, tag: Any, wanted: float) -> None:
        """Sends a call; the lane is told of its end."""
        self.is_busy, self.tag, self.wanted, self.sent = True, tag, wanted, time.monotonic()
        if self._transport is not None and self.sent - self._used_at > IDLE_S:
            self._leave()
        if self._transport is None:
            self._opening = asyncio.create_task(self._open(content))
        else:
            self._transport.write(content)

    async def _open(self, content: bytes) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)
        except OSError as error:
            return self._end(0, type(error).__name__.encode())
        if self._transport is not None:
            self._transport.write(content)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._buffer = cast(asyncio.Transport, transport), b""  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if len(body) >= (int(lengths[0]) if lengths else 0):
            self._buffer = b""
            self._end(int(head[9:12]), body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.is_busy:
            self._end(0, b"cut off")

    def give_up(self) -> None:
        """Nobody answers."""
        self._leave()
        self._end(0, b"no answer")

    def _leave(self) -> None:
        if self._transport is not None:
            left, self._transport = self._transport, None
            left.set_protocol(asyncio.Protocol())
            left.abort()

    def _end(self, status: int, body: bytes) -> None:
        if self.is_busy:
            self.is_busy, self._used_at = False, time.monotonic()
            self._lane.answered(self, status, body)


class Lane:
    """One kind of calls over its connections: at `per_s`, or as fast as they are answered if that is 0."""

    def __init__(self, kind: Kind, *, ports: list[int], connections: int, per_s: float) -> None:
        self.kind, self._per_s = kind, per_s
        self._all = [Connection(self, ports[n % len(ports)]) for n in range(connections)]
        self._free = deque(self._all)
        self._began, self._count = time.monotonic(), 0
        self.is_draining = False

    def turn(self) -> None:
        """Sends what is due now."""
        now = time.monotonic()
        for wanted in self._due(now):
            if not self._free:
                self._count -= 1
                break
            call = self.kind.take(now, is_new=not self.is_draining)
            if call is None:
                break
            self._free.popleft().call(*call, wanted)
        late = 0 if self.is_draining or not self._per_s else int((now - LATE_S - self._began) * self._per_s) - self._count
        for _ in range(max(0, late)):
            self._count += 1
            self.kind.note("not sent", now - LATE_S, now)

    def _due(self, now: float) -> Iterator[float]:
        if not self._per_s or self.is_draining:
            while self._free:
                yield now
            return
        while (wanted := self._began + self._count / self._per_s) <= now:
            self._count += 1
            yield wanted

    def answered(self, connection: Connection, status: int, body: bytes) -> None:
        now = time.monotonic()
        self.kind.answered(connection.tag, status, body, (connection.wanted, connection.sent, now))
        self._free.append(connection)
        if not self._per_s:
            self.turn()

    def sweep(self) -> None:
        """Gives up what is not answered."""
        before = time.monotonic() - PATIENCE_S
        for connection in self._all:
            if connection.is_busy and connection.sent < before:
                connection.give_up()

    @property
    def is_quiet(self) -> bool:
        return len(self._free) == len(self._all)


async def work(plan: dict[str, Any]) -> dict[str, Any]:
    """Sends as planned; what was noted."""
    deliveries = Deliveries(plan["accounts"], plan["secret"], first=plan["first"])
    kinds = {"read": Reads(plan["reads"], plan["key"]), "webhook": deliveries, "sync": Syncs(plan["members"], plan["key"], plan["rounds"])}
    began = time.monotonic()
    lanes = [
        Lane(kind, ports=plan["ports"], connections=plan["connections"][name], per_s=plan["per_s"][name]) for name, kind in kinds.items()
    ]
    swept = began
    while (now := time.monotonic()) < began + plan["seconds"]:
        for lane in lanes:
            lane.turn()
        if now - swept > SWEEP_S:
            swept = now
            for lane in lanes:
                lane.sweep()
        await asyncio.sleep(TICK_S)
    ended = time.monotonic()
    await _drain(lanes, deliveries)
    noted = {name: kind.noted() for name, kind in kinds.items()}
    return {"began": began, "ended": ended, "kinds": noted, "accepted": sorted(deliveries.accepted), "refused": len(deliveries.refused),
            "given_up": len(deliveries.waiting)}  # fmt: skip


async def _drain(lanes: list[Lane], deliveries: Deliveries) -> None:
    """Waits for the last answers, and sends again what was refused."""
    until = time.monotonic() + DRAIN_S
    for lane in lanes:
        lane.is_draining = True
    while time.monotonic() < until and (deliveries.waiting or not all(lane.is_quiet for lane in lanes)):
        for lane in lanes:
            lane.sweep()
            if lane.kind is deliveries:
                lane.turn()
        await asyncio.sleep(TICK_S)


def main() -> None:
    plan = Path(sys.argv[1])
    noted = uvloop.run(work(json.loads(plan.read_text())))
    plan.with_suffix(".noted").write_text(json.dumps(noted))


if __name__ == "__main__":
    main()
