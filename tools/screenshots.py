"""Pictures of every page and state of the phone app: `python -m tools.screenshots [folder] [names...]`, into docs/screenshots.

The app's own files in Chromium, against the tests' stand-in for the server and its canned answers: the same pictures each time.
"""

import base64
import os
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route, ViewportSize, sync_playwright

from tests.e2e.app import canned, canned_sources, canned_trends
from tests.e2e.app.browsing import NOW, PHONE, WIDE, opened
from tests.e2e.app.daily import test_states as states
from tests.e2e.app.ops import stand as ops
from tests.e2e.app.stand import Stand, standing
from tools.needs import find_browser

FOLDER = Path(__file__).parent.parent / "docs" / "screenshots"
MOST_BYTES, COLOURS = 60_000, (128, 64, 40, 24)
Scene = Callable[[Stand], str]
# In a page of its own: the most frequent colours of a picture, and for each pixel which of them is nearest.
_QUANTISE = """async ([url, most]) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const { width, height } = image;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const drawing = canvas.getContext("2d");
  drawing.drawImage(image, 0, 0);
  const { data } = drawing.getImageData(0, 0, width, height);
  const counts = new Map();
  for (let i = 0; i < data.length; i += 4) {
    const colour = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const far = (a, b) => ((a >> 16) - (b >> 16)) ** 2 + (((a >> 8) & 255) - ((b >> 8) & 255)) ** 2 + ((a & 255) - (b & 255)) ** 2;
  const palette = [];
  for (const near of [200, 50, 0]) { // first what differs much, so that no rare colour is lost among shades of a frequent one
    for (const [colour] of [...counts].sort((a, b) => b[1] - a[1])) {
      const room = near === 200 ? most / 2 : near ? most * 3 / 4 : most;
      if (palette.length < room && palette.every((one) => far(one, colour) > near)) palette.push(colour);
    }
  }
  const nearest = new Map();
  const pixels = new Uint8Array(width * height);
  for (let i = 0; i < pixels.length; i += 1) {
    const colour = (data[4 * i] << 16) | (data[4 * i + 1] << 8) | data[4 * i + 2];
    if (!nearest.has(colour)) {
      nearest.set(colour, palette.reduce((best, one, n) => (far(one, colour) < far(palette[best], colour) ? n : best), 0));
    }
    pixels[i] = nearest.get(colour);
  }
  let text = "";
  for (let i = 0; i < pixels.length; i += 32768) text += String.fromCharCode(...pixels.subarray(i, i + 32768));
  return { width, height, palette, pixels: btoa(text) };
}"""


@dataclass(frozen=True)
class Shot:
    """One picture: what the server answers, how wide the screen is, in which theme, and what is done before."""

    name: str
    scene: Scene
    width: int = 360
    theme: str = "dark"
    wait_for: str = "#title"
    act: Callable[[Page], None] | None = None


def _at(path: str) -> Scene:
    return lambda _: path


def _nobody(stand: Stand) -> str:
    stand.today = states.nobody()
    return "/app/"


def _ended(stand: Stand) -> str:
    path = states.ended(stand)
    stand.today["sources"]["whoop"]["ended_at"] = "2026-11-21T01:10:00.000Z"
    return path


def _waiting(stand: Stand) -> str:
    stand.slow_s["/day"] = 2.0
    return "/app/"


def _linked(stand: Stand) -> str:
    stand.session = None
    stand.open_paths = ("/session/peek",)
    owner = {"user_id": "Mira", "expires_at": "2026-11-21T06:39:00.000Z"}
    stand.also.insert(0, lambda path, query, method: owner if path.endswith("/peek") else None)
    return "/app/sign-in#the-link"


def _offline(page: Page) -> None:
    page.wait_for_timeout(2_500)
    page.context.set_offline(True)
    page.clock.set_fixed_time("2026-11-21T20:40:00Z")
    page.reload()
    page.locator(".notice").wait_for()


def _month(page: Page) -> None:
    page.locator(".hero .num-xl").wait_for()
    page.locator("button.choose").click()
    page.get_by_role("dialog").get_by_text("21").first.wait_for()


def _erased(page: Page) -> None:
    page.get_by_role("button", name="Erase everything").first.click()
    page.get_by_role("textbox").fill("erase")
    page.get_by_role("dialog").get_by_role("button", name="Erase").last.click() if page.get_by_role("dialog").count() else page.get_by_role(
        "button", name="Erase everything"
    ).last.click()
    page.locator(".receipt").wait_for()


