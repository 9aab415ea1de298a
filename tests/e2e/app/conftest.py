"""One browser and one stand-in server for the tests of the phone app."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.app.browsing import NOW, opened
from tests.e2e.app.stand import Stand, standing


@pytest.fixture(scope="module")  # not wider: while it runs no other test may have an event loop
def browser(chromium_path: Path, chromium_args: list[str]) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(chromium_path), args=chromium_args)
        yield running
        running.close()


@pytest.fixture
def stand() -> Iterator[Stand]:
    with standing() as running:
        yield running


@pytest.fixture
def phone(browser: Browser, stand: Stand) -> Iterator[Page]:
    """A phone at the moment of the canned answers."""
    with opened(browser, base_url=stand.url) as page:
        page.clock.set_fixed_time(NOW)
        yield page
