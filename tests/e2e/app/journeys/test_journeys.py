"""What a member lives through with the app: real processes, a real browser, a simulated WHOOP whose clock is moved."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.app.browsing import opened, records_kept
from tests.e2e.app.journeys.world import World, consent, patiently, sign_in, world


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    with opened(browser) as page:
        yield page


def recovery(page: Page) -> str:
    return page.locator(".hero .num-xl").inner_text().split("\n")[0].strip(" %")


def score_of(here: World, account: int) -> str:
    score = here.newest(account, "recovery").get("score") or {}
    return str(round(score["recovery_score"])) if "recovery_score" in score else ""


def test_from_the_first_link_to_the_last_receipt(here: World, phone: Page) -> None:
    account = here.sim.account(1)
    connects(here, phone, account)
    sees_the_history_fill(here, phone)
    wakes_up(here, phone, account)
    goes_offline_and_back(phone)
    disconnects(here, phone)
    erases(here, phone)


def connects(here: World, phone: Page, account: int) -> None:
    sign_in(phone, here, "mira")
    phone.get_by_role("heading", name="Your days start when you connect.").wait_for()
    phone.get_by_role("button", name="Connect WHOOP").click()
    consent(phone, 1)
    expect(phone.locator(".notice")).to_contain_text("WHOOP is connected.")
    assert phone.url.endswith("/app/sources")
    phone.get_by_role("link", name="See today").click()
    patiently(phone, lambda: phone.locator(".hero .num-xl").count() and recovery(phone) == score_of(here, account), "today's recovery")


def sees_the_history_fill(here: World, phone: Page) -> None:
    """Without a reload."""
    phone.evaluate("window.isSamePage = true")
    expect(phone.locator(".hero .sentence")).to_contain_text(re.compile("(Within|Above|Below) your usual"), timeout=30_000)
    expect(phone.get_by_role("navigation", name="Days").get_by_role("link")).to_have_count(7)
    assert phone.evaluate("window.isSamePage")


def wakes_up(here: World, phone: Page, account: int) -> None:
    """The next morning, the app still open."""
    before = here.newest(account, "recovery")["cycle_id"]

    def is_scored() -> bool:
        return here.newest(account, "recovery")["cycle_id"] != before and score_of(here, account) != ""

    here.live_until(is_scored, phone)
    expect(phone.locator(".head")).to_contain_text("Saturday 21 November", timeout=20_000)
    patiently(phone, lambda: recovery(phone) == score_of(here, account), "this morning's recovery")
    assert phone.evaluate("window.isSamePage")


def goes_offline_and_back(phone: Page) -> None:
    patiently(phone, lambda: phone.evaluate("navigator.serviceWorker.controller !== null"), "a worker keeps the app")
    shown = recovery(phone)
    phone.context.set_offline(True)
    phone.reload()
    expect(phone.locator(".notice")).to_contain_text("You are offline.")
    assert recovery(phone) == shown
    expect(phone.locator("button.sync")).to_have_attribute("aria-disabled", "true")
    phone.context.set_offline(False)
    expect(phone.locator(".notice")).to_have_count(0)


def disconnects(here: World, phone: Page) -> None:
    phone.get_by_role("link", name="Sources").click()
    phone.get_by_role("button", name="Disconnect a source").click()
    phone.get_by_role("button", name="Disconnect and keep my days").click()
    expect(phone.locator(".toast")).to_contain_text("WHOOP is disconnected. Your days are kept.")
    assert here.place.status("mira")["state"] == "not_connected"
    assert here.place.status("mira")["days_stored"] > 35
    phone.get_by_role("button", name="Connect WHOOP").wait_for()
    phone.get_by_role("navigation", name="Main").get_by_role("link", name="Today").click()
    expect(phone.locator(".notice")).to_contain_text("WHOOP is disconnected")
    expect(phone.get_by_role("button", name="Connect WHOOP again")).to_be_visible()
    phone.get_by_role("link", name="Sources").click()


def erases(here: World, phone: Page) -> None:
    """A day after signing in it takes another link."""
    phone.get_by_role("button", name="Erase everything").click()
    phone.get_by_role("textbox").fill("erase")
    phone.get_by_role("textbox").press("Enter")
    expect(phone.get_by_role("alert")).to_contain_text("Nothing was erased.")
    assert here.place.status("mira")["days_stored"] > 35
    phone.goto(here.link("mira"))
    phone.get_by_role("button", name="Open my data as mira").click()
    phone.get_by_role("link", name="Sources").click()
    phone.get_by_role("button", name="Erase everything").click()
    phone.get_by_role("textbox").fill("erase")
    phone.get_by_role("textbox").press("Enter")
    phone.get_by_role("heading", name="Everything is erased.").wait_for()
    days = phone.locator(".receipt dd").first.inner_text()
    assert int(days) > 35
    assert here.place.status("mira")["days_stored"] == 0
    assert records_kept(phone) == 0
    phone.goto(f"{here.place.url}/app/")
    phone.get_by_role("heading", name=re.compile("sign|link", re.IGNORECASE)).wait_for()


def test_a_member_who_says_no_is_told_that_nothing_was_stored(here: World, phone: Page) -> None:
    sign_in(phone, here, "noah")
    phone.get_by_role("button", name="Connect WHOOP").click()
    phone.get_by_role("button", name="Do not allow").click()
    expect(phone.locator(".notice")).to_contain_text("WHOOP says you did not agree. Nothing was stored. You can try again.")
    phone.get_by_role("button", name="Connect WHOOP").wait_for()
    assert here.place.status("noah")["state"] == "not_connected"


def test_a_link_opens_once_and_not_after_ten_minutes(here: World, browser: Browser, phone: Page) -> None:
    url = here.link("olga")
    phone.clock.install(time=here.now)
    phone.goto(url)
    phone.get_by_role("button", name="Open my data as olga").click()
    phone.get_by_role("heading", name="Your days start when you connect.").wait_for()
    with opened(browser) as other:
        other.goto(url)
        other.get_by_role("heading", name="This link was used already.").wait_for()
        late = here.link("olga")
        here.leap(minutes=11)
        other.goto(late)
        other.get_by_role("heading", name="This link is too old.").wait_for()
        other.goto(f"{here.place.url}/app/sign-in#not-a-link")
        other.get_by_role("heading", name="This link is not known here.").wait_for()


def test_one_member_reaches_nothing_of_another(here: World, phone: Page) -> None:
    here.place.connect("petra", here.sim.account(2), here.sim)
    sign_in(phone, here, "quentin")
    phone.get_by_role("heading", name="Your days start when you connect.").wait_for()
    paths = [
        "app/petra/day", "app/petra/month?month=2026-11", "app/petra/workouts", "health/sources/petra", "stream/petra",
        "users/petra/export", "trends/petra?metric=strain&start=2026-11-01&end=2026-11-02", "whoop/daily-data/petra",
        "users/petra/preferences",
    ]  # fmt: skip
    ask = "async (path) => (await fetch(`/api/v1/${path}`)).status"
    assert {path: phone.evaluate(ask, path) for path in paths} == dict.fromkeys(paths, 403)
    erase = (
        "async () => (await fetch('/api/v1/users/petra', {method: 'DELETE', body: JSON.stringify({confirm: 'petra'}), "
        "headers: {'X-Wearbase': 'app', 'Content-Type': 'application/json'}})).status"
    )
    assert phone.evaluate(erase) == 403
    assert here.place.status("petra")["state"] != "not_connected"
