"""Sources, sign-in and About: every state reachable, and what each button does."""

import json
import zipfile
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.app import canned
from tests.e2e.app.browsing import assert_reachable, records_kept
from tests.e2e.app.canned_sources import Sources, absent, ended, resource, source, sources
from tests.e2e.app.stand import Stand


@pytest.fixture
def server(stand: Stand) -> Sources:
    answers = Sources()
    stand.also.append(answers)
    return answers


def shown(page: Page, path: str = "/app/sources") -> None:
    page.goto(path)
    page.get_by_role("heading", name="WHOOP").wait_for()


def test_a_connected_source_says_what_came_when(phone: Page, server: Sources) -> None:
    shown(phone)
    card = phone.get_by_role("region", name="WHOOP")
    expect(card).to_contain_text("Connected")
    expect(card).to_contain_text("Last success just now, at 07:24")
    assert card.locator("tbody tr").first.inner_text().split("\t") == ["Recovery", "07:24", "377"]
    expect(phone.get_by_text("You agreed to WHOOP on 3 Mar 2025")).to_be_visible()
    assert_reachable(phone, "sources")


def test_what_needs_reconnecting_keeps_its_days_and_has_one_button(phone: Page, server: Sources) -> None:
    server.sources = sources(whoop=ended("whoop"))
    shown(phone)
    card = phone.get_by_role("region", name="WHOOP")
    expect(card).to_contain_text(
        "WHOOP ended our access on 19 Nov at 23:02. Your 381 stored days are kept and shown. Nothing new arrives until you reconnect."
    )
    with phone.expect_request("**/connect/**") as asked:
        phone.route("**/consent", lambda route: route.fulfill(body="WHOOP's page"))
        card.get_by_role("button", name="Reconnect WHOOP").click()
    phone.wait_for_url("**/consent")
    assert asked.value.headers["x-wearbase"] == "app"
    assert asked.value.url.endswith("%2Fapp%2Fsources")


def test_a_source_without_an_app_or_without_a_join_says_so(phone: Page, server: Sources) -> None:
    server.sources = sources(whoop=absent("whoop", is_available=False), sahha=absent("sahha"))
    shown(phone)
    expect(phone.get_by_role("region", name="WHOOP")).to_contain_text("This server has no WHOOP app yet. Ask whoever runs it.")
    assert phone.get_by_role("button", name="Connect WHOOP").count() == 0
    expect(phone.get_by_role("region", name="Sahha")).to_contain_text("Sahha is joined at once")
    assert_reachable(phone, "no source")


def test_joining_by_account_leads_nowhere_and_shows_the_source_connected(phone: Page, stand: Stand, server: Sources) -> None:
    server.sources = sources(sahha=absent("sahha"))
    shown(phone)

    def joined(path: str, query: dict[str, str], method: str) -> Any:
        if "/sahha/connect/" not in path:
            return None
        server.sources = sources(sahha=source("sahha"))
        return {"user_id": canned.USER, "connected": True, "authorization_url": None}

    stand.also.insert(0, joined)
    phone.get_by_role("button", name="Connect Sahha").click()
    expect(phone.get_by_role("region", name="Sahha")).to_contain_text("Connected")


OUTCOMES = {
    "connected": "WHOOP is connected. Today comes first, your history follows.",
    "denied": "WHOOP says you did not agree. Nothing was stored. You can try again.",
    "conflict": "already linked to another member here",
    "failed": "WHOOP was not connected. Nothing was stored. You can try again.",
}


def test_coming_back_from_the_consent_says_how_it_ended(phone: Page, server: Sources) -> None:
    for status, words in OUTCOMES.items():
        server.sources = sources() if status == "connected" else sources(whoop=absent("whoop"))
        shown(phone, f"/app/sources?status={status}&user_id=mira")
        expect(phone.locator(".notice")).to_contain_text(words)
        assert phone.url.endswith("/app/sources")
        assert phone.get_by_role("link", name="See today").count() == (status == "connected")
        if status in ("connected", "denied"):
            assert_reachable(phone, status)


