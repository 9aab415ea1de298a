"""What the charts work out: scales, gaps, averages, weekdays, words. In the browser, as the app runs it."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.app.browsing import opened
from tests.e2e.app.stand import standing


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with standing() as stand, opened(browser, base_url=stand.url) as page:
        page.goto("/app/about")
        page.get_by_role("heading", name="About").wait_for()
        yield page


def run(page: Page, module: str, body: str, *given: Any) -> Any:
    """What a function body returns, with the exports of the running app's module as `m`."""
    folder = page.evaluate("document.querySelector('script[type=module]').src.replace('main.js', '')")
    return page.evaluate(f"async (given) => {{ const m = await import('{folder}{module}'); {body} }}", list(given))


def axis(page: Page, kind: str, values: list[float | None], **options: Any) -> list[float]:
    return run(page, "charts/scale.js", "return m.axis(...given)", kind, values, options)


def test_a_scale_has_three_to_five_round_ticks_that_hold_every_value(page: Page) -> None:
    for low, high in ((52, 75), (0.4, 0.9), (7, 7), (1203, 15400), (95.1, 97.3), (0, 3)):
        ticks = axis(page, "data", [low, high], digits=1)
        assert 3 <= len(ticks) <= 5, (low, high, ticks)
        assert ticks[0] <= low <= high <= ticks[-1]
        steps = {round(b - a, 6) for a, b in pairwise(ticks)}
        assert len(steps) == 1
        assert all(str(abs(step)).strip("0.")[:1] in "125" for step in steps), ticks


def test_sleep_energy_and_strain_start_at_zero_heart_rate_does_not(page: Page) -> None:
    assert axis(page, "minutes", [370, 480, None])[0] == 0
    assert axis(page, "zero", [2100, 2600])[0] == 0
    assert axis(page, "strain", [4, 17]) == [0, 7, 14, 21]
    assert axis(page, "recovery", [61, 63]) == [0, 25, 50, 75, 100]
    assert axis(page, "data", [50, 54])[0] >= 48


def test_hours_of_sleep_have_whole_hours_at_the_axis(page: Page) -> None:
    assert all(mark % 60 == 0 for mark in axis(page, "minutes", [312, 521]))


def test_a_whole_number_has_no_fractions_at_the_axis(page: Page) -> None:
    assert all(mark == int(mark) for mark in axis(page, "data", [51, 53], digits=0))


def test_a_line_breaks_at_a_gap_and_never_joins_over_it(page: Page) -> None:
    path = run(page, "charts/paths.js", "return m.linePath(given[0], (i) => i * 10, (v) => v)", [1, 2, None, None, 5, 6, None, 8])
    assert path == "M0 1L10 2M40 5L50 6"  # the single last day is a dot, no line


def test_a_lone_day_is_a_dot(page: Page) -> None:
    assert run(page, "charts/paths.js", "return m.lone(given[0])", [1, 2, None, 4, None, None, 7]) == [3, 6]


def test_zero_is_a_value_and_null_is_none(page: Page) -> None:
    assert run(page, "charts/series.js", "return [m.gaps(given[0]), m.stretches(given[0])]", [0, None, 0, 0]) == [
        [[1, 1]],
        [[0, 0], [2, 3]],
    ]


def test_the_band_goes_on_across_days_without_a_value_and_not_where_there_is_none(page: Page) -> None:
    found = run(
        page, "charts/paths.js", "return m.bandPaths(given[0], given[1], (i) => i * 10, (v) => v, 10)", [None, 1, 1, 1], [None, 5, 5, 5]
    )
    assert found["area"].startswith("M5 5L10 5L20 5L30 5L35 5L")
    assert found["area"].count("M") == 1
    none = [None] * 3
    assert run(page, "charts/paths.js", "return m.bandPaths(given[0], given[0], (i) => i, (v) => v, 1)", none) == {"area": "", "edges": ""}


def test_a_weekly_average_needs_four_of_seven_values(page: Page) -> None:
    values = [10, None, None, None, 20, 30, 40, 50, None, None, None, None, 60]
    found = run(page, "charts/series.js", "return m.averages(given[0])", values)
    assert found[:6] == [None] * 6  # three values among seven
    assert found[6] == 25  # 10, 20, 30, 40
    assert found[7] == 35  # 20, 30, 40, 50
    assert found[8] is None  # no value of its own: the line breaks
    assert found[12] is None


