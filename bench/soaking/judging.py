"""What a soak's notes say: which errors lie in a fault's window, how soon it was over, how memory runs. Pure functions."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, exp, log
from statistics import fmean

GRAIN = 1.02  # a wait is known to 2 %
Heights = Mapping[int, int]  # of a histogram: the number of its step, how many


@dataclass(frozen=True)
class Window:
    """A fault: from its begin until it was `over`, and the time that is left to the service after it.

    Instants are seconds of the machine's monotonic clock. Only calls of `kinds` may fail in it.
    """

    name: str
    begin: float
    over: float
    end: float
    kinds: frozenset[str]

    def excuses(self, failure: "Failure") -> bool:
        """Whether this call was under way in the window, and of a kind that the fault concerns."""
        return failure.kind in self.kinds and failure.sent <= self.end and failure.ended >= self.begin


@dataclass(frozen=True)
class Failure:
    """A call that was not answered as it should be."""

    kind: str
    sent: float
    ended: float
    outcome: str


@dataclass(frozen=True)
class Trend:
    """How a process's memory ran: MiB an hour by least squares, and its end in parts of its beginning."""

    mib_an_hour: float
    ratio: float
    first_mib: float
    last_mib: float


def outside(failures: Collection[Failure], windows: Collection[Window]) -> list[Failure]:
    """Those that no fault excuses."""
    return [f for f in failures if not any(w.excuses(f) for w in windows)]


def inside(failures: Collection[Failure], window: Window) -> Counter[str]:
    """What failed in a window, as `kind: outcome`."""
    return Counter(f"{f.kind}: {f.outcome}" for f in failures if window.excuses(f))


def recovery_s(failures: Collection[Failure], window: Window) -> float:
    """How long after the fault's end the last call was sent that failed; 0 if none was."""
    return max((f.sent - window.over for f in failures if window.excuses(f) and f.sent > window.over), default=0.0)


def in_no_window(second: int, windows: Collection[Window]) -> bool:
    """Whether the whole second lies outside all of them."""
    return all(second + 1 <= w.begin or second > w.end for w in windows)


def good(outcomes: Mapping[str, int]) -> int:
    """How many calls were answered with success."""
    return sum(count for outcome, count in outcomes.items() if outcome.startswith("2"))


def step_of(wait_s: float) -> int:
    """The step of the histogram that a wait belongs to."""
    return ceil(log(max(wait_s, 1e-6) * 1e6) / log(GRAIN))


def merged(parts: Collection[Heights]) -> Counter[int]:
    """Several histograms in one."""
    whole: Counter[int] = Counter()
    for part in parts:
        whole.update(part)
    return whole


def quantile_ms(heights: Heights, part: float) -> float:
    """The wait below which this part of them lies; 0 if there are none."""
    wanted, seen = part * sum(heights.values()), 0
    for step in sorted(heights):
        seen += heights[step]
        if seen >= wanted:
            return exp(step * log(GRAIN)) / 1000
    return 0.0


def trend(samples: Sequence[tuple[float, float]], *, since: float = 0.0) -> Trend | None:
    """Of (seconds, MiB): their last two thirds, `since` a process was started anew. None if they are too few to say."""
    own = [s for s in samples if s[0] >= since]
    own = own[len(own) // 3 :]
    if len(own) < 6:
        return None
    at, mib = fmean(t for t, _ in own), fmean(m for _, m in own)
    spread = sum((t - at) ** 2 for t, _ in own)
    slope = sum((t - at) * (m - mib) for t, m in own) / spread if spread else 0.0
    edge = max(1, len(own) // 5)
    first, last = fmean(m for _, m in own[:edge]), fmean(m for _, m in own[-edge:])
    return Trend(slope * 3600, last / first, first, last)


def fitting(wanted: Sequence[tuple[str, float]], *, room_s: float) -> list[str]:
    """Of (name, seconds) those that find room one after another, the first first."""
    taken, left = [], room_s
    for name, seconds in wanted:
        if seconds <= left:
            taken.append(name)
            left -= seconds
    return taken


def missing(accepted: Collection[int], stored: Counter[int]) -> tuple[int, int]:
    """Of the numbers of deliveries that were accepted, how many are not stored, and how many more than once."""
    return sum(1 for n in accepted if not stored[n]), sum(1 for count in stored.values() if count > 1)
