"""One suite for both clients: `make_client` gives either, with every method run to its end."""

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from wearbase_client import AsyncClient, Client, Retry

BASE_URL = "https://wearbase.test"
KEY = "service-key-of-the-tests"


class Service:
    """A stand-in for the service: answers from a queue, and remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self._answers: list[httpx2.Response | Exception] = []

    def answers(self, status: int = 200, body: Any = None, headers: dict[str, str] | None = None) -> "Service":
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self._answers.append(httpx2.Response(status, content=content, headers=headers))
        return self

    def fails(self, error: Exception) -> "Service":
        self._answers.append(error)
        return self

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def request(self) -> httpx2.Request:
        """The only request so far."""
        (request,) = self.requests
        return request

    @property
    def sent_body(self) -> Any:
        return json.loads(self.request.content)


class Driven:
    """A client whose methods return plain results: awaitables are awaited, iterators become lists."""

    def __init__(self, client: Client | AsyncClient, run: Callable[[Any], Any]) -> None:
        self.client = client
        self._run = run

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)

        def call(*args: Any, **options: Any) -> Any:
            result = method(*args, **options)
            if inspect.isawaitable(result):
                return self._run(_awaited(result))
            if hasattr(result, "__aiter__"):
                return self._run(_listed(result))
            return list(result) if isinstance(result, Iterator) else result

        return call


async def _awaited(result: Any) -> Any:
    return await result


async def _listed(result: Any) -> list[Any]:
    return [item async for item in result]


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture(params=[Client, AsyncClient])
def client_class(request: pytest.FixtureRequest) -> type[Client] | type[AsyncClient]:
    return request.param


@pytest.fixture
def make_client(client_class: type[Client] | type[AsyncClient], service: Service) -> Iterator[Callable[..., Driven]]:
    with asyncio.Runner() as runner:

        def make(**options: Any) -> Driven:
            options = {"base_url": BASE_URL, "retry": Retry(first_wait_s=0), "transport": httpx2.MockTransport(service)} | options
            if "token" not in options:
                options.setdefault("api_key", KEY)
            return Driven(client_class(**options), runner.run)

        yield make


@pytest.fixture
def client(make_client: Callable[..., Driven]) -> Driven:
    return make_client()


@pytest.fixture
def day_body() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "day-document.json").read_text())
