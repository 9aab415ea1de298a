"""When a request is sent again."""

import random
from dataclasses import dataclass

import httpx2

from wearbase_client.calls import Answer
from wearbase_client.errors import retry_after_s
from wearbase_client.exchange import Outcome

# No answer, though the request can be sent again at once. A read that timed out has already cost the caller the whole timeout.
_LOST = (httpx2.NetworkError, httpx2.ConnectTimeout, httpx2.RemoteProtocolError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often a GET is sent again after a lost connection or a 503; anything else is sent once.

    The first wait is about `first_wait_s`, each later one twice as long, varied by half. A longer `Retry-After` is obeyed up to
    `longest_wait_s`; beyond that the error is raised at once, with its `retry_after_s`.
    """

    limit: int = 2
    first_wait_s: float = 0.25
    longest_wait_s: float = 5.0

    def wait_s(self, method: str, attempt: int, outcome: Outcome) -> float | None:
        """Seconds to wait before sending again, or None when this outcome is the last. `attempt` counts from 0."""
        if method != "GET" or attempt >= self.limit or not _is_passing(outcome):
            return None
        asked_s = retry_after_s(outcome.headers) if isinstance(outcome, Answer) else None
        spread = random.uniform(0.5, 1.0)  # noqa: S311  only keeps clients apart
        wait_s = max(self.first_wait_s * 2**attempt * spread, asked_s or 0.0)
        return wait_s if wait_s <= self.longest_wait_s else None


def _is_passing(outcome: Outcome) -> bool:
    return outcome.status == 503 if isinstance(outcome, Answer) else isinstance(outcome, _LOST)