def test_a_weekday_with_fewer_than_four_values_says_nothing(page: Page) -> None:
    mondays = [{"day": f"2026-11-{d:02}", "value": v} for d, v in ((2, 50), (9, 60), (16, 70), (23, None))]
    tuesdays = [{"day": f"2026-{d}", "value": v} for d, v in (("11-03", 40), ("11-10", 50), ("11-17", 60), ("11-24", 70))]
    found = run(page, "charts/series.js", "return m.byWeekday(given[0])", mondays + tuesdays)
    assert found[0] == {"count": 3, "median": None, "low": None, "high": None}
    assert found[1]["median"] == 55
    assert (found[1]["low"], found[1]["high"]) == (43, 67)


def test_words_follow_the_rounded_numbers_on_the_screen(page: Page) -> None:
    judge = "return m.judge('hrv_rmssd_ms', given[0])"
    assert run(page, "charts/metrics.js", judge, {"value": 71.4, "usual_low": 55.0, "usual_high": 70.6}) == "within"  # 71 of 55 to 71
    assert run(page, "charts/metrics.js", judge, {"value": 71.6, "usual_low": 55.0, "usual_high": 70.6}) == "above"
    assert run(page, "charts/metrics.js", judge, {"value": 54.4, "usual_low": 54.6, "usual_high": 70.0}) == "below"
    assert run(page, "charts/metrics.js", judge, {"value": 60, "usual_low": None, "usual_high": None}) is None
    assert run(page, "charts/metrics.js", judge, {"value": None, "usual_low": 1, "usual_high": 2}) is None


def test_values_are_said_in_their_units(page: Page) -> None:
    full = "return given.map(([metric, value]) => m.full(metric, m.shown(metric, value)))"
    pairs = [
        ["hrv_rmssd_ms", 64.6],
        ["asleep_s", 25680],
        ["strain", 8.42],
        ["sahha_sleep_score", 81],
        ["cycle_steps_count", 7012],
        ["strain", None],
    ]
    assert run(page, "charts/metrics.js", full, *pairs) == ["65 ms", "7\u00a0h\u00a008", "8.4", "0.81", "7,012", "–"]


def test_a_file_has_every_day_and_an_empty_field_for_none(page: Page) -> None:
    points = [
        {"day": "2026-11-20", "value": None, "source": None, "usual_low": 48.2, "usual_high": 66.0},
        {"day": "2026-11-21", "value": 75.2, "source": "whoop", "usual_low": 48.2, "usual_high": 66.0},
    ]
    noisy = [{"day": "2026-11-21", "value": 71.33333333333333, "source": "whoop", "usual_low": 0.1 + 0.2, "usual_high": 90.0}]
    assert "71.3333333333,whoop,0.3,90," in run(page, "charts/table.js", "return m.csv('hrv_rmssd_ms', given[0])", noisy)
    assert run(page, "charts/metrics.js", "return m.text('hrv_rmssd_ms', m.shown('hrv_rmssd_ms', 71.33333333333333))") == "71"
    text = run(page, "charts/table.js", "return m.csv('hrv_rmssd_ms', given[0])", points)
    assert text.split("\r\n") == [
        "day,hrv_rmssd_ms,source,usual_low,usual_high,against_usual", "2026-11-20,,,48.2,66,", "2026-11-21,75.2,whoop,48.2,66,above", "",
    ]  # fmt: skip


def test_keys_step_a_day_a_week_to_the_ends_and_back(page: Page) -> None:
    step = "return given[1].map((key) => m.stepped(key, given[0], {count: 30, newest: 28}))"
    keys = ["ArrowLeft", "ArrowRight", "PageDown", "PageUp", "Home", "End", "Escape", "a"]
    assert run(page, "charts/slider.js", step, 10, keys) == [9, 11, 3, 17, 0, 29, 28, None]
    assert run(page, "charts/slider.js", step, 0, ["ArrowLeft", "PageDown"]) == [0, 0]


def test_how_far_a_sync_is_comes_from_what_was_asked_since(page: Page) -> None:
    before = {"resources": {"sleep": {"last_attempt_at": "1", "api_calls": 3}, "cycle": {"last_attempt_at": "1", "api_calls": 4}}}
    now = {
        "resources": {
            "sleep": {"last_attempt_at": "2", "api_calls": 5, "state": "idle"},
            "cycle": {"last_attempt_at": "1", "api_calls": 4, "state": "running"},
        }
    }
    assert run(page, "state/sources.js", "return m.progressOf(given[0], given[1])", before, now) == {"done": 1, "total": 2, "calls": 2}
