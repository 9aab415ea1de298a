"""Going from day to day: the strip, the month, the back button, all by keyboard."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.app.browsing import assert_reachable
from tests.e2e.app.stand import Stand


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent")


def test_the_strip_is_one_tab_stop_whose_arrows_move_and_enter_opens(phone: Page, stand: Stand) -> None:
    phone.goto("/app/")
    strip = phone.get_by_role("navigation", name="Days")
    expect(strip.get_by_role("link")).to_have_count(7)
    assert strip.locator("[tabindex='0']").count() == 1
    strip.locator("[aria-current=date]").focus()
    assert focused(phone) == "Saturday 21 November, recovery 72, High"
    phone.keyboard.press("Home")
    assert focused(phone) == "Sunday 15 November, recovery 62, Moderate"
    phone.keyboard.press("ArrowRight")
    assert focused(phone) == "Monday 16 November, recovery 31, Low"
    phone.keyboard.press("Enter")
    expect(phone.get_by_role("heading", level=1)).to_have_text("Mon 16 Nov")
    assert focused(phone) == "Monday 16 November, recovery 31, Low"
    expect(strip.get_by_role("link").last).to_have_attribute("aria-label", "Tuesday 17 November, recovery 55, Moderate")
    expect(phone.locator("#spoken")).to_have_text("Monday 16 November, recovery 31, Low")
    phone.go_back()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Today")


def test_a_day_is_chosen_in_the_month_by_keyboard_alone(phone: Page, stand: Stand) -> None:
    phone.goto("/app/")
    opener = phone.get_by_role("button", name="Choose a day, Saturday 21 November")
    opener.focus()
    phone.keyboard.press("Enter")
    dialog = phone.get_by_role("dialog", name="Choose a day")
    expect(dialog.get_by_role("button", name="Saturday 21 November, recovery 72, High")).to_be_focused()
    assert_reachable(phone, "month")
    for key, name in {
        "ArrowUp": "Saturday 14 November, recovery 76, High",
        "Home": "Monday 9 November, recovery 51, Moderate",
        "End": "Sunday 15 November, recovery 62, Moderate",
        "ArrowRight": "Monday 16 November, recovery 31, Low",
    }.items():
        phone.keyboard.press(key)
        expect(dialog.get_by_role("button", name=name)).to_be_focused()
    phone.keyboard.press("PageUp")
    expect(dialog.get_by_role("grid", name="Days of October 2026")).to_be_visible()
    expect(dialog.get_by_role("button", name=re.compile("Friday 16 October, recovery"))).to_be_focused()
    phone.keyboard.press("PageDown")
    phone.keyboard.press("Enter")
    expect(phone.get_by_role("heading", level=1)).to_have_text("Mon 16 Nov")
    expect(dialog).to_have_count(0)


def test_escape_closes_the_month_and_focus_goes_back(phone: Page, stand: Stand) -> None:
    phone.add_init_script("window.titled = 0; addEventListener('focusin', (e) => { window.titled += e.target.id === 'title'; })")
    phone.goto("/app/sleep")
    opener = phone.get_by_role("button", name="Choose a day")
    opener.focus()
    phone.keyboard.press("Enter")
    phone.get_by_role("dialog").wait_for()
    phone.keyboard.press("Escape")
    expect(phone.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()
    assert phone.evaluate("window.titled") == 0, "the first page takes the focus from nobody"


def test_the_month_counts_its_bands_and_shows_days_without_data(phone: Page, stand: Stand) -> None:
    phone.goto("/app/")
    phone.get_by_role("button", name="Choose a day").click()
    dialog = phone.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Thursday 12 November, no data")).to_be_visible()
    assert dialog.locator("dl.counts").inner_text().split("\n") == [
        "High 67–100", "6", "Moderate 34–66", "12", "Low 0–33", "1", "No data", "2",
    ]  # fmt: skip
    expect(dialog.get_by_role("button", name="Next month")).to_be_disabled()
    assert dialog.get_by_role("button", name="Sunday 22 November").count() == 0, "a day to come cannot be opened"


def test_a_day_keeps_the_page_that_one_is_on(phone: Page, stand: Stand) -> None:
    phone.goto("/app/sleep")
    phone.get_by_role("link", name="Monday 16 November").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Sleep")
    expect(phone.get_by_text("Night to Mon 16 Nov")).to_be_visible()
    phone.get_by_role("navigation", name="Main").get_by_role("link", name="Today").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Mon 16 Nov")
    phone.get_by_role("navigation", name="Main").get_by_role("link", name="Today").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Today")


def test_earlier_workouts_come_in_pages(phone: Page, stand: Stand) -> None:
    phone.goto("/app/workouts")
    expect(phone.get_by_role("article")).to_have_count(4)
    stand.was_asked("GET /api/v1/app/mira/workouts?limit=20&week_begins=1")
    phone.get_by_role("button", name="Show earlier").click()
    expect(phone.get_by_role("button", name="Show earlier")).to_have_count(0)
    expect(phone.get_by_role("article")).to_have_count(4)
