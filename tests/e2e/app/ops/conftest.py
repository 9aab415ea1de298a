"""An operator's browser and a stand-in for the operator's side of the server."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.app.browsing import WIDE, opened
from tests.e2e.app.ops.stand import OpsStand, standing


@pytest.fixture
def stand() -> Iterator[OpsStand]:
    with standing() as running:
        yield running


@pytest.fixture
def wide(browser: Browser, stand: OpsStand) -> Iterator[Page]:
    """Nobody is signed in yet."""
    with opened(browser, base_url=stand.url, viewport=WIDE, permissions=["clipboard-read", "clipboard-write"]) as page:
        yield page


@pytest.fixture
def page(wide: Page, stand: OpsStand) -> Page:
    """Signed in, with everything shown."""
    stand.is_signed_in = True
    wide.add_init_script("localStorage.setItem('ops-open', 'yes')")
    wide.goto("/ops")
    wide.get_by_role("heading", name="Failing and parked").wait_for()
    return wide
