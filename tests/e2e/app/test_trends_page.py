"""The Trends page: every state reachable, the chart read by keys, the table behind it."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.app import canned, canned_trends
from tests.e2e.app.browsing import WIDE, assert_reachable
from tests.e2e.app.stand import Stand


@pytest.fixture(autouse=True)
def answers(stand: Stand) -> None:
    stand.also.append(canned_trends.answers)


def shown(page: Page, path: str = "/app/trends") -> None:
    page.goto(path)
    page.get_by_role("slider").first.locator("svg").wait_for()


def only(**changes: Any) -> Any:
    """A trend of no values but these, by day."""

    def answer(path: str, query: dict[str, str], method: str) -> Any:
        found = canned_trends.answers(path, query, method)
        for point in found["series"] if found else ():
            point["value"] = changes.get("values", {}).get(point["day"])
            point |= {"usual_low": None, "usual_high": None, "source": "whoop" if point["value"] is not None else None}
        return found and found | {key: value for key, value in changes.items() if key != "values"}

    return answer


SEEN = [
    (360, "/app/trends"), (360, "/app/trends?metric=asleep_s&days=7"),
    (1280, "/app/trends?days=90&with=strain"), (1280, "/app/trends?metric=recovery_score_percent&days=365"),
]  # fmt: skip


@pytest.mark.parametrize(("width", "path"), SEEN)
def test_a_trend_is_reachable(phone: Page, width: int, path: str) -> None:
    phone.set_viewport_size({"width": width, "height": 800})
    shown(phone, path)
    assert_reachable(phone, path)


def test_the_read_out_begins_with_the_newest_day_and_follows_the_keys(phone: Page) -> None:
    shown(phone)
    slider = phone.get_by_role("slider").first
    assert (slider.get_attribute("aria-valuetext") or "").startswith("Saturday 21 November, HRV 75 ms, Above usual 55–70")
    slider.focus()
    phone.keyboard.press("ArrowLeft")
    expect(phone.locator(".readout")).to_contain_text("Fri 20 Nov")
    phone.keyboard.press("PageDown")
    phone.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute(
        "aria-valuetext", "Thursday 12 November, HRV: No data; Thursday 12 November, Sleep performance: No data"
    )
    expect(phone.locator(".readout")).to_contain_text("–")
    phone.keyboard.press("Home")
    expect(phone.locator(".readout")).to_contain_text("Fri 23 Oct")
    phone.keyboard.press("End")
    phone.keyboard.press("ArrowLeft")
    phone.keyboard.press("Escape")
    expect(phone.locator(".readout")).to_contain_text("Sat 21 Nov")


def test_both_charts_share_one_cursor(phone: Page) -> None:
    shown(phone)
    second = phone.get_by_role("slider").nth(1)
    second.focus()
    phone.keyboard.press("Home")
    expect(phone.get_by_role("slider").first).to_have_attribute("aria-valuenow", "1")
    places = phone.evaluate("[...document.querySelectorAll('.cursor')].map((line) => line.getAttribute('d').split('V')[0].split(' ')[0])")
    assert len(set(places)) == 1


def test_a_tap_chooses_the_nearest_day_and_goes_nowhere(phone: Page) -> None:
    shown(phone)
    box = phone.get_by_role("slider").first.bounding_box()
    assert box
    phone.mouse.click(box["x"] + 8, box["y"] + 60)
    expect(phone.locator(".readout")).to_contain_text("Fri 23 Oct")
    assert phone.url.endswith("/app/trends")


def test_metric_and_range_are_chosen_by_arrows_and_kept_in_the_address(phone: Page) -> None:
    shown(phone)
    phone.get_by_role("radio", name="HRV", exact=True).first.focus()
    phone.keyboard.press("ArrowRight")
    phone.get_by_role("heading", name="Recovery").wait_for()
    phone.get_by_role("radio", name="1 year").check()
    expect(phone.locator(".trend-figures")).to_contain_text("of 365")
    assert "metric=recovery_score_percent" in phone.url
    assert "days=365" in phone.url
    phone.get_by_role("combobox", name="More").select_option(label="Deep sleep")
    phone.get_by_role("heading", name="Deep sleep").wait_for()


def test_ranges_to_90_days_are_one_question_to_the_server(phone: Page, stand: Stand) -> None:
    shown(phone)
    for name in ("7 days", "90 days", "30 days"):
        phone.get_by_role("radio", name=name).check()
    assert len([path for path in stand.asked if "metric=hrv" in path]) == 1


def test_missing_days_are_hatched_and_the_line_breaks(phone: Page) -> None:
    shown(phone, "/app/trends?with=none")
    assert phone.locator(".pane.first .gap").count() == 1
    assert phone.locator(".pane.first .gap-word").text_content() == "no data"
    assert (phone.locator(".pane.first .series").get_attribute("d") or "").count("M") == 2
    assert phone.locator(".pane.first .dot").count() == 28
    phone.get_by_role("radio", name="90 days").check()
    expect(phone.locator(".legend")).to_contain_text("7-day average")


def test_the_open_day_is_not_called_missing(phone: Page) -> None:
    shown(phone, "/app/trends?metric=strain&days=7&with=none")
    assert phone.locator(".pane.first .gap").count() == 0
    expect(phone.locator(".trend-table tbody tr").first).to_contain_text("Still open")
    expect(phone.locator(".readout")).to_contain_text("Fri 20 Nov")  # the newest with a value


def test_the_table_says_what_the_chart_says_and_comes_as_a_file(phone: Page, tmp_path: Path) -> None:
    shown(phone)
    rows = phone.get_by_role("table", name="Heart rate variability, 30 days, newest first").locator("tbody tr")
    assert rows.first.inner_text().split("\t") == ["Sat 21 Nov", "75", "55–70", "↑ Above"]
    expect(rows.nth(29)).to_be_hidden()
    phone.get_by_role("button", name="All 30 days").click()
    expect(rows.nth(29)).to_be_visible()
    assert rows.nth(9).inner_text().split("\t") == ["Thu 12 Nov", "–", "55–70", "No data"]
    with phone.expect_download() as coming:
        phone.get_by_role("button", name="Download CSV").click()
    assert coming.value.suggested_filename == "hrv_rmssd_ms-2026-10-23-2026-11-21.csv"
    text = coming.value.path().read_text().splitlines()
    assert len(text) == 31
    assert text[-1].startswith("2026-11-21,75.2,whoop,")


def test_a_change_of_source_is_marked_and_said(phone: Page, stand: Stand) -> None:
    def answer(path: str, query: dict[str, str], method: str) -> Any:
        found = canned_trends.answers(path, query, method)
        return found and found | {"source_changes": [{"day": "2026-11-02", "from": "sahha", "to": "whoop"}]}

    stand.also.insert(0, answer)
    shown(phone, "/app/trends?with=none")
    assert phone.locator(".change").count() == 1
    expect(phone.locator(".change-note")).to_have_text(
        "From Mon 2 Nov the values are WHOOP’s, before that Sahha’s. A step there may be the instrument’s."
    )


def test_a_trend_that_did_not_load_leaves_the_other_alone(phone: Page, stand: Stand) -> None:
    stand.down["metric=hrv"] = 503
    phone.goto("/app/trends?with=strain")
    phone.get_by_role("heading", name="This did not load").wait_for()
    expect(phone.get_by_role("alert")).to_contain_text("The server gave no answer for HRV. Your data is safe.")
    expect(phone.get_by_role("alert")).to_contain_text("id 7f2c-41aa")
    expect(phone.get_by_role("slider")).to_have_count(1)
    assert_reachable(phone, "a trend that did not load")
    stand.down.clear()
    phone.get_by_role("button", name="Try again").click()
    expect(phone.get_by_role("slider")).to_have_count(2)


def test_no_values_in_a_range_is_said_and_not_drawn(phone: Page, stand: Stand) -> None:
    stand.also.insert(0, only())
    phone.goto("/app/trends?with=none")
    phone.get_by_text("No HRV in these 30 days.").wait_for()
    assert phone.get_by_role("slider").count() == 0
    assert_reachable(phone, "nothing in the range")


def test_a_member_without_a_source_is_shown_to_the_sources(phone: Page, stand: Stand) -> None:
    stand.also.insert(0, only())
    stand.today = canned.without(
        "not_connected", canned.TODAY, sources={"whoop": canned.source("whoop", connected=False, state="not_connected", days_stored=0)}
    )
    phone.goto("/app/trends?with=none")
    phone.get_by_role("link", name="Choose a source").wait_for()
    expect(phone.locator(".fresh")).to_contain_text("not connected")


def test_few_values_have_no_usual_range_and_no_weekday(phone: Page, stand: Stand) -> None:
    stand.also.insert(0, only(values={"2026-11-20": 61.0, "2026-11-18": 58.0}))
    shown(phone, "/app/trends?with=none")
    assert phone.locator(".pane.first .band").count() == 0
    assert phone.locator(".pane.first .series").get_attribute("d") == ""  # two lone days: dots
    expect(phone.locator(".readout")).to_contain_text("No usual range yet")
    assert phone.locator(".weekday-none").count() == 7
    assert_reachable(phone, "a new member")


def test_the_labels_of_a_chart_survive_twice_the_text(phone: Page) -> None:
    shown(phone)
    phone.evaluate("document.documentElement.style.fontSize = '200%'")
    phone.wait_for_timeout(100)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    labels = phone.evaluate(
        "[...document.querySelectorAll('.pane.first .axis-mark')].every((t) => t.getBoundingClientRect().right <= innerWidth)"
    )
    assert labels


def test_on_paper_every_row_is_there_in_light(phone: Page) -> None:
    phone.emulate_media(media="print", color_scheme="dark")
    shown(phone)
    expect(phone.locator(".trend-table tbody tr").nth(29)).to_be_visible()
    assert phone.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


def test_in_forced_colours_the_series_is_drawn_in_the_text_s_colour(phone: Page) -> None:
    phone.emulate_media(forced_colors="active")
    phone.set_viewport_size(WIDE)  # type: ignore[arg-type]
    shown(phone)
    stroke, text = phone.evaluate(
        "[getComputedStyle(document.querySelector('.pane.first .series')).stroke, getComputedStyle(document.body).color]"
    )
    assert stroke == text
    assert phone.evaluate("getComputedStyle(document.querySelector('.pane.first .band')).fill") == "none"


def test_a_source_that_needs_reconnecting_is_told_here_too(phone: Page, stand: Stand) -> None:
    ended = canned.source("whoop", title="WHOOP", connected=False, state="needs_reauthorization", ended_at="2026-11-19T22:02:00.000Z")
    stand.today = canned.day(sources={"whoop": ended})
    shown(phone)
    phone.get_by_role("button", name="Reconnect WHOOP").wait_for()
    expect(phone.locator(".notice")).to_contain_text("WHOOP ended our access on 19 Nov at 23:02.")
