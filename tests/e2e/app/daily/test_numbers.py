"""How numbers become text and words: pure functions, asked in the browser that will run them."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.app.browsing import opened
from tests.e2e.app.stand import standing


@pytest.fixture(scope="module")
def page(browser: Browser) -> Any:
    with standing() as stand, opened(browser, base_url=stand.url) as found:
        found.goto("/app/about")
        yield found


IMPORT = """const at = (name) => document.querySelector("script[type=module]").src.replace("main.js", `${name}.js`);
    const format = await import(at("format"));
    const found = { ...format, ...await import(at(module)) };"""


def asked(page: Page, module: str, call: str, *, locale: str = "en-GB", units: dict[str, str] | None = None) -> Any:
    """What a call of a module of the app gives; `call` may name everything that the module and the formats export."""
    names = page.evaluate(f"async (module) => {{ {IMPORT} return Object.keys(found).filter((name) => name !== 'default'); }}", module)
    return page.evaluate(
        f"""async ([module, locale, units]) => {{
            {IMPORT}
            const {{ {", ".join(names)} }} = found;
            settings.locale = locale;
            Object.assign(settings.units, {{ distance: "km", energy: "kcal", temperature: "c" }}, units);
            return {call};
        }}""",
        [module, locale, units or {}],
    )


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("number(null)", "–"),
        ("number(undefined, 1)", "–"),
        ("number(0)", "0"),
        ("number(66.5)", "67"),
        ("number(1.005, 2)", "1.01"),
        ("number(-0.04, 1)", "0.0"),
        ("number(-3.26, 1)", "−3.3"),
        ("number(7012)", "7,012"),
        ("duration(25680)", "7 h 08"),
        ("duration(2280)", "38 min"),
        ("duration(3599)", "1 h 00"),
        ("duration(0)", "0 min"),
        ("duration(null)", "–"),
        ("distance(7110)", "7.1 km"),
        ("climb(388)", "388 m"),
        ("longDay('2026-11-21')", "Saturday 21 November"),
        ("longDay('2025-11-21', '2026-11-21')", "Friday 21 November 2025"),
        ("shortDay('2026-11-20')", "Fri 20 Nov"),
        ("dayRange('2026-11-16', '2026-11-21')", "16–21 November"),
        ("dayRange('2026-10-28', '2026-11-03')", "28 October – 3 November"),
        ("clock('2026-11-20T21:08:00Z', 60)", "22:08"),
        ("localDay('2026-11-20T23:30:00Z', 60)", "2026-11-21"),
        ("sport('functional-fitness')", "Functional fitness"),
        ("sport('table_tennis')", "Table tennis"),
        ("sport('weightlifting_msk')", "Strength trainer"),
        ("sport('HIIT')", "HIIT"),
        ("sport(null)", "Activity"),
        ("moment('2026-11-21T06:12:00Z', Date.parse('2026-11-21T20:00:00Z'), 60)", "today at 07:12"),
        ("moment('2026-11-20T20:40:00Z', Date.parse('2026-11-21T06:00:00Z'), 60)", "yesterday at 21:40"),
        ("moment('2026-11-19T22:02:00Z', Date.parse('2026-11-21T06:00:00Z'), 60)", "on 19 Nov at 23:02"),
        ("durationSaid(25680)", "7 hours 8 minutes"),
        ("durationSaid(3660)", "1 hour 1 minute"),
        ("durationSaid(0)", "0 minutes"),
        ("addDays('2026-03-01', -1)", "2026-02-28"),
    ],
)
def test_values_are_written_as_the_table_says(page: Page, call: str, text: str) -> None:
    assert asked(page, "format", call).replace("\u00a0", " ") == text


def test_units_and_clock_follow_the_member(page: Page) -> None:
    imperial = {"distance": "mi", "energy": "kj", "temperature": "f"}
    assert asked(page, "format", "distance(7110)", units=imperial) == "4.4\u00a0mi"
    assert asked(page, "format", "climb(388)", units=imperial) == "1,273\u00a0ft"
    assert asked(page, "judge", "figure('skin_temperature_c', 33.62)", units=imperial) == "92.5"
    assert asked(page, "judge", "unit('skin_temperature_c')", units=imperial) == "°F"
    assert asked(page, "format", "number(energy(1723.8))", units=imperial) == "1,724"
    assert asked(page, "format", "number(energy(1723.8))") == "412"
    assert asked(page, "format", "clock('2026-11-20T21:08:00Z', 60)", locale="en-US").replace("\u202f", " ") == "10:08 PM"
    assert asked(page, "format", "firstWeekday()", locale="en-US") == 7
    assert asked(page, "format", "number(7012.5, 1)", locale="de-DE") == "7.012,5"
    every = (
        "[number(7012), clock('2026-11-20T21:08:00Z', 60), dayMonth('2026-11-20'), dayRange('2026-11-16', '2026-11-21'), duration(25680)]"
    )
    for locale in ("ar-EG", "fa-IR", "mr-IN", "my-MM"):
        said = " ".join(asked(page, "format", every, locale=locale))
        assert all(one.isascii() for one in said if one.isdigit()), (locale, said)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("judged('hrv_rmssd_ms', 71.4, {low: 55, high: 70.6})", "within"),  # 71 against 55–71, as it stands on the screen
        ("judged('hrv_rmssd_ms', 71.5, {low: 55, high: 70.6})", "above"),
        ("judged('sleep_respiratory_rate_per_min', 14.04, {low: 14.05, high: 14.7})", "below"),
        ("judged('sleep_respiratory_rate_per_min', 14.06, {low: 14.14, high: 14.7})", "within"),
        ("judged('hrv_rmssd_ms', null, {low: 55, high: 70})", None),
        ("judged('hrv_rmssd_ms', 60, {low: null, high: null, count: 9})", None),
        ("judged('hrv_rmssd_ms', 60, undefined)", None),
        ("judged('asleep_s', 25650, {low: 25679, high: 30000})", "within"),  # both are 7 h 28
        ("band(66.4)", "mid"),
        ("band(66.5)", "high"),
        ("band(33.4)", "low"),
        ("band(33.5)", "mid"),
        ("band(0)", "low"),
        ("band(null)", None),
        ("bars(null)", 0),
        ("shown('asleep_s', null)", None),
        ("figure('strain', 0)", "0.0"),
    ],
)
def test_words_are_of_the_rounded_numbers_on_the_screen(page: Page, call: str, said: Any) -> None:
    assert asked(page, "judge", call) == said


@pytest.mark.parametrize(
    ("ago_s", "said"),
    [
        (20, "just now"),
        (240, "4 min ago"),
        (3_540, "59 min ago"),
        (7_300, "2 h ago"),
        (35_000, "yesterday 21:40"),
        (200_000, "18 Nov 23:50"),
    ],
)
def test_an_age_is_told_until_it_becomes_a_date(page: Page, ago_s: int, said: str) -> None:
    now = "Date.parse('2026-11-21T06:24:00Z')"
    instant = {35_000: "'2026-11-20T20:40:40Z'"}.get(ago_s, f"{now} - {ago_s * 1000}")
    assert asked(page, "format", f"age({instant}, {now}, 60).text") == said


def sentence(page: Page, recovery: float, hrv: float, rhr: float, sleep: float) -> Any:
    usual = "{recovery_score_percent: {low: 44, high: 77}, hrv_rmssd_ms: {low: 55, high: 71}, resting_heart_rate_bpm: {low: 50, high: 54}, "
    usual += "sleep_performance_percent: {low: 70, high: 95}}"
    day = (
        f"{{recovery: {{score: {recovery}, hrv_rmssd_ms: {hrv}, resting_heart_rate_bpm: {rhr}}}, sleep: {{performance_percent: {sleep}}}}}"
    )
    found = asked(page, "reading", f"morning({{date: '2026-11-20', today: '2026-11-21', day: {day}, usual: {usual}}})")
    return f"{found['bold']} {found['rest']}"


def test_the_morning_sentence_groups_what_is_alike_in_the_order_given(page: Page) -> None:
    assert sentence(page, 72, 75, 50, 86) == "Within your usual 44–77. HRV is above; resting heart rate and sleep are within."
    assert sentence(page, 44, 63, 51, 74) == "Within your usual 44–77. HRV, resting heart rate and sleep are within."
    assert sentence(page, 31, 50, 58, 74) == "Below your usual 44–77. HRV is below; resting heart rate is above; sleep is within."
    assert sentence(page, 80, 75, 49, 96) == "Above your usual 44–77. HRV and sleep are above; resting heart rate is below."


def test_sleep_is_held_against_need_in_whole_minutes(page: Page) -> None:
    def said(asleep: int) -> str:
        return asked(page, "reading", f"needWords(againstNeed({{asleep_s: {asleep}, need_s: {{total: 29100}}}}))").replace("\u00a0", " ")

    assert said(25_680) == "57 min short of 8 h 05"
    assert said(30_480) == "23 min over 8 h 05"
    assert said(29_090) == "need met"
    assert asked(page, "reading", "againstNeed({asleep_s: null, need_s: {total: 29100}})") is None
    assert asked(page, "reading", "againstNeed({asleep_s: 100, need_s: null})") is None


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("stripDays('2026-11-21', '2026-11-21', 3)", ["2026-11-19", "2026-11-20", "2026-11-21"]),
        ("stripDays('2026-11-12', '2026-11-21', 3)", ["2026-11-11", "2026-11-12", "2026-11-13"]),
    ],
)
def test_a_strip_ends_one_day_after_the_shown_one(page: Page, call: str, found: list[str]) -> None:
    assert asked(page, "parts/strip", call) == found


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("Home", "2026-11-16"),
        ("End", "2026-11-21"),
        ("PageUp", "2026-10-21"),
        ("PageDown", "2026-11-21"),
        ("ArrowRight", None),
        ("a", None),
    ],
)
def test_keys_of_the_month_never_lead_past_today(page: Page, key: str, found: str | None) -> None:
    assert asked(page, "parts/month", f"moved('2026-11-21', '{key}', '2026-11-21')") == found


def test_a_sparkline_breaks_where_a_day_is_missing(page: Page) -> None:
    series = "[['a', 1], ['b', 2], ['c', null], ['d', 4], ['e', null]]"
    found = asked(page, "parts/sparkline", f"placed({series}, null)")
    assert [len(line) for line in found["lines"]] == [2, 1]
    assert len(found["missing"]) == 2
    assert found["last"] is None, "the last point is only drawn where the last day has a value"
    assert asked(page, "parts/sparkline", "placed([['a', null]], {low: 1, high: 2}).band") is None


def test_a_rail_reaches_to_zero_only_where_something_lies_below_its_scale(page: Page) -> None:
    assert asked(page, "parts/rail", "scaleOf('sleep_performance_percent', 86, {low: 70, high: 95})") == [40, 100]
    assert asked(page, "parts/rail", "scaleOf('sleep_performance_percent', 31, {low: 70, high: 95})") == [0, 100]
