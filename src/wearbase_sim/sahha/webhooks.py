"""Webhooks of Sahha: one event a request, signed over the body only; every change of a score or biomarker is sent."""

import hashlib
import hmac
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx2
import orjson

from wearbase_sim.clock import iso
from wearbase_sim.sahha import scores
from wearbase_sim.sahha.biomarkers import marks, shown
from wearbase_sim.sahha.cloud import Profile, made_id
from wearbase_sim.sahha.days import Day, day_of, full_weeks, local, stamp
from wearbase_sim.scenarios.playing import next_wake_ms

if TYPE_CHECKING:
    from wearbase_sim.world import World

SCORE, BIOMARKER = "ScoreCreatedIntegrationEvent", "BiomarkerCreatedIntegrationEvent"
ARCHETYPE, LOG = "ArchetypeCreatedIntegrationEvent", "DataLogReceivedIntegrationEvent"
HELD = (SCORE, BIOMARKER)  # what the interval holds back
WELCOME_DAYS = 14
PLACE, KEPT = "sahha-webhook", 20_000


def _owner(profile: Profile) -> dict[str, Any]:
    return {"profileId": profile.id, "accountId": profile.account_id, "externalId": profile.external_id}


def _told(at_ms: int) -> str:
    return iso(at_ms)[:-1] + "000Z"


def sign(secret: str, body: bytes) -> str:
    """Hex of HMAC-SHA256 over the raw body; the key is the secret's text."""
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()


