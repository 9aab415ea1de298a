"""Sahha's reads, one page function and one by-id function per resource (reference/sahha-api.md 4).

Sahha has no pages: a window is cut into slices of local days, newest first, and a page token names the slice's last day. The
bounds of a range are uncertain (which zone, inclusive or not), so more is asked for on each side and filtered by local day here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

import orjson

from wearbase.domain.errors import CursorExpired, ProviderUnavailable, ResourceGone, UnexpectedPayload
from wearbase.domain.provider import MEMBER, Lookup, Request, Send
from wearbase.domain.records import Page, Record, Unmappable
from wearbase.domain.windows import Window
from wearbase.providers.sahha.mapping import (
    SCORES,
    SECTIONS,
    archetype_key,
    biomarker_key,
    map_archetype,
    map_biomarker,
    map_score,
    score_key,
)
from wearbase.providers.sahha.schema import ArchetypeKey, BiomarkerKey, ScoreKey, read

WEST, EAST = timedelta(hours=12), timedelta(hours=14)  # how far local time lies from UTC
DAY = timedelta(days=1)

Params = dict[str, str | Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of record: where it is read, how, and how many days before its own day its stretch may begin."""

    resource: str
    path: str
    required: Params
    days_before: int
    slice_days: int
    map: Callable[[Any], Record]
    key: Callable[[Any], str]


# Slices are 30 days with what is asked beside them; only months of archetypes need more. Of the biomarkers only what a day shows
# is asked for: age, sex and the like are nobody's business here.
SCORE = Kind(
    resource="score", path=f"/api/v1/profile/score/{MEMBER}", required={"types": tuple(SCORES)}, days_before=1, slice_days=28,
    map=map_score, key=lambda raw: score_key(read(ScoreKey, raw)),
)  # fmt: skip
BIOMARKER = Kind(
    resource="biomarker", path=f"/api/v1/profile/biomarker/{MEMBER}", required={"categories": SECTIONS}, days_before=9, slice_days=20,
    map=map_biomarker, key=lambda raw: biomarker_key(read(BiomarkerKey, raw)),
)  # fmt: skip
ARCHETYPE = Kind(
    resource="archetype", path=f"/api/v1/profile/archetypes/{MEMBER}", required={}, days_before=32, slice_days=28,
    map=map_archetype, key=lambda raw: archetype_key(read(ArchetypeKey, raw)),
)  # fmt: skip


async def read_scores(send: Send, window: Window, token: str | None) -> Page:
    """One slice of scores, of every local day that touches the window."""
    return await _read_page(send, SCORE, window, token)


async def read_biomarkers(send: Send, window: Window, token: str | None) -> Page:
    """One slice of biomarkers, of every local day that touches the window."""
    return await _read_page(send, BIOMARKER, window, token)


async def read_archetypes(send: Send, window: Window, token: str | None) -> Page:
    """One slice of archetypes whose last local day touches the window."""
    return await _read_page(send, ARCHETYPE, window, token)


async def read_score(send: Send, lookup: Lookup) -> Page:
    """One score by its natural key, `type/day`."""
    parts = _parts(lookup, 2)
    return await _read_one(send, SCORE, lookup, parts[-1], {"types": (parts[0],)})


async def read_biomarker(send: Send, lookup: Lookup) -> Page:
    """One biomarker by its natural key, `category/type/stretch/day`."""
    parts = _parts(lookup, 4)
    return await _read_one(send, BIOMARKER, lookup, parts[-1], {"categories": (parts[0],), "types": (parts[1],)})


async def read_archetype(send: Send, lookup: Lookup) -> Page:
    """One archetype by its natural key, `name/periodicity/first day`."""
    parts = _parts(lookup, 3)
    return await _read_one(send, ARCHETYPE, lookup, parts[-1], {"name": parts[0]})


def map_again(resource: str, raw: Any) -> Page:
    """A record that was kept as Sahha sent it."""
    return map_all(next(kind for kind in (SCORE, BIOMARKER, ARCHETYPE) if kind.resource == resource), [raw])


def map_all(kind: Kind, raws: Sequence[Any]) -> Page:
    """The records as ours; one that cannot be understood is set aside with the reason, the others are kept."""
    page = Page([], [])
    for raw in raws:
        try:
            page.records.append(kind.map(raw))
        except UnexpectedPayload as unexpected:
            page.unmappable.append(Unmappable(kind.resource, _id_of(kind, raw), unexpected.message, raw))
    return page


