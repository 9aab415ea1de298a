"""The operator's page on the real server: a key made on the command line, members who connect while it is open, a worker beside it."""

import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.app.browsing import WIDE, assert_reachable, opened
from tests.e2e.processes import Cloud, Home, cloud, home, pointed_at, wait_for, wear


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Home, Cloud]]:
    with home(BACKFILL_DAYS="10", HOLD_DOWN="0", RATE_LIMIT_PER_MINUTE="1000") as place, cloud(place.url, "--quota-minute", "1000") as sim:
        place.environment |= pointed_at(sim)
        place.start()
        yield place, sim


def made_key(place: Home, scope: str) -> str:
    command = [wear(), "keys", "create", "--name", "operator", "--scope", scope]
    return subprocess.run(
        command, env=place.environment, cwd=place.folder.parent, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_an_operator_sees_members_arrive(running: tuple[Home, Cloud], browser: Browser) -> None:
    place, sim = running
    with opened(browser, base_url=place.url, viewport=WIDE) as page:
        page.goto("/ops")
        page.get_by_label("Service key").fill(made_key(place, "read"))
        page.get_by_role("button", name="Open operations").click()
        expect(page.get_by_role("alert")).to_contain_text("has not the scope ops")
        page.get_by_label("Service key").fill(made_key(place, "ops"))
        page.get_by_role("button", name="Open operations").click()
        expect(page.locator(".members .big")).to_have_text("0")
        place.connect("ann", sim.control.get("/control/members").json()[0]["user_id"], sim)
        expect(page.locator(".members .big")).to_have_text("1")
        expect(page.locator(".members")).to_contain_text("Current 1")
        expect(page.get_by_role("region", name="Why calls were made")).to_contain_text("People waiting")
        expect(page.get_by_role("region", name="Workers", exact=True)).to_contain_text("w-1")
        assert_reachable(page, "the real page")
        cookies = page.context.cookies()
        assert {(c.get("name"), c.get("httpOnly"), c.get("sameSite")) for c in cookies} == {("wearbase_ops", True, "Strict")}
        assert {c.get("path") for c in cookies} == {"/ops/session", "/api/v1/ops"}
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_the_server_stops_while_pages_are_open(running: tuple[Home, Cloud], browser: Browser) -> None:
    place, _ = running
    with opened(browser, base_url=place.url, viewport=WIDE) as page:
        page.goto("/ops")
        page.get_by_label("Service key").fill(made_key(place, "ops"))
        page.get_by_role("button", name="Open operations").click()
        expect(page.get_by_text("Live · updated")).to_be_visible()
        assert place.stop() == 0
        expect(page.get_by_text("Not live · last")).to_be_visible()
        place.start()
        wait_for(lambda: page.get_by_text("Live · updated").is_visible(), "the page is live again")