def test_the_cap_on_members_has_no_button(phone: Page, stand: Stand, server: Sources) -> None:
    server.sources = sources(whoop=absent("whoop"))
    stand.down["/connect/"] = (409, "member_cap")
    shown(phone)
    phone.get_by_role("button", name="Connect WHOOP").click()
    expect(phone.get_by_role("alert")).to_contain_text("WHOOP lets this app serve only 10 people so far. Ask whoever runs it.")


def test_a_sync_shows_what_was_asked_as_it_is_asked(phone: Page, stand: Stand, server: Sources) -> None:
    shown(phone)
    before = server.sources["sources"]["whoop"]["resources"]
    running = {name: resource("running", calls=6) for name in before}
    server.sources = sources(whoop=source("whoop", resources=running))
    phone.get_by_role("button", name="Sync now").click()
    bar = phone.get_by_role("progressbar", name="Syncing the last days")
    expect(bar).to_have_attribute("aria-valuetext", "0 of 4 resources")
    expect(phone.get_by_role("region", name="WHOOP")).to_contain_text("Syncing")
    assert_reachable(phone, "a sync")
    later = "2026-11-21T06:25:00.000Z"
    some = running | {name: resource(attempt=later, calls=7) for name in ("recovery", "sleep", "cycle")}
    server.sources = sources(whoop=source("whoop", resources=some))
    stand.send("sync", {"provider": "whoop", "resource": "sleep", "state": "idle"})
    expect(bar).to_have_attribute("aria-valuetext", "3 of 4 resources")
    expect(phone.locator(".following")).to_contain_text("3 of 4 · 3 calls")
    server.sources = sources(whoop=source("whoop", resources={name: resource(attempt=later, calls=7) for name in before}))
    expect(phone.locator(".toast")).to_have_text("WHOOP is up to date: 4 calls")
    toast, dock = (phone.locator(one).bounding_box() for one in (".toast", ".dock"))
    assert toast
    assert dock
    assert 0 <= dock["y"] - toast["y"] - toast["height"] <= 24, "just above the dock"
    expect(phone.get_by_role("button", name="Sync now")).to_be_enabled()


def test_a_sync_asked_for_too_soon_says_when_to_ask_again(phone: Page, stand: Stand, server: Sources) -> None:
    stand.down["/sync/"] = (429, "too_many_requests")
    shown(phone)
    phone.get_by_role("button", name="Sync now").click()
    expect(phone.get_by_role("alert")).to_contain_text("WHOOP was asked a moment ago. Try again in a minute.")
    assert_reachable(phone, "too often")


def test_a_resource_that_was_not_allowed_says_so(phone: Page, server: Sources) -> None:
    found = {name: resource() for name in ("recovery", "sleep", "cycle")} | {"workout": resource(error="missing_scope")}
    server.sources = sources(whoop=source("whoop", resources=found))
    shown(phone)
    expect(phone.get_by_role("row", name="Workouts")).to_contain_text("You did not allow this one.")


def test_everything_can_be_taken_away_as_one_file(phone: Page, server: Sources) -> None:
    shown(phone)
    phone.route(
        "**/export", lambda route: route.fulfill(body=b"PK", headers={"Content-Disposition": 'attachment; filename="wearbase-mira.zip"'})
    )
    with phone.expect_download() as coming:
        phone.get_by_role("button", name="Download my data").click()
    assert coming.value.suggested_filename == "wearbase-mira.zip"
    assert not zipfile.is_zipfile(coming.value.path())  # what came is what is saved
    phone.unroute("**/export")
    phone.route("**/export", lambda route: route.abort())
    phone.get_by_role("button", name="Download my data").click()
    expect(phone.get_by_role("alert")).to_contain_text("The file was not made. Your data is safe. Try again.")


