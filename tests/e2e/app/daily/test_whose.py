"""Whose data is on the screen: sessions that end or change elsewhere, two tabs, and a browser that can keep nothing."""

from playwright.sync_api import Page, expect

from tests.e2e.app import canned
from tests.e2e.app.browsing import NOW, records_kept
from tests.e2e.app.canned_sources import Sources
from tests.e2e.app.stand import Stand

SCORED = "Within your usual 44–77."


def stored(page: Page) -> None:
    """Returns once the day is on the phone, and the app's files, too."""
    for _ in range(200):
        if records_kept(page) and page.evaluate("Boolean(navigator.serviceWorker.controller)"):
            return
        page.wait_for_timeout(20)
    raise AssertionError("nothing is kept")


def test_a_page_that_is_open_leaves_when_its_stream_is_refused(phone: Page, stand: Stand) -> None:
    phone.route("**/api/v1/stream/*", lambda route: route.fulfill(status=401, body="{}"))
    phone.goto("/app/")
    phone.get_by_text(SCORED).wait_for()
    stand.session = None
    phone.wait_for_url("**/app/sign-in")
    assert "72" not in phone.locator("body").inner_text()


def test_signing_out_in_one_tab_ends_the_other_and_the_next_sign_in_works(phone: Page, stand: Stand) -> None:
    phone.goto("/app/")
    phone.get_by_text(SCORED).wait_for()
    second = phone.context.new_page()
    second.clock.set_fixed_time(NOW)
    second.goto("/app/about")
    second.get_by_role("button", name="Sign out", exact=True).click()
    second.wait_for_url("**/app/sign-in")
    phone.wait_for_url("**/app/sign-in")
    second.goto("/app/")
    expect(second.locator(".hero")).to_contain_text("72")


def test_who_signs_in_again_after_signing_out_has_their_day_without_a_network(phone: Page, stand: Stand) -> None:
    phone.goto("/app/")
    phone.get_by_text(SCORED).wait_for()
    stored(phone)
    phone.goto("/app/about")
    phone.get_by_role("button", name="Sign out", exact=True).click()
    phone.wait_for_url("**/app/sign-in")
    assert records_kept(phone) == 0
    stand.also.append(Sources())
    phone.goto("/app/sign-in#the-link")
    phone.get_by_role("button", name="Open my data as mira").click()
    phone.get_by_text(SCORED).wait_for()
    stored(phone)
    phone.context.set_offline(True)
    phone.reload()
    expect(phone.locator(".notice")).to_contain_text("You are offline.")
    expect(phone.locator(".hero .num-xl")).to_contain_text("72")


def test_a_browser_in_which_nobody_is_signed_in_is_told_of_no_error(phone: Page, stand: Stand) -> None:
    stand.session = None
    said: list[str] = []
    phone.on("console", lambda message: said.append(message.text))
    phone.goto("/app/")
    phone.get_by_role("heading", name="You were signed out.").wait_for()
    assert stand.asked == ["GET /app/opening"], "asked once, by the page itself"
    assert said == []


def test_what_is_refused_because_somebody_else_signed_in_shows_their_days(phone: Page, stand: Stand) -> None:
    phone.goto("/app/")
    phone.get_by_text(SCORED).wait_for()
    phone.clock.set_fixed_time("2026-11-21T06:25:00Z")
    stand.session = canned.session(user_id="sam")
    stand.today = canned.day(whoop={"recovery": canned.recovery(41.0)})
    stand.down[f"/app/{canned.USER}/day"] = (403, "forbidden")
    stand.listened()
    stand.send("day", {"provider": "whoop", "day": "2026-11-21", "revision": "9"})
    expect(phone.locator(".hero .num-xl")).to_contain_text("41")
    assert phone.evaluate("localStorage.getItem('user')") == "sam"


def test_without_caches_and_indexed_db_everything_else_works(phone: Page, stand: Stand) -> None:
    phone.add_init_script("delete globalThis.caches; Object.defineProperty(globalThis, 'indexedDB', { value: undefined });")
    phone.goto("/app/")
    phone.get_by_text(SCORED).wait_for()
    stand.session = None
    phone.reload()
    phone.wait_for_url("**/app/sign-in")
    expect(phone.get_by_role("heading", level=1)).to_be_visible()


def test_a_date_that_no_calendar_has_shows_today(phone: Page, stand: Stand) -> None:
    for date in ("9999-99-99", "2026-02-31"):
        phone.goto(f"/app/?date={date}")
        expect(phone.get_by_role("heading", level=1)).to_have_text("Today")
        expect(phone.locator(".hero")).to_contain_text("72")


def test_the_clock_is_saved_where_the_server_keeps_it_and_a_refusal_is_no_missing_server(phone: Page, stand: Stand) -> None:
    stand.preferences["display"] = {"theme": "dark"}
    phone.goto("/app/about")
    with phone.expect_request(lambda asked: asked.method == "PUT") as put:
        phone.get_by_role("radio", name="12 h").check()
    sent = put.value.post_data_json
    assert sent == {"precedence": {}, "units": {}, "display": {"theme": "dark", "clock": "12h"}}
    stand.down["PUT /api/v1/users"] = (422, "invalid")
    phone.get_by_role("radio", name="24 h").check()
    expect(phone.get_by_text("the server did not take it")).to_be_visible()


def test_stored_units_hold_after_a_reload(phone: Page, stand: Stand) -> None:
    phone.goto("/app/")
    phone.get_by_text(SCORED).wait_for()
    stand.slow_s["/opening"] = 0.5  # after the page was drawn from this phone
    stand.preferences["units"] = {"temperature": "f"}
    phone.reload()
    expect(phone.locator(".vital").filter(has_text="°F")).to_have_count(1)


def test_a_tab_that_nobody_looks_at_does_not_listen(phone: Page, stand: Stand) -> None:
    hide = """(isHidden) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    phone.goto("/app/")
    phone.get_by_text(SCORED).wait_for()
    stand.listened()
    phone.evaluate(hide, True)
    for _ in range(100):
        stand.send("heartbeat", {})  # a stream is found to be closed when something is sent
        if not stand._streams:
            break
        phone.wait_for_timeout(50)
    assert not stand._streams
    phone.evaluate(hide, False)
    stand.listened()


def test_our_own_limit_is_not_told_as_a_turn_with_the_source(phone: Page, stand: Stand) -> None:
    stand.down["/sync/"] = (429, "too_many_requests")
    phone.goto("/app/")
    phone.get_by_role("button", name="Sync WHOOP now").click()
    expect(phone.locator(".notice")).to_contain_text("was asked a moment ago")
