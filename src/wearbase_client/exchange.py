"""Between a call and the HTTP client: what both clients do the same way around their one line of I/O."""

from typing import Any, TypeVar

import httpx2

from wearbase_client import calls
from wearbase_client.calls import Answer, Call
from wearbase_client.errors import Unavailable

T = TypeVar("T")
Outcome = Answer | httpx2.RequestError


def request_options(call: Call[Any]) -> dict[str, Any]:
    """The arguments of the HTTP client's `request`."""
    body = {} if call.body is None else {"json": call.body}
    return {"method": call.method, "url": call.path, "params": dict(call.query), "headers": dict(call.headers), **body}


def answer_of(response: httpx2.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)


def result(call: Call[T], outcome: Outcome) -> T:
    """The call's result. Raises: Unavailable if no answer came, else the error that the answer carries."""
    if isinstance(outcome, Answer):
        return calls.read(call, outcome)
    raise Unavailable(f"No answer from the service: {type(outcome).__name__}.", code="no_answer") from outcome
