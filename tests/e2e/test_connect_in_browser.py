"""A person connects WHOOP in a real browser: WHOOP's consent page, our question, done."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

from tests.e2e.processes import Cloud, Home, cloud, home, pointed_at, wait_for


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Home, Cloud]]:
    with home(BACKFILL_DAYS="30", HOLD_DOWN="0", RATE_LIMIT_PER_MINUTE="1000") as place, cloud(place.url, "--quota-minute", "1000") as sim:
        place.environment |= pointed_at(sim)
        place.start()
        yield place, sim


@pytest.fixture
def browser_page(chromium_path: Path, chromium_args: list[str]) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium_path), args=chromium_args)
        yield browser.new_context(viewport={"width": 360, "height": 800}).new_page()
        browser.close()


def start(place: Home, user_id: str) -> str:
    with place.api as api:
        return api.post(f"/api/v1/whoop/connect/{user_id}").json()["authorization_url"]


def test_a_member_connects_and_their_data_arrives(running: tuple[Home, Cloud], browser_page: Page) -> None:
    place, _ = running
    browser_page.goto(start(place, "ann"))
    browser_page.get_by_role("combobox").select_option(index=0)
    browser_page.get_by_role("button", name="Allow", exact=True).click()
    browser_page.get_by_role("heading", name="Connect WHOOP?").wait_for()
    assert "ann" in browser_page.locator("dl").inner_text()
    assert Axe().run(browser_page).violations_count == 0
    assert browser_page.evaluate("document.documentElement.scrollWidth") <= 360
    browser_page.get_by_role("button", name="Connect my WHOOP data").click()
    browser_page.get_by_role("heading", name="Connected").wait_for()
    assert Axe().run(browser_page).violations_count == 0
    wait_for(lambda: place.status("ann")["resources"]["cycle"]["last_success_at"], "today is stored")


def test_a_member_who_says_no_is_not_connected(running: tuple[Home, Cloud], browser_page: Page) -> None:
    place, _ = running
    browser_page.goto(start(place, "bob"))
    browser_page.get_by_role("button", name="Do not allow").click()
    browser_page.get_by_role("heading", name="Not connected").wait_for()
    assert place.status("bob")["state"] == "not_connected"


def test_a_member_who_cancels_our_question_is_not_connected(running: tuple[Home, Cloud], browser_page: Page) -> None:
    place, _ = running
    browser_page.goto(start(place, "cleo"))
    browser_page.get_by_role("combobox").select_option(index=2)
    browser_page.get_by_role("button", name="Allow", exact=True).click()
    browser_page.get_by_role("button", name="Cancel").click()
    browser_page.get_by_role("heading", name="Not connected").wait_for()
    assert place.status("cleo")["state"] == "not_connected"
    browser_page.go_back()  # the page is not kept, so it is asked for again
    browser_page.get_by_role("heading", name="This link no longer works").wait_for()
