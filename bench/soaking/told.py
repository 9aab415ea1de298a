"""A soak as lines beside their goals."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from bench.report import Line
from bench.soaking.judging import Failure, Trend, Window, in_no_window, inside, merged, outside, quantile_ms, recovery_s, trend
from bench.soaking.truth import Truth

FLAT, LONG_ENOUGH_S = 1.05, 300.0
KINDS = ("read", "webhook", "sync")
HOW = (
    "Two `wear api`, two `wear worker`, PostgreSQL (fsync on) and the simulator are processes; first all three kinds of calls at once as "
    "fast as they are answered for ten seconds, over 20 connections (the limits), then half of each for {minutes:.3g} minutes, over 144. A "
    "person may ask once a minute and member, which bounds the syncs. Reads are of days at random; webhooks are signed, each once, of "
    "idle members, so that no visit follows; beside them {events} events of {members} members at the simulator, each with its webhook "
    "and visit. A fault's window ends a bounded time after the fault; only the kinds of calls that it concerns may fail in it. What is "
    "refused is sent again. At the end the days are made anew from the records, and the records compared with the simulator's. Memory "
    "is of the last two thirds of each process's time, the ratio of their last fifth to their first. The load is a process of Python on "
    "the same cores, the quota lifted.{left_out}"
)


@dataclass(frozen=True, kw_only=True)
class Soaked:
    """Everything that was noted."""

    seconds: float
    limits: dict[str, float]
    per_s: dict[str, float]
    noted: dict[str, Any]
    windows: list[Window]
    left_out: list[str]
    memory: dict[str, list[tuple[float, float]]]
    cpu_s: dict[str, float]
    started_at: dict[str, float]
    events: int
    members: int
    truth: Truth

    @property
    def failures(self) -> list[Failure]:
        return [
            Failure(kind, sent, ended, outcome) for kind, noted in self.noted["kinds"].items() for sent, ended, outcome in noted["failures"]
        ]

    def count(self, kind: str) -> Counter[str]:
        """The calls of a kind by their outcome."""
        whole: Counter[str] = Counter()
        for outcomes in self.noted["kinds"][kind]["outcomes"].values():
            whole.update(outcomes)
        return whole


def how(soaked: Soaked) -> str:
    left_out = f" Left out for want of time or rights: {', '.join(soaked.left_out)}." if soaked.left_out else ""
    return HOW.format(minutes=soaked.seconds / 60, events=soaked.events, members=soaked.members, left_out=left_out)


def lines(soaked: Soaked) -> list[Line]:
    """All of them."""
    return [_held(soaked), _outside(soaked), _waits(soaked), *_windows(soaked), *_truth(soaked.truth), *_memory(soaked)]


def _held(soaked: Soaked) -> Line:
    calls = {kind: soaked.count(kind).total() for kind in KINDS}
    return Line(
        what="load", measured=", ".join(f"{calls[k] / soaked.seconds:,.1f} {k}s/s" for k in KINDS), goal="none", is_met=True,
        beside="limits at once: " + ", ".join(f"{soaked.limits[k]:,.1f} {k}s/s" for k in KINDS),
    )  # fmt: skip


def _outside(soaked: Soaked) -> Line:
    found = outside(soaked.failures, soaked.windows)
    calls = sum(soaked.count(kind).total() for kind in KINDS)
    kinds = Counter(f"{f.kind}: {f.outcome}" for f in found)
    return Line(
        what="failed outside the faults' windows", measured=f"{len(found)} of {calls:,} calls{_named(kinds)}", goal="0",
        is_met=not found, beside=f"{len(soaked.failures) - len(found):,} inside; {soaked.count('sync')['202']} syncs went on behind",
    )  # fmt: skip


def _waits(soaked: Soaked) -> Line:
    def of(kind: str, *, is_outside: bool) -> Counter[int]:
        waits = soaked.noted["kinds"][kind]["waits"].items()
        chosen = [found for second, found in waits if in_no_window(int(second), soaked.windows) == is_outside]
        return merged([{int(step): count for step, count in found.items()} for found in chosen])

    calm, hard, posts = of("read", is_outside=True), of("read", is_outside=False), of("webhook", is_outside=True)
    return Line(
        what="reads outside them, p50 and p99", measured=f"{quantile_ms(calm, 0.5):.1f} ms, {quantile_ms(calm, 0.99):.1f} ms",
        goal="none", is_met=True, beside=f"inside p99 {quantile_ms(hard, 0.99):.1f} ms; webhooks {quantile_ms(posts, 0.5):.1f} ms, "
        f"{quantile_ms(posts, 0.99):.1f} ms; from when each should have been sent",
    )  # fmt: skip


def _windows(soaked: Soaked) -> list[Line]:
    return [_window(soaked, window) for window in soaked.windows]


def _window(soaked: Soaked, window: Window) -> Line:
    failed, took = inside(soaked.failures, window), recovery_s(soaked.failures, window)
    since, lasted, left = window.begin - soaked.noted["began"], window.over - window.begin, window.end - window.over
    told = f"last failure {took:.1f} s after it was over{_named(failed)}" if window.kinds else "no call may fail"
    return Line(
        what=window.name, measured=told, goal="none", is_met=True,
        beside=f"from {since:.0f} s for {lasted:.1f} s, then {left:.0f} s",
    )  # fmt: skip


def _truth(found: Truth) -> list[Line]:
    unstored = found.unstored + found.unstored_notices
    wrong = [*found.wrong_records, *found.wrong_days, *(["not at rest"] if found.unsettled else [])]
    differ = f"{len(found.wrong_records)} lists of records and {len(found.wrong_days)} members' days differ"
    return [
        Line(
            what="accepted deliveries", goal="0 lost, 0 twice", is_met=not (unstored or found.twice or found.undelivered),
            measured=f"{unstored} of {found.accepted + found.noticed:,} not stored, {found.twice} stored twice",
            beside=f"of {found.noticed:,} of the simulator {found.again:,} were sent again, {found.undelivered} never accepted",
        ),
        Line(
            what="records and days", goal="0 differ", is_met=not wrong, measured="; ".join([differ, *wrong[:3]]),
            beside=f"{found.records:,} records of the simulator; {found.left_open} deliveries waited for the last read",
        ),
    ]  # fmt: skip


def _memory(soaked: Soaked) -> list[Line]:
    made = []
    for name, samples in sorted(soaked.memory.items()):
        run = trend(samples, since=max(soaked.started_at.get(name, 0.0), soaked.noted["began"]))
        if run is not None:
            made.append(_one_memory(name, run, soaked))
    return made


def _one_memory(name: str, run: Trend, soaked: Soaked) -> Line:
    is_long = soaked.seconds >= LONG_ENOUGH_S and name not in ("simulator", "PostgreSQL")
    share = soaked.cpu_s.get(name, 0.0) / soaked.seconds
    return Line(
        what=f"memory of {name}", measured=f"{run.first_mib:.1f} to {run.last_mib:.1f} MiB, ratio {run.ratio:.3f}",
        goal=f"≤ {FLAT}" if is_long else "none", is_met=not is_long or run.ratio <= FLAT,
        beside=f"{run.mib_an_hour:+.1f} MiB an hour" + (f"; {share:.0%} of a core since its start" if share else ""),
    )  # fmt: skip


def _named(counts: Counter[str]) -> str:
    return " (" + ", ".join(f"{name} {count:,}" for name, count in counts.most_common(6)) + ")" if counts else ""
