"""Connections that are slow, endless, too many or no HTTP: cut, by looking at all of them a few times a second.

A timer for each request would cost every one of them what only a few deserve; looking at 4,000 connections takes a few milliseconds.
uvicorn ends idle connections by itself (keep-alive), but waits for the rest of a request for ever.
"""

import logging
import sys
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, ClassVar, Literal, TypeAlias

import httptools
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from wearbase.api import errors
from wearbase.api.middleware import ENDED, LARGEST_BODY, SECURITY_HEADERS, Floods, new_request_id
from wearbase.api.routes.ops.events import EventStream
from wearbase.settings import Settings

log = structlog.get_logger()
_UVICORN = logging.getLogger("wearbase.connections")
_UVICORN.setLevel(logging.ERROR)  # it warns of each request that is no HTTP or too much: a flood of them is told here, in sums

ALIVE = "/health/live"  # is told even then: a process that is busy need not be started again
BUSY_AGAIN_AFTER_S = 2
LOOK_EVERY_S = 0.5
NO_HTTP, NO_ROOM, LARGE_HEAD = "no_http", "no_room", "large_head"  # why a connection is refused
LARGEST_HEAD, MOST_LINES = 32 * 1024, 100  # bytes, and header lines, of one request; a chunked body's trailers count too
MOST_UNREAD = 4 * LARGEST_BODY  # of one connection
CROWDED, MAKE_ROOM_S = 0.9, 1.0

Part: TypeAlias = Literal["head", "body", "answer", "next", "stream"]
Noted: TypeAlias = Callable[[str, int], None]


class HeadTooLarge(Exception):
    """Ends the parsing of a head."""


