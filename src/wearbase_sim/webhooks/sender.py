"""Sends notices and retries them. Each delivery is one notice to one URL, with all its attempts."""

import asyncio
import heapq
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson

from wearbase_sim.agenda import FAR_FUTURE_MS
from wearbase_sim.clock import Clock, iso
from wearbase_sim.faults.catalogue import SIGNATURE_KINDS, STRANGER_KINDS
from wearbase_sim.faults.switched import Fault, Faults
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
    fault: str = ""

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
            "fault": self.fault or None,
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
        self._due: list[tuple[int, int]] = []
        self._overtaken: list[Delivery] = []
        self._made = 0
        self._traces = 0

    def notify(self, user_id: int, *, kind: str, record_id: str, trace_id: str = "") -> list[int]:
        """Queue a notice to every URL; the ids of its deliveries."""
        event = {"user_id": user_id, "id": record_id, "type": kind, "trace_id": trace_id or self.new_trace()}
        return [self._send(url, event) for url in self._options().webhook_url]

    def new_trace(self) -> str:
        """An id for what caused a notice."""
        self._traces += 1
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"wearbase-sim:{self._options().seed}:trace:{self._traces}"))

    def redeliver(self, delivery: Delivery) -> None:
        """Send one again, with the same body."""
        self._start(delivery, None)

    def next_due_ms(self) -> int:
        """When the next waiting delivery is due."""
        while self._due and not self._is_due(*self._due[0]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else FAR_FUTURE_MS

    def send_due(self, now_ms: int) -> None:
        """Start every waiting delivery whose time has come."""
        while self.next_due_ms() <= now_ms:
            _, number = heapq.heappop(self._due)
            delivery = self._released(self._waiting[number])
            self._start(delivery, self._faults.take("webhook", user_id=delivery.user_id) if delivery.attempts else None)

    def run(self, attempt: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Start an attempt that `settle` waits for."""
        task = asyncio.get_running_loop().create_task(attempt)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

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

    def _send(self, url: str, event: dict[str, Any]) -> int:
        user_id = event["user_id"]
        delivery = self._remembered(url, event)
        fault = self._faults.take("webhook", user_id=user_id)
        delivery.fault = kind = fault.kind if fault else ""
        if fault and kind == "drop":
            delivery.state = "dropped"
        elif fault and kind in ("late", "reorder"):
            self._wait(delivery, self._clock.now_ms() + int(fault.delay_s * 1000))
            self._overtaken += [delivery] if kind == "reorder" else []
        else:
            self._overtake(self._start(delivery, fault))
            if kind == "duplicate":
                self._start(delivery, None)
            if kind in STRANGER_KINDS:
                self._start(self._remembered(url, {**event, **self._strange(kind)}), None)
        return delivery.id

    def _strange(self, kind: str) -> dict[str, Any]:
        return {"user_id": 99_999_999} if kind == "unknown_member" else {"type": "body_measurement.updated"}

    def _remembered(self, url: str, event: dict[str, Any]) -> Delivery:
        self._made += 1
        delivery = Delivery(self._made, url, event["user_id"], orjson.dumps(event), self._clock.now_ms())
        self.deliveries[delivery.id] = delivery
        if len(self.deliveries) > KEPT:
            del self.deliveries[next(iter(self.deliveries))]
        return delivery

    def _overtake(self, task: "asyncio.Task[None]") -> None:
        """Send what was held back for it, after a delivery that was made later."""
        overtaken, self._overtaken = self._overtaken, []
        for delivery in overtaken:
            if delivery.id in self._waiting:
                self._start(self._released(delivery), None, after=task)

    def _wait(self, delivery: Delivery, due_ms: int) -> None:
        delivery.due_ms = due_ms
        self._waiting[delivery.id] = delivery
        heapq.heappush(self._due, (due_ms, delivery.id))

    def _released(self, delivery: Delivery) -> Delivery:
        del self._waiting[delivery.id]
        delivery.due_ms = None
        return delivery

    def _is_due(self, due_ms: int, number: int) -> bool:
        waiting = self._waiting.get(number)
        return waiting is not None and waiting.due_ms == due_ms

    def _start(self, delivery: Delivery, fault: Fault | None, *, after: "asyncio.Task[None] | None" = None) -> "asyncio.Task[None]":
        # Time and signature are those of this instant, however long the queue.
        headers, at = self._headers(delivery, fault), iso(self._clock.now_ms())
        return self.run(self._attempt(delivery, fault, headers=headers, at=at, after=after))

    async def _attempt(
        self, delivery: Delivery, fault: Fault | None, *, headers: dict[str, str], at: str, after: "asyncio.Task[None] | None"
    ) -> None:
        if after:
            await asyncio.wait([after])
        async with self._gate:
            if fault and fault.kind == "slow":
                await asyncio.sleep(fault.delay_s)
            note: dict[str, Any] = {"at": at}
            note |= {"fault": fault.kind} if fault else {}
            note |= await self._post(delivery, headers)
            if fault and fault.kind in ("lost_answer", "status", "cut"):
                note |= {"status": None, "error": "answer lost"}
        delivery.attempts.append(note)
        self._judge(delivery, is_success=200 <= (note["status"] or 0) < 300)

    async def _post(self, delivery: Delivery, headers: dict[str, str]) -> dict[str, Any]:
        began = time.monotonic()
        try:
            response = await self._http().post(
                delivery.url, content=delivery.body, headers=headers, timeout=self._options().webhook_timeout_s
            )
            outcome: dict[str, Any] = {"status": response.status_code}
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            outcome = {"status": None, "error": type(error).__name__}
        return outcome | {"took_ms": round((time.monotonic() - began) * 1000, 1)}

    def _headers(self, delivery: Delivery, fault: Fault | None) -> dict[str, str]:
        options = self._options()
        now_ms = self._clock.now_ms() if options.webhook_timestamp == "clock" else time.time_ns() // 1_000_000
        if fault and fault.kind in SIGNATURE_KINDS:
            return signed_headers(options.client_secret, timestamp_ms=now_ms, body=delivery.body, flaw=fault.kind)
        if not delivery.headers or options.webhook_retry_signature == "new":
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
        delivery.state = "retrying"
        self._wait(delivery, delivery.first_failure_ms + int(wait_ms))

    def _http(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(transport=self._transport, headers={"User-Agent": "wearbase-sim"}, trust_env=False)
        return self._client