HERO, CHART = ".hero .num-xl", ".chart svg"
SHOTS = [
    *(Shot(f"today-{theme}-{width}", _at("/app/"), width, theme, HERO) for theme in ("dark", "light") for width in (360, 1280)),
    *(Shot(f"sleep-{width}", _at("/app/sleep"), width) for width in (360, 1280)),
    *(Shot(f"workouts-{width}", _at("/app/workouts"), width, wait_for=".workout-day") for width in (360, 1280)),
    Shot("trends-360", _at("/app/trends"), wait_for=CHART),
    Shot("trends-1280", _at("/app/trends?days=90&with=strain"), 1280, "light", CHART),
    *(Shot(f"sources-{width}", _at("/app/sources"), width) for width in (360, 1280)),
    *(Shot(f"about-{width}", _at("/app/about"), width) for width in (360, 1280)),
    *(Shot(f"signin-{width}", _linked, width, wait_for=".single-act .button") for width in (360, 1280)),
    Shot("month-360", _at("/app/"), act=_month),
    Shot("month-1280", _at("/app/"), 1280, act=_month),
    Shot("connect-360", _nobody),
    Shot("syncing-360", states.answering(canned.backfilling), wait_for=HERO),
    Shot("pending-360", states.answering(canned.pending), wait_for=".hero"),
    Shot("reconnect-360", _ended, wait_for=".notice"),
    Shot("nodata-360", states.gap),
    Shot("offline-360", _at("/app/"), wait_for=HERO, act=_offline),
    Shot("error-360", states.failing, wait_for="[role=alert]"),
    Shot("loading-360", _waiting),
    Shot("erased-360", _at("/app/sources"), act=_erased),
]  # fmt: skip


def _with_faces(route: Route) -> None:
    """The app's own faces are optional, and a slow machine would be drawn with what the system has: here they are waited for."""
    given = route.fetch()
    route.fulfill(response=given, body=given.text().replace("font-display: optional", "font-display: block"))


def _taken(browser: Browser, shot: Shot) -> bytes:
    size: ViewportSize = PHONE if shot.width == PHONE["width"] else WIDE
    with standing() as stand:
        stand.also += [canned_trends.answers, canned_sources.answers]
        path = shot.scene(stand)
        scale = 2 if size is PHONE else 1.25
        workers = "allow" if shot.act is _offline else "block"
        with opened(
            browser, base_url=stand.url, viewport=size, device_scale_factor=scale, color_scheme=shot.theme, service_workers=workers
        ) as page:
            page.clock.set_fixed_time(NOW)
            page.route("**/*.css", _with_faces)
            page.goto(path)
            page.locator(shot.wait_for).first.wait_for()
            if shot.act:
                shot.act(page)
            page.evaluate("document.fonts.ready.then(() => true)")
            page.wait_for_timeout(500)
            return page.screenshot(animations="disabled", caret="hide")


def _operators(browser: Browser) -> bytes:
    with ops.standing() as stand, opened(browser, base_url=stand.url, viewport=WIDE, device_scale_factor=1) as page:
        stand.is_signed_in = True
        page.goto("/ops")
        page.get_by_role("heading", name="Failing and parked").wait_for()
        page.wait_for_timeout(500)
        return page.screenshot(animations="disabled", full_page=True)


def _small(page: Page, picture: bytes) -> bytes:
    """The picture with a palette, as small as is wanted."""
    url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    made = b""
    for most in COLOURS:
        made = _png(page.evaluate(_QUANTISE, [url, most]))
        if len(made) <= MOST_BYTES:
            break
    return made


def _png(found: dict[str, Any]) -> bytes:
    width, height, pixels = found["width"], found["height"], base64.b64decode(found["pixels"])
    rows = b"".join(b"\0" + pixels[n * width : (n + 1) * width] for n in range(height))
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", b"".join(colour.to_bytes(3, "big") for colour in found["palette"])),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    ]
    said = (struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(said)


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--disable-gpu", "--hide-scrollbars", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        running = playwright.chromium.launch(executable_path=str(find_browser()), args=arguments)
        yield running
        running.close()


def main() -> None:
    """Takes those that are named, or all."""
    names = set(sys.argv[1:])
    FOLDER.mkdir(parents=True, exist_ok=True)
    with _browser() as browser:
        desk = browser.new_page()
        for shot in (*SHOTS, None):
            name = shot.name if shot else "ops-1280"
            if names and name not in names:
                continue
            made = _small(desk, _taken(browser, shot) if shot else _operators(browser))
            (FOLDER / f"{name}.png").write_bytes(made)
            print(f"{name} {len(made) / 1000:.0f} kB{' TOO LARGE' if len(made) > MOST_BYTES else ''}", flush=True)


if __name__ == "__main__":
    main()