def test_disconnecting_keeps_or_erases_and_erasing_asks_again(phone: Page, stand: Stand, server: Sources) -> None:
    server.sources = sources(sahha=absent("sahha"))
    shown(phone)
    phone.get_by_role("button", name="Disconnect a source").click()
    keep, erase = (phone.get_by_role("button", name=name) for name in ("Disconnect and keep my days", "Disconnect and erase"))
    boxes = [keep.bounding_box(), erase.bounding_box()]
    assert boxes[0]
    assert boxes[1]
    assert (boxes[0]["width"], boxes[0]["height"]) == (boxes[1]["width"], boxes[1]["height"])
    assert_reachable(phone, "disconnect")
    erase.click()
    expect(phone.get_by_text("Erase 381 days of WHOOP for good?")).to_be_visible()
    assert not [path for path in stand.asked if path.startswith("DELETE")]
    expect(phone.get_by_role("button", name="No, go back")).to_be_focused()
    phone.keyboard.press("Enter")
    server.sources = sources(whoop=absent("whoop", days_stored=381), sahha=absent("sahha"))
    keep.click()
    expect(phone.locator(".toast")).to_have_text("WHOOP is disconnected. Your days are kept.")
    assert [path for path in stand.asked if path.startswith("DELETE")] == ["DELETE /api/v1/whoop/connect/mira?data=keep"]
    expect(phone.get_by_role("region", name="WHOOP")).to_contain_text("381 days are still stored.")
    phone.evaluate("scrollTo(0, document.body.scrollHeight)")
    end, toast = (phone.locator(one).bounding_box() for one in (".kept", ".toast"))
    assert end
    assert toast
    assert end["y"] + end["height"] <= toast["y"], "what a toast would cover can be scrolled from under it"


def test_erasing_needs_the_word_and_leaves_a_receipt_and_nothing_else(phone: Page, stand: Stand, server: Sources) -> None:
    shown(phone)
    phone.get_by_role("button", name="Erase everything").click()
    field = phone.get_by_role("textbox", name="Type erase to go on")
    button = phone.get_by_role("button", name="Erase everything").nth(1)
    expect(button).to_be_disabled()
    field.fill("eras")
    field.press("Enter")
    assert not [path for path in stand.asked if path.startswith("DELETE")]
    field.fill(" Erase ")
    expect(button).to_be_enabled()
    assert_reachable(phone, "erase")
    with phone.expect_request(lambda request: request.method == "DELETE") as asked:
        field.press("Enter")
    assert json.loads(asked.value.post_data or "") == {"confirm": canned.USER}
    phone.get_by_role("heading", name="Everything is erased.").wait_for()
    expect(phone.locator(".receipt")).to_contain_text("1,364")
    assert_reachable(phone, "receipt")
    assert (records_kept(phone), phone.evaluate("localStorage.getItem('user')")) == (0, None)
    kept = (
        "async () => (await Promise.all((await caches.keys()).map(async (name) => "
        "(await (await caches.open(name)).keys()).map((r) => r.url)))).flat()"
    )
    assert not [url for url in phone.evaluate(kept) if "/api/" in url or "/app/session" in url]  # the app's own files at most
    with phone.expect_download() as coming:
        phone.get_by_role("button", name="Save this receipt").click()
    assert "Everything is erased: 381 days, 1,364 records, 21 Nov 07:31." in coming.value.path().read_text()
    phone.get_by_role("button", name="Start again").click()
    phone.get_by_role("heading", name="Sign in with a link.").wait_for()
    phone.evaluate("location.hash = 'another-link'")
    phone.get_by_role("heading", name="Welcome, mira.").wait_for()


def test_erasing_long_after_signing_in_says_what_to_do_and_erases_nothing(phone: Page, stand: Stand, server: Sources) -> None:
    shown(phone)
    stand.down["DELETE"] = (403, "sign_in_again")
    phone.get_by_role("button", name="Erase everything").click()
    phone.get_by_role("textbox").fill("erase")
    phone.get_by_role("button", name="Erase everything").nth(1).click()
    expect(phone.get_by_role("alert")).to_contain_text("Ask for a new sign-in link, open it, and come back here. Nothing was erased.")
    assert phone.evaluate("localStorage.getItem('user')") == canned.USER


def test_sources_that_do_not_load_say_so(phone: Page, stand: Stand, server: Sources) -> None:
    stand.down["/health/sources/"] = 503
    phone.goto("/app/sources")
    expect(phone.get_by_role("alert")).to_contain_text("The server gave no answer for your sources.")
    assert_reachable(phone, "sources that do not load")
    stand.down.clear()
    phone.get_by_role("button", name="Try again").click()
    phone.get_by_role("heading", name="WHOOP").wait_for()


