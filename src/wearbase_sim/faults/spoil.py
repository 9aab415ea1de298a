"""What a failure leaves of an HTTP answer."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx2
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from wearbase_sim.faults.switched import Fault

ABORT = "wearbase_sim.abort"
GATEWAY = b"<html><body>Bad Gateway</body></html>"
# What the provider says with a status; nothing for the others.
TEXTS = {401: b"Authorization was not valid", 404: b"HTTP 404 Not Found"}
ENDLESS_CHUNK, ENDLESS_PAUSE_S = b" " * 1024, 0.05


class Dropped(Response):
    """A connection that closes without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        abort = scope.get("extensions", {}).get(ABORT)
        if abort is None:
            # In process there is no connection to close: the caller sees what a closed one would raise.
            raise httpx2.RemoteProtocolError("Server disconnected without sending a response.")
        abort["close"]()
        while (await receive())["type"] != "http.disconnect":
            pass


class Cut(Response):
    """An answer that ends in the middle of its body."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
        if ABORT not in scope.get("extensions", {}):
            raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")


class Endless(Response):
    """An answer that begins well and then trickles for ever."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"records":[', "more_body": True})
        if ABORT not in scope.get("extensions", {}):
            raise httpx2.ReadTimeout("The answer does not end.")
        gone = asyncio.create_task(_gone(receive))
        while not gone.done():
            await send({"type": "http.response.body", "body": ENDLESS_CHUNK, "more_body": True})
            await asyncio.wait([gone], timeout=ENDLESS_PAUSE_S)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def spoil(fault: Fault | None, work: Callable[[], Awaitable[Response]], *, latency_ms: int = 0) -> Response:
    """The answer of `work`, as a fault leaves it. Faults that are not about the answer are the business of `work`."""
    if latency_ms:
        await asyncio.sleep(latency_ms / 1000)
    if fault is None or fault.kind not in _SPOILING:
        return await work()
    return await _SPOILING[fault.kind](fault, work)


def status_of(response: Response) -> int:
    """The status that the caller gets; 0 for none."""
    return 0 if isinstance(response, Dropped) else response.status_code


Work = Callable[[], Awaitable[Response]]


async def _slow(fault: Fault, work: Work) -> Response:
    await asyncio.sleep(fault.delay_s)
    return await work()


async def _lost(fault: Fault, work: Work) -> Response:
    await work()
    return Dropped()


async def _cut(fault: Fault, work: Work) -> Response:
    whole = await work()
    response = Cut(whole.body, status_code=whole.status_code)
    response.raw_headers = whole.raw_headers
    return response


async def _status(fault: Fault, work: Work) -> Response:
    return Response(TEXTS.get(fault.status, b""), status_code=fault.status)


async def _html(fault: Fault, work: Work) -> Response:
    return Response(GATEWAY, status_code=502, headers={"content-type": "text/html"})


async def _empty(fault: Fault, work: Work) -> Response:
    return Response(b"", status_code=200, headers={"content-type": "application/json"})


async def _drop(fault: Fault, work: Work) -> Response:
    return Dropped()


async def _endless(fault: Fault, work: Work) -> Response:
    return Endless()


_SPOILING: dict[str, Callable[[Fault, Work], Awaitable[Response]]] = {
    "slow": _slow,
    "lost_answer": _lost,
    "cut": _cut,
    "status": _status,
    "html": _html,
    "empty": _empty,
    "drop": _drop,
    "endless": _endless,
}
