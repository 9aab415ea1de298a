"""The simulator's page in a real browser: what happens is seen while it happens, and what is pressed happens."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from wearbase_sim.testing import Simulator, whoop_server

NOW = "2026-11-21T15:00:00Z"


class App(ThreadingHTTPServer):
    """An app's webhook endpoint; it answers what `status` says."""

    daemon_threads = True
    status = 204

    def finish_request(self, request: Any, client_address: Any) -> None:
        _Answer(self, request, client_address)


class _Answer(BaseHTTPRequestHandler):
    def __init__(self, app: App, request: Any, client_address: Any) -> None:
        self.app = app
        super().__init__(request, client_address, app)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.app.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


@contextmanager
def receiver() -> Iterator[App]:
    app = App(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=app.serve_forever, args=(0.05,), daemon=True).start()
    yield app
    app.shutdown()
    app.server_close()


@pytest.fixture(scope="module")
def browser(chromium_path: Path, chromium_args: list[str]) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=chromium_args)
        yield browser
        browser.close()


@pytest.fixture
def app() -> Iterator[App]:
    with receiver() as app:
        yield app


@pytest.fixture
def sim(app: App) -> Iterator[Simulator]:
    with whoop_server(now=NOW, members=4, webhook_url=(f"http://127.0.0.1:{app.server_port}/hook",)) as sim:
        yield sim


