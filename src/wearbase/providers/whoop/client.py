"""WHOOP's reads, one page function and one by-id function per resource (reference/whoop-api.md 3)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import orjson

from wearbase.domain.errors import CursorExpired, ProviderUnavailable, RequestRefused, ResourceGone, UnexpectedPayload
from wearbase.domain.provider import Lookup, Request, Response, Send
from wearbase.domain.records import Page, Record, Unmappable
from wearbase.domain.windows import Window
from wearbase.providers.whoop.mapping import map_cycle, map_recovery, map_sleep, map_workout
from wearbase.providers.whoop.schema import Sleep, instant_text, read

PAGE_SIZE = 25

Map = Callable[[Any], Record]

_MAPS: dict[str, Map] = {"recovery": map_recovery, "sleep": map_sleep, "workout": map_workout, "cycle": map_cycle}


async def read_recoveries(send: Send, window: Window, token: str | None) -> Page:
    """One page of recoveries whose sleep overlaps the window."""
    return await _read_page(send, "/v2/recovery", "recovery", map_recovery, window, token)


async def read_sleeps(send: Send, window: Window, token: str | None) -> Page:
    """One page of nights and naps that overlap the window."""
    return await _read_page(send, "/v2/activity/sleep", "sleep", map_sleep, window, token)


async def read_workouts(send: Send, window: Window, token: str | None) -> Page:
    """One page of workouts that overlap the window."""
    return await _read_page(send, "/v2/activity/workout", "workout", map_workout, window, token)


async def read_cycles(send: Send, window: Window, token: str | None) -> Page:
    """One page of cycles that overlap the window, the open one among them."""
    return await _read_page(send, "/v2/cycle", "cycle", map_cycle, window, token)


async def read_sleep(send: Send, lookup: Lookup) -> Page:
    """One night or nap."""
    return _page("sleep", map_sleep, [await _read_object(send, f"/v2/activity/sleep/{_segment(lookup.external_id)}")])


async def read_workout(send: Send, lookup: Lookup) -> Page:
    """One workout."""
    return _page("workout", map_workout, [await _read_object(send, f"/v2/activity/workout/{_segment(lookup.external_id)}")])


async def read_cycle(send: Send, lookup: Lookup) -> Page:
    """One cycle."""
    return _page("cycle", map_cycle, [await _read_object(send, f"/v2/cycle/{_segment(lookup.external_id)}")])


async def read_recovery(send: Send, lookup: Lookup) -> Page:
    """One recovery, by its cycle, or by its sleep: a recovery has no id of its own and deliveries name its sleep.

    Raises: ResourceGone also where the cycle's recovery now belongs to another sleep, and for a nap, which has none.
    """
    cycle_id = lookup.group_id or (await _cycle_of_sleep(send, lookup.external_id) if lookup.is_by_parent else lookup.external_id)
    page = _page("recovery", map_recovery, [await _read_object(send, f"/v2/cycle/{_segment(cycle_id)}/recovery")])
    if lookup.is_by_parent and any(record.parent_id != lookup.external_id for record in page.records):
        raise ResourceGone(provider="whoop", resource="recovery")
    return page


def map_again(resource: str, raw: Any) -> Page:
    """A record that was kept as WHOOP sent it."""
    return _page(resource, _MAPS[resource], [raw])


async def _cycle_of_sleep(send: Send, sleep_id: str) -> str:
    return str(read(Sleep, await _read_object(send, f"/v2/activity/sleep/{_segment(sleep_id)}")).cycle_id)


async def _read_page(send: Send, path: str, resource: str, map_record: Map, window: Window, token: str | None) -> Page:
    """One page, newest first. Raises CursorExpired where WHOOP refuses the page token, ProviderUnavailable for half an answer."""
    request = Request(path=path, params={"limit": str(PAGE_SIZE), **_window_params(window), **({"nextToken": token} if token else {})})
    try:
        response = await send(request)
    except RequestRefused as refused:
        if token is None:
            raise
        # The same parameters were accepted on page one, so the token is what WHOOP no longer takes.
        raise CursorExpired(provider="whoop", resource=resource) from refused
    body = _json_object(response)
    records, next_token = body.get("records"), body.get("next_token") or None
    if not isinstance(records, list) or not isinstance(next_token, str | None) or (next_token and next_token == token):
        raise ProviderUnavailable("WHOOP's page is incomplete.", provider="whoop", resource=resource)
    return replace(_page(resource, map_record, records), next_token=next_token)


def _window_params(window: Window) -> dict[str, str]:
    """Milliseconds that cover the window: the start rounded down, the end up."""
    return {"start": instant_text(window.start), "end": instant_text(window.end + timedelta(microseconds=999))}


async def _read_object(send: Send, path: str) -> dict[str, Any]:
    return _json_object(await send(Request(path=path)))


def _json_object(response: Response) -> dict[str, Any]:
    """The body of a 2xx. Raises ProviderUnavailable where it is not a JSON object: a gateway's page, a cut answer."""
    try:
        body = orjson.loads(response.body)
    except orjson.JSONDecodeError as error:
        raise ProviderUnavailable("WHOOP's answer is not JSON.", provider="whoop", status=response.status) from error
    if not isinstance(body, dict):
        raise ProviderUnavailable("WHOOP's answer is not an object.", provider="whoop", status=response.status)
    return body


def _page(resource: str, map_record: Map, raws: list[Any]) -> Page:
    """The records as ours; one that cannot be understood is set aside with the reason, the others are kept."""
    page = Page([], [])
    for raw in raws:
        try:
            page.records.append(map_record(raw))
        except UnexpectedPayload as unexpected:
            page.unmappable.append(Unmappable(resource, _id_of(resource, raw), unexpected.message, raw))
    return page


def _id_of(resource: str, raw: Any) -> str:
    """The id under which the record would be stored; one without a readable id gets a digest, so that two do not hide each other."""
    value = raw.get("cycle_id" if resource == "recovery" else "id") if isinstance(raw, dict) else None
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        return str(value).lower()
    return "sha256:" + sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _segment(external_id: str) -> str:
    return quote(external_id, safe="")
