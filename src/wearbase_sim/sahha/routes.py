"""Sahha's routes: who may ask, then what a profile's days hold."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wearbase_sim.clock import iso, parse_ms
from wearbase_sim.faults import spoil
from wearbase_sim.sahha import scores
from wearbase_sim.sahha.biomarkers import CATEGORIES, marks, shown
from wearbase_sim.sahha.cloud import TOKEN_S, Cloud, Pass, Profile
from wearbase_sim.sahha.days import Day, day_of, full_month, full_weeks
from wearbase_sim.world import World, world_of

ENVIRONMENTS = ("sandbox", "production")
JSON = {"content-type": "application/json; charset=utf-8"}
MOST_DAYS, USUAL_DAYS = 120, 13
BEARER_TITLE = "An internal exception has occurred."


class Problem(Exception):
    """The call gets one of Sahha's errors."""

    def __init__(self, status: int, title: str, *, origin: str = "") -> None:
        super().__init__(title)
        self.status, self.title, self.origin = status, title, origin

    def answer(self) -> Response:
        errors = [{"origin": self.origin, "errors": [f"{self.origin} is not valid"]}] if self.origin else []
        location = {401: "authentication", 500: "domain"}.get(self.status, "request")
        body = {"title": self.title, "statusCode": self.status, "location": location, "errors": errors}
        return Response(orjson.dumps(body), status_code=self.status, headers=JSON)


@dataclass(frozen=True, slots=True)
class Ask:
    """One call."""

    request: Request
    world: World
    cloud: Cloud
    now_ms: int
    body: dict[str, Any]
    held: Pass | None = None

    @property
    def profile(self) -> Profile:
        """The profile that the path or the token names. Raises Problem."""
        external_id = self.request.path_params.get("external_id", "")
        if self.held and self.held.kind == "profile":
            if external_id:
                raise Problem(401, "Unauthorized")
            external_id = self.held.external_id
        elif not external_id:
            raise Problem(401, "Unauthorized")
        found = self.cloud.profiles.get(external_id)
        if found is None:
            raise Problem(404, "Not found", origin="externalId")
        return found


Handler = Callable[[Ask], Response]


def answer(value: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(value), status_code=status, headers=JSON)


def listed(ask: Ask, values: list[Any]) -> Response:
    """A list, or what stands for an empty one."""
    return answer(values) if values or ask.world.options.sahha_no_results == "empty" else Response(status_code=204)


# Tokens.


def account_token(ask: Ask) -> Response:
    options = ask.world.options
    if (ask.body.get("clientId"), ask.body.get("clientSecret")) != (options.sahha_client_id, options.sahha_client_secret):
        raise Problem(401, "Unauthorized")
    return answer({"accountToken": ask.cloud.token("account", now_ms=ask.now_ms), "expiresIn": TOKEN_S, "tokenType": "Account"})


def register(ask: Ask) -> Response:
    made = ask.cloud.register(str(ask.body.get("externalId", "")), now_ms=ask.now_ms)
    if made is None:
        raise Problem(400, "Bad request", origin="externalId")
    ask.world.sahha.webhooks.welcome(made)
    return _profile_token(ask, made, status=201)


def profile_token(ask: Ask) -> Response:
    found = ask.cloud.profiles.get(str(ask.body.get("externalId", "")))
    if found is None:
        raise Problem(400, "Bad request", origin="externalId")
    return _profile_token(ask, found)


def refresh(ask: Ask) -> Response:
    found = ask.cloud.refreshed(str(ask.body.get("refreshToken", "")))
    if found is None:
        raise Problem(401, "Unauthorized")
    return _profile_token(ask, found)


def _profile_token(ask: Ask, profile: Profile, *, status: int = 200) -> Response:
    token = ask.cloud.token("profile", now_ms=ask.now_ms, external_id=profile.external_id)
    more = {"refreshToken": ask.cloud.refresh_token(profile.external_id)}
    return answer({"profileToken": token, "expiresIn": TOKEN_S, "tokenType": "Profile", **more}, status)


# Profiles.