LINK_STATES = [
    ((410, "link_expired"), "This link is too old."), ((410, "link_used"), "This link was used already."),
    ((410, "link_replaced"), "This link was replaced."), ((404, "link_unknown"), "This link is not known here."),
    ((410, "link_revoked"), "This link was taken back."), ((500, "internal_error"), "The link could not be looked at."),
]  # fmt: skip


def test_a_link_that_does_not_open_says_what_happened(phone: Page, stand: Stand, server: Sources) -> None:
    stand.session = None
    for n, (answer, title) in enumerate(LINK_STATES):
        stand.down["/session/peek"] = answer
        if n == 0:
            phone.goto("/app/sign-in#the-link")
        else:
            phone.evaluate(f"location.hash = 'link-{n}'")
        phone.get_by_role("heading", name=title).wait_for()
        assert_reachable(phone, title)
        assert phone.get_by_role("button", name="Try again").count() == (answer[0] == 500)


def test_a_good_link_is_used_by_a_tap_and_not_by_looking(phone: Page, stand: Stand, server: Sources) -> None:
    signed_in, stand.session = stand.session, None
    stand.open_paths = ("/session/peek",)
    stand.also.insert(0, lambda path, query, method: canned.session() if path == "/app/session" and method == "POST" else None)
    phone.goto("/app/sign-in#the-secret")
    phone.get_by_role("heading", name="Welcome, mira.").wait_for()
    assert "POST /app/session" not in stand.asked
    assert not [path for path in stand.asked if "the-secret" in path]
    assert_reachable(phone, "a good link")
    stand.session = signed_in
    phone.get_by_role("button", name="Open my data as mira").click()
    phone.get_by_role("heading", name="Today").wait_for()
    assert "POST /app/session" in stand.asked
    assert "#" not in phone.url


def test_whoever_was_signed_out_elsewhere_is_told_and_the_phone_is_empty(phone: Page, stand: Stand, server: Sources) -> None:
    phone.goto("/app/")
    phone.get_by_role("heading", name="Today").wait_for()
    stand.session = None
    phone.reload()
    phone.get_by_role("heading", name="You were signed out.").wait_for()
    assert phone.evaluate("localStorage.getItem('user')") is None
    assert_reachable(phone, "signed out")


def test_offline_the_link_stays_good(phone: Page, stand: Stand, server: Sources) -> None:
    stand.session = None
    phone.goto("/app/sign-in")
    phone.get_by_role("heading", name="You were signed out.").wait_for()
    phone.context.set_offline(True)
    phone.evaluate("location.hash = 'the-link'")
    phone.get_by_role("heading", name="You are offline.").wait_for()
    assert_reachable(phone, "offline link")
    phone.context.set_offline(False)


def test_about_tells_what_the_numbers_are_and_keeps_units(phone: Page, stand: Stand, server: Sources) -> None:
    phone.goto("/app/about")
    phone.get_by_role("heading", name="Not medical advice").wait_for()
    assert_reachable(phone, "about")
    with phone.expect_request(lambda request: request.method == "PUT") as asked:
        phone.get_by_role("radiogroup", name="Distance").get_by_role("radio", name="miles").check()
    assert json.loads(asked.value.post_data or "")["units"] == {"distance": "mi"}
    phone.get_by_role("radio", name="Light").check()
    assert phone.evaluate("document.documentElement.dataset.theme") == "light"
    phone.get_by_role("radio", name="System").check()
    assert phone.evaluate("document.documentElement.dataset.theme") is None


def test_signing_out_wipes_the_phone_first(phone: Page, stand: Stand, server: Sources) -> None:
    phone.goto("/app/about")
    phone.get_by_role("button", name="Sign out", exact=True).wait_for()
    stand.also.insert(0, lambda path, query, method: {"sessions_ended": 1} if path == "/app/session" and method == "DELETE" else None)
    phone.get_by_role("button", name="Sign out", exact=True).click()
    phone.get_by_role("heading", name="Sign in with a link.").wait_for()
    assert phone.evaluate("localStorage.getItem('user')") is None
