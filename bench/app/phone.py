"""A mid phone on slow 4G, as Chromium imitates it, and what it saw of one page."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from tools.needs import find_browser

SLOWER, RTT_MS, DOWN_BITS_S, UP_BITS_S = 4, 150, 1_600_000, 750_000
PATIENCE_MS, LOOK_MS = 30_000, 100
# Runs before anything of the page: notes when the number was on the screen, what moved, and how long the main thread was held.
_WATCH = """(() => {
  const seen = { number: null, moved: 0, longest: 0 };
  window.$seen = seen;
  new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) seen.moved += e.value; })
    .observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => { for (const e of list.getEntries()) seen.longest = Math.max(seen.longest, e.duration); })
    .observe({ type: "longtask", buffered: true });
  const look = () => {
    if (seen.number !== null || !/[0-9]/.test(document.querySelector(".num-xl")?.textContent ?? "")) return;
    seen.number = -1;
    requestAnimationFrame(() => setTimeout(() => { seen.number = performance.now(); }));
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
})()"""


@dataclass(frozen=True)
class Look:
    """One visit. Milliseconds since it began; bytes with their headers; `moved` is the sum of layout shifts; the longest task, ms."""

    number_ms: float
    bytes: int
    requests: int
    moved: float
    longest_ms: float


class Phone:
    """One context of the browser: what it keeps, it keeps for the next visit."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context

    def look(self, url: str, *, settle_ms: int = 1_500, slower: int = SLOWER) -> Look:
        """Opens the address in a new tab, on slow 4G with a CPU so many times slower; looks until its number is there, and on."""
        page = self.context.new_page()
        page.add_init_script(_WATCH)
        cdp = self.context.new_cdp_session(page)
        sent = _listened(cdp)
        _slowed(cdp, slower)
        page.goto(url, wait_until="commit")
        _until(page, "window.$seen?.number > 0")
        page.wait_for_timeout(settle_ms)
        seen = page.evaluate("window.$seen")
        found = Look(seen["number"], sum(sent.values()), len(sent), seen["moved"], seen["longest"])
        page.close()
        return found

    def until_kept(self, url: str) -> None:
        """Visits until the app's files are on the phone."""
        page: Page = self.context.new_page()
        page.goto(url)
        _until(page, "navigator.serviceWorker.ready.then(() => true)")
        page.wait_for_timeout(1_500)
        page.close()


def _until(page: Page, what: str) -> None:
    """Returns once it is so; asked from outside, as the page's policy wants it. Raises RuntimeError."""
    for _ in range(PATIENCE_MS // LOOK_MS):
        if page.evaluate(what):
            return
        page.wait_for_timeout(LOOK_MS)
    raise RuntimeError(f"Not so: {what}")


def _slowed(cdp: CDPSession, slower: int) -> None:
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    given = {"offline": False, "latency": RTT_MS, "downloadThroughput": DOWN_BITS_S / 8, "uploadThroughput": UP_BITS_S / 8}
    cdp.send("Network.emulateNetworkConditions", given)


def _listened(cdp: CDPSession) -> dict[str, int]:
    """Bytes by request, as they go over the network."""
    sent: dict[str, int] = {}

    def count(event: dict[str, Any]) -> None:
        sent[event["requestId"]] = sent.get(event["requestId"], 0) + int(event["encodedDataLength"])

    cdp.on("Network.loadingFinished", count)
    cdp.send("Network.enable")
    return sent


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Raises RuntimeError without one."""
    path = find_browser()
    if path is None:
        raise RuntimeError("There is no Chromium here; `make setup` says how to get one.")
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(path), args=[*quiet, *(["--no-sandbox"] if os.geteuid() == 0 else [])])
        try:
            yield running
        finally:
            running.close()


@contextmanager
def phone(running: Browser, cookies: list[Any]) -> Iterator[Phone]:
    """A phone that has never been here, signed in."""
    context = running.new_context(viewport={"width": 360, "height": 800}, device_scale_factor=2, locale="en-GB", is_mobile=True)
    context.add_cookies(cookies)
    try:
        yield Phone(context)
    finally:
        context.close()
