"""One shared HTTP client; answers are read whole, within a size and a time."""

import asyncio
from urllib.parse import urlsplit

import httpx2

from wearbase.domain.errors import ProviderUnavailable
from wearbase.domain.provider import Request, Response
from wearbase.store.postgres.cancelling import end_if_cancelled

MAX_BODY_BYTES = 8 * 1024 * 1024
TOTAL_TIMEOUT_S = 20.0
KEPT_IDLE_S = 4.0  # many servers close theirs after five: a call sent at that moment is lost
USER_AGENT = "wearbase/0.1"


class NotSent(ProviderUnavailable):
    """The provider could not be reached; nothing was sent."""

    code = "provider_unreachable"


class Http:
    """Sends requests as they are; knows nothing of tokens or budgets."""

    def __init__(
        self, transport: httpx2.AsyncBaseTransport | None = None, *, within_s: float = TOTAL_TIMEOUT_S, largest_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._within_s, self._largest_bytes = within_s, largest_bytes
        self._client = httpx2.AsyncClient(
            transport=transport,
            timeout=httpx2.Timeout(10.0, connect=5.0),
            limits=httpx2.Limits(max_connections=40, max_keepalive_connections=20, keepalive_expiry=KEPT_IDLE_S),
            headers={"user-agent": USER_AGENT, "accept": "application/json"},
            follow_redirects=False,
            trust_env=False,  # a proxy or certificate from the environment must not see members' tokens
        )

    async def call(self, request: Request, *, base_url: str) -> Response:
        """The answer, whatever its status. Raises NotSent, ProviderUnavailable (cut, endless or too slow)."""
        end_if_cancelled()
        url = request.path if urlsplit(request.path).scheme else base_url.rstrip("/") + request.path
        try:
            async with asyncio.timeout(self._within_s):
                return await self._call(request, url)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise NotSent from error
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, TimeoutError) as error:
            raise ProviderUnavailable(f"The provider's answer was lost ({type(error).__name__}).") from error

    async def _call(self, request: Request, url: str) -> Response:
        async with self._client.stream(
            request.method,
            url,
            params=dict(request.params) or None,
            data=dict(request.form) if request.form is not None else None,
            json=dict(request.json) if request.json is not None else None,
            headers=dict(request.headers),
        ) as answer:
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > self._largest_bytes:
                    raise ProviderUnavailable("The provider's answer does not end.")
            return Response(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, bytes(body))

    async def close(self) -> None:
        await self._client.aclose()
