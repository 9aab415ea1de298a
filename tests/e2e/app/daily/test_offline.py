"""Without a network, with a newer version on the server, without room, and after signing out."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.app import canned, canned_trends
from tests.e2e.app.browsing import NOW, assert_reachable, opened, records_kept
from tests.e2e.app.stand import Stand, standing
from wearbase.web.app_files import FOLDER, AppFiles

LATER = "2026-11-21T20:40:00Z"
NEXT_DAY = "2026-11-22T06:00:00Z"


@pytest.fixture
def visited(phone: Page, stand: Stand) -> Page:
    """A page that has shown today once and whose files are on the phone."""
    phone.goto("/app/")
    phone.get_by_text("Within your usual 44–77.").wait_for()
    kept(phone)
    return phone


KEPT = """async ([name, count]) => {
    if (!navigator.serviceWorker?.controller) return false;
    const asked = indexedDB.open("wearbase");
    const ended = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = reject;
    });
    const base = await ended(asked);
    const keys = base.objectStoreNames.contains(name) ? await ended(base.transaction(name).objectStore(name).getAllKeys()) : [];
    base.close();
    return keys.length >= count;
}"""


# What has become of a newer worker, once it is installed or is not.
UPDATED = """async () => {
    const found = await navigator.serviceWorker.getRegistration();
    await found.update().catch(() => {});
    const newer = found.installing;
    if (newer) await new Promise((resolve) => newer.addEventListener("statechange", resolve, { once: true }));
    return newer ? newer.state : found.waiting ? "waiting" : "redundant";
}"""


def kept(page: Page, name: str = "days", *, count: int = 1) -> None:
    """Returns once the worker has the files and the phone has the days. (The policy forbids Playwright's own waiting for a function.)"""
    for _ in range(200):
        if page.evaluate(KEPT, [name, count]):
            return
        page.wait_for_timeout(50)
    raise AssertionError("nothing is kept")


def test_the_app_opens_without_a_network_and_says_how_old_the_day_is(visited: Page, stand: Stand) -> None:
    visited.context.set_offline(True)
    visited.clock.set_fixed_time(LATER)
    visited.reload()
    expect(visited.locator(".notice")).to_contain_text("You are offline. This is today as it was at 07:24.")
    expect(visited.locator(".hero .num-xl")).to_contain_text("72")
    expect(visited.get_by_role("link", name="Strain")).to_contain_text("So far at 07:24")
    assert visited.get_by_role("button", name="Offline: sync works again with a connection").get_attribute("aria-disabled") == "true"
    assert_reachable(visited, "offline")
    visited.get_by_role("link", name="Sleep", exact=True).click()
    expect(visited.get_by_role("heading", name="How the need adds up")).to_be_visible()
    visited.goto("/app/?date=2026-11-16")
    expect(visited.get_by_role("heading", name="Not on this phone")).to_be_visible()
    assert_reachable(visited, "not on this phone")


def test_a_kept_day_stays_while_the_server_fails_and_the_next_morning_stands_under_its_own_date(visited: Page, stand: Stand) -> None:
    stand.down["/day"] = 500
    visited.reload()
    expect(visited.locator(".notice")).to_contain_text("This could not be refreshed. This is today as it was at 07:24.")
    expect(visited.locator(".hero")).to_contain_text("we will know once the server answers.")
    assert visited.get_by_role("alert").count() == 0
    stand.down.clear()
    visited.get_by_role("button", name="Try again").click()
    expect(visited.locator(".notice")).to_have_count(0)
    visited.context.set_offline(True)
    visited.clock.set_fixed_time(NEXT_DAY)
    visited.reload()
    expect(visited.get_by_role("heading", level=1)).to_have_text("Sat 21 Nov")
    expect(visited.locator(".choose")).to_have_text("Last synced day")
    expect(visited.locator(".notice")).to_contain_text("This is the newest day on this phone, as it was yesterday at 07:24.")
    expect(visited.locator(".after-cards").last).to_contain_text("1 day is stored on this phone.")
    stand.today = canned.day(date="2026-11-22", today="2026-11-22", server_time=NEXT_DAY)
    visited.context.set_offline(False)
    expect(visited.get_by_role("heading", level=1)).to_have_text("Today")
    expect(visited.locator(".notice")).to_have_count(0)


def test_signing_out_leaves_nothing_of_the_member_on_the_phone(visited: Page, stand: Stand) -> None:
    stand.session = None
    visited.goto("/app/sleep")
    visited.wait_for_url("**/app/sign-in")
    left = visited.evaluate("({ user: localStorage.getItem('user'), session: sessionStorage.length, text: document.body.innerText })")
    assert (records_kept(visited), left["user"], left["session"]) == (0, None, 0)
    assert "72" not in left["text"]
    assert visited.evaluate("caches.keys()"), "the app's own files stay: it opens without a network for whoever signs in next"


def test_what_is_anybodys_data_never_goes_into_a_cache(visited: Page, stand: Stand) -> None:
    held = visited.evaluate(
        """async () => (await Promise.all((await caches.keys()).map(async (name) =>
            (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)))).flat()"""
    )
    assert {"/app/", f"/app/v/{stand.files.now().version}/js/pages/sleep.js"} <= set(held)
    assert not [path for path in held if not (path == "/app/" or path.startswith(f"/app/v/{stand.files.now().version}/"))]


def test_a_phone_without_room_says_so_once_and_shows_the_day(phone: Page, stand: Stand) -> None:
    phone.add_init_script("""IDBObjectStore.prototype.put = () => { throw new DOMException("No room.", "QuotaExceededError"); };""")
    phone.goto("/app/")
    expect(phone.locator(".notice")).to_contain_text("This phone has no room to keep days for offline.")
    expect(phone.locator(".hero")).to_contain_text("72")
    phone.get_by_role("button", name="Dismiss").click()
    expect(phone.locator(".notice")).to_have_count(0)


def test_a_clock_that_is_wrong_is_told_and_ages_are_the_servers(phone: Page, stand: Stand) -> None:
    phone.clock.set_fixed_time("2026-11-21T09:24:00Z")
    phone.goto("/app/")
    expect(phone.locator(".notice")).to_contain_text("This phone’s clock is 3 h off.")
    expect(phone.locator(".fresh")).to_contain_text("synced 4 min ago")


@pytest.fixture
def changing(tmp_path: Path) -> Iterator[tuple[Stand, Path]]:
    """A server whose files change."""
    folder = tmp_path / "app"
    shutil.copytree(FOLDER, folder)
    with standing(files=AppFiles(folder, look_every_s=0)) as stand:
        yield stand, folder


def test_a_newer_version_waits_until_it_is_asked_for(browser: Browser, changing: tuple[Stand, Path]) -> None:
    stand, folder = changing
    with opened(browser, base_url=stand.url) as page:
        page.clock.set_fixed_time(NOW)
        page.goto("/app/")
        page.get_by_text("Within your usual 44–77.").wait_for()
        kept(page)
        words = folder / "js/words.js"
        words.write_text(words.read_text().replace('vitals: "Vitals"', 'vitals: "Vital signs"'))
        page.evaluate("window.isSamePage = true; navigator.serviceWorker.getRegistration().then((found) => found.update())")
        expect(page.locator(".notice")).to_contain_text("A newer version is ready.")
        assert page.evaluate("window.isSamePage") is True
        expect(page.get_by_role("heading", name="Vitals")).to_be_visible()
        page.get_by_role("link", name="Sleep", exact=True).click()  # of the old version, which only the phone has
        expect(page.get_by_role("heading", name="How the need adds up")).to_be_visible()
        page.get_by_role("link", name="Today", exact=True).click()
        page.get_by_role("button", name="Update").click()
        expect(page.get_by_role("heading", name="Vital signs")).to_be_visible()
        assert page.evaluate("window.isSamePage") is None
        expect(page.locator(".notice")).to_have_count(0)
        assert len(page.evaluate("caches.keys()")) == 1


def test_a_version_that_is_not_whole_is_not_used(browser: Browser, changing: tuple[Stand, Path]) -> None:
    stand, folder = changing
    worker = folder / "sw.js"
    with opened(browser, base_url=stand.url) as page:
        page.clock.set_fixed_time(NOW)
        page.goto("/app/")
        kept(page)
        worker.write_text(worker.read_text().replace('"__FILES__"', '"js/missing.js __FILES__"'))
        assert page.evaluate(UPDATED) == "redundant"
        expect(page.locator(".notice")).to_have_count(0)
        page.reload()
        expect(page.locator(".hero")).to_contain_text("72")


def test_a_trend_that_was_seen_is_there_without_a_network_with_its_age(visited: Page, stand: Stand) -> None:
    stand.also.append(canned_trends.answers)
    visited.goto("/app/trends")
    visited.get_by_role("slider").nth(1).locator("svg").wait_for()
    kept(visited, "trends", count=2)
    visited.context.set_offline(True)
    visited.clock.set_fixed_time(LATER)
    visited.reload()
    slider = visited.get_by_role("slider").first
    expect(slider).to_have_attribute("aria-valuetext", re.compile("Saturday 21 November, HRV 75 ms"))
    expect(visited.get_by_text("Loaded 14 h ago.").first).to_be_visible()
    assert_reachable(visited, "a kept trend")


def test_the_members_theme_is_shown_on_every_device(phone: Page, stand: Stand) -> None:
    stand.preferences["display"] = {"theme": "light"}
    phone.emulate_media(color_scheme="dark")
    phone.goto("/app/about")
    expect(phone.locator("html")).to_have_attribute("data-theme", "light")
    phone.get_by_role("radio", name="System").click()
    stand.was_asked("PUT /api/v1/users/mira/preferences")
    expect(phone.locator("html")).not_to_have_attribute("data-theme", "light")