def search(ask: Ask) -> Response:
    params = ask.request.query_params
    wanted, size, page = params.get("searchParameter", ""), int(params.get("pageSize", 25)), max(int(params.get("currentPage", 1)), 1)
    if not 1 <= size <= 100:
        raise Problem(400, "Bad request", origin="pageSize")
    found = [each for each in ask.cloud.profiles.values() if wanted in each.external_id]
    items = [_summary(ask, each) for each in found[(page - 1) * size : page * size]]
    return answer({"items": items, "currentPage": page, "totalPages": -(-len(found) // size), "pageSize": size, "totalCount": len(found)})


def one_profile(ask: Ask) -> Response:
    kind = "band" if ask.profile.source == "whoop" else "watch"
    return answer(_summary(ask, ask.profile) | {"dataSources": [{"sourceName": ask.profile.source, "deviceType": kind}]})


def _summary(ask: Ask, profile: Profile) -> dict[str, Any]:
    return {
        "profileId": profile.id,
        "accountId": profile.account_id,
        "externalId": profile.external_id,
        "sdkId": None,
        "sdkVersion": None,
        "deviceType": None,
        "dataLastReceivedAtUtc": None if profile.is_empty else iso(ask.now_ms)[:19] + "+00:00",
        "createdAtUtc": iso(profile.created_ms)[:19] + "+00:00",
        "isSampleProfile": profile.is_sample,
    }


def demographic(ask: Ask) -> Response:
    profile = ask.profile
    if ask.request.method in ("PATCH", "PUT"):
        profile.demographic |= ask.body
        return answer(profile.demographic)
    return answer({"age": 35, "gender": "Gender Diverse", "birthDate": "1991-01-01", **profile.demographic})


def integrations(ask: Ask) -> Response:
    if ask.profile.source != "whoop":
        return Response(status_code=204)
    return answer([{"integrationType": "whoop", "integrationIdentifier": str(ask.profile.number), "integrationValues": {}}])


def data_log(ask: Ask) -> Response:
    ask.profile.is_empty = False
    return Response(status_code=200)


# Data.


def score_list(ask: Ask) -> Response:
    types = _wanted(ask, "types")
    found = [each for day in _days(ask) for each in scores.scores(ask.profile, day, ask.world.options) if each["type"] in types]
    return listed(ask, found)


def biomarker_list(ask: Ask) -> Response:
    categories, types, options = _wanted(ask, "categories"), ask.request.query_params.getlist("types"), ask.world.options
    days = _days(ask) if set(categories) & set(CATEGORIES) else []
    measured = [(day, mark) for day in days for mark in marks(ask.profile, day, options)]
    chosen = [(day, mark) for day, mark in measured if mark.category in categories and (not types or mark.type in types)]
    return listed(ask, [shown(ask.profile, day, mark, options) for day, mark in chosen])


def archetype_list(ask: Ask) -> Response:
    params = ask.request.query_params
    names = [name for name in params.getlist("name") or scores.LEVELS if name in scores.LEVELS]
    wanted, timeline = params.get("periodicity"), ask.world.timeline(ask.profile.number)
    stretches = [("weekly", week) for week in _weeks(ask)] if wanted in (None, "weekly") else []
    stretches += [("monthly", full_month(timeline, ask.now_ms))] if wanted in (None, "monthly") else []
    made = [scores.archetype(ask.profile, days, name, word, ask.world.options) for word, days in stretches for name in names]
    return listed(ask, [each for each in made if each])


def trend_list(ask: Ask) -> Response:
    names = ask.request.query_params.getlist("name") or list(scores.TYPES)
    weeks = _weeks(ask, count=4)[::-1]
    made = [scores.trend(ask.profile, weeks, name, ask.world.options) for name in names if name in scores.TYPES]
    return listed(ask, [each for each in made if each])


def comparison_list(ask: Ask) -> Response:
    timeline = ask.world.timeline(ask.profile.number)
    today = timeline.person.home.local_day(ask.now_ms)
    baseline = [day_of(timeline, day, ask.now_ms) for day in range(today - 30, today)]
    made = scores.comparison(ask.profile, day_of(timeline, today, ask.now_ms), baseline, ask.world.options)
    return listed(ask, [made] if made else [])


def _wanted(ask: Ask, name: str) -> list[str]:
    found = ask.request.query_params.getlist(name)
    if not found:
        raise Problem(400, "Bad request", origin=name)
    return found


def _days(ask: Ask) -> list[Day]:
    """The days that are asked for, newest first. A plain date is the profile's own."""
    timeline = ask.world.timeline(ask.profile.number)
    home = timeline.person.home
    today = home.local_day(ask.now_ms)
    last = min(_day(ask, "endDateTime", today), today)
    first = _day(ask, "startDateTime", last - USUAL_DAYS + 1)
    first = max(first, timeline.first_day, last - MOST_DAYS)
    return [day_of(timeline, day, ask.now_ms) for day in range(last, first - 1, -1)]


def _day(ask: Ask, name: str, usual: int) -> int:
    text = ask.request.query_params.get(name, "").replace(" ", "+")
    if not text:
        return usual
    try:
        if len(text) == len("2026-01-01"):
            return parse_ms(text) // 86_400_000
        return ask.world.timeline(ask.profile.number).person.home.local_day(parse_ms(text))
    except ValueError:
        raise Problem(400, "Bad request", origin=name) from None


def _weeks(ask: Ask, *, count: int = 2) -> list[list[Day]]:
    """The last full weeks, Monday to Sunday, newest first."""
    return full_weeks(ask.world.timeline(ask.profile.number), ask.now_ms, count=count)


# What every call passes through.


def guarded(handler: Handler, needs: str) -> Callable[[Request], Awaitable[Response]]:
    """A route that needs a token: of the account, of either kind, or none."""

    async def handle(request: Request) -> Response:
        world = world_of(request)
        cloud = world.sahha.clouds.get(request.path_params["environment"])
        if cloud is None:
            return Problem(404, "Not found").answer()
        body = await _json(request)

        async def work() -> Response:
            try:
                ask = Ask(request, world, cloud, world.clock.now_ms(), body)
                return handler(_authorised(ask, needs))
            except Problem as problem:
                return problem.answer()
            except ValueError:
                return Problem(400, "Bad request").answer()

        fault = world.faults.take(request.url.path)
        return await spoil.spoil(fault, work, latency_ms=world.options.latency_ms)

    return handle


def _authorised(ask: Ask, needs: str) -> Ask:
    if needs == "none":
        return ask
    word, _, token = ask.request.headers.get("authorization", "").partition(" ")
    held = ask.cloud.allowed(token.strip(), ask.now_ms)
    if held is None:
        raise Problem(401, "Unauthorized")
    if word.lower() == "bearer" and held.kind == "account":
        # As seen: a search answers, reading data does not.
        if ask.request.url.path.endswith("/search"):
            return Ask(ask.request, ask.world, ask.cloud, ask.now_ms, ask.body, held)
        raise Problem(500, BEARER_TITLE)
    if word.lower() != held.kind or (needs != "any" and held.kind != needs):
        raise Problem(401, "Unauthorized")
    return Ask(ask.request, ask.world, ask.cloud, ask.now_ms, ask.body, held)


async def _json(request: Request) -> dict[str, Any]:
    try:
        value = orjson.loads(await request.body() or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


_TABLE: tuple[tuple[str, str, str, Handler], ...] = (
    ("POST", "/oauth/account/token", "none", account_token),
    ("POST", "/oauth/profile/register", "account", register),
    ("POST", "/oauth/profile/token", "account", profile_token),
    ("POST", "/oauth/profile/refreshToken", "none", refresh),
    ("GET", "/account/profile/search", "account", search),
    ("GET", "/account/profile/{external_id}", "account", one_profile),
    ("GET", "/profile", "profile", one_profile),
    ("GET", "/profile/demographic", "profile", demographic),
    ("PATCH", "/profile/demographic", "profile", demographic),
    ("POST", "/profile/data/log", "profile", data_log),
    *[
        ("GET", f"/profile/{path}{tail}", "any", handler)
        for path, handler in (
            ("score", score_list),
            ("biomarker", biomarker_list),
            ("archetypes", archetype_list),
            ("integration", integrations),
            ("insight/trend", trend_list),
            ("insight/comparison", comparison_list),
        )
        for tail in ("", "/{external_id}")
    ],
)


def routes() -> list[Route]:
    """Sahha's routes, below `/sahha`."""
    return [Route(f"/{{environment}}/api/v1{path}", guarded(handler, needs), methods=[method]) for method, path, needs, handler in _TABLE]