class Webhooks:
    """What is pushed, at once or held back for an interval in which only the last value counts."""

    def __init__(self, world: "World", *, transport: Any = None) -> None:
        self._world, self._transport = world, transport
        self._client: httpx2.AsyncClient | None = None
        self._held: dict[tuple[str, str, str], tuple[Profile, dict[str, Any]]] = {}
        self.sent: list[dict[str, Any]] = []

    def welcome(self, profile: Profile) -> None:
        """A profile is new: two weeks of scores are computed back in time, and each morning to come is told."""
        if not self._world.options.sahha_webhook_url:
            return
        timeline, now_ms = self._world.timeline(profile.number), self._world.clock.now_ms()
        today = timeline.person.home.local_day(now_ms)
        for day in range(today - WELCOME_DAYS + 1, today + 1):
            self._tell(profile, day_of(timeline, day, now_ms), with_biomarkers=day == today)
        self._expect(profile)

    def push(self, profile: Profile) -> int:
        """Send the profile's open day now, with its steps as they were logged, and what the last week made of it; how many events."""
        timeline, now_ms = self._world.timeline(profile.number), self._world.clock.now_ms()
        day = day_of(timeline, timeline.person.home.local_day(now_ms), now_ms)
        more = [*self._archetypes(profile, now_ms), *self._logs(profile, day)]
        for kind, body in more:
            self._send(profile, kind, body)
        return len(more) + self._tell(profile, day, with_biomarkers=True)

    async def close(self) -> None:
        """Stop sending."""
        if self._client:
            await self._client.aclose()

    def _expect(self, profile: Profile) -> None:
        def morning(at_ms: int) -> None:
            timeline = self._world.timeline(profile.number)
            self._tell(profile, day_of(timeline, timeline.person.home.local_day(at_ms), at_ms), with_biomarkers=True)
            self._expect(profile)

        at_ms = next_wake_ms(self._world, profile.number, self._world.clock.now_ms())
        self._world.course.agenda.plan(at_ms, morning, label="sahha")

    def _tell(self, profile: Profile, day: Day, *, with_biomarkers: bool) -> int:
        found = list(self._events(profile, day, with_biomarkers=with_biomarkers))
        for kind, body in found:
            self._offer(profile, kind, body)
        return len(found)

    def _events(self, profile: Profile, day: Day, *, with_biomarkers: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        options, owner = self._world.options, _owner(profile)
        for score in scores.scores(profile, day, options):
            yield SCORE, {"id": score["id"], **owner, **score}
        for mark in marks(profile, day, options) if with_biomarkers else ():
            value = shown(profile, day, mark, options)
            yield BIOMARKER, {"id": value["id"], **owner, **value, "createdAtUtc": _told(day.now_ms), "version": 1}

    def _archetypes(self, profile: Profile, now_ms: int) -> Iterator[tuple[str, dict[str, Any]]]:
        [week] = full_weeks(self._world.timeline(profile.number), now_ms, count=1)
        for name in scores.LEVELS:
            made = scores.archetype(profile, week, name, "weekly", self._world.options)
            if made and not profile.is_empty:
                yield ARCHETYPE, {**made, **_owner(profile), "createdAtUtc": _told(now_ms)}

    def _logs(self, profile: Profile, day: Day) -> Iterator[tuple[str, dict[str, Any]]]:
        if profile.is_empty:
            return
        at = {"startDateTime": stamp(day.timeline, day.day), "endDateTime": local(day.timeline, day.now_ms)}
        log_id = made_id(profile.id, "log", "steps", day.now_ms)
        entry = {"id": log_id, "parentId": None, "value": day.steps, "unit": "count", "source": "sim", "recordingMethod": "automatic", **at}
        kind = {"logType": "activity", "dataType": "steps", "receivedAtUtc": _told(day.now_ms)}
        yield LOG, {"id": log_id, **_owner(profile), **kind, "dataLogs": [entry]}

    def _offer(self, profile: Profile, kind: str, body: dict[str, Any]) -> None:
        minutes = self._world.options.sahha_interval_min
        if not minutes or kind not in HELD:
            self._send(profile, kind, body)
            return
        if not self._held:
            at_ms = self._world.clock.now_ms() + int(minutes * 60_000)
            self._world.course.agenda.plan(at_ms, self._flush, label="sahha")
        self._held[profile.id, kind, body["type"]] = profile, body

    def _flush(self, at_ms: int) -> None:
        held, self._held = self._held, {}
        for (_, kind, _), (profile, body) in held.items():
            self._send(profile, kind, body)

    def _send(self, profile: Profile, kind: str, value: dict[str, Any]) -> None:
        fault = self._world.faults.take(PLACE)
        flaw = fault.kind if fault else ""
        body = orjson.dumps([value] if flaw == "array_body" else value)
        for url in self._world.options.sahha_webhook_url:
            note = {"url": url, "event": kind, "external_id": profile.external_id, "id": value["id"], "fault": flaw or None, "statuses": []}
            self.sent.append(note)
            del self.sent[:-KEPT]
            headers = self._headers(profile, kind, body, flaw)
            for _ in range(0 if flaw == "drop" else 2 if flaw == "duplicate" else 1):
                self._start(note, headers, body, tries=0)

    def _headers(self, profile: Profile, kind: str, body: bytes, flaw: str) -> dict[str, str]:
        secret = self._world.options.sahha_webhook_secret
        signature = sign(f"not-{secret}" if flaw == "wrong_signature" else secret, body)
        return {
            "Content-Type": "application/json",
            "X-Signature": signature.upper() if flaw == "upper_signature" else signature,
            "X-External-Id": "someone-else" if flaw == "mismatch" else profile.external_id,
            "X-Event-Type": "InsightCreatedIntegrationEvent" if flaw == "unknown_event" else kind,
        }

    def _start(self, note: dict[str, Any], headers: dict[str, str], body: bytes, *, tries: int) -> None:
        self._world.sender.run(self._attempt(note, headers, body, tries=tries))

    async def _attempt(self, note: dict[str, Any], headers: dict[str, str], body: bytes, *, tries: int) -> None:
        if self._client is None:
            self._client = httpx2.AsyncClient(transport=self._transport, trust_env=False)
        try:
            status = (await self._client.post(note["url"], content=body, headers=headers, timeout=30)).status_code
        except httpx2.HTTPError:
            status = 0
        note["statuses"].append(status)
        waits = self._world.options.sahha_retry_minutes
        if not 200 <= status < 300 and tries < len(waits):
            at_ms = self._world.clock.now_ms() + int(waits[tries] * 60_000)
            self._world.course.agenda.plan(at_ms, lambda _: self._start(note, headers, body, tries=tries + 1), label="sahha")
