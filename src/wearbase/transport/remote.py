"""Another wearbase that one source comes from: calls to it, behind a circuit breaker."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import quote, unquote

import orjson
import structlog

from wearbase.domain.clock import Clock
from wearbase.domain.errors import AnswerLost, PassedOn, ProviderUnavailable, ServiceAnswerUnusable, ServiceRefusesKey, ServiceUnavailable
from wearbase.domain.provider import Provider, Request, Response
from wearbase.transport.breaker import Breaker, State
from wearbase.transport.http import Http, NotSent

log = structlog.get_logger()

CALL_S = 10.0
ARCHIVE_S, LARGEST_ARCHIVE = 60.0, 128 * 1024 * 1024  # of one member
AS_OF = "wearbase-as-of"
OUR_OWN_TROUBLE = ("internal_error", "database_unavailable", "refused")  # error codes of a service that is itself not well
OUTCOMES = (
    "answered", "failed", "unusable", "refused_key", "held_back",  # of calls; held back: by the breaker
    "stored", "unchanged", "dropped", "late", "not_asked",  # of copies; dropped: ended meanwhile, late: after the deadline
)  # fmt: skip
KEPT_HEADERS = ("retry-after",)
DOTS = {".", ".."}
NOBODY = "wear-doctor"
SCOPES = ("read", "sync", "connect", "erase")  # that an entry point's key needs

Problem = Literal["unreachable", "refuses_key", "unusable_answer"]


@dataclass(frozen=True, slots=True)
class Copy:
    """What the service tells of some days, not looked into yet. `body` is None where nothing has changed."""

    body: bytes | None = field(repr=False)
    etag: str | None
    as_of: datetime


class Remote:
    """One source's service. `problem` is what was last wrong with it, None while all is well."""

    def __init__(self, provider: Provider, url: str, api_key: str, http: Http, clock: Clock, *, redirect_uri: str | None = None) -> None:
        self.provider, self.url, self.redirect_uri = provider, url, redirect_uri
        self.breaker = Breaker()
        self.counts: Counter[str] = Counter()
        self.problem: Problem | None = None
        self._key, self._http, self._clock = api_key, http, clock

    @property
    def name(self) -> str:
        return self.provider.name

    @property
    def state(self) -> State:
        """How the breaker stands now."""
        return self.breaker.state(self._clock.now())

    @property
    def may_call(self) -> bool:
        """Whether a call would be made now."""
        return self.breaker.may_call(self._clock.now())

    async def days(self, user_id: str, start: date, end: date, *, etag: str | None) -> Copy:
        """The service's copy of these days, both included. Raises as `call` does."""
        params = {"provider": self.name, "start": start.isoformat(), "end": end.isoformat()}
        headers = {"if-none-match": etag} if etag else {}
        answer = await self.call("GET", f"/internal/data/days/{quote(user_id, safe='')}", params=params, headers=headers)
        try:
            as_of = datetime.fromisoformat(answer.headers.get(AS_OF, ""))
            if as_of.utcoffset() is None or (answer.status == 304 and not etag):
                raise ValueError
        except ValueError:
            raise self.misunderstood("the answer does not say of when it is") from None
        return Copy(None if answer.status == 304 else answer.body, answer.headers.get("etag"), as_of)

    async def call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None, within_s: float = CALL_S,
    ) -> Response:  # fmt: skip
        """The answer of a success, or 304. `path` may bring a query of its own, then without `params`.

        Raises: ServiceUnavailable (at once while the breaker is open; AnswerLost if a change may have been made there),
        ServiceRefusesKey, ServiceAnswerUnusable, PassedOn.
        """
        if not DOTS.isdisjoint(unquote(path.partition("?")[0]).split("/")):  # a client may resolve these, to another member's address
            raise PassedOn("There is no such address.", status=404, code="not_found")
        if not self.breaker.take(self._clock.now()):
            self.counts["held_back"] += 1
            raise ServiceUnavailable(provider=self.name)
        request = Request(method=method, path=path, params=params or {}, json=json, headers={**(headers or {}), "x-api-key": self._key})
        try:
            async with asyncio.timeout(within_s):
                answer = await self._http.call(request, base_url=self.url)
        except (ProviderUnavailable, TimeoutError) as error:
            reason = type(error.__cause__ or error).__name__
            raise self._failed(reason, is_lost=method != "GET" and not isinstance(error, NotSent)) from error
        except asyncio.CancelledError:
            self.breaker.give_back()
            raise
        return self._checked(answer, method)

    async def greet(self) -> list[str]:
        """The scopes that our key lacks, if the service answers and takes it; none where it does not tell. Raises as `call` does."""
        await self.call("GET", f"/internal/auth/status/{NOBODY}", params={"provider": self.name})
        told = self.parsed(await self.call("GET", "/health/ready")).get("scopes")
        return [scope for scope in SCOPES if scope not in told] if isinstance(told, list) else []

    def parsed(self, answer: Response) -> dict[str, Any]:
        """The object that an answer is. Raises ServiceAnswerUnusable."""
        found = _loaded(answer.body)
        if found is None:
            raise self.misunderstood("not a JSON object")
        return found

    def misunderstood(self, reason: str) -> ServiceAnswerUnusable:
        """Takes note of an answer that cannot be used; the error to raise."""
        self.counts["unusable"] += 1
        log.warning("service answer not used", provider=self.name, reason=reason)
        self.problem = "unusable_answer"
        return ServiceAnswerUnusable(provider=self.name)

    def late(self) -> None:
        """Takes note of a reader who could wait no longer: for the breaker a failure, whether or not an answer comes after all."""
        self.counts["late"] += 1
        if self._has_opened():
            self.problem = "unreachable"

    def understood(self) -> None:
        """Takes note of an answer that could be used."""
        if self.problem == "unusable_answer":
            log.warning("service answers as it should again", provider=self.name)
            self.problem = None

    def _failed(self, reason: str, *, is_lost: bool) -> ServiceUnavailable:
        self.counts["failed"] += 1
        if self.problem != "unreachable":
            log.warning("service does not answer", provider=self.name, reason=reason)
        self._has_opened()
        self.problem = "unreachable"
        return (AnswerLost if is_lost else ServiceUnavailable)(provider=self.name)

    def _has_opened(self) -> bool:
        """Tells the breaker of a failure; whether nobody calls from now on."""
        was = self.state
        self.breaker.fail(self._clock.now())
        has_opened = was is not State.OPEN and self.state is State.OPEN
        if has_opened:
            log.warning("service left alone for a while", provider=self.name, failures=self.breaker.failures)
        return has_opened

    def _checked(self, answer: Response, method: str) -> Response:
        if 200 <= answer.status < 300 or answer.status == 304:
            self._well()
            return answer
        error = (_loaded(answer.body) or {}).get("error")
        told = error if isinstance(error, dict) and all(isinstance(error.get(name), str) for name in ("code", "message")) else None
        if answer.status >= 500 and (told is None or told["code"] in OUR_OWN_TROUBLE):
            raise self._failed(f"status {answer.status}", is_lost=method != "GET")
        if answer.status in (401, 403):
            return self._refused(answer.status)
        self._well()
        if told is None:
            raise self.misunderstood(f"status {answer.status} without an error that can be read")
        kept = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
        raise PassedOn(told["message"], status=answer.status, code=told["code"], headers=kept, details=told.get("details"))

    def _refused(self, status: int) -> Response:
        self.breaker.succeed()
        self.counts["refused_key"] += 1
        if self.problem != "refuses_key":
            log.error("service refuses our key: check WHOOP_SERVICE_API_KEY and its scopes there", provider=self.name, status=status)
        self.problem = "refuses_key"
        raise ServiceRefusesKey(provider=self.name)

    def _well(self) -> None:
        self.breaker.succeed()
        self.counts["answered"] += 1
        if self.problem not in (None, "unusable_answer"):
            log.warning("service answers again", provider=self.name)
            self.problem = None


def _loaded(body: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
