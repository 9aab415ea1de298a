"""How soon a phone shows the morning's number, and what that takes."""

from statistics import median
from typing import Any

from playwright.sync_api import Browser

from bench import members
from bench.app.phone import DOWN_BITS_S, RTT_MS, SLOWER, Look, browser, phone
from bench.report import Line, Run, spread
from bench.rig import NO_CEILING, NO_QUOTA, Rig, rig

ANY_DAY, KIB = "sleep", 1024
HOW = (
    f"Chromium with {SLOWER} times slower a CPU and slow 4G (round trip {RTT_MS} ms, {DOWN_BITS_S / 1e6} Mbit/s down); "
    "`wear api`, a worker and the simulator beside it. The first view is that of a phone that has never been here and is signed in; bytes "
    "are as transferred, headers included, until 1.5 s after the number (the service worker's copy of the other pages is not in them). "
    "The number is there when the frame after it stands in the page was made. A repeat view begins with the navigation in a new tab, too; "
    "it comes from the worker's cache and IndexedDB, the network as slow; its goal names no slow phone, so it stands here with this "
    "machine's CPU as it is and, without a goal, with a slower one. Beside it a page of one number, without script or style, from the "
    "same server."
)


def measure(run: Run) -> tuple[list[Line], str]:
    """Milliseconds and bytes of the first and of a repeat view."""
    with rig() as place, browser() as running:
        cookies = _signed_in(place, running)
        address, empty = f"{place.base_url}/app/", f"{place.base_url}/bench/number"
        first, again, again_slow, plain, plain_again = [], [], [], [], []
        for _ in range(run.take(9, 3)):
            with phone(running, cookies) as new:
                plain.append(new.look(empty, settle_ms=200))
                plain_again.append(new.look(empty, settle_ms=200, slower=1))
                first.append(new.look(address))
                new.until_kept(address)
                again_slow.append(new.look(address))
                again.append(new.look(address, slower=1))
    return [*_first(first, plain), *_again(again, again_slow, plain, plain_again), _moved([*first, *again, *again_slow])], HOW


def _first(first: list[Look], plain: list[Look]) -> list[Line]:
    sizes, ms = [look.bytes / KIB for look in first], [look.number_ms for look in first]
    bare, bare_size, longest = median(look.number_ms for look in plain), median(look.bytes for look in plain), [x.longest_ms for x in first]
    return [
        Line(
            what="first view, transferred",
            measured=f"{spread(sizes, '{:.1f}')} KiB in {median(look.requests for look in first):.0f} requests",
            goal="< 100 KiB", is_met=median(sizes) < 100, beside=f"a page of one number {bare_size / KIB:.1f} KiB",
        ),
        Line(
            what="first view, number there", measured=f"{spread(ms)} ms", goal="< 1,000 ms", is_met=median(ms) < 1_000,
            beside=f"{median(ms) / bare:.1f} times a page of one number ({bare:.0f} ms)",
        ),
        Line(
            what="longest task of the first view", measured=f"{spread(longest)} ms", goal="none", is_met=True,
            beside=f"{median(longest) / SLOWER:.0f} ms without the slowdown",
        ),
    ]  # fmt: skip


def _again(again: list[Look], slow: list[Look], plain: list[Look], plain_again: list[Look]) -> list[Line]:
    ms, slow_ms = [look.number_ms for look in again], [look.number_ms for look in slow]
    bare, bare_slow = median(look.number_ms for look in plain_again), median(look.number_ms for look in plain)
    return [
        Line(
            what="repeat view, number there", measured=f"{spread(ms)} ms", goal="< 100 ms", is_met=median(ms) < 100,
            beside=f"{median(ms) / bare:.2f} times a page of one number, over the network ({bare:.0f} ms)",
        ),
        Line(
            what=f"repeat view, CPU {SLOWER} times slower", measured=f"{spread(slow_ms)} ms", goal="none", is_met=True,
            beside=f"{median(slow_ms) / bare_slow:.2f} times a page of one number, over the network ({bare_slow:.0f} ms)",
        ),
    ]  # fmt: skip


def _moved(looks: list[Look]) -> Line:
    most = max(look.moved for look in looks)
    return Line(
        what="layout shift, the most of all", measured=f"{most:.4f}", goal="0", is_met=most == 0, beside=f"of {len(looks)} views"
    )  # fmt: skip


def _signed_in(place: Rig, running: Browser) -> list[Any]:
    """The cookies of a member whose history is there and whose morning is scored."""
    place.environment.update(NO_CEILING, HOLD_DOWN="0", BACKFILL_DAYS="90", BENCH_NUMBER_PAGE="yes")
    cloud = place.cloud(members=40, days=120, **NO_QUOTA)
    place.api()
    place.worker()
    client, user = place.client(), "mira"
    members.complete(client, members.code_for(client, cloud, user, members.awake(cloud, 1)[0]))
    members.wait_until(members.history_done(place), patience_s=120)
    if not members.wait_until(members.today_ready(place, user)):
        raise RuntimeError("The member's day did not come.")
    link = client.post(f"/api/v1/users/{user}/link").raise_for_status().json()["url"]
    context = running.new_context()
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name=user).click()
    page.wait_for_url("**/app/")
    cookies = context.cookies()
    context.close()
    return cookies
