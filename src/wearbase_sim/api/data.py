"""The data routes: authorization, quota and scope first, then the member's records."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wearbase_sim.api import kept, paging, query, wire
from wearbase_sim.api.calls import ANSWER
from wearbase_sim.faults import spoil
from wearbase_sim.faults.switched import Fault
from wearbase_sim.members import ids
from wearbase_sim.members.facts import Cycle, Sleep
from wearbase_sim.oauth.grants import Grant
from wearbase_sim.options import Options
from wearbase_sim.world import World, world_of

TEXT = {"content-type": "text/plain"}
JSON = {"content-type": "application/json"}
# These answer only if switched on; the mapping of former ids is a v1 route that lives.
V1_ONLY = ("/v1/user/profile/basic", "/v1/user/measurement/body", "/v1/cycle")


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised call of a client for a member."""

    request: Request
    world: World
    grant: Grant
    now_ms: int
    fault: Fault | None = None

    @property
    def number(self) -> int:
        return self.grant.number

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])


Answer = Callable[[Call], Response]


def answer(value: Any) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(value), headers=JSON)


def problem(options: Options, status: int) -> Response:
    """An error as the provider words it, or as the switch asks."""
    text = {401: "Authorization was not valid", 404: "HTTP 404 Not Found"}.get(status, "")
    match options.error_bodies:
        case "json":
            return Response(orjson.dumps({"error": text or "error", "status": status}), status_code=status, headers=JSON)
        case "html":
            return Response(f"<html><body>{status}</body></html>", status_code=status, headers={"content-type": "text/html"})
        case "text" if text:
            return Response(text, status_code=status, headers=TEXT)
        case _:
            return Response(b"", status_code=status)


# Answers, once the call is allowed.


def profile(call: Call) -> Response:
    return answer(wire.profile(call.world.person(call.number)))


def body(call: Call) -> Response:
    person = call.world.person(call.number)
    return answer(wire.body(person)) if person.has_body_values else problem(call.world.options, 404)


def end_access(call: Call) -> Response:
    call.world.grants.revoke_member(call.number)
    return Response(status_code=204)


def collection(resource: str) -> Answer:
    """The answer of a collection."""

    def respond(call: Call) -> Response:
        if paging.disturb(call.world, call.number, resource, call.fault):
            return problem(call.world.options, 400)
        try:
            asked = query.parse(call.request.query_params, call.now_ms)
        except ValueError:
            return problem(call.world.options, 400)
        timeline, options = call.world.timeline(call.number), call.world.options
        items = timeline.listed(resource, call.now_ms, low_ms=asked.start_ms, high_ms=asked.end_ms)
        end = asked.offset + asked.limit
        records = [wire.record(timeline.person, item.record, options) for item in items[asked.offset : end]]
        call.request.scope[ANSWER] = f"{len(records)} record{'' if len(records) == 1 else 's'}"
        return answer(wire.page(records, query.encode_cursor(end) if len(items) > end else None, options))

    return respond


def single(resource: str) -> Answer:
    """The answer of a read by id."""

    def respond(call: Call) -> Response:
        timeline = call.world.timeline(call.number)
        found = timeline.find(resource, call.now_ms, call.path("id").lower())
        return answer(wire.record(timeline.person, found, call.world.options)) if found else problem(call.world.options, 404)

    return respond


def sleep_of_cycle(call: Call) -> Response:
    timeline = call.world.timeline(call.number)
    cycle = timeline.find("cycle", call.now_ms, call.path("id"))
    if not isinstance(cycle, Cycle):
        return problem(call.world.options, 404)
    near = timeline.listed("sleep", call.now_ms, low_ms=cycle.start_ms, high_ms=cycle.start_ms + 1)
    for item in near:
        if isinstance(item.record, Sleep) and item.record.cycle_id == cycle.id and not item.record.is_nap:
            return answer(wire.record(timeline.person, item.record, call.world.options))
    return problem(call.world.options, 404)


def activity_mapping(call: Call) -> Response:
    text = call.path("id")
    found = ids.from_v1_id(int(text)) if text.isdecimal() and len(text) < 19 else None
    if not found or found[0] != call.number:
        return problem(call.world.options, 404)
    person = call.world.person(call.number)
    key = ids.day_activity_id(person.seed, call.number, day=found[1], kind=found[2])
    resource = "workout" if found[2].startswith("workout") else "sleep"
    known = call.world.timeline(call.number).find(resource, call.now_ms, key)
    return answer({"v2_activity_id": key}) if known else problem(call.world.options, 404)


# What every call passes through.