@pytest.fixture
def page(browser: Browser, sim: Simulator) -> Iterator[Page]:
    """The page, opened by its link; nothing may be logged as an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.goto(sim.page_url())
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    yield page
    context.close()
    assert [text for text in troubles if "409" not in text] == []  # a 409 is an answer: this cannot happen now


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def delivery(page: Page, nth: int = 0) -> str:
    return page.locator("#deliveries tr").nth(nth).inner_text()


def test_what_is_pressed_is_seen(page: Page, sim: Simulator) -> None:
    press(page, "Finish a workout")
    expect(page.get_by_role("status")).to_have_text("Workout finished. No webhook: Robin Example is not connected.")
    press(page, "Connect")
    expect(page.locator("#chosen-grant")).to_contain_text("6 scopes + offline")
    press(page, "Finish a workout")
    row = page.locator("#deliveries tr").first
    expect(row).to_contain_text("workout.updated")
    expect(row).to_contain_text("204")
    expect(row).to_contain_text("done")
    expect(page.get_by_role("status")).to_have_text("Workout finished. 1 webhook sent.")
    assert [each.type for each in sim.deliveries()] == ["workout.updated"]


def test_calls_appear_with_what_is_left(page: Page, sim: Simulator) -> None:
    token = sim.connect(1)
    httpx2.get(f"{sim.api_url}/v2/recovery?limit=3", headers=token.headers)
    row = page.locator("#calls tr").first
    expect(row).to_contain_text("GET /v2/recovery?limit=3")
    for text in ("200", "99", "3 records"):
        expect(row).to_contain_text(text)
    expect(page.locator("#quota")).to_contain_text("minute 99 of 100 left")
    httpx2.get(f"{sim.api_url}/v2/recoveries", headers=token.headers)
    expect(page.locator("#calls tr").first).to_contain_text("no such route")
    httpx2.get(f"{sim.api_url}/v2/cycle")
    expect(page.locator("#calls tr").first).to_contain_text("401")
    expect(page.locator("#calls tr")).to_have_count(3)


def test_a_failing_webhook_is_retried_before_ones_eyes(page: Page, sim: Simulator, app: App) -> None:
    sim.connect(1)
    app.status = 503
    press(page, "Finish a workout")
    row = page.locator("#deliveries tr").first
    expect(row).to_contain_text("503")
    expect(row).to_contain_text("2 of 6 in 1 min")
    expect(row.get_by_role("img", name="1 failed, 5 to come")).to_be_visible()
    press(page, "+ 15 min")
    expect(row).to_contain_text("after 1, 4, 10 min")
    expect(row).to_contain_text("5 of 6 in 5 min")
    app.status = 204
    press(page, "+ 15 min")
    expect(row).to_contain_text("done")
    expect(row.get_by_role("img", name="1 answered, 4 failed")).to_be_visible()


def test_the_clock_steps_to_the_next_morning(page: Page, sim: Simulator) -> None:
    sim.connect(1)
    before = page.locator("#now").inner_text()
    newest = sim.truth(1, "sleep")[0]["id"]
    press(page, "To next morning")
    expect(page.locator("#now")).to_contain_text("Sun 22 Nov 2026")
    assert page.locator("#now").inner_text() != before
    expect(page.locator("#deliveries")).to_contain_text("recovery.updated")
    expect(page.locator("#deliveries")).to_contain_text("sleep.updated")
    assert sim.truth(1, "sleep")[0]["id"] != newest
    expect(page.locator("#lanes svg")).to_have_attribute("aria-label", re.compile(r"Sun 22 Nov: recovery \d+, (Low|Moderate|High)"))


def test_the_clock_runs_at_the_chosen_speed(page: Page) -> None:
    before = page.locator("#now").inner_text()
    page.get_by_role("radio", name="600 ×").check(force=True)
    expect(page.locator("#pace")).to_have_text("running · 600 ×")
    expect(page.locator("#now")).not_to_have_text(before)
    page.get_by_role("radio", name="Stopped").check(force=True)
    expect(page.locator("#pace")).to_have_text("stopped · stepped by hand")


def test_another_member_is_chosen_and_stays_chosen(page: Page) -> None:
    page.get_by_role("button", name=re.compile("Kim Example")).click()
    expect(page.locator("#chosen-title")).to_have_text("Kim Example")
    page.reload()
    expect(page.locator("#chosen-title")).to_have_text("Kim Example")
    expect(page.get_by_role("button", name=re.compile("Kim Example"))).to_have_attribute("aria-current", "true")


def test_disconnecting_kills_the_tokens(page: Page, sim: Simulator) -> None:
    token = sim.connect(1)
    press(page, "Disconnect")
    expect(page.locator("#chosen-grant")).to_contain_text("disconnected")
    assert httpx2.get(f"{sim.api_url}/v2/cycle", headers=token.headers).status_code == 401
    expect(page.get_by_role("button", name="Connect", exact=True)).to_be_visible()


def test_what_is_impossible_is_said(page: Page) -> None:
    press(page, "Bring night back")
    expect(page.get_by_role("alert").filter(has_text="deleted")).to_have_text("Nothing has been deleted")
    press(page, "Delete night")
    expect(page.locator("#trouble")).to_be_hidden()


def test_deliveries_can_be_sent_again(page: Page, sim: Simulator) -> None:
    sim.connect(1)
    sim.fault(route="webhook", kind="drop")
    press(page, "Finish a workout")
    row = page.locator("#deliveries tr").first
    expect(row).to_contain_text("lost on purpose")
    press(page, "Send workout.updated again")
    expect(row).to_contain_text("done")


def test_it_works_by_keyboard(page: Page, sim: Simulator) -> None:
    sim.connect(1)
    page.get_by_role("button", name="Take a nap").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#deliveries tr").first).to_contain_text("sleep.updated")
    expect(page.get_by_role("button", name="Take a nap")).to_be_focused()
    page.get_by_role("radio", name="Stopped").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#pace")).to_have_text("running · real time")


def test_a_simulator_that_was_started_anew_asks_again(browser: Browser) -> None:
    page = browser.new_page()
    with whoop_server() as sim:
        port = int(sim.url.rpartition(":")[2])
        page.goto(sim.page_url())
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    with whoop_server(port=port) as sim:
        expect(page.get_by_role("alert").filter(has_text="started anew")).to_be_visible(timeout=15_000)
        page.get_by_label("control token").fill("wrong")
        press(page, "Open the page")
        expect(page.get_by_role("alert").filter(has_text="neither")).to_be_visible()
        page.get_by_label("control token").fill(sim.options.control_token)
        press(page, "Open the page")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.close()


def test_the_link_leaves_nothing_in_the_address(page: Page, sim: Simulator) -> None:
    assert page.url == f"{sim.url}/"
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_faults_are_switched_on_and_off(page: Page, sim: Simulator) -> None:
    switch = page.get_by_role("switch", name="Answer 5xx")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    assert httpx2.get(f"{sim.api_url}/v2/cycle", headers=sim.connect(1).headers).status_code == 503
    expect(page.locator("#calls tr").first).to_contain_text("503")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    assert sim.faults() == []
    page.get_by_role("switch", name="Lose webhooks").click()
    expect(page.locator("#faults li").first).to_contain_text("5 %")
    assert [(fault["name"], fault["rate"]) for fault in sim.faults()] == [("lose-webhooks", 0.05)]


def test_every_fault_has_a_switch_for_one_member_at_a_rate(page: Page, sim: Simulator) -> None:
    page.get_by_text("All faults").click()
    page.get_by_label("Of all times").select_option("20 %")
    page.get_by_label("only for the chosen member").check()
    page.get_by_role("switch", name="late-webhooks").click()
    expect(page.get_by_role("switch", name="late-webhooks")).to_have_attribute("aria-checked", "true")
    (fault,) = sim.faults()
    assert (fault["name"], fault["rate"], fault["user_id"]) == ("late-webhooks", 0.2, 20_000_001)
    known = sim.control("GET", "/faults/names")["named"]
    expect(page.get_by_role("switch")).to_have_count(len(known))


def test_a_scenario_is_run(page: Page, sim: Simulator) -> None:
    page.get_by_role("button", name="Run good-morning").click()
    expect(page.locator("#origin")).to_contain_text("good-morning")
    expect(page.get_by_role("switch", name="Pending first")).to_have_attribute("aria-checked", "true")
    assert sim.control("GET", "/scenario")["name"] == "good-morning"


def test_a_member_is_added(page: Page, sim: Simulator) -> None:
    before = len(sim.members())
    press(page, "Add a member")
    expect(page.locator("#members li")).to_have_count(before + 1)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing(browser: Browser, sim: Simulator, theme: str, width: int) -> None:
    token = sim.connect(1)
    httpx2.get(f"{sim.api_url}/v2/cycle", headers=token.headers)
    httpx2.get(f"{sim.api_url}/v2/cycle")
    sim.event(1, "workout")
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(sim.page_url())
    expect(page.locator("#deliveries tr")).to_have_count(1)
    page.get_by_text("All faults").click()
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_axe_finds_nothing_at_the_door(browser: Browser, sim: Simulator) -> None:
    page = browser.new_page()
    page.goto(sim.url)
    expect(page.get_by_role("heading", name="Who may come in")).to_be_visible()
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    page.close()
