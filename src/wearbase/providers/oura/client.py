"""Oura's reads: one collection each, by a stretch of days or by a document's id (API v2, usercollection).

How many documents come on a page is not said, and some are long: so a window is cut into stretches, newest first, and a page token of
ours names the stretch before Oura's own; in the newest it is Oura's alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import orjson

from wearbase.domain.errors import CursorExpired, ProviderUnavailable, RequestRefused, ResourceGone, UnexpectedPayload
from wearbase.domain.provider import Lookup, Request, Response, Send
from wearbase.domain.records import Page, Record, Unmappable
from wearbase.domain.windows import Window
from wearbase.providers.oura.mapping import map_activity, map_oxygen, map_readiness, map_sleep, map_sleep_score, map_workout

WEST, EAST = timedelta(hours=12), timedelta(hours=14)  # how far local time lies from UTC
DAY = timedelta(days=1)
STRETCH_DAYS = 90
OF_STRETCH = "~"


@dataclass(frozen=True, slots=True)
class Collection:
    """One kind of document. `word` is Oura's: the end of its path, and the data type of its deliveries."""

    resource: str
    word: str
    map: Callable[[Any], Record]

    async def page(self, send: Send, window: Window, token: str | None) -> Page:
        """One page. Raises CursorExpired where Oura refuses the page token, ProviderUnavailable for half an answer.

        Days are asked for in the member's own time, and a day more at either end: which end belongs to a range was seen to
        differ between collections.
        """
        found = stretches(window)
        place, own = _place(found, token)
        first, last = found[place]
        params = {"start_date": (first - DAY).isoformat(), "end_date": (last + DAY).isoformat()}
        raws, next_token = await self._listed(send, {**params, **({"next_token": own} if own else {})}, own)
        is_newest, is_oldest = place == 0, place + 1 == len(found)
        # What lies beside the window is as good; what lies in a neighbouring stretch comes with that one, and but once.
        own_days = (date.min if is_oldest else first, date.max if is_newest else last)
        raws = [raw for raw in raws if _is_within(raw, *own_days)]
        name, older = "" if is_newest else f"{last}{OF_STRETCH}", None if is_oldest else f"{found[place + 1][1]}{OF_STRETCH}"
        return Page(*self._mapped(raws), f"{name}{next_token}" if next_token else older)

    async def _listed(self, send: Send, params: dict[str, str], token: str | None) -> tuple[list[Any], str | None]:
        """A page's documents as they are, and Oura's token for the next one."""
        try:
            body = _json_object(await send(Request(path=self._path, params=params)))
        except RequestRefused as refused:
            if token is None:
                raise
            # The same parameters were accepted on page one, so the token is what Oura no longer takes.
            raise CursorExpired(provider="oura", resource=self.resource) from refused
        raws, next_token = body.get("data"), body.get("next_token") or None
        if not isinstance(raws, list) or not isinstance(next_token, str | None) or (next_token and next_token == token):
            raise ProviderUnavailable("Oura's page is incomplete.", provider="oura", resource=self.resource)
        return raws, next_token

    async def one(self, send: Send, lookup: Lookup) -> Page:
        """One document. Raises ResourceGone."""
        if lookup.external_id in ("", ".", ".."):  # would be another path
            raise ResourceGone(provider="oura", resource=self.resource)
        return Page(*self._mapped([_json_object(await send(Request(path=f"{self._path}/{quote(lookup.external_id, safe='')}")))]))

    def again(self, raw: Any) -> Page:
        """A document that was kept as Oura sent it."""
        return Page(*self._mapped([raw]))

    @property
    def _path(self) -> str:
        return f"/v2/usercollection/{self.word}"

    def _mapped(self, raws: list[Any]) -> tuple[list[Record], list[Unmappable]]:
        """The documents as records; one that cannot be understood is set aside with the reason, the others are kept."""
        records, unmappable = list[Record](), list[Unmappable]()
        for raw in raws:
            try:
                records.append(self.map(raw))
            except UnexpectedPayload as unexpected:
                unmappable.append(Unmappable(self.resource, _id_of(raw), unexpected.message, raw))
        return records, unmappable


READINESS = Collection("readiness", "daily_readiness", map_readiness)
SLEEP_SCORE = Collection("sleep_score", "daily_sleep", map_sleep_score)
SLEEP = Collection("sleep", "sleep", map_sleep)
ACTIVITY = Collection("activity", "daily_activity", map_activity)
WORKOUT = Collection("workout", "workout", map_workout)
OXYGEN = Collection("oxygen", "daily_spo2", map_oxygen)
COLLECTIONS = {c.word: c for c in (READINESS, SLEEP_SCORE, SLEEP, ACTIVITY, WORKOUT, OXYGEN)}


def map_again(resource: str, raw: Any) -> Page:
    """A record that was kept as Oura sent it."""
    return next(c for c in COLLECTIONS.values() if c.resource == resource).again(raw)


def stretches(window: Window) -> list[tuple[date, date]]:
    """Every local day that touches the window once, in stretches, both ends included, newest first."""
    first, last = (window.start - WEST).date(), (window.end + EAST).date()
    found = []
    while last >= first:
        found.append((max(first, last - timedelta(days=STRETCH_DAYS - 1)), last))
        last -= timedelta(days=STRETCH_DAYS)
    return found


def _place(found: list[tuple[date, date]], token: str | None) -> tuple[int, str | None]:
    """Which stretch a page token is of, and Oura's own part of it. Raises CursorExpired for a stretch that is none of these."""
    named, mark, own = (token or "").partition(OF_STRETCH)
    if not mark:
        return 0, token
    names = [last.isoformat() for _, last in found]
    if named not in names[1:]:
        raise CursorExpired(provider="oura")
    return names.index(named), own or None


def _is_within(raw: Any, first: date, last: date) -> bool:
    """Whether the document's day lies there; one that tells no day is anywhere."""
    day = raw.get("day") if isinstance(raw, dict) else None
    return not isinstance(day, str) or first.isoformat() <= day <= last.isoformat()


def _json_object(response: Response) -> dict[str, Any]:
    """The body of a 2xx. Raises ProviderUnavailable where it is not a JSON object: a gateway's page, a cut answer."""
    try:
        body = orjson.loads(response.body)
    except orjson.JSONDecodeError as error:
        raise ProviderUnavailable("Oura's answer is not JSON.", provider="oura", status=response.status) from error
    if not isinstance(body, dict):
        raise ProviderUnavailable("Oura's answer is not an object.", provider="oura", status=response.status)
    return body


def _id_of(raw: Any) -> str:
    """The id under which the document would be stored; one without a readable id gets a digest, so that two do not hide each other."""
    value = raw.get("id") if isinstance(raw, dict) else None
    if isinstance(value, str) and value:
        return value
    return "sha256:" + sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
