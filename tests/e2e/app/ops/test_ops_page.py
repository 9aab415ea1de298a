"""The operator's page in a real browser: figures that change by themselves, what fails, and what can be done about it."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.app.browsing import PHONE, assert_reachable, opened
from tests.e2e.app.ops.stand import KEY, OpsStand, quiet, worker

FOCUSED = "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim().slice(0, 30)"
SMALL = "[...document.querySelectorAll('button, summary')].filter(e => e.getBoundingClientRect().height < 32).map(e => e.textContent)"

# Words of the chart that lie on other words of it, or outside of it.
COVERED = """(() => {
    const chart = document.querySelector(".chart").getBoundingClientRect();
    const spans = [...document.querySelectorAll(".chart span:not(.here)")];
    const words = spans.map((e) => ({ text: e.textContent, box: e.getBoundingClientRect() }));
    const isOver = ({ box: a }, { box: b }) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const isOut = ({ box }) => box.left < chart.left - 1 || box.right > chart.right + 1;
    return words.filter((one, n) => isOut(one) || words.some((other, m) => m < n && isOver(one, other))).map((one) => one.text);
})()"""


def section(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def row(page: Page, member: str) -> Locator:
    return section(page, "Failing and parked").get_by_role("row").filter(has_text=member)


def asked(stand: OpsStand, path: str) -> list[object]:
    return [body for _, p, body in stand.asked if p.startswith(path)]


# ---- the door ----


def test_a_key_opens_the_page_and_is_kept_nowhere(wide: Page, stand: OpsStand) -> None:
    wide.goto("/ops")
    field = wide.get_by_label("Service key with the scope ops")
    expect(field).to_be_focused()
    assert_reachable(wide, "the door")
    field.fill(KEY)
    field.press("Enter")
    expect(wide.get_by_text("Live · updated 13:24:06 UTC")).to_be_visible()
    expect(wide.get_by_text("wb_k3v9x0aa_…")).to_be_visible()
    kept = wide.evaluate("JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie])")
    assert "secret" not in kept
    assert "secret" not in wide.content()


@pytest.mark.parametrize(
    ("key", "said"), [("wb_reads", "has not the scope ops"), ("wb_unknown", "unknown, expired or revoked"), ("often", "Wait a minute")]
)
def test_a_key_that_opens_nothing_says_why(wide: Page, key: str, said: str) -> None:
    wide.goto("/ops")
    wide.get_by_label("Service key").fill(key)
    wide.get_by_role("button", name="Open operations").click()
    expect(wide.get_by_role("alert")).to_contain_text(said)
    expect(wide.get_by_label("Service key")).to_be_focused()
    assert_reachable(wide, "a refused key")


def test_a_browser_in_which_no_operator_is_signed_in_is_told_of_no_error(wide: Page) -> None:
    said: list[str] = []
    wide.on("console", lambda message: said.append(message.text))
    wide.goto("/ops")
    expect(wide.get_by_label("Service key")).to_be_focused()
    assert said == []


def test_signing_out_leaves_nothing_on_the_page(page: Page, stand: OpsStand) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert not stand.is_signed_in
    assert "m-0448" not in page.content()


def test_a_revoked_key_ends_the_page(page: Page, stand: OpsStand) -> None:
    stand.is_signed_in = False
    stand.cut()
    expect(page.get_by_text("Your session has ended, or its key was revoked.")).to_be_visible()
    assert "m-0448" not in page.content()


def test_a_session_that_ended_is_noticed_when_something_is_pressed(page: Page, stand: OpsStand) -> None:
    stand.is_signed_in = False
    row(page, "m-0031").get_by_role("button").click()
    expect(page.get_by_text("Your session has ended, or its key was revoked.")).to_be_visible()


# ---- figures ----


def test_every_figure_stands_where_the_server_says(page: Page) -> None:
    for text in ("1,754", "1,719", "6,343", "of 10,000", "of 100 in any 60 s", "99.2", "need a person", "of 4", "last sign 2 s ago"):
        expect(page.locator(".cards")).to_contain_text(text)
    curve = section(page, "Calls left today")
    expect(curve).to_contain_text("forecast at 24:00: 3,586 · above the reserve")
    for text in ("6,343 left at 13:24", "442 kept for people waiting and deliveries", "usual Saturday"):
        expect(curve).to_contain_text(text)
    said = curve.get_by_role("img").get_attribute("aria-label")
    assert said == "6343 of 10000 calls left at 13:24 UTC; forecast at 24:00: 3586"
    fresh = section(page, "Freshness")
    for text in ("864", "58 idle: nobody looks", "12 late", "3 min 10 s"):
        expect(fresh).to_contain_text(text)
    expect(section(page, "Why calls were made")).to_contain_text("58 %2,121 calls")
    expect(section(page, "Deliveries today")).to_contain_text("waiting, idle members")
    workers = section(page, "Workers")
    for text in ("m-0212 history", "m-1188 delivery · sleep", "idle", "waiting for the source"):
        expect(workers).to_contain_text(text)
    left_s = re.search(r"waiting for the source, (\d+) s", workers.inner_text())  # it runs down as one looks
    assert left_s is not None
    assert 0 < int(left_s[1]) <= 11


def test_figures_change_without_a_reload(page: Page, stand: OpsStand) -> None:
    stand.figures["members"]["total"] = 1_755
    stand.figures["at"] = "2026-11-21T13:24:08.000Z"
    stand.troubles = quiet()
    stand.tell()
    expect(page.locator(".members")).to_contain_text("1,755")
    expect(page.get_by_text("updated 13:24:08")).to_be_visible()
    expect(section(page, "Failing and parked")).to_contain_text("Nothing fails and nothing is parked.")
    expect(page.get_by_role("button", name="Retry all failing")).to_have_count(0)


def test_nothing_is_invented_where_nothing_is_known(page: Page, stand: OpsStand) -> None:
    figures = stand.figures
    figures["members"] = dict.fromkeys(figures["members"], 0)
    figures["freshness"] = {
        "parts": [{**p, "members": 0, "idle": 0, "late": 0} for p in figures["freshness"]["parts"]],
        "never": 0,
        "median_s": None,
    }
    nothing = {name: 0 for name in figures["deliveries"] if name != "by_half_hour"}
    figures["deliveries"] = {**nothing, "quick_percent": None, "by_half_hour": [0] * 27}
    figures["budgets"][0] |= {"forecast": None, "usual": None, "by_group": [{"group": "people", "calls": 0}]}
    figures["workers"] = []
    stand.tell()
    expect(page.locator(".cards")).to_contain_text("–no deliveries yet today")
    for text in ("No delivery has come today.", "No call was made today.", "Nobody has had a success yet.", "no forecast yet"):
        expect(page.get_by_text(text)).to_be_visible()
    expect(page.get_by_text("usual Saturday after two weeks")).to_be_visible()
    expect(section(page, "Workers")).to_contain_text("No worker runs.")
    assert_reachable(page, "nothing known")


def test_a_closed_gate_a_short_day_and_a_dead_worker_are_said(page: Page, stand: OpsStand) -> None:
    whoop = stand.figures["budgets"][0]
    whoop["closed_until"] = "2026-11-21T13:30:00.000Z"
    whoop["forecast"] |= {"is_enough": False, "thinned": ["20:00 workout"]}
    stand.figures["workers"] = [worker(1, is_alive=False)]
    stand.tell()
    expect(page.locator(".cards")).to_contain_text("closed until 13:30")
    expect(page.get_by_text("will not suffice")).to_be_visible()
    expect(page.get_by_text("Left out today so that it suffices: 20:00 workout.")).to_be_visible()
    expect(section(page, "Workers")).to_contain_text("no sign of life for")
    assert_reachable(page, "trouble")


def test_another_source_can_be_chosen_with_the_keyboard(page: Page) -> None:
    page.get_by_role("radio", name="WHOOP").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Sahha")).to_be_checked()
    expect(page.locator(".cards")).to_contain_text("of 172,800")
    expect(section(page, "Calls left today")).to_contain_text("no forecast yet")


def test_behind_the_charts_are_tables(page: Page) -> None:
    page.get_by_text("Table", exact=True).first.click()
    table = page.get_by_role("table", name="Calls left today")
    expect(table.get_by_role("row", name="08:00")).to_contain_text("7,400")
    expect(table.get_by_role("row", name="18:00")).to_contain_text("–")
    page.get_by_text("Table", exact=True).last.click()
    expect(page.get_by_role("table", name="Deliveries today").get_by_role("row", name="07:00")).to_contain_text("181")


def test_a_stream_that_is_lost_is_said_and_comes_back(page: Page, stand: OpsStand) -> None:
    page.clock.install()
    stand.cut()
    expect(page.get_by_text("Not live · last 13:24:06 UTC")).to_be_visible()
    page.clock.run_for(1_000)
    expect(page.get_by_text("Live · updated")).to_be_visible()


def test_who_is_late_is_listed_on_demand(page: Page, stand: OpsStand) -> None:
    assert asked(stand, "/api/v1/ops/members") == []
    opener = page.get_by_role("button", name="Show the 12 late")
    opener.press("Enter")
    dialog = page.get_by_role("dialog", name="Late members")
    expect(dialog.get_by_role("row", name="m-0011")).to_contain_text("20 Nov 09:00 UTC")
    assert_reachable(page, "the late ones")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()


# ---- what fails ----


def test_what_fails_says_what_happened_and_when_it_goes_on(page: Page) -> None:
    expect(row(page, "m-0448")).to_contain_text(re.compile("Parked.*not understood at score.stage_summary, record 6f3e0c5a…"))
    expect(row(page, "m-0448")).to_contain_text("a person")
    expect(row(page, "m-1203")).to_contain_text(re.compile("Needs reconnecting.*the grant has ended, since 19 Nov 21:40 UTC"))
    expect(row(page, "m-0031")).to_contain_text("WHOOP gave no usable answer; stored up to 20 Nov 22:00 UTC")
    expect(row(page, "m-0031")).to_contain_text(re.compile(r"in (3 min|2 min 5\d s)"))
    expect(row(page, "m-1660")).to_contain_text("waiting for our turn with Sahha, history")


def test_one_is_tried_again(page: Page, stand: OpsStand) -> None:
    row(page, "m-0031").get_by_role("button", name="Retry now").click()
    expect(page.get_by_role("status").filter(has_text="It is asked for again now.")).to_be_visible()
    assert asked(stand, "/api/v1/ops/retry") == [{"failing": [{"user_id": "m-0031", "provider": "whoop", "resource": "cycle"}]}]


def test_a_parked_record_says_whether_it_is_understood_by_now(page: Page, stand: OpsStand) -> None:
    stand.retried = {"failing": 0, "parked": [{"id": 7, "result": "parked", "reason": "At: score."}]}
    row(page, "m-0448").get_by_role("button", name="Retry").click()
    expect(page.get_by_role("alert")).to_contain_text("Still not understood: At: score.")
    stand.retried = {"failing": 0, "parked": [{"id": 7, "result": "stored", "reason": None}]}
    stand.troubles["parked"].pop(0)
    row(page, "m-0448").get_by_role("button", name="Retry").click()
    expect(page.get_by_role("status").filter(has_text="Stored. It is understood by now.")).to_be_visible()
    expect(row(page, "m-0448")).to_have_count(0)
    assert asked(stand, "/api/v1/ops/retry") == [{"parked": [7]}, {"parked": [7]}]


def test_all_are_tried_again(page: Page, stand: OpsStand) -> None:
    stand.retried = {"failing": 2, "parked": []}
    page.get_by_role("button", name="Retry all failing").click()
    expect(page.get_by_text("2 are asked for again now.")).to_be_visible()
    stand.retried = {"failing": 0, "parked": [{"id": 7, "result": "stored", "reason": None}, {"id": 8, "result": "parked", "reason": "x"}]}
    page.get_by_role("button", name="Retry all parked").click()
    expect(page.get_by_text("1 of 2 parked records stored.")).to_be_visible()
    assert asked(stand, "/api/v1/ops/retry") == [{"all": ["failing"]}, {"all": ["parked"]}]


def test_a_retry_that_is_not_taken_says_so(page: Page, stand: OpsStand) -> None:
    stand.down.add("/retry")
    row(page, "m-0031").get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("That did not work. Try again. (id 7f2c-41aa)")
    assert_reachable(page, "a retry that failed")


def test_a_payload_is_asked_for_only_when_it_is_opened(page: Page, stand: OpsStand) -> None:
    assert asked(stand, "/api/v1/ops/parked") == []
    assert "respiratory_rate" not in page.content()
    opener = row(page, "m-0448").get_by_role("button", name="Payload")
    opener.press("Enter")
    dialog = page.get_by_role("dialog", name="Payload of whoop sleep")
    expect(dialog).to_contain_text('"respiratory_rate": 16.1')
    expect(dialog).to_contain_text("That you opened it is written in the log.")
    assert_reachable(page, "a payload")
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    assert "respiratory_rate" not in page.content()


def test_a_payload_that_does_not_load_says_so(page: Page, stand: OpsStand) -> None:
    stand.down.add("/parked/")
    row(page, "m-0448").get_by_role("button", name="Payload").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("This did not load.")


def test_the_link_to_reconnect_can_be_copied(page: Page, stand: OpsStand) -> None:
    row(page, "m-1203").get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"{stand.url}/app/sources"


# ---- reach ----


def test_it_is_reachable_at_every_width(page: Page) -> None:
    for width in (360, 720, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert_reachable(page, f"{width} px")
    for width in (320, 1024, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("minute", "left"), [(30, 9_900), (850, 5_000), (1_430, 300)])
def test_on_a_phone_no_words_of_the_curve_stand_on_others(page: Page, stand: OpsStand, minute: int, left: int) -> None:
    page.set_viewport_size(PHONE)
    whoop = stand.figures["budgets"][0]
    whoop["curve"], whoop["day"]["left"] = [[0, 10_000], [minute, left]], left
    stand.tell()
    expect(page.locator(".here-words")).to_contain_text(f"{left:,} left")
    assert page.evaluate(COVERED) == []


def test_nothing_is_drawn_for_none(page: Page, stand: OpsStand) -> None:
    stand.figures["freshness"]["parts"][0] |= {"members": 0}
    stand.tell()
    fresh = section(page, "Freshness")
    expect(fresh.locator("dd").first).to_have_text("0")
    assert fresh.locator("dd").first.locator(".bar").count() == 0
    assert fresh.locator("dd .bar").count() == 6


def test_it_is_reachable_with_text_twice_as_large(page: Page) -> None:
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert_reachable(page, f"200 % at {width} px")


def test_everything_can_be_reached_and_pressed_by_keyboard(page: Page) -> None:
    seen = []
    for _ in range(24):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim().slice(0, 30)")
        )
    for name in ("Sign out", "Show the 12 late", "Retry all failing", "Payload, m-0448 whoop sleep", "Retry now, m-0031 whoop cycle"):
        assert name in seen, seen


def test_targets_are_large_enough(page: Page) -> None:
    small = page.evaluate(
        "[...document.querySelectorAll('button, summary')].filter(e => e.getBoundingClientRect().height < 32).map(e => e.textContent)"
    )
    assert small == []


def test_nothing_of_it_is_stored_on_the_machine(browser: Browser, stand: OpsStand) -> None:
    stand.is_signed_in = True
    with opened(browser, base_url=stand.url, viewport=PHONE) as page:
        page.add_init_script("localStorage.setItem('ops-open', 'yes')")
        page.goto("/ops")
        page.get_by_role("heading", name="Failing and parked").wait_for()
        assert page.evaluate("navigator.serviceWorker.getRegistrations().then(all => all.length)") == 0
        assert page.evaluate("indexedDB.databases().then(all => all.length)") == 0
