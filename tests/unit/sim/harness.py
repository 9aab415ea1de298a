"""A simulator in this process, with a client that speaks to it as an app would."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from jsonschema import Draft202012Validator
from starlette.applications import Starlette

from wearbase_sim import Options, create_app
from wearbase_sim.clock import parse_ms
from wearbase_sim.world import World

FIXTURES = Path(__file__).parents[2] / "fixtures" / "whoop"
OPENAPI = json.loads((FIXTURES / "whoop-openapi.json").read_text())
EXAMPLES = json.loads((FIXTURES / "whoop-examples.json").read_text())
REDIRECT = "http://127.0.0.1:9/callback"
ALL_SCOPES = "offline read:recovery read:cycles read:sleep read:workout read:profile read:body_measurement"
NOW = "2026-11-21T15:00:00Z"
CONTROL = {"Authorization": "Bearer control"}
PATHS = {"cycle": "/v2/cycle", "recovery": "/v2/recovery", "sleep": "/v2/activity/sleep", "workout": "/v2/activity/workout"}
PAGES = {"cycle": "CyclePage", "recovery": "RecoveryPage", "sleep": "SleepPage", "workout": "WorkoutPage"}


def problems(component: str, value: Any) -> list[str]:
    """What is wrong with a value, by the provider's contract."""
    schema = {"$ref": f"#/components/schemas/{component}", "components": OPENAPI["components"]}
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(value)]


class Sim:
    """One simulated cloud and an app's way to it."""

    def __init__(self, *, transport: Any = None, **values: Any) -> None:
        defaults: dict[str, Any] = {"now": NOW, "control_token": "control", "client_id": "app", "client_secret": "secret"}
        transport = transport or httpx2.MockTransport(lambda request: httpx2.Response(204))
        self.app: Starlette = create_app(Options(**{**defaults, **values}), webhook_transport=transport)
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url="http://127.0.0.1")

    @property
    def world(self) -> World:
        return self.app.state.world

    def now_ms(self) -> int:
        return self.world.clock.now_ms()

    async def authorize(self, **changes: str) -> httpx2.Response:
        """POST the consent form."""
        form = {
            "response_type": "code",
            "client_id": "app",
            "redirect_uri": REDIRECT,
            "scope": ALL_SCOPES,
            "state": "Zk3v9Qw1",
            "member": "1",
            "decision": "approve",
        }
        return await self.http.post("/oauth/oauth2/auth", data=form | changes)

    async def code(self, **changes: str) -> str:
        """A fresh authorization code."""
        return returned(await self.authorize(**changes))["code"]

    async def token(self, **form: str) -> httpx2.Response:
        """POST the token endpoint with the app's credentials."""
        return await self.http.post("/oauth/oauth2/token", data={"client_id": "app", "client_secret": "secret"} | form)

    async def exchange(self, code: str, **changes: str) -> httpx2.Response:
        return await self.token(**({"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT} | changes))

    async def refresh(self, refresh_token: str, **changes: str) -> httpx2.Response:
        return await self.token(**({"grant_type": "refresh_token", "refresh_token": refresh_token, "scope": "offline"} | changes))

    async def connect(self, member: int = 1, *, scope: str = ALL_SCOPES) -> dict[str, Any]:
        """A member's tokens."""
        return (await self.exchange(await self.code(member=str(member), scope=scope))).json()

    async def get(self, path: str, token: str, **params: str | int) -> httpx2.Response:
        return await self.http.get(f"/developer{path}", params=params, headers={"Authorization": f"Bearer {token}"})

    async def walk(self, path: str, token: str, **params: str | int) -> list[dict[str, Any]]:
        """All pages of a collection."""
        records: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await self.get(path, token, **params, **cursor)).json()
            records += page["records"]
            if not page.get("next_token"):
                return records
            cursor = {"nextToken": page["next_token"]}

    async def control(self, method: str, path: str, **body: Any) -> Any:
        """A control call that must succeed."""
        response = await self.http.request(method, f"/control{path}", json=body or None, headers=CONTROL)
        assert response.status_code == 200, response.text
        return response.json()

    async def event(self, name: str, *, member: int = 1, **body: Any) -> Any:
        return await self.control("POST", f"/members/{member}/events", event=name, **body)

    async def advance(self, seconds: float, **body: Any) -> Any:
        return await self.control("POST", "/clock", advance_s=seconds, **body)

    async def truth(self, resource: str, *, member: int = 1, **params: str) -> list[dict[str, Any]]:
        query = f"?{httpx2.QueryParams(params)}" if params else ""
        return (await self.control("GET", f"/truth/{member}/{resource}{query}"))["records"]


def returned(response: httpx2.Response) -> dict[str, str]:
    """What the browser carries back to the app."""
    assert response.status_code == 302, response.text
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}


def span(record: dict[str, Any]) -> tuple[int, int | None]:
    """Start and end of a wire record in milliseconds."""
    return parse_ms(record["start"]), parse_ms(record["end"]) if record.get("end") else None
