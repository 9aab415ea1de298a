"""A browser for the tests of the phone app: one for all of them, a context of its own for each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, ViewportSize

PHONE: ViewportSize = {"width": 360, "height": 800}
WIDE: ViewportSize = {"width": 1280, "height": 800}
NOW = "2026-11-21T06:24:00Z"
THEMES = ("dark", "light")
PATIENCE_MS = 10_000


@contextmanager
def opened(browser: Browser, **more: Any) -> Iterator[Page]:
    """A page that fails its test if a script fails or the policy refuses something."""
    given: dict[str, Any] = {"viewport": PHONE, "locale": "en-GB", "timezone_id": "Europe/Berlin", "reduced_motion": "reduce"}
    context = browser.new_context(**given | more)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda said: failures.append(said.text) if "Content Security Policy" in said.text else None)
    try:
        yield page
    finally:
        context.close()
    assert not failures, failures


_VIOLATIONS = """async ([first, only]) => {
  const rules = first ? {} : { runOnly: { type: "rule", values: only } };
  const exclude = [[".trend-table tbody tr:nth-child(n+20)"], ["svg circle"]]; // hundreds of the same
  const found = await axe.run({ exclude }, { resultTypes: ["violations"], ...rules });
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target)}: ${nodes[0].failureSummary}`);
}"""
_TARGET = 44
# How far each control answers around its middle, as a finger finds it; what is inside a sentence may be lower than wide.
_SMALL_TARGETS = """(least) => {
  const answers = (control, x, y) => {
    const there = document.elementFromPoint(x, y);
    return Boolean(there) && (control.contains(there) || Boolean(there.closest("label")?.contains(control)));
  };
  const far = (control, x, y, dx, dy) => {
    let n = 0;
    while (n < least && answers(control, x + dx * (n + 1), y + dy * (n + 1))) n += 1;
    return n;
  };
  const was = [scrollX, scrollY];
  const found = [];
  const within = document.querySelector("dialog[open]") ?? document;
  for (const control of within.querySelectorAll("a[href]:not(.skip), button:not(:disabled), select, input")) {
    if (!control.checkVisibility() || control.closest(".pills, .table-place")) continue; // the pills' row scrolls under its own edges
    control.scrollIntoView({ block: "center", behavior: "instant" });
    const { left, top, width, height } = control.getClientRects()[0];
    const [x, y] = [left + width / 2, top + height / 2];
    if (!width || !answers(control, x, y)) continue;
    const wide = far(control, x, y, -1, 0) + far(control, x, y, 1, 0) + 1;
    const high = far(control, x, y, 0, -1) + far(control, x, y, 0, 1) + 1;
    if (wide < least - 0.5 || high < least - 0.5) found.push(`${control.ariaLabel ?? control.textContent.slice(0, 40)}: ${wide} x ${high}`);
  }
  scrollTo(...was);
  return found;
}"""


def assert_reachable(page: Page, what: str) -> None:
    """Axe finds nothing in either theme, nothing is wider than the screen, and every control of the app is large enough for a finger."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE_SCRIPT)
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        said = page.evaluate(_VIOLATIONS, [theme == THEMES[0], ["color-contrast"]])  # the rest does not hang on the theme
        if said:
            pytest.fail(f"{what}, {theme}: " + "\n".join(said))
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= screen, what
    if "/ops" not in page.url:
        small = page.evaluate(_SMALL_TARGETS, _TARGET)
        assert not small, (what, small)


def records_kept(page: Page) -> int:
    """How many records the phone holds, in every store of every database."""
    return page.evaluate(
        """async () => {
            const ended = (request) => new Promise((resolve, reject) => {
                request.onsuccess = () => resolve(request.result);
                request.onerror = reject;
            });
            let count = 0;
            for (const { name } of await indexedDB.databases()) {
                const base = await ended(indexedDB.open(name));
                for (const store of base.objectStoreNames) count += await ended(base.transaction(store).objectStore(store).count());
                base.close();
            }
            return count;
        }"""
    )
