"""While the page is open: numbers that change in place, history that fills in, asking a source, the keys and the touch that move a day."""

from collections.abc import Callable

from playwright.sync_api import Browser, Page, expect

from tests.e2e.app import canned
from tests.e2e.app.browsing import NOW, opened, records_kept
from tests.e2e.app.stand import Stand


def scored(stand: Stand) -> None:
    stand.today = canned.day()
    stand.send("day", {"provider": "whoop", "day": "2026-11-21", "revision": "2"})


def test_a_recovery_scored_while_the_page_is_open_appears_and_is_told_once(phone: Page, stand: Stand) -> None:
    stand.today = canned.pending()
    phone.goto("/app/")
    phone.get_by_text("Not yet scored").first.wait_for()
    stand.listened()
    card = phone.locator(".hero").bounding_box()
    phone.evaluate("window.isSamePage = true")
    scored(stand)
    expect(phone.locator(".hero .num-xl")).to_contain_text("72")
    expect(phone.locator("#spoken")).to_have_text("Recovery scored: 72, High")
    assert phone.evaluate("window.isSamePage") is True
    now = phone.locator(".hero").bounding_box()
    assert card is not None
    assert now is not None
    assert (card["x"], card["y"], card["width"]) == (now["x"], now["y"], now["width"])
    phone.evaluate("document.getElementById('spoken').textContent = ''")
    stand.today = canned.day(whoop={"recovery": canned.recovery(70.0)})
    stand.send("day", {"provider": "whoop", "day": "2026-11-21", "revision": "3"})
    expect(phone.locator(".hero .num-xl")).to_contain_text("70")
    assert "scored" not in phone.locator("#spoken").inner_text()


def test_a_changed_day_is_read_once(phone: Page, stand: Stand) -> None:
    phone.goto("/app/")
    phone.get_by_text("Within your usual 44–77.").wait_for()
    stand.listened()
    assert not stand.reads(), "the opening brought it"
    stand.today = canned.day(whoop={"recovery": canned.recovery(70.0)})
    stand.send("day", {"provider": "whoop", "day": "2026-11-21", "revision": "3"})
    expect(phone.locator(".hero .num-xl")).to_contain_text("70")
    assert len(stand.reads()) == 1


def test_what_changes_while_the_day_is_being_read_is_read_after_it(phone: Page, stand: Stand) -> None:
    phone.goto("/app/")
    phone.get_by_text("Within your usual 44–77.").wait_for()
    stand.listened()
    stand.slow_s["/day"] = 1.0
    stand.send("day", {"provider": "whoop", "day": "2026-11-21", "revision": "3"})
    stand.was_asked("GET /api/v1/app/mira/day")
    stand.send("day", {"provider": "whoop", "day": "2026-11-21", "revision": "4"})
    stand.slow_s.clear()
    stand.today = canned.day(whoop={"recovery": canned.recovery(70.0)})
    expect(phone.locator(".hero .num-xl")).to_contain_text("70")


def test_a_stream_that_fell_silent_is_opened_again_and_the_page_says_what_it_is_not(browser: Browser, stand: Stand) -> None:
    with opened(browser, base_url=stand.url) as page:
        page.clock.install(time=NOW)
        page.goto("/app/")
        page.get_by_text("Within your usual 44–77.").wait_for()
        stand.listened()
        stand.is_mute = True
        before = stand.streams_opened
        page.clock.fast_forward(40_000)
        for _ in range(200):
            if stand.streams_opened > before:
                break
            page.wait_for_timeout(20)
        assert stand.streams_opened == before + 1
        expect(page.locator(".notice")).to_have_count(0)
        page.clock.fast_forward(70_000)
        expect(page.locator(".notice")).to_contain_text("Not live just now")
        stand.is_mute = False
        stand.today = canned.day(whoop={"recovery": canned.recovery(70.0)})
        page.clock.fast_forward(40_000)
        expect(page.locator(".notice")).to_have_count(0)
        page.clock.fast_forward(2_000)
        expect(page.locator(".hero .num-xl")).to_contain_text("70")


def test_history_fills_in_with_the_counts_that_the_server_tells(phone: Page, stand: Stand) -> None:
    stand.today = canned.backfilling()
    phone.goto("/app/")
    bar = phone.get_by_role("progressbar", name="Bringing your history")
    expect(bar).to_have_attribute("aria-valuenow", "9")
    stand.listened()
    stand.send("sync", {"provider": "whoop", "resource": "sleep", "state": "running", "days_stored": 47, "calls": 11})
    expect(bar).to_have_attribute("aria-valuenow", "47")
    expect(phone.locator(".notice")).to_contain_text("47 of 90 days")
    expect(phone.locator(".notice")).to_contain_text("11 calls to WHOOP so far.")
    expect(phone.locator("#spoken")).to_have_text("Bringing your history: 50 percent")
    stand.today = canned.day()
    stand.send("day", {"provider": "whoop", "day": "2026-11-21", "revision": "9"})
    expect(phone.locator(".notice")).to_have_count(0)


