"""The three kinds of calls of a soak, and what is noted of each."""

import heapq
import hmac
import random
import time
from base64 import b64encode
from collections import Counter, defaultdict
from typing import Any
from uuid import UUID

import orjson

from bench.soaking.judging import step_of

EVENTS = ("recovery.updated", "sleep.updated", "workout.updated")
AGAIN_AFTER_S = (2.0, 6.0, 15.0, 30.0, 45.0)  # a refused delivery is sent again, as its provider does over an hour
MOST_FAILURES = 400_000
Times = tuple[float, float, float]  # when a call should have been sent, when it was, when it was over


class Kind:
    """Prepares calls and notes their ends: by second, and each failure by itself."""

    name = ""

    def __init__(self) -> None:
        self._outcomes: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._waits: defaultdict[int, Counter[int]] = defaultdict(Counter)
        self._failures: list[tuple[float, float, str]] = []

    def take(self, now: float, *, is_new: bool) -> tuple[bytes, Any] | None:
        """The next call and what to remember with it; None if there is none now. Repetitions only, unless `is_new`."""
        raise NotImplementedError

    def answered(self, tag: Any, status: int, body: bytes, times: Times) -> None:
        """Notes the end of a call."""
        wanted, sent, ended = times
        if 200 <= status < 300:
            self._outcomes[int(ended)][str(status)] += 1
            self._waits[int(ended)][step_of(ended - wanted)] += 1
        else:
            self.note(outcome_of(status, body), sent, ended)

    def note(self, outcome: str, sent: float, ended: float) -> None:
        """Notes a failure."""
        self._outcomes[int(ended)][outcome] += 1
        if len(self._failures) < MOST_FAILURES:
            self._failures.append((sent, ended, outcome))

    def noted(self) -> dict[str, Any]:
        return {"outcomes": self._outcomes, "waits": self._waits, "failures": self._failures}


class Reads(Kind):
    """Days of members, at random."""

    name = "read"

    def __init__(self, paths: list[str], key: str) -> None:
        super().__init__()
        self._calls = [f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {key}\r\n\r\n".encode() for path in paths]

    def take(self, now: float, *, is_new: bool) -> tuple[bytes, Any] | None:
        return (random.choice(self._calls), None) if is_new else None


class Syncs(Kind):
    """A person's wish for each member in turn, at most so many rounds."""

    name = "sync"

    def __init__(self, members: list[str], key: str, rounds: int) -> None:
        super().__init__()
        self._calls = [
            f"POST /api/v1/whoop/sync/{m} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: {key}\r\ncontent-length: 0\r\n\r\n".encode()
            for m in members
        ]  # fmt: skip
        self._next, self._most = 0, rounds * len(members)

    def take(self, now: float, *, is_new: bool) -> tuple[bytes, Any] | None:
        if not is_new or self._next >= self._most:
            return None
        self._next += 1
        return self._calls[(self._next - 1) % len(self._calls)], None


class Deliveries(Kind):
    """Signed notices, each with a number of its own in its trace; one that was not accepted is sent again later."""

    name = "webhook"

    def __init__(self, accounts: list[int], secret: str, *, first: int) -> None:
        super().__init__()
        self._accounts, self._secret, self._next = accounts, secret.encode(), first
        self.waiting: list[tuple[float, int, int]] = []  # when, which, how often it was refused
        self.accepted: set[int] = set()
        self.refused: set[int] = set()

    def take(self, now: float, *, is_new: bool) -> tuple[bytes, Any] | None:
        if self.waiting and self.waiting[0][0] <= now:
            _, number, attempts = heapq.heappop(self.waiting)
        elif is_new:
            number, attempts, self._next = self._next, 0, self._next + 1
        else:
            return None
        return self._signed(number), (number, attempts)

    def answered(self, tag: Any, status: int, body: bytes, times: Times) -> None:
        number, attempts = tag
        super().answered(tag, status, body, times)
        if 200 <= status < 300:
            self.accepted.add(number)
        else:
            self.refused.add(number)
            wait_s = AGAIN_AFTER_S[min(attempts, len(AGAIN_AFTER_S) - 1)]
            heapq.heappush(self.waiting, (times[2] + wait_s, number, attempts + 1))

    def _signed(self, number: int) -> bytes:
        account, event = self._accounts[number % len(self._accounts)], EVENTS[number % 3]
        body = orjson.dumps({"user_id": account, "id": str(UUID(int=(1 << 96) + number)), "type": event, "trace_id": str(UUID(int=number))})
        stamp = str(time.time_ns() // 1_000_000)
        signature = b64encode(hmac.digest(self._secret, stamp.encode() + body, "sha256")).decode()
        return (
            f"POST /v1/webhooks/whoop HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            f"x-whoop-signature: {signature}\r\nx-whoop-signature-timestamp: {stamp}\r\n\r\n"
        ).encode() + body


def outcome_of(status: int, body: bytes) -> str:
    """A failure by its status, the code in its body and the codes of what failed; by what broke it off if there is no answer."""
    if not status:
        return body.decode()
    try:
        error = orjson.loads(body)["error"]
        details = error.get("details")
        causes = sorted(set(details["failed"].values())) if isinstance(details, dict) else []
        return " ".join([str(status), error["code"], *causes])
    except (ValueError, KeyError, TypeError):
        return str(status)
