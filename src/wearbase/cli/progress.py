"""Progress of a read, by real counts: days and records stored, calls made."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from wearbase.cli.output import console, instant, is_watched
from wearbase.read.status import SourceStatus


@dataclass(frozen=True, slots=True)
class History:
    """How far the stored history of one source goes."""

    days: int
    records: int
    calls: int
    is_complete: bool
    failed: dict[str, str]

    @classmethod
    def of(cls, found: SourceStatus, *, since: datetime | None = None) -> "History":
        """The counts of a status; complete if everything was read, and since then. What the member did not grant is not waited for."""
        read = {name: r for name, r in found.resources.items() if r["error"] != "missing_scope"}
        return cls(
            days=found.days_stored,
            records=sum(r["records_synced"] for r in read.values()),
            calls=sum(r["api_calls"] for r in read.values()),
            is_complete=bool(read) and all(_is_read(r, since) for r in read.values()),
            failed={name: r["error"] for name, r in read.items() if r["error"]},
        )

    @property
    def words(self) -> str:
        return f"{self.days} days, {self.records} records read in {self.calls} calls"


def _is_read(resource: dict[str, Any], since: datetime | None) -> bool:
    at = instant(resource["last_success_at"])
    return at is not None and not resource["backfill"]["is_running"] and (since is None or at >= since)


class Bar:
    """A bar that is told where things stand; silent where nobody watches."""

    def __init__(self, progress: Progress | None, title: str, total: int | None) -> None:
        self._progress, self._total = progress, total
        self._task = progress.add_task(title, total=total, words="") if progress else None

    def set(self, history: History, *, note: str = "") -> None:
        """Moves the bar to these counts."""
        if self._progress is None or self._task is None:
            return
        done = min(history.days, self._total) if self._total else None
        self._progress.update(self._task, completed=done, words=note or history.words)


@contextmanager
def shown(title: str, *, total: int | None) -> Iterator[Bar]:
    """A bar on standard error for as long as the block lasts, then gone."""
    if not is_watched():
        yield Bar(None, title, total)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*columns, console=console(is_error=True), transient=True) as progress:
        yield Bar(progress, title, total)
