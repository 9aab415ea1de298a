"""Walking through all pages of one resource. No I/O."""

from typing import Any, Generic, Literal, TypeVar

from wearbase_client.calls import Answer, Call, Moment, json_of, moment, user_path
from wearbase_client.decode import decode
from wearbase_client.errors import invalid, unexpected
from wearbase_client.models import Cycle, Recovery, Sleep, Workout

R = TypeVar("R")
Resource = Literal["recovery", "sleep", "workouts", "cycles"]
_KINDS: dict[str, Any] = {"recovery": Recovery, "sleep": Sleep, "workouts": Workout, "cycles": Cycle}


class Pages(Generic[R]):
    """A walk: send `call` until it is None; each answer's records come from the call's own `read`.

    A cursor that comes a second time ends the walk with Unavailable, never as if everything had been read.
    """

    def __init__(self, path: str, kind: type[R], query: dict[str, str]) -> None:
        self._path = path
        self._kind = kind
        self._query = query
        self._seen: set[str] = set()
        self.call: Call[tuple[R, ...]] | None = self._call(query)

    def _call(self, query: dict[str, str]) -> Call[tuple[R, ...]]:
        return Call(method="GET", path=self._path, query=query, read=self._read)

    def _read(self, answer: Answer) -> tuple[R, ...]:
        body = json_of(answer)
        if not isinstance(body, dict) or "records" not in body:
            raise unexpected("The answer has no records.", answer.status)
        records = decode(tuple[self._kind, ...], body["records"], "records")
        cursor = decode(str | None, body.get("next_cursor"), "next_cursor")
        if cursor in self._seen:
            raise unexpected("The answer names a page that was already read.", answer.status)
        self.call = None
        if cursor:
            self._seen.add(cursor)
            self.call = self._call({**self._query, "cursor": cursor})
        return records


def pages(user_id: str, resource: str, start: Moment | None, end: Moment | None, page_size: int | None) -> Pages[Any]:
    """The walk over one resource. Raises: Invalid."""
    if resource not in _KINDS:
        raise invalid("resource", f"resource must be one of {', '.join(_KINDS)}.")
    query = {name: moment(name, value) for name, value in (("start", start), ("end", end)) if value is not None}
    if page_size is not None:
        query["limit"] = str(page_size)
    return Pages(f"/v1/data/{user_path(user_id)}/{resource}", _KINDS[resource], query)