def test_asking_now_says_that_it_syncs_until_the_answer_is_newer(phone: Page, stand: Stand) -> None:
    phone.goto("/app/")
    button = phone.get_by_role("button", name="Sync WHOOP now, synced 4 min ago")
    button.click()
    expect(phone.locator(".fresh")).to_contain_text("syncing…")
    stand.was_asked("POST /api/v1/whoop/sync/mira")
    newer = canned.source("whoop", 0, title="WHOOP")
    stand.today = canned.day(whoop={"last_sync": canned.rfc3339(canned.NOW)}, sources={"whoop": newer})
    expect(phone.locator(".fresh")).to_contain_text("synced just now")


def test_a_source_that_cannot_be_asked_says_so_and_the_day_stays(phone: Page, stand: Stand) -> None:
    stand.down["/sync/"] = 503
    phone.goto("/app/")
    phone.get_by_role("button", name="Sync WHOOP now").click()
    expect(phone.locator(".notice")).to_contain_text("WHOOP was not asked.")
    expect(phone.locator(".hero")).to_contain_text("72")


def test_the_arrows_move_a_day_and_stop_at_today(phone: Page, stand: Stand) -> None:
    phone.goto("/app/")
    phone.get_by_text("Within your usual 44–77.").wait_for()
    phone.keyboard.press("ArrowLeft")
    expect(phone.get_by_role("heading", level=1)).to_have_text("Fri 20 Nov")
    phone.keyboard.press("ArrowRight")
    expect(phone.get_by_role("heading", level=1)).to_have_text("Today")
    phone.keyboard.press("ArrowRight")
    expect(phone.get_by_role("heading", level=1)).to_have_text("Today")


def swipe(page: Page, start: tuple[int, int], end: tuple[int, int]) -> None:
    page.evaluate(
        """([from, to]) => {
            const box = document.querySelector(".movable");
            const touch = ([x, y]) => new Touch({ identifier: 1, target: box, clientX: x, clientY: y });
            const send = (name, at, ended) => box.dispatchEvent(new TouchEvent(name, {
                bubbles: true, touches: ended ? [] : [touch(at)], changedTouches: [touch(at)] }));
            send("touchstart", from);
            for (let n = 1; n <= 4; n += 1) send("touchmove", [from[0] + (to[0] - from[0]) * n / 4, from[1] + (to[1] - from[1]) * n / 4]);
            send("touchend", to, true);
        }""",
        [start, end],
    )


def test_a_swipe_moves_a_day_and_a_pull_syncs(phone: Page, stand: Stand) -> None:
    phone.goto("/app/")
    phone.get_by_text("Within your usual 44–77.").wait_for()
    swipe(phone, (100, 300), (260, 310))
    expect(phone.get_by_role("heading", level=1)).to_have_text("Fri 20 Nov")
    swipe(phone, (100, 300), (120, 420))
    expect(phone.get_by_role("heading", level=1)).to_have_text("Fri 20 Nov")
    expect(phone.locator(".fresh")).to_contain_text("syncing…")
    stand.was_asked("POST /api/v1/whoop/sync/mira")
    swipe(phone, (260, 300), (100, 310))
    expect(phone.get_by_role("heading", level=1)).to_have_text("Today")


def test_days_that_are_gone_on_the_server_do_not_stay_on_the_phone(phone: Page, stand: Stand) -> None:
    """Erased elsewhere, or kept no longer: of what the phone had kept only what is shown is read and kept again."""
    phone.goto("/app/")
    phone.get_by_text("Within your usual 44–77.").wait_for()
    wait_until(lambda: records_kept(phone) == 1, phone)
    phone.keyboard.press("ArrowLeft")
    wait_until(lambda: records_kept(phone) == 2, phone)
    phone.keyboard.press("ArrowRight")
    stand.listened()
    stand.send("day", {"provider": "whoop", "day": None, "revision": None})
    wait_until(lambda: records_kept(phone) == 1, phone)
    expect(phone.locator(".hero .num-xl")).to_contain_text("72")


def wait_until(is_so: Callable[[], bool], phone: Page) -> None:
    for _ in range(200):
        if is_so():
            return
        phone.wait_for_timeout(50)
    raise AssertionError("never so")