class Connection(HttpToolsProtocol):
    """One connection; what it waits for, and since when."""

    answering: RequestResponseCycle | None = None  # uvicorn's own `cycle` is the one that was read last: others may come before it
    seen: RequestResponseCycle | None = None
    seen_part: Part | None = None
    seen_since = 0.0
    refused: ClassVar[Counter[str]] = Counter()  # of all connections, until it is told
    floods: ClassVar[Floods] = Floods()
    unread = 0  # bytes of a body that came after its answer
    head_bytes = head_lines = 0  # of the request that is arriving
    unparsed = 0  # bytes since the parser last told of anything: of a line that has not ended yet
    is_head_too_large = is_head_whole = False

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.logger = _UVICORN

    def part(self) -> Part:
        """What is being waited for; `next` if nothing was begun after an answer, `stream` if it may last."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.more_body:
            return "body"
        if cycle is None or cycle.response_complete:
            return "head" if self.timeout_keep_alive_task is None else "next"
        return "stream" if cycle.scope.get("state", {}).get(EventStream.MARK) else "answer"

    def waited(self, now: float) -> float:
        """For how many seconds it has been waiting for the same, as far as it was looked at."""
        part = self.part()
        if self.seen is not self.cycle or self.seen_part != part:
            self.seen, self.seen_part, self.seen_since = self.cycle, part, now
        return now - self.seen_since

    def _has_begun(self) -> bool:
        """Whether anything of a next request has come."""
        return self.scope is not None and (self.cycle is None or self.scope is not self.cycle.scope)

    def cut(self, part: Part) -> None:
        """Ends it; with a word, where a request was begun and nothing of an answer."""
        begun = self._has_begun() if part == "head" else part == "body" and not self.cycle.response_started
        if begun:
            self.say(408, "timed_out", "The request took too long to arrive.", reason=f"slow_{part}")
        if part == "answer":
            self._give_up()
            self.transport.abort()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever is just being answered, and who waits behind, is told so: what they would write has nowhere to go."""
        self._give_up()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        waiting = [cycle for cycle, _ in self.pipeline]
        self.pipeline.clear()
        for cycle in (self.answering, *waiting):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def say(self, status: int, code: str, message: str, *, reason: str) -> None:
        """The one error body, where there is no application to give it. In the log it is the request's own line, if that has begun."""
        cycle, request_id, told = self.cycle, new_request_id(), {"error": code, "reason": reason}
        if cycle is not None and cycle is self.answering and not cycle.response_complete:
            state = cycle.scope.setdefault("state", {})
            request_id = state.setdefault("request_id", request_id.decode()).encode()
            state[ENDED] = status, told
            self._give_up()  # nothing may be written behind this answer
        else:
            self._tell(status, told, request_id)
        body, headers = _answer(code, message, request_id)
        self.transport.write(STATUS_LINE[status] + b"".join(b"%s: %s\r\n" % pair for pair in headers) + b"\r\n" + body)

    @classmethod
    def _tell(cls, status: int, refused: dict[str, str], request_id: bytes) -> None:
        """A request's line, of one that no application has seen; once a second of each kind."""
        if told := cls.floods.told(refused["reason"], refused):
            log.info("request", method="other", route="unmatched", status=status, request_id=request_id.decode(), **told)

    def data_received(self, data: bytes) -> None:
        """What the parser keeps of a line that never ends is counted too."""
        self.unparsed += len(data)
        super().data_received(data)
        if self.unparsed > LARGEST_HEAD and not self.transport.is_closing():
            self._refuse_head()

    def on_message_begin(self) -> None:
        """A head begins."""
        self.head_bytes = self.head_lines = self.unparsed = 0
        self.is_head_whole = False
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A piece of the address. Raises HeadTooLarge."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole line; what follows a body is counted and passed over: no proxy has looked at it. Raises HeadTooLarge."""
        self.head_lines += 1
        self._count(len(name) + len(value) + len(b": \r\n"))
        if not self.is_head_whole:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole. A host in the address is the one that counts, whatever Host says (RFC 9112, 3.2.2)."""
        self.unparsed, self.is_head_whole = 0, True
        if not self.url.startswith((b"/", b"*")):
            authority = self.url.partition(b"://")[2]
            host = authority[: next((at for at, c in enumerate(authority) if c in b"/?#"), None)]
            self.headers[:] = [pair for pair in self.headers if pair[0] != b"host"] + [(b"host", host)]
        super().on_headers_complete()

    def _count(self, size: int) -> None:
        self.unparsed = 0
        self.head_bytes += size
        if self.head_bytes > LARGEST_HEAD or self.head_lines > MOST_LINES:
            self.is_head_too_large = True
            raise HeadTooLarge

    def _refuse_head(self) -> None:
        """With a word, unless an answer to something earlier is still on its way."""
        self.refused[LARGE_HEAD] += 1
        if self.cycle is None or self.cycle.response_complete:
            message = f"A request's head may have {LARGEST_HEAD} bytes and {MOST_LINES} lines."
            self.say(431, "head_too_large", message, reason=LARGE_HEAD)
        self.transport.close()

    def on_body(self, body: bytes) -> None:
        """The rest of a body that is answered already is passed over, as far as a client in good faith may have sent it."""
        self.unparsed = 0
        if self.cycle.response_complete:
            self.unread += len(body)
            if self.unread > MOST_UNREAD:
                self.transport.abort()
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, or too much of it."""
        if self.is_head_too_large:
            return self._refuse_head()
        self.refused[NO_HTTP] += 1
        cycle = self.cycle
        is_answering = cycle is not None and not cycle.response_complete
        if is_answering and not self.is_head_whole:
            cycle.keep_alive = False  # what was asked before is answered, and then it ends
            return
        if not is_answering or (cycle is self.answering and not cycle.response_started):
            self.say(400, *errors.HTTP_CODES[400], reason=_why(sys.exception()))
        self._give_up()
        self.transport.close()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self.is_head_whole = False
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        self.answering = cycle
        is_refused = app is service_unavailable and cycle.scope["path"] != ALIVE
        self.refused[NO_ROOM] += is_refused
        super()._start_asgi_task(cycle, self._busy if is_refused else self.app)  # type: ignore[arg-type]

    @classmethod
    async def _busy(cls, scope: Scope, receive: Receive, send: Send) -> None:
        request_id, code = new_request_id(), "too_many_connections"
        status, told = 503, {"error": code, "reason": NO_ROOM}
        if ENDED in scope["state"]:  # it broke before this was its turn, and was answered then
            (status, told), request_id = scope["state"][ENDED], scope["state"]["request_id"].encode()
        cls._tell(status, told, request_id)
        body, headers = _answer(code, "Too many connections are open at once. Try again.", request_id)
        headers.append((b"retry-after", b"%d" % BUSY_AGAIN_AFTER_S))
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _answer(code: str, message: str, request_id: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    body = errors.body(code, message, request_id.decode())
    length = str(len(body)).encode()
    return body, [*SECURITY_HEADERS, (b"content-type", b"application/json"), (b"content-length", length),
                  (b"connection", b"close"), (b"x-request-id", request_id)]  # fmt: skip


def _why(error: BaseException | None) -> str:
    """What the parser says, which is one of some forty texts of its own; what it was given is in none of them."""
    is_own = isinstance(error, httptools.HttpParserError) and error.__context__ is None and len(error.args) == 1
    return str(error) if is_own else NO_HTTP


class Watch:
    """Looks at the connections of a server."""

    def __init__(self, settings: Settings, *, note: Noted, most: int | None = None) -> None:
        within = {"head": settings.head_within, "body": settings.body_within, "answer": settings.answer_within}
        self._within_s = {part: given.total_seconds() for part, given in within.items()}
        self._crowded_from = (most or settings.connections) * CROWDED
        self._every_s = min(LOOK_EVERY_S, *(seconds / 4 for seconds in self._within_s.values()))
        self._note, self._looked_at = note, 0.0

    def look(self, connections: Collection[Any], *, now: float) -> None:
        """Cuts what has been on its way for too long. While there are nearly too many, what has not begun a request makes room."""
        if now - self._looked_at < self._every_s:
            return
        self._looked_at, cut = now, Counter[str]()
        within_s = self._within_s if len(connections) < self._crowded_from else {**self._within_s, "head": MAKE_ROOM_S, "next": MAKE_ROOM_S}
        for connection in list(connections):
            waited_s, part = connection.waited(now), connection.part()
            if part in within_s and waited_s > within_s[part] and not connection.transport.is_closing():
                connection.cut(part)
                cut[part] += 1
        refused, Connection.refused = Connection.refused, Counter[str]()
        for reason, count in (+refused).items():
            self._note(reason, count)
            log.warning("connections refused", reason=reason, count=count, open=len(connections))
        for part, count in cut.items():
            self._note(f"slow_{part}", count)
            log.warning("connections cut", waited_for=part, count=count, open=len(connections))
