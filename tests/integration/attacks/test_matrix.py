"""Every route × every kind of credential × own and other user, against a written table; no route may be missing from it."""

from collections.abc import Awaitable, Callable, Iterator
from itertools import combinations
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.integration.api.conftest import problem
from tests.integration.api.test_credentials import walk
from tests.integration.attacks.arena import FROM_APP, OURA_TOKEN, Arena, Headers

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("quiet")]

SCOPES = ("read", "sync", "connect", "erase", "ops")
PASSED_ON = ("read", "sync", "connect")  # what a key has of these, its members' tokens have
OTHERS = ("bob", "Ann", "ann2", "an")  # none of whom is ann


class Door(NamedTuple):
    """What a route asks for, a request to it about ann, and what it answers to who is let in."""

    asks: str  # a column of LETS_IN, or `open`, `signature`
    scope: str | None
    path: str
    body: Any = None
    lets_in: tuple[int, ...] = (200,)
    also: tuple[str, ...] = ()  # further scopes that a key needs
    in_full: bool = False  # a member's token must have all that can be passed on


WEEK = "start=2026-11-10&end=2026-11-12"
DOORS: dict[str, Door] = {
    # the app API
    "GET /api/v1/health/{user_id}": Door("member", "read", "/api/v1/health/ann?days=3"),
    "GET /api/v1/health/sources/{user_id}": Door("member", "read", "/api/v1/health/sources/ann"),
    "GET /api/v1/{provider}/daily-data/{user_id}": Door("member", "read", "/api/v1/whoop/daily-data/ann?date=2026-11-17"),
    "GET /api/v1/{provider}/days/{user_id}": Door("member", "read", f"/api/v1/whoop/days/ann?{WEEK}"),
    "POST /api/v1/{provider}/connect/{user_id}": Door("member", "connect", "/api/v1/whoop/connect/ann"),
    "DELETE /api/v1/{provider}/connect/{user_id}": Door("member", "connect", "/api/v1/whoop/connect/ann"),
    "POST /api/v1/{provider}/sync/{user_id}": Door("member", "sync", "/api/v1/whoop/sync/ann", {}, (409,)),
    "GET /api/v1/{provider}/sync-status/{user_id}": Door("member", "read", "/api/v1/whoop/sync-status/ann"),
    "GET /api/v1/trends/{user_id}": Door("member", "read", f"/api/v1/trends/ann?metric=strain&{WEEK}"),
    "GET /api/v1/stream/{user_id}": Door("member", "read", "/api/v1/stream/ann"),
    "GET /api/v1/app/{user_id}/day": Door("member", "read", "/api/v1/app/ann/day"),
    "GET /api/v1/app/{user_id}/month": Door("member", "read", "/api/v1/app/ann/month?month=2026-11"),
    "GET /api/v1/app/{user_id}/workouts": Door("member", "read", "/api/v1/app/ann/workouts"),
    # users
    "GET /api/v1/users/{user_id}/preferences": Door("member", "read", "/api/v1/users/ann/preferences"),
    "PUT /api/v1/users/{user_id}/preferences": Door("member", "connect", "/api/v1/users/ann/preferences", {"units": {"energy": "kj"}}),
    "POST /api/v1/users/{user_id}/token": Door("service", "connect", "/api/v1/users/ann/token"),
    "POST /api/v1/users/{user_id}/link": Door("service", "connect", "/api/v1/users/ann/link", also=("read", "sync")),
    "GET /api/v1/users/{user_id}/export": Door("member", "read", "/api/v1/users/ann/export", in_full=True),
    "DELETE /api/v1/users/{user_id}": Door("member", "erase", "/api/v1/users/ann", {"confirm": "ann"}),
    # the data API
    "GET /v1/oauth/authorize": Door("member", "connect", "/v1/oauth/authorize?user_id=ann"),
    "POST /v1/oauth/callback": Door("anybody's", "connect", "/v1/oauth/callback", {"code": "c", "state": "unknown-state"}, (400,)),
    "DELETE /v1/oauth/disconnect": Door("member", "connect", "/v1/oauth/disconnect?user_id=ann&provider=whoop"),
    "GET /v1/data/{user_id}/profile": Door("member", "read", "/v1/data/ann/profile"),
    "GET /v1/data/{user_id}/{kind}": Door("member", "read", "/v1/data/ann/recovery"),
    "GET /v1/data/{user_id}/{kind}/{record_id}": Door("member", "read", "/v1/data/ann/sleep/some-id", lets_in=(404,)),
    "POST /v1/pull/{user_id}": Door("member", "sync", "/v1/pull/ann", {}, (409,)),
    "POST /v1/webhooks/{provider}": Door("signature", None, "/v1/webhooks/whoop", {"user_id": 1}),
    "GET /v1/webhooks/oura": Door("signature", None, "/v1/webhooks/oura?verification_token=wrong&challenge=c"),
    # where browsers come back to: the state is what counts
    "GET /v1/oauth/callback": Door("open", None, "/v1/oauth/callback?state=unknown&code=c", lets_in=(400,)),
    "GET /auth/{provider}/callback": Door("open", None, "/auth/whoop/callback?state=unknown&code=c", lets_in=(400,)),
    "POST /auth/{provider}/callback": Door("open", None, "/auth/whoop/callback", {}, (400, 403)),
    # between services
    "GET /internal/data/days/{user_id}": Door("service", "read", f"/internal/data/days/ann?{WEEK}"),
    "GET /internal/data/{kind}/{user_id}": Door("service", "read", "/internal/data/sleep/ann"),
    "POST /internal/auth/connect/{user_id}": Door("service", "connect", "/internal/auth/connect/ann"),
    "GET /internal/auth/status/{user_id}": Door("service", "read", "/internal/auth/status/ann"),
    # the phone app
    "POST /app/session/peek": Door("open", None, "/app/session/peek", {"link": "x" * 43}, (404,)),
    "POST /app/session": Door("app's page", None, "/app/session", {"link": "x" * 43}, (404,)),
    "GET /app/session": Door("session", None, "/app/session"),
    "DELETE /app/session": Door("session", None, "/app/session"),
    "GET /app/opening": Door("open", None, "/app/opening"),  # that nobody is signed in is an answer there
    "GET /app": Door("open", None, "/app", lets_in=(308,)),
    "GET /app/{path}": Door("open", None, "/app/manifest.webmanifest"),
    "GET /app/v/{version}/{path}": Door("open", None, "/app/v/none/app.js", lets_in=(404,)),
    # operations
    "GET /health/live": Door("open", None, "/health/live"),
    "GET /health/ready": Door("open", None, "/health/ready"),
    "GET /metrics": Door("service", "ops", "/metrics"),
    "GET /openapi.json": Door("docs", None, "/openapi.json"),
    "GET /docs": Door("docs", None, "/docs"),
    "GET /ops": Door("open", None, "/ops"),
    "POST /ops/session": Door("app's page", None, "/ops/session", {}, (422,)),
    "GET /ops/session": Door("operator", "ops", "/ops/session"),
    "DELETE /ops/session": Door("operator", "ops", "/ops/session", lets_in=(204,)),
    "GET /api/v1/ops/summary": Door("operator", "ops", "/api/v1/ops/summary"),
    "GET /api/v1/ops/failing": Door("operator", "ops", "/api/v1/ops/failing"),
    "GET /api/v1/ops/members": Door("operator", "ops", "/api/v1/ops/members?state=stale"),
    "GET /api/v1/ops/parked/{parked_id}": Door("operator", "ops", "/api/v1/ops/parked/1", lets_in=(404,)),
    "GET /api/v1/ops/audit": Door("operator", "ops", "/api/v1/ops/audit"),
    "POST /api/v1/ops/retry": Door("operator", "ops", "/api/v1/ops/retry", {}),
    "GET /api/v1/ops/stream": Door("operator", "ops", "/api/v1/ops/stream"),
}
# Who is let in (`in`), is known but may not (403), or is nobody here (401). `scope`: in with that scope, else 403. `safe`, `safe 403`: to
# look only, then as said; to change anything, 401. `anybody's` is about no user that a request could name: the state tells whose it is.
COLUMNS = ("member", "anybody's", "service", "operator", "docs", "session")
LETS_IN: dict[str, tuple[str, ...]] = {
    "a key with one scope":                 ("scope", "scope", "scope", "scope", "in", "401"),
    "a key with read, sync and connect":    ("scope", "scope", "scope", "scope", "in", "401"),
    "a token with one scope":               ("scope", "scope", "403", "403", "403", "401"),
    "a token with two scopes":              ("scope", "scope", "403", "403", "403", "401"),
    "another's token with one scope":       ("403", "scope", "403", "403", "403", "401"),
    "a token that a full key made":         ("in", "in", "403", "403", "403", "401"),
    "the member's own token":               ("in", "in", "403", "403", "403", "401"),
    "another member's token":               ("403", "in", "403", "403", "403", "401"),
    "a token and another's session":        ("in", "in", "403", "403", "403", "in"),
    "another's token and a session":        ("403", "in", "403", "403", "403", "in"),
    "the provider's token of the member":   ("in", "in", "403", "403", "403", "401"),
    "the provider's token of another":      ("403", "in", "403", "403", "403", "401"),
    "the member's session":                 ("in", "in", "403", "403", "403", "in"),
    "another member's session":             ("403", "in", "403", "403", "403", "in"),
    "the member's session, another's page": ("safe", "401", "safe 403", "safe 403", "safe 403", "safe"),
    "an operator's session":                ("401", "401", "401", "in", "401", "401"),
    "an operator's session, another's page": ("401", "401", "401", "safe", "401", "401"),
    "a key and another's session":          ("scope", "scope", "scope", "scope", "in", "in"),
    "nobody":                               ("401",) * 6,
}  # fmt: skip
ELSEWHERE = {"x-wearbase": "app", "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
CALLERS: dict[str, Callable[[Arena], Awaitable[list[Headers]]]] = {}


def caller(kind: str) -> Callable[[Any], Any]:
    def add(make: Callable[[Arena], Awaitable[list[Headers]]]) -> Any:
        CALLERS[kind] = make
        return make

    return add


@caller("the member's own token")
async def _(a: Arena) -> list[Headers]:
    return [a.token("ann"), {**a.token("ann"), "cookie": "wearbase=nonsense"}]


@caller("a token that a full key made")
async def _(a: Arena) -> list[Headers]:
    made = await a.call("POST", "/api/v1/users/ann/token", await a.key(*PASSED_ON))
    return [{"authorization": f"Bearer {made.json()['token']}"}, a.token("ann", by=SCOPES)]


@caller("another member's token")
async def _(a: Arena) -> list[Headers]:
    return [a.token(other) for other in OTHERS]


@caller("a token and another's session")
async def _(a: Arena) -> list[Headers]:
    return [{**a.token("ann"), **(await a.session("bob")), **FROM_APP}]


@caller("another's token and a session")
async def _(a: Arena) -> list[Headers]:
    return [{**a.token("bob"), **(await a.session("ann")), **FROM_APP}]


@caller("the provider's token of the member")
async def _(a: Arena) -> list[Headers]:
    return [a.identity("ann")]


@caller("the provider's token of another")
async def _(a: Arena) -> list[Headers]:
    return [a.identity(other) for other in OTHERS]


@caller("the member's session")
async def _(a: Arena) -> list[Headers]:
    return [{**await a.session("ann"), **FROM_APP}, {**await a.session("ann"), "x-wearbase": "app", "sec-fetch-site": "same-origin"}]


@caller("another member's session")
async def _(a: Arena) -> list[Headers]:
    return [{**await a.session("bob"), **FROM_APP}]


@caller("the member's session, another's page")
async def _(a: Arena) -> list[Headers]:
    cookie = await a.session("ann")
    return [cookie, {**cookie, **ELSEWHERE}, {**cookie, "x-wearbase": "app"}, {**cookie, "origin": "http://127.0.0.1:8000"}]


@caller("an operator's session")
async def _(a: Arena) -> list[Headers]:
    return [{**await a.operator(), **FROM_APP}]


@caller("an operator's session, another's page")
async def _(a: Arena) -> list[Headers]:
    cookie = await a.operator()
    return [cookie, {**cookie, **ELSEWHERE}]


@caller("nobody")
async def _(a: Arena) -> list[Headers]:
    own, bob = a.token("ann")["authorization"], (await a.session("bob"))["cookie"]
    key, operator = (await a.key(*SCOPES))["x-api-key"], (await a.operator())["cookie"]
    cookies = (
        "wearbase=", f"wearbase={'0' * 32}.{'x' * 43}", bob[:-1] + "?", operator[:-1], operator.replace("wearbase_ops", "wearbase"),
        bob.replace("wearbase=", "wearbase_ops="), bob.replace("wearbase=", "__Host-wearbase="),
    )  # fmt: skip
    wrong = [
        {}, {"x-api-key": ""}, {"x-api-key": "wb_abcdefgh_" + "x" * 43}, {"x-api-key": key[:-1]}, {"x-api-key": key.upper()},
        {"x-api-key": own.split()[1]}, {"x-api-key": "wrong", "authorization": own}, {"x-user-id": "ann"}, {"authorization": "Bearer "},
        {"authorization": f"Bearer {key}"}, {"authorization": "Bearer not.a.token"}, {"authorization": "Basic YTpi"},
        {"authorization": own.split()[1]}, {"authorization": own[:-2]}, a.token("ann", minutes=-1), a.identity("ann", exp=1),
        a.identity("ann", iss="https://evil.example"), a.identity("ann", aud="another"), *({"cookie": cookie} for cookie in cookies),
    ]  # fmt: skip
    return [{**one, **FROM_APP} for one in [*wrong, *await a.ended_keys(), await a.token_of_a_revoked_key("ann")]]


async def judged(a: Arena, route: str, door: Door, headers: Headers, expected: str) -> str | None:
    """What is wrong with an answer; None if nothing."""
    method = route.split()[0]
    answer = await a.call(method, door.path, headers, door.body)
    if expected.startswith("safe"):
        expected = (expected[5:] or "in") if method == "GET" else "401"
    if expected == "in":
        return None if answer.status_code in door.lets_in else f"{answer.status_code} instead of {door.lets_in}: {answer.text[:200]}"
    code = {"401": ("unauthorized", "operator_signed_out"), "403": ("forbidden",)}[expected]
    if answer.status_code != int(expected) or answer.json()["error"]["code"] not in code:
        return f"{answer.status_code} instead of {expected}: {answer.text[:200]}"
    assert "ann" not in problem(answer, int(expected))["message"]
    assert expected == "403" or answer.headers["www-authenticate"] == "Bearer"
    return None


ENDS_SESSIONS = {"DELETE /api/v1/users/{user_id}", "DELETE /app/session", "DELETE /ops/session"}
GUARDED = {route: door for route, door in DOORS.items() if door.asks in COLUMNS}


@pytest.mark.parametrize("route", GUARDED)
async def test_who_is_let_in(everybody: Arena, route: str) -> None:
    door, wrong = GUARDED[route], list[str]()
    for kind, columns in LETS_IN.items():
        expected = columns[COLUMNS.index(door.asks)]
        all_of_them = await requests(everybody, kind, expected, door)
        for number, (headers, told) in enumerate(all_of_them):
            if route in ENDS_SESSIONS:
                headers = (await requests(everybody, kind, expected, door))[number][0]
            if found := await judged(everybody, route, door, headers, told):
                wrong.append(f"{kind} {sorted(headers)}: {found}")
    assert wrong == []


async def requests(a: Arena, kind: str, expected: str, door: Door) -> list[tuple[Headers, str]]:
    """The headers of that kind of caller, each with what is expected; of those whose scopes count, one with each of them."""
    if kind in CALLERS:
        return [(headers, expected) for headers in await CALLERS[kind](a)]
    more = {**await a.session("bob"), **FROM_APP} if "session" in kind else {}
    found = []
    for scopes in given_scopes(kind):
        headers = await a.key(*scopes) if "key" in kind else a.token("bob" if "another" in kind else "ann", by=scopes)
        is_enough = {door.scope, *(door.also if "key" in kind else ())} <= {*scopes} and ("key" in kind or not door.in_full)
        found.append(({**headers, **more}, expected if expected != "scope" else "in" if is_enough else "403"))
    return found


def given_scopes(kind: str) -> Iterator[tuple[str, ...]]:
    """Which scopes the callers of a kind have, each."""
    if "one scope" in kind or "session" in kind:
        return ((scope,) for scope in (SCOPES if "key" in kind else PASSED_ON))
    return iter([PASSED_ON]) if "key" in kind else combinations(PASSED_ON, 2)


@pytest.mark.parametrize("route", [route for route, door in DOORS.items() if door.asks in ("open", "signature", "app's page")])
async def test_where_no_credential_counts(everybody: Arena, route: str) -> None:
    """Whoever calls with whatever gets the same: of an open route its answer, of a signed one a refusal."""
    method, door = route.split()[0], DOORS[route]
    callers = [headers for kind, make in CALLERS.items() if kind != "an operator's session" for headers in await make(everybody)]
    callers += [await everybody.key(*SCOPES), {}]
    answers: list[tuple[Headers, httpx2.Response]] = [(h, await everybody.call(method, door.path, h, door.body)) for h in callers]
    for headers, answer in answers:
        is_ours = headers.get("x-wearbase") == "app" and "evil" not in str(headers) and {"origin", "sec-fetch-site"} & headers.keys()
        is_refused = door.asks == "signature" or (door.asks == "app's page" and not is_ours)
        allowed = ((401,) if door.asks == "signature" else (403, 422)) if is_refused else door.lets_in
        assert answer.status_code in allowed, (sorted(headers), answer.text[:200])
        if is_refused:
            assert answer.json()["error"]["code"] in ("bad_signature", "forbidden", "invalid_field")


async def test_the_handshake_is_answered_to_whoever_has_its_token(everybody: Arena) -> None:
    answer = await everybody.call("GET", f"/v1/webhooks/oura?verification_token={OURA_TOKEN}&challenge=c", {})
    assert (answer.status_code, answer.json()) == (200, {"challenge": "c"})


async def test_every_route_is_in_the_table_and_none_is_missing(everybody: Arena) -> None:
    there = {f"{method} {path}": rule for method, path, rule in walk(everybody.app)}
    assert there.keys() - DOORS.keys() == set(), "say in DOORS who may call it"
    assert DOORS.keys() - there.keys() == set()
    for route, rule in there.items():
        door = DOORS[route]
        by = {"operator": "service", "anybody's": "member", "app's page": "open"}.get(door.asks, door.asks)
        assert (rule.by, rule.scope, {*rule.also}) == (by, door.scope, {*door.also}), route


async def test_every_kind_of_caller_is_in_the_table() -> None:
    by_scope = {kind for kind, columns in LETS_IN.items() if "scope" in columns}
    assert LETS_IN.keys() - by_scope == CALLERS.keys()
    assert all(len(columns) == len(COLUMNS) for columns in LETS_IN.values())
