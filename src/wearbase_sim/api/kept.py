"""Answers that are given again while nothing about them can have changed."""

from collections import OrderedDict
from dataclasses import dataclass

from wearbase_sim.members.timeline import Timeline
from wearbase_sim.options import Options

MOST = 4096
Key = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, and what it holds for."""

    timeline: Timeline
    version: int
    options: Options
    from_ms: int
    until_ms: int
    content: bytes
    words: str


class Answers:
    """The last answers of data routes; those asked for longest ago go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    def find(self, key: Key, timeline: Timeline, options: Options, now_ms: int) -> Kept | None:
        """An answer that still holds."""
        kept = self._kept.get(key)
        if kept is None or kept.timeline is not timeline or kept.options is not options or kept.version != timeline.version:
            return None
        return kept if kept.from_ms <= now_ms < kept.until_ms else None

    def keep(self, key: Key, kept: Kept) -> None:
        """Remember an answer."""
        if kept.timeline.recovery_delay_ms:
            return
        self._kept[key] = kept
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
