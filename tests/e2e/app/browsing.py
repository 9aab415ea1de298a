"""A browser for the tests of the phone app: one for all of them, a context of its own for each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
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


def assert_reachable(page: Page, what: str) -> None:
    """Axe finds nothing in either theme, and nothing is wider than the screen."""
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        only = (
            {} if theme == THEMES[0] else {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
        )  # the rest does not hang on the theme
        found = Axe().run(page, options={"resultTypes": ["violations"], **only})
        said = [
            f"{v['id']}: {[n['target'] for n in v['nodes']]}: {v['nodes'][0].get('failureSummary')}" for v in found.response["violations"]
        ]
        if said:
            pytest.fail(f"{what}, {theme}: " + "\n".join(said))
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= screen, what


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
