"""Sends notices and retries them. Each delivery is one notice to one URL, with all its attempts."""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson

from wearbase_sim.clock import Clock, iso
from wearbase_sim.faults import Fault, Faults
from wearbase_sim.options import Options
from wearbase_sim.webhooks.signature import signed_headers

AT_ONCE = 32
KEPT = 20_000


@dataclass
class Delivery:
    """One notice on its way to one URL."""

    id: int
    url: str
    user_id: int
    body: bytes
    created_ms: int
    state: str = "waiting"
    attempts: list[dict[str, Any]] = field(default_factory=list)
    due_ms: int | None = None
    first_failure_ms: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """As the control API tells it."""
        event = orjson.loads(self.body)
        return {
            "id": self.id,
            "url": self.url,
            "user_id": self.user_id,
            "type": event["type"],
            "record_id": event["id"],
            "trace_id": event["trace_id"],
            "created_at": iso(self.created_ms),
            "state": self.state,
            "next_attempt_at": iso(self.due_ms) if self.due_ms is not None else None,
            "attempts": self.attempts,
        }


class Sender:
    """The webhook side of the cloud."""

    def __init__(self, clock: Clock, faults: Faults, *, options: Callable[[], Options], transport: Any = None) -> None:
        self._clock, self._faults, self._options, self._transport = clock, faults, options, transport
        self._client: httpx2.AsyncClient | None = None
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self.deliveries: dict[int, Delivery] = {}
        self._waiting: dict[int, Delivery] = {}
        self._made = 0
        self._traces = 0

    def notify(self, user_id: int, *, kind: str, record_id: str) -> list[int]:
        """Queue a notice to every URL; the ids of its deliveries."""
        event = {"user_id": user_id, "id": record_id, "type": kind, "trace_id": self._trace()}
        body = orjson.dumps(event)
        return [self._send(url, user_id=user_id, body=body) for url in self._options().webhook_url]

    def redeliver(self, delivery: Delivery) -> None:
        """Send one again, with the same body."""
        self._start(delivery, None)

    def send_due(self) -> None:
        """Start every retry whose time has come."""
        now_ms = self._clock.now_ms()
        for delivery in list(self._waiting.values()):
            if delivery.due_ms is not None and delivery.due_ms <= now_ms:
                del self._waiting[delivery.id]
                delivery.due_ms = None
                self._start(delivery, self._faults.take("webhook", user_id=delivery.user_id))

    async def settle(self) -> None:
        """Wait for the attempts under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Stop sending."""
        for task in self._tasks:
            task.cancel()
        if self._client:
            await self._client.aclose()

    def _trace(self) -> str:
        self._traces += 1
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"wearbase-sim:{self._options().seed}:trace:{self._traces}"))

    def _send(self, url: str, *, user_id: int, body: bytes) -> int:
        self._made += 1
        delivery = Delivery(self._made, url, user_id, body, self._clock.now_ms())
        self.deliveries[delivery.id] = delivery
        if len(self.deliveries) > KEPT:
            del self.deliveries[next(iter(self.deliveries))]
        fault = self._faults.take("webhook", user_id=user_id)
        if fault and fault.kind == "drop":
            delivery.state = "dropped"
            return delivery.id
        self._start(delivery, fault)
        if fault and fault.kind == "duplicate":
            self._start(delivery, None)
        return delivery.id

    def _start(self, delivery: Delivery, fault: Fault | None) -> None:
        task = asyncio.get_running_loop().create_task(self._attempt(delivery, fault))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attempt(self, delivery: Delivery, fault: Fault | None) -> None:
        async with self._gate:
            if fault and fault.kind == "slow":
                await asyncio.sleep(fault.delay_s)
            note: dict[str, Any] = {"at": iso(self._clock.now_ms())}
            note |= await self._post(delivery)
            if fault and fault.kind in ("lost_answer", "status", "cut"):
                note |= {"status": None, "error": "answer lost"}
        delivery.attempts.append(note)
        self._judge(delivery, is_success=200 <= (note["status"] or 0) < 300)

    async def _post(self, delivery: Delivery) -> dict[str, Any]:
        began = time.monotonic()
        try:
            response = await self._http().post(
                delivery.url, content=delivery.body, headers=self._headers(delivery), timeout=self._options().webhook_timeout_s
            )
            outcome: dict[str, Any] = {"status": response.status_code}
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            outcome = {"status": None, "error": type(error).__name__}
        return outcome | {"took_ms": round((time.monotonic() - began) * 1000, 1)}

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        options = self._options()
        if not delivery.headers or options.webhook_retry_signature == "new":
            now_ms = self._clock.now_ms() if options.webhook_timestamp == "clock" else time.time_ns() // 1_000_000
            delivery.headers = signed_headers(options.client_secret, timestamp_ms=now_ms, body=delivery.body)
        return delivery.headers

    def _judge(self, delivery: Delivery, *, is_success: bool) -> None:
        if is_success or delivery.state == "delivered":
            delivery.state, delivery.due_ms = "delivered", None
            return
        if delivery.first_failure_ms is None:
            delivery.first_failure_ms = self._clock.now_ms()
        options, failures = self._options(), len(delivery.attempts)
        if failures > len(options.webhook_retry_minutes):
            delivery.state = "failed"
            return
        wait_ms = options.webhook_retry_minutes[failures - 1] * options.webhook_retry_scale * 60_000
        delivery.state, delivery.due_ms = "retrying", delivery.first_failure_ms + int(wait_ms)
        self._waiting[delivery.id] = delivery

    def _http(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(transport=self._transport, headers={"User-Agent": "wearbase-sim"}, trust_env=False)
        return self._client