def guarded(route: str, scope: str | None, respond: Answer) -> Callable[[Request], Awaitable[Response]]:
    """A route that needs a live token, quota and a scope, and that may be struck by a fault."""

    async def handle(request: Request) -> Response:
        world, path = world_of(request), request.url.path.removeprefix("/developer")
        if path.startswith("/v1") and route in V1_ONLY and world.options.v1_routes == "404":
            return problem(world.options, 404)
        grant = world.grants.bearer(_bearer(request), world.clock.now_ms())
        if grant is None:
            return _noted(world, request, problem(world.options, 401), route=route)
        call = Call(request, world, grant, world.clock.now_ms())
        is_allowed, headers = _spend(call)
        if not is_allowed:
            refused = problem(world.options, 429)
            refused.headers.update(headers)
            return _noted(world, request, refused, route=route)
        call = replace(call, fault=_fault(call, path))

        async def work() -> Response:
            return _respond(call, scope, respond)

        response = await spoil.spoil(call.fault, work, latency_ms=world.options.latency_ms)
        response.headers.update(_exhausted(headers) if response.status_code == 429 and headers else headers)
        return _noted(world, request, response, route=route)

    return handle


def _fault(call: Call, path: str) -> Fault | None:
    is_paging = "nextToken" in call.request.query_params
    return call.world.faults.take(path, user_id=call.world.user_id(call.number), is_paging=is_paging)


def _exhausted(headers: dict[str, str]) -> dict[str, str]:
    """The headers of a 429 that a fault gives, so that they do not speak of calls that are left."""
    return headers | {"X-RateLimit-Remaining": "0"}


def _respond(call: Call, scope: str | None, respond: Answer) -> Response:
    if scope and scope not in call.grant.scope:
        if call.world.options.scope_missing == "401":
            return problem(call.world.options, 401)
        return Response(orjson.dumps({"error": "deactivated_user"}), status_code=403, headers=JSON)
    return respond(call) if call.fault or call.request.method != "GET" else _again(call, respond)


def _again(call: Call, respond: Answer) -> Response:
    """The answer as it was kept, or made and kept now."""
    world, scope = call.world, call.request.scope
    timeline, key = world.timeline(call.number), (call.number, call.request.url.path, call.request.url.query)
    if found := world.answers.find(key, timeline, world.options, call.now_ms):
        scope[ANSWER] = found.words
        return Response(found.content, headers=JSON)
    response = respond(call)
    if response.status_code == 200:
        until_ms = timeline.calm_until_ms(call.now_ms)
        fresh = kept.Kept(timeline, timeline.version, world.options, call.now_ms, until_ms, bytes(response.body), scope.get(ANSWER, ""))
        world.answers.keep(key, fresh)
    return response


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _spend(call: Call) -> tuple[bool, dict[str, str]]:
    """Whether the quota allows a call, and the headers that say so."""
    options, standing = call.world.options, call.world.spend()
    headers = standing.headers() if options.rate_headers == "on" else {}
    if not standing.is_allowed and options.retry_after == "on":
        headers["Retry-After"] = str(standing.reset_s)
    return standing.is_allowed, headers


def _noted(world: World, request: Request, response: Response, *, route: str) -> Response:
    remaining = response.headers.get("x-ratelimit-remaining")
    world.calls.note(
        "data",
        request,
        route=route,
        status=spoil.status_of(response),
        remaining=int(remaining) if remaining else None,
        now_ms=world.clock.now_ms(),
    )
    return response


_TABLE: tuple[tuple[str, str, str | None, Answer], ...] = (
    ("GET", "/v2/user/profile/basic", "read:profile", profile),
    ("GET", "/v2/user/measurement/body", "read:body_measurement", body),
    ("DELETE", "/v2/user/access", None, end_access),
    ("GET", "/v2/cycle", "read:cycles", collection("cycle")),
    ("GET", "/v2/cycle/{id}", "read:cycles", single("cycle")),
    ("GET", "/v2/cycle/{id}/sleep", "read:sleep", sleep_of_cycle),
    ("GET", "/v2/cycle/{id}/recovery", "read:recovery", single("recovery")),
    ("GET", "/v2/recovery", "read:recovery", collection("recovery")),
    ("GET", "/v2/activity/sleep", "read:sleep", collection("sleep")),
    ("GET", "/v2/activity/sleep/{id}", "read:sleep", single("sleep")),
    ("GET", "/v2/activity/workout", "read:workout", collection("workout")),
    ("GET", "/v2/activity/workout/{id}", "read:workout", single("workout")),
    ("GET", "/v1/activity-mapping/{id}", None, activity_mapping),
    ("GET", "/v1/user/profile/basic", "read:profile", profile),
    ("GET", "/v1/user/measurement/body", "read:body_measurement", body),
    ("GET", "/v1/cycle", "read:cycles", collection("cycle")),
)


def routes() -> list[Route]:
    """The data routes, below `/developer`."""
    return [Route(path, guarded(path, scope, respond), methods=[method]) for method, path, scope, respond in _TABLE]
