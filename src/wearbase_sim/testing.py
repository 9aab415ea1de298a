"""The simulator inside a test run: a pytest fixture, and context managers for every other runner.

pytest_plugins = ["wearbase_sim.testing"]

def test_my_app(whoop_sim):
    tokens = whoop_sim.connect(1)
    ...
"""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from html.parser import HTMLParser
from typing import Any, Self, TypeVar
from urllib.parse import urljoin

import httpx2
import pytest
import uvicorn

from wearbase_sim.options import Options
from wearbase_sim.server import Protocol, create_app

T = TypeVar("T")
START_S = 10
DEFAULTS: dict[str, Any] = {
    "now": "2026-11-21T15:00:00Z",
    "client_id": "test-client",
    "client_secret": "test-client-secret",
    "control_token": "test-control-token",
    # An app under test compares a signature's time with its own clock, not with the simulated one.
    "webhook_timestamp": "real",
}


class _Told:
    """A value made from the fields that it knows of an answer."""

    @classmethod
    def told(cls, answer: Mapping[str, Any]) -> Self:
        return cls(**{spec.name: answer[spec.name] for spec in fields(cls)})  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True, slots=True)
class Member(_Told):
    """An invented member."""

    number: int
    user_id: int
    name: str
    utc_offset: str
    granted: bool


@dataclass(frozen=True, slots=True)
class Tokens(_Told):
    """What an app holds of a connected member."""

    access_token: str
    refresh_token: str
    scope: str
    expires_in: int

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}


@dataclass(frozen=True, slots=True)
class Delivery(_Told):
    """One webhook with its attempts so far."""

    id: int
    url: str
    user_id: int
    type: str
    record_id: str | int
    state: str
    attempts: list[dict[str, Any]]
    next_attempt_at: str | None


@dataclass(frozen=True, slots=True)
class Calls(_Told):
    """What the app has spent."""

    total: int
    data: int
    token: int
    by_route: dict[str, int]
    by_status: dict[str, int]
    max_in_60s: int
    last: list[dict[str, Any]]


class Addresses:
    """Where an app finds the simulated cloud, and with which credentials."""

    def __init__(self, url: str, options: Options) -> None:
        self.url, self.options = url, options
        self.api_url = f"{url}/developer"
        self.oauth_url = f"{url}/oauth/oauth2"
        self.client_id, self.client_secret = options.client_id, options.client_secret


