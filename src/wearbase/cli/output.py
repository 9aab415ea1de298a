"""What commands print: data on standard output; messages, and progress by real counts, on standard error."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from wearbase.read.status import SourceStatus

PLAIN_WIDTH = 160  # where nobody looks at a terminal, nothing is folded
NONE = "–"


def console(*, is_error: bool = False) -> Console:
    """A console; without a terminal it has no colours, no animation and no folding."""
    stream = sys.stderr if is_error else sys.stdout
    return Console(file=stream, highlight=False, markup=False, width=None if stream.isatty() else PLAIN_WIDTH)


def plain(text: str) -> str:
    """A text that a terminal only shows: whatever would steer it is a replacement character."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


class _Table(Table):
    """Shows what others named as it is, and obeys nothing in it."""

    def add_row(self, *cells: Any, **named: Any) -> None:
        super().add_row(*(plain(cell) if isinstance(cell, str) else cell for cell in cells), **named)


def say(text: str | Text = "", *, style: str | None = None) -> None:
    """One line on standard output, never folded: it may be copied."""
    console().print(plain(text) if isinstance(text, str) else text, style=style, soft_wrap=True)


def announce(text: str | Text = "", *, style: str | None = None) -> None:
    """A server's line on standard output. One that cannot be written, on a full disk, stops no server: from then on none are."""
    try:
        say(text, style=style)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def tell(text: str, *, style: str | None = None) -> None:
    """One line on standard error."""
    console(is_error=True).print(plain(text), style=style, soft_wrap=True)


def is_watched() -> bool:
    """Whether a person sees standard error, so that progress may move."""
    return sys.stderr.isatty()


def emit(content: Any) -> None:
    """One JSON document on standard output."""
    text = content if isinstance(content, bytes) else orjson.dumps(content, option=orjson.OPT_INDENT_2)
    sys.stdout.write(text.decode() + "\n")
    sys.stdout.flush()


def table(*columns: str, title: str | None = None) -> Table:
    """A plain table; numbers are aligned by their caller."""
    made = _Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        made.add_column(name, header_style="dim", overflow="fold")
    return made


def instant(text: str | datetime | None) -> datetime | None:
    """An RFC 3339 text as an instant."""
    return datetime.fromisoformat(text) if isinstance(text, str) else text


def ago(at: str | datetime | None, *, now: datetime) -> str:
    """How long ago or ahead, in one unit."""
    found = instant(at)
    if found is None:
        return NONE
    distance = now - found
    words = span(abs(distance))
    if words == "0 s":
        return "now"
    return f"{words} ago" if distance > timedelta(0) else f"in {words}"


def span(length: timedelta) -> str:
    """A length of time in its largest unit."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or (unit != "d" and seconds >= size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def utc(at: datetime | None) -> str | None:
    """An instant for JSON."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
        read = {name: r for name, r in found.resources.items() if r["state"] != "not_granted"}
        return cls(
            days=found.days_stored,
            records=sum(r["records_synced"] for r in read.values()),
            calls=sum(r["api_calls"] for r in read.values()),
            is_complete=bool(read) and all(_is_read(r, since) for r in read.values()),
            failed={name: r["error"] for name, r in read.items() if r["state"] == "failing"},
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
