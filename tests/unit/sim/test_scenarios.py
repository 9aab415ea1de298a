"""The scenarios that come with the simulator: readable, believable, always within the contract, always the same."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.unit.sim.harness import CONTROL, PAGES, PATHS, Sim, problems
from wearbase_sim.options import Options
from wearbase_sim.scenarios.playing import with_scenario
from wearbase_sim.scenarios.reading import BadScenario, named, names, read, when

HOOK = ("http://127.0.0.1:9/hook",)
EXPECTED = {
    "good-morning", "lost-webhooks", "token-storm", "outage-at-8", "deleted-night", "flight-to-tokyo", "mass-invalid-grant",
    "quota-noon", "new-member-first-week", "late-upload", "provisional-night",
}  # fmt: skip
BROKEN = (401, 403, 404, 429, 500, 502, 503)


def test_they_are_there_and_say_what_they_are() -> None:
    assert set(names()) >= EXPECTED
    for name in names():
        scenario = named(name)
        assert scenario.title
        assert scenario.about.endswith(".")
        assert scenario.until is not None, name


@pytest.mark.parametrize(
    "text",
    [
        "title = ",
        "colour = 1",
        "[options]\nnonsense = 1",
        '[options]\nnulls = "perhaps"',
        '[[members]]\nnumber = 1\nkind = "alien"',
        "[[members]]\nheight = 3",
        '[[steps]]\nevent = "nap"',
        '[[steps]]\nat = "noon"\nevent = "nap"',
        '[[steps]]\nat = "+wake"\nevent = "nap"',
        '[[steps]]\nat = "+00:10"\nevent = "dance"',
        '[[steps]]\nat = "+00:10"\nfault = "fire"',
        '[[steps]]\nat = "+00:10"\nfault = "lose-webhooks"\nrate = 2',
        '[[steps]]\nat = "+00:10"\noptions = {seed = 2}',
        '[[steps]]\nat = "+00:10"',
    ],
)
def test_a_wrong_file_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(BadScenario, match="story"):
        read("story", text)


@pytest.mark.parametrize(
    ("text", "minutes", "days"), [("+01:30", 90, 0), ("+2d 00:10", 10, 2), ("07:45", 465, 0), ("2d wake-00:05", -5, 2)]
)
def test_times_in_words(text: str, minutes: int, days: int) -> None:
    assert (when(text).minutes, when(text).days) == (minutes, days)


def test_what_was_asked_for_otherwise_wins() -> None:
    storm = named("token-storm")
    assert with_scenario(Options(), storm).access_token_s == 60
    assert with_scenario(Options(access_token_s=7), storm).access_token_s == 7


class Tape:
    """Everything that an app gets to see: webhooks with their headers, and the bytes of the answers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name: request.headers[name] for name in ("x-whoop-signature", "x-whoop-signature-timestamp")}
        self.lines.append(f"{request.url} {sorted(headers.items())} {request.content!r}")
        return httpx2.Response(503 if len(self.lines) % 5 == 0 else 204)


async def played(name: str, tape: Tape) -> Sim:
    """A scenario from its start to its end, with two connected members who read everything at every stop."""
    sim = Sim(transport=httpx2.MockTransport(tape), webhook_url=HOOK, scenario=name, quota_minute=100_000, days=12, members=2)
    tokens = [await sim.connect(1), await sim.connect(2)]
    for _ in range(3):
        await walk_everything(sim, tokens, tape)
        await sim.control("POST", "/step", to="+04:00")
    await sim.control("POST", "/step", to="end")
    await walk_everything(sim, tokens, tape)
    return sim


async def walk_everything(sim: Sim, tokens: list[dict[str, Any]], tape: Tape) -> None:
    for nth, pair in enumerate(tokens):
        for resource, path in PATHS.items():
            page = await asked(sim, pair, f"{path}?limit=25", f"{PAGES[resource]}", tape)
            newest = (page or {}).get("records", [])[:1]
            for one, component in lookups(resource, newest):
                await asked(sim, pair, one, component, tape)
            if page and page.get("next_token"):
                await asked(sim, pair, f"{path}?limit=25&nextToken={page['next_token']}", PAGES[resource], tape)
        await asked(sim, pair, "/v2/user/profile/basic", "UserBasicProfile", tape)
        await asked(sim, pair, "/v2/user/measurement/body", "UserBodyMeasurement", tape)
        await sim.advance(61, webhooks=False)
        tokens[nth] = await refreshed(sim, pair)


def lookups(resource: str, records: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Paths of reads by id, each with its component of the contract."""
    for record in records:
        if resource == "recovery":
            yield f"/v2/cycle/{record['cycle_id']}/recovery", "Recovery"
            yield f"/v2/cycle/{record['cycle_id']}/sleep", "Sleep"
        else:
            yield f"{PATHS[resource]}/{record['id']}", resource.title()


async def asked(sim: Sim, pair: dict[str, Any], path: str, component: str, tape: Tape) -> dict[str, Any] | None:
    """A call whose answer is within the contract or plainly broken."""
    try:
        answer = await sim.http.get(f"/developer{path}", headers={"Authorization": f"Bearer {pair['access_token']}"})
    except httpx2.TransportError as error:
        tape.lines.append(f"{path} {type(error).__name__}")
        return None
    tape.lines.append(f"{path} {answer.status_code} {answer.content!r}")
    if answer.status_code != 200 or not answer.content:
        assert answer.status_code in (*BROKEN, 400, 200), path
        return None
    body = answer.json()
    if sim.world.options.nulls == "explicit":
        assert problems(component, body) == [], path
    return body


async def refreshed(sim: Sim, pair: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = await sim.refresh(pair.get("refresh_token", ""))
    except httpx2.TransportError:
        return pair
    return answer.json() if answer.status_code == 200 else pair


@pytest.mark.parametrize("name", names())
async def test_every_route_of_every_scenario_obeys_the_contract(name: str) -> None:
    tape = Tape()
    sim = await played(name, tape)
    shown = await sim.control("GET", "/scenario")
    assert shown["name"] == name
    assert shown["is_over"]
    assert all(step["is_done"] for step in shown["steps"])
    assert any(" 200 " in line for line in tape.lines)


@pytest.mark.parametrize("name", ["lost-webhooks", "forged-webhooks", "restless-records"])
async def test_the_same_seed_and_steps_give_the_same_bytes(name: str) -> None:
    one, two = Tape(), Tape()
    await played(name, one)
    await played(name, two)
    assert one.lines == two.lines
    assert any("x-whoop-signature" in line for line in one.lines)


async def test_they_are_listed_and_played_while_it_runs() -> None:
    sim = Sim()
    assert (await sim.control("GET", "/scenario")) is None
    listed = await sim.control("GET", "/scenarios")
    assert [each["name"] for each in listed] == list(names())
    assert not any(each["is_playing"] for each in listed)
    await sim.control("POST", "/scenario", name="lost-webhooks")
    await sim.control("POST", "/step", to="+00:01")
    assert len(await sim.control("GET", "/faults")) == 4
    await sim.control("POST", "/scenario", name="quota-noon")
    assert await sim.control("GET", "/faults") == []
    (playing,) = [each["name"] for each in await sim.control("GET", "/scenarios") if each["is_playing"]]
    assert playing == "quota-noon"
    answer = await sim.http.post("/control/scenario", json={"name": "nothing"}, headers=CONTROL)
    assert (answer.status_code, "good-morning" in json.loads(answer.content)["error"]) == (400, True)
