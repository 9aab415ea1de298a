"""Every state of the daily pages: what it says, and that everybody can reach it, in both themes."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.app import canned, canned_sources, canned_trends
from tests.e2e.app.browsing import WIDE, assert_reachable
from tests.e2e.app.stand import Stand


def ended(stand: Stand) -> str:
    """Access ended; today is empty, the day before is stored."""
    gone = "2026-11-19T22:02:00.000Z"
    sources = {"whoop": canned.source("whoop", 500, title="WHOOP", state="needs_reauthorization", connected=False, ended_at=gone)}
    stand.today = canned.without(None, canned.TODAY, sources=sources, previous_day_with_data="2026-11-20")
    stand.days["2026-11-20"] = canned.past(date(2026, 11, 20), sources=sources)
    return "/app/"


def gap(stand: Stand) -> str:
    before, after = canned.past(date(2026, 11, 10)), canned.past(date(2026, 11, 13))
    before["day"]["cycle"]["end_at"] = canned.local(date(2026, 11, 10), "21:40")
    after["day"]["cycle"]["start_at"] = canned.local(date(2026, 11, 12), "22:31")
    stand.days |= {"2026-11-10": before, "2026-11-12": canned.without("gap"), "2026-11-13": after}
    return "/app/?date=2026-11-12"


def reason(name: str) -> Callable[[Stand], str]:
    def scene(stand: Stand) -> str:
        stand.days["2026-11-12"] = canned.without(name)
        return "/app/?date=2026-11-12"

    return scene


def today(**changes: Any) -> Callable[[Stand], str]:
    def scene(stand: Stand) -> str:
        stand.today = canned.day(**changes)
        return "/app/"

    return scene


def answering(answer: Callable[[], Any], path: str = "/app/") -> Callable[[Stand], str]:
    def scene(stand: Stand) -> str:
        stand.today = answer()
        return path

    return scene


def failing(stand: Stand) -> str:
    stand.down["/day"] = 500
    return "/app/"


def left(stand: Stand) -> str:
    """The member ended it, and kept the days."""
    stand.session["is_demo"] = True
    gone = canned.source("whoop", 500, title="WHOOP", state="not_connected", connected=False)
    stand.today = canned.day(sources={"whoop": gone})
    return "/app/"


def nobody() -> Any:
    sources = {"whoop": canned.source("whoop", title="WHOOP", connected=False, state="not_connected", last_success_at=None, days_stored=0)}
    history = {"days_stored": 0, "days_wanted": None, "reached_back_to": None, "calls": 0, "is_running": False}
    return canned.without("not_connected", canned.TODAY, sources=sources, first_day=None, history=history)


UNSCORABLE = {"recovery": canned.recovery(None, score_state="UNSCORABLE", hrv_rmssd_ms=None)}
SILENT = {"whoop": canned.source("whoop", 90, title="WHOOP", state="unavailable")}
STATES: dict[str, tuple[Callable[[Stand], str], list[str]]] = {
    "today": (answering(canned.day), ["Within your usual 44–77.", "HRV is above; resting heart rate and sleep are within."]),
    "sleep": (answering(canned.day, "/app/sleep"), ["57 min short", "How the need adds up", "− 14 min"]),
    "workouts": (answering(canned.day, "/app/workouts"), ["16–21 November", "usual week 3 h 50–5 h 40", "Strength trainer"]),
    "a day that is over": (lambda stand: "/app/?date=2026-11-16", ["Mon 16 Nov", "Low", "Below your usual 44–77."]),
    "pending": (answering(canned.pending), ["WHOOP has your night, 22:08–05:45,", "Not yet scored", "So far today"]),
    "calibrating": (today(whoop={"recovery": canned.recovery(is_calibrating=True)}), ["Calibrating", "72"]),
    "not scorable": (today(whoop=UNSCORABLE), ["WHOOP could not score this night."]),
    "first backfill": (answering(canned.backfilling), ["9 of 90 days", "Reached back to 13 Nov · 5 calls to WHOOP", "Usual range after"]),
    "first visit": (answering(nobody), ["Your days start when you connect.", "Read only.", "Connect WHOOP"]),
    "workouts of nothing": (answering(nobody, "/app/workouts"), ["Your days start when you connect.", "Choose a source", "not connected"]),
    "disconnected": (left, ["Demo: an invented member", "WHOOP is disconnected", "Your days are kept.", "Connect WHOOP again"]),
    "access ended": (ended, ["WHOOP needs reconnecting", "on 19 Nov at 23:02.", "Fri 20 Nov", "Newest stored day", "Reconnect WHOOP"]),
    "error": (failing, ["This did not load", "id 7f2c-41aa", "Try again"]),
    "provider down": (today(sources=SILENT), ["WHOOP is not answering.", "We keep trying."]),
    "gap": (gap, ["There is a gap from Tue 10 Nov, 21:40 to Thu 12 Nov, 22:31.", "49 h without data", "Ask WHOOP again", "Fri 13 Nov"]),
    "not reached": (reason("not_reached"), ["Still on its way"]),
    "before history": (reason("before_history"), ["Your WHOOP history starts on 3 Mar 2025."]),
    "too old": (reason("too_old"), ["Not stored yet", "Ask WHOOP for this day"]),
    "kept no longer": (reason("kept_no_longer"), ["Kept no longer"]),
    "night without a score": (reason("not_scorable"), ["WHOOP could not score this night", "Usually there was too little data."]),
    "not connected then": (reason("not_connected"), ["No source was connected on this day."]),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_every_state_says_what_it_is_and_is_reachable(phone: Page, stand: Stand, name: str) -> None:
    scene, said = STATES[name]
    phone.goto(scene(stand))
    for text in said:
        expect(phone.locator("#app")).to_contain_text(text, use_inner_text=True)
    assert_reachable(phone, name)


@pytest.mark.parametrize("path", ["/app/", "/app/sleep", "/app/workouts", "/app/?date=2026-11-12"])
def test_a_wide_screen_has_a_rail_and_two_columns_and_is_reachable(phone: Page, stand: Stand, path: str) -> None:
    gap(stand)
    phone.set_viewport_size(WIDE)
    phone.goto(path)
    phone.get_by_role("navigation", name="Main").get_by_text("Not medical advice.").wait_for()
    phone.locator("h2").first.wait_for()
    assert_reachable(phone, path)


def test_labels_stand_while_a_day_loads_and_boxes_show_only_after_a_moment(phone: Page, stand: Stand) -> None:
    stand.slow_s["/day"] = 1.5
    phone.goto("/app/")
    phone.get_by_role("heading", name="Recovery").wait_for()
    assert phone.locator(".whole-day").get_attribute("aria-busy") == "true"
    phone.get_by_text("Within your usual 44–77.").wait_for()
    assert phone.locator(".whole-day").get_attribute("aria-busy") is None


PAGES = ["/app/", "/app/sleep", "/app/workouts", "/app/trends?days=7", "/app/sources", "/app/about", "/app/?date=2026-11-12"]
COLLISIONS = """() => {
  const inked = (one) => { // with what stands beyond its own box
    const range = document.createRange();
    range.selectNodeContents(one);
    return range.getBoundingClientRect();
  };
  const boxes = [...document.querySelectorAll(".head h1, .head .choose, .head .fresh-words, .head .sync, .main-nav li a")]
    .filter((one) => one.checkVisibility()).map((one) => [one.textContent.trim(), inked(one)]);
  const cross = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return boxes.flatMap(([name, a], n) => [
    ...(a.left < 0 || a.right > innerWidth + 1 ? [`${name} beyond the edge`] : []),
    ...boxes.slice(n + 1).filter(([, b]) => cross(a, b)).map(([other]) => `${name} / ${other}`),
  ]);
}"""


@pytest.mark.parametrize(("width", "large"), [(320, False), (360, True), (1280, True)])
def test_no_page_is_wider_than_the_screen_however_small_it_is_or_large_its_text(phone: Page, stand: Stand, width: int, large: bool) -> None:
    stand.also += [canned_trends.answers, canned_sources.answers]
    gap(stand)
    phone.set_viewport_size({"width": width, "height": 800})
    phone.goto("/app/about")
    if large:
        session = phone.context.new_cdp_session(phone)
        session.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})
    for path in PAGES:
        phone.goto(path)
        phone.locator(".num, .source, .prose p, .nodata, .chart svg").first.wait_for()
        assert phone.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") == (30 if large else 15)
        assert phone.evaluate("document.documentElement.scrollWidth") <= width, path
        assert phone.evaluate(COLLISIONS) == [], path
        assert not large or phone.locator(".dock .strip").count() == 0, "the week leaves the dock"


def test_a_missing_value_is_a_dash_with_a_reason_and_never_zero(phone: Page, stand: Stand) -> None:
    whoop = {
        "recovery": canned.recovery(hrv_rmssd_ms=None),
        "cycle": canned.cycle(strain=None, steps=None, score_state="UNSCORABLE", is_open=False),
    }
    stand.today = canned.day(whoop=whoop)
    phone.goto("/app/")
    row = phone.get_by_role("link", name="HRV")
    expect(row).to_contain_text("–")
    expect(row).to_contain_text("WHOOP sent none for this day")
    expect(phone.get_by_role("link", name="Strain")).to_contain_text("Not scored")
    expect(phone.locator("dl.figures")).to_contain_text("WHOOP sent none")
    assert phone.locator(".num").evaluate_all("found => found.filter((e) => /^0( |$)/.test(e.textContent.trim())).length") == 0


def test_an_open_day_is_said_to_go_on_and_is_not_judged(phone: Page, stand: Stand) -> None:
    stand.today = canned.day(whoop={"cycle": canned.cycle(strain=20.9)})
    phone.goto("/app/")
    card = phone.get_by_role("link", name="Strain 20.9 of 21")
    expect(card).to_contain_text("So far today")
    expect(card).not_to_contain_text("usual 7.1–16.5 Above")
    assert "Above usual" not in card.inner_text()


def test_sahhas_scores_keep_their_own_scale_and_word(phone: Page, stand: Stand) -> None:
    phone.goto("/app/")
    section = phone.get_by_role("region", name="Sahha’s scores")
    expect(section).to_contain_text("0.81")
    expect(section).to_contain_text("minimal")
    assert section.locator(".rail, .chip").count() == 0


def test_a_session_that_ended_elsewhere_leads_to_the_sign_in_page(phone: Page, stand: Stand) -> None:
    stand.session = None
    phone.goto("/app/sleep")
    phone.wait_for_url("**/app/sign-in")