def doubts(records: Sequence[Record]) -> tuple[str, ...]:
    """Which percentages came both as a fraction and as percent, so that one of the two was perhaps read wrong. Zero is zero in either."""
    scales: dict[str, set[str]] = {}
    for record in records:
        if record.values.get("scale") and record.values["value"]:
            scales.setdefault(record.values["name"], set()).add(record.values["scale"])
    return tuple(f"{name} came both as a fraction and as percent" for name, found in sorted(scales.items()) if len(found) > 1)


def slices(window: Window, days: int) -> list[tuple[date, date]]:
    """Every local day that touches the window once, in stretches of so many days, both ends included, newest first."""
    first, last = (window.start - WEST).date(), (window.end - timedelta(microseconds=1) + EAST).date()
    found = []
    while last >= first:
        found.append((max(first, last - timedelta(days=days - 1)), last))
        last -= timedelta(days=days)
    return found


async def _read_page(send: Send, kind: Kind, window: Window, token: str | None) -> Page:
    """One slice. Raises CursorExpired for a token that names none of the window's slices."""
    found = slices(window, kind.slice_days)
    names = [last.isoformat() for _, last in found]
    if token is not None and token not in names:
        raise CursorExpired(provider="sahha", resource=kind.resource)
    place = names.index(token) if token else 0
    first, last = found[place]
    page = map_all(kind, await _listed(send, kind, first, last, {}))
    # The newest slice is open at its end (what began in it may belong to a day to come), and takes what tells no day at all.
    until = date.max if place == 0 else last
    records = [r for r in page.records if r.given_day and first <= r.given_day <= until]
    unmappable = [u for u in page.unmappable if first <= (_day_in(u.external_id) or date.max) <= until]
    return Page(records, unmappable, names[place + 1] if place + 1 < len(names) else None, doubts(records))


async def _read_one(send: Send, kind: Kind, lookup: Lookup, day: str, params: Params) -> Page:
    """One record. Raises ProviderUnavailable where it is not listed, which proves nothing: so it answers to any word it does not know."""
    try:
        around = date.fromisoformat(day)
    except ValueError:
        raise ResourceGone(provider="sahha", resource=kind.resource) from None
    page = map_all(kind, await _listed(send, kind, around, around + timedelta(days=kind.days_before), params))
    records = [r for r in page.records if r.external_id == lookup.external_id]
    unmappable = [u for u in page.unmappable if u.external_id == lookup.external_id]
    if not records and not unmappable:
        raise ProviderUnavailable("Sahha does not list this record.", provider="sahha", resource=kind.resource)
    return Page(records, unmappable)


async def _listed(send: Send, kind: Kind, first: date, last: date, params: Params) -> list[Any]:
    """What Sahha has between two local days, and beside them. 404 is also said of a profile without data, if there is a profile."""
    bounds = {"startDateTime": (first - timedelta(days=kind.days_before)).isoformat(), "endDateTime": (last + DAY).isoformat()}
    try:
        response = await send(Request(path=kind.path, params={**kind.required, **params, **bounds}))
    except ResourceGone:
        await send(Request(path=f"/api/v1/account/profile/{MEMBER}"))
        return []
    if response.status == 204:
        return []
    try:
        body = orjson.loads(response.body)
    except orjson.JSONDecodeError as error:
        raise ProviderUnavailable("Sahha's answer is not JSON.", provider="sahha", status=response.status) from error
    if not isinstance(body, list):
        raise ProviderUnavailable("Sahha's answer is not a list.", provider="sahha", status=response.status)
    return body


def _parts(lookup: Lookup, count: int) -> list[str]:
    """The parts of a natural key. Raises ResourceGone for what is none."""
    parts = [unquote(part) for part in lookup.external_id.split("/")]
    if len(parts) != count:
        raise ResourceGone(provider="sahha")
    return parts


def _day_in(key: str) -> date | None:
    try:
        return date.fromisoformat(key.rpartition("/")[2])
    except ValueError:
        return None


def _id_of(kind: Kind, raw: Any) -> str:
    """The key under which the record would be stored; one whose key cannot be read gets a digest, so that two do not hide each other."""
    try:
        return kind.key(raw)
    except UnexpectedPayload:
        return "sha256:" + sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