class AsyncSimulator(Addresses):
    """The controls, for async code in the simulator's own event loop."""

    def __init__(self, url: str, options: Options, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        super().__init__(url, options)
        self.transport = transport
        self.http = httpx2.AsyncClient(base_url=url, transport=transport, trust_env=False)

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the control API; raises httpx2.HTTPStatusError if it is refused."""
        headers = {"Authorization": f"Bearer {self.options.control_token}"}
        answer = await self.http.request(method, f"/control{path}", json=body, headers=headers)
        if answer.is_error:
            raise httpx2.HTTPStatusError(f"{answer.status_code}: {answer.text}", request=answer.request, response=answer)
        return answer.json()

    async def members(self) -> list[Member]:
        """All members."""
        return [Member.told(each) for each in await self.control("GET", "/members")]

    async def connect(self, member: int = 1, *, scope: str = "") -> Tokens:
        """Tokens of a member, without a browser; all scopes unless told."""
        return Tokens.told(await self.control("POST", f"/members/{member}/connect", {"scope": scope} if scope else {}))

    async def decide(self, authorization_url: str, *, member: int = 1, approve: bool = True) -> str:
        """What a member does with the address an app sends them to; gives the address they are sent back to."""
        page = await self.http.get(authorization_url, headers={"Accept": "text/html"})
        form = _Form()
        form.feed(page.text)
        if not form.action:
            raise AssertionError(f"no consent page, but {page.status_code}: {page.text[:500]}")
        data = form.hidden | {"member": str(member), "decision": "approve" if approve else "deny"}
        answer = await self.http.post(urljoin(authorization_url, form.action), data=data)
        return answer.headers["location"]

    async def event(self, member: int, event: str, **details: Any) -> list[Delivery]:
        """Make something happen to a member; the webhooks it caused, once their first attempts are over."""
        body = {"event": event, "wait": True, **details}
        made = await self.control("POST", f"/members/{member}/events", body)
        return [each for each in await self.deliveries() if each.id in made["deliveries"]]

    async def step(self, to: str = "", *, seconds: float = 0, member: int = 1) -> list[Delivery]:
        """Move the clock on; the webhooks that this caused, once their attempts are over.

        `to`: `next-morning`, `next-event`, a member's clock as `22:00`, a while as `+00:15`, or an instant (RFC 3339). By the first
        four everything on the way happens at its time; an instant and `seconds` are leaps, and what was missed is told on arrival.
        """
        if to and "T" not in to:
            made = await self.control("POST", "/step", {"to": to, "user_id": member})
        else:
            made = await self.control("POST", "/clock", ({"to": to} if to else {"advance_s": seconds}) | {"wait": True})
        return [each for each in await self.deliveries() if each.id in made["deliveries"]]

    async def play(self, scenario: str) -> None:
        """Start a scenario, e.g. `good-morning`; steps then live through it."""
        await self.control("POST", "/scenario", {"name": scenario})
        await self.step(seconds=0)  # what it begins with

    async def fault(self, **wish: Any) -> None:
        """Switch a failure on: `name=`, or `route=` and `kind=`, with `count=`, `rate=`, `user_id=`, `status=`, `delay_s=`."""
        await self.control("POST", "/faults", wish)

    async def faults(self) -> list[dict[str, Any]]:
        """What is switched on."""
        return await self.control("GET", "/faults")

    async def clear_faults(self) -> None:
        """Switch every failure off."""
        await self.control("DELETE", "/faults")

    async def calls(self) -> Calls:
        """What the app has spent since the start or the last reset."""
        return Calls.told(await self.control("GET", "/calls"))

    async def reset_calls(self) -> None:
        """Start counting anew."""
        await self.control("DELETE", "/calls")

    async def deliveries(self) -> list[Delivery]:
        """Every webhook, oldest first."""
        return [Delivery.told(each) for each in await self.control("GET", "/deliveries")]

    async def truth(self, member: int, resource: str) -> list[dict[str, Any]]:
        """Every cycle, recovery, sleep or workout that exists now, in WHOOP's shape, newest first."""
        return (await self.control("GET", f"/truth/{member}/{resource}"))["records"]

    async def switch(self, **options: Any) -> None:
        """Change options that can be changed while it runs."""
        await self.control("POST", "/options", options)

    async def page_url(self) -> str:
        """A link to the page; it works once."""
        return (await self.control("POST", "/page"))["url"]


class Simulator(Addresses):
    """The controls, for everybody else: each waits until it is done."""

    def __init__(self, inner: AsyncSimulator, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(inner.url, inner.options)
        self._inner, self._loop = inner, loop

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the control API; raises httpx2.HTTPStatusError if it is refused."""
        return self._wait(self._inner.control(method, path, body))

    def members(self) -> list[Member]:
        """All members."""
        return self._wait(self._inner.members())

    def connect(self, member: int = 1, *, scope: str = "") -> Tokens:
        """Tokens of a member, without a browser; all scopes unless told."""
        return self._wait(self._inner.connect(member, scope=scope))

    def decide(self, authorization_url: str, *, member: int = 1, approve: bool = True) -> str:
        """What a member does with the address an app sends them to; gives the address they are sent back to."""
        return self._wait(self._inner.decide(authorization_url, member=member, approve=approve))

    def event(self, member: int, event: str, **details: Any) -> list[Delivery]:
        """Make something happen to a member; the webhooks it caused, once their first attempts are over."""
        return self._wait(self._inner.event(member, event, **details))

    def step(self, to: str = "", *, seconds: float = 0, member: int = 1) -> list[Delivery]:
        """Move the clock on, as AsyncSimulator.step; the webhooks that this caused, once their attempts are over."""
        return self._wait(self._inner.step(to, seconds=seconds, member=member))

    def play(self, scenario: str) -> None:
        """Start a scenario, e.g. `good-morning`; steps then live through it."""
        self._wait(self._inner.play(scenario))

    def fault(self, **wish: Any) -> None:
        """Switch a failure on: `name=`, or `route=` and `kind=`, with `count=`, `rate=`, `user_id=`, `status=`, `delay_s=`."""
        self._wait(self._inner.fault(**wish))

    def faults(self) -> list[dict[str, Any]]:
        """What is switched on."""
        return self._wait(self._inner.faults())

    def clear_faults(self) -> None:
        """Switch every failure off."""
        self._wait(self._inner.clear_faults())

    def calls(self) -> Calls:
        """What the app has spent since the start or the last reset."""
        return self._wait(self._inner.calls())

    def reset_calls(self) -> None:
        """Start counting anew."""
        self._wait(self._inner.reset_calls())

    def deliveries(self) -> list[Delivery]:
        """Every webhook, oldest first."""
        return self._wait(self._inner.deliveries())

    def truth(self, member: int, resource: str) -> list[dict[str, Any]]:
        """Every cycle, recovery, sleep or workout that exists now, in WHOOP's shape, newest first."""
        return self._wait(self._inner.truth(member, resource))

    def switch(self, **options: Any) -> None:
        """Change options that can be changed while it runs."""
        self._wait(self._inner.switch(**options))

    def page_url(self) -> str:
        """A link to the page; it works once."""
        return self._wait(self._inner.page_url())


@asynccontextmanager
async def whoop_app(*, webhook_transport: Any = None, **options: Any) -> AsyncIterator[AsyncSimulator]:
    """A simulator without a socket, in the running event loop: give its `transport` to your httpx2 client."""
    chosen = Options(**(DEFAULTS | options))
    app = create_app(chosen, webhook_transport=webhook_transport)
    async with app.router.lifespan_context(app):
        made = AsyncSimulator("http://127.0.0.1", chosen, transport=httpx2.ASGITransport(app=app))
        async with made.http:
            yield made


@contextmanager
def whoop_server(**options: Any) -> Iterator[Simulator]:
    """A simulator on a free port of 127.0.0.1, served from a thread of this process."""
    chosen = Options(**(DEFAULTS | options))
    app = create_app(chosen)
    with socket.create_server(("127.0.0.1", chosen.port if "port" in options else 0)) as listening:
        config = uvicorn.Config(app, http=Protocol, log_level="error", access_log=False, timeout_graceful_shutdown=1)
        server = _Quiet(config, listening)
        thread = threading.Thread(target=server.run_here, name="whoop-sim", daemon=True)
        thread.start()
        if not server.is_ready.wait(START_S) or server.loop is None:
            raise RuntimeError("the simulator did not start")
        inner = AsyncSimulator(f"http://127.0.0.1:{listening.getsockname()[1]}", chosen)
        try:
            yield Simulator(inner, server.loop)
        finally:
            asyncio.run_coroutine_threadsafe(inner.http.aclose(), server.loop).result(START_S)
            app.state.is_ending = server.should_exit = True
            thread.join(START_S)


@pytest.fixture
def whoop_sim_options() -> dict[str, Any]:
    """Override this fixture to start the simulator with other options."""
    return {}


@pytest.fixture
def whoop_sim(whoop_sim_options: dict[str, Any]) -> Iterator[Simulator]:
    """A simulated WHOOP cloud of its own for one test."""
    with whoop_server(**whoop_sim_options) as simulator:
        yield simulator


class _Quiet(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, listening: socket.socket) -> None:
        super().__init__(config)
        self.listening, self.is_ready = listening, threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    def run_here(self) -> None:
        asyncio.run(self.serve(sockets=[self.listening]))

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.loop = asyncio.get_running_loop()
        self.is_ready.set()


class _Form(HTMLParser):
    """The first form of a page, as a browser would send it."""

    def __init__(self) -> None:
        super().__init__()
        self.action, self.hidden = "", dict[str, str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = found.get("action", "")
        elif tag == "input" and found.get("type") == "hidden":
            self.hidden[found.get("name", "")] = found.get("value", "")
