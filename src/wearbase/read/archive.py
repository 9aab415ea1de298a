"""Everything that is stored about a member, as a ZIP made while it is sent: neither the whole nor a transaction is held."""

import csv
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from wearbase.domain.clock import Clock
from wearbase.domain.errors import ErasedMeanwhile
from wearbase.read.status import rfc3339
from wearbase.store.member import archive as store
from wearbase.store.postgres import migrate
from wearbase.store.postgres.database import Database, Tx

FORMAT = 2
CONTENTS = {
    "connections.json": "the sources you connected, without their tokens",
    "consents.json": "what you agreed to: of which version, when, and which kind of credential asked for it",
    "sign_ins.json": "your sessions and sign-in links of the last days",
    "reading.json": "how the reading of each source stands",
    "preferences.json": "what you prefer",
    "records": "every record of a source: as lines of JSON (ours under `values`, the source's own under `raw`) and as a table",
    "days": "the day documents of a source",
    "health.jsonl": "the day documents of all sources together",
    "metrics": "the numbers that trends are made of, by day: as lines of JSON and as a table",
    "audit.jsonl": "who changed or read your data, and when",
    "parked.jsonl": "records that could not be understood, as they came",
    "deliveries.jsonl": "what the sources sent of themselves in the last weeks",
    "SOURCE-service.zip": "where a source comes from a service of its own: all that it stores about you, an archive like this one",
}
METRIC = ("metric", "day", "provider", "value")
UNITS = "A name ends with its unit: _ms, _s, _min, _bpm, _percent, _kj, _kcal, _m, _c (degrees Celsius), _at (an instant in UTC)."
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last: the first four, in full width
Row = dict[str, Any]
Page = Callable[[Tx, Row | None], Awaitable[Sequence[Row]]]


class _Sink:
    """What the archive is written to, until it is taken away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


@dataclass
class _File:
    """One file that is being written."""

    out: Any
    rows: int = 0
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def write(self, data: bytes, *, rows: int = 0) -> None:
        self.out.write(data)
        self.digest.update(data)
        self.size += len(data)
        self.rows += rows


class _Zip:
    """The archive, and what its manifest says of each file."""

    def __init__(self, now: datetime) -> None:
        self._sink, self._now = _Sink(), now
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED, compresslevel=6)  # type: ignore[arg-type]
        self.files: list[dict[str, Any]] = []

    @contextmanager
    def file(self, name: str) -> Iterator[_File]:
        about = zipfile.ZipInfo(name, self._now.timetuple()[:6])
        about.compress_type, about.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
        with self._zip.open(about, "w", force_zip64=True) as out:
            made = _File(out)
            yield made
        self.files.append({"name": name, "rows": made.rows, "bytes": made.size, "sha256": made.digest.hexdigest()})

    def whole(self, name: str, content: Any, *, rows: int) -> bytes:
        with self.file(name) as file:
            file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n", rows=rows)
        return self.taken()

    def taken(self) -> bytes:
        return self._sink.taken()

    def closed(self) -> bytes:
        self._zip.close()
        return self.taken()


class Archive:
    """Makes the archives of one installation."""

    def __init__(self, db: Database, clock: Clock, *, version: str, units: Mapping[str, str] | None = None) -> None:
        self._db, self._clock, self._version, self._units = db, clock, version, units or {}

    async def of(self, user_id: str, *, beside: Mapping[str, bytes] | None = None) -> AsyncIterator[bytes]:
        """The archive in pieces; one that was broken off has no directory and cannot be opened. `beside`: archives of services, by source.

        Raises: ErasedMeanwhile if something is erased meanwhile, DatabaseUnavailable.
        """
        out = _Zip(self._clock.now())
        async with self._db.connection() as tx:
            standing = await store.standing(tx, user_id)
            connections, wishes = await store.connections(tx, user_id), await store.preferences(tx, user_id)
            kinds, sources = await store.kinds(tx, user_id), await store.sources(tx, user_id)
            consents, reading = await store.consents(tx, user_id), await store.reading(tx, user_id)
            sessions, links = await store.signed_in(tx, user_id)
        yield out.whole("connections.json", connections, rows=len(connections))
        yield out.whole("consents.json", consents, rows=len(consents))
        yield out.whole("sign_ins.json", {"sessions": sessions, "links": links}, rows=len(sessions) + len(links))
        yield out.whole("reading.json", reading, rows=len(reading))
        yield out.whole("preferences.json", wishes, rows=0 if wishes is None else 1)
        for kind in kinds:
            async for piece in self._records(out, user_id, kind):
                yield piece
        files: list[tuple[str, Page, Callable[[Row], bytes]]] = [
            *((f"days/{source}.jsonl", _days(user_id, source), _body) for source in sources),
            ("health.jsonl", lambda tx, after: store.health(tx, user_id, after), _body),
            ("metrics.jsonl", lambda tx, after: store.metrics(tx, user_id, after), orjson.dumps),
            ("audit.jsonl", lambda tx, after: store.trail(tx, user_id, after), orjson.dumps),
            ("parked.jsonl", lambda tx, after: store.parked(tx, user_id, after), orjson.dumps),
            ("deliveries.jsonl", lambda tx, after: store.deliveries(tx, user_id, after), _delivery),
        ]
        for name, page, line in files:
            async for piece in self._lines(out, name, page, line):
                yield piece
        async for piece in self._table(out, "metrics.csv", METRIC, lambda tx, after: store.metrics(tx, user_id, after)):
            yield piece
        for source, content in (beside or {}).items():
            with out.file(f"{source}-service.zip") as file:
                file.write(content, rows=1)
            yield out.taken()
        async with self._db.connection() as tx:
            if not standing <= await store.standing(tx, user_id):
                raise ErasedMeanwhile
        yield out.whole("manifest.json", self._manifest(user_id, out.files), rows=1)
        yield out.closed()

    async def _records(self, out: _Zip, user_id: str, kind: tuple[str, str]) -> AsyncIterator[bytes]:
        """A kind of records, twice: exactly as stored, then as a table of the live ones."""
        columns: dict[str, None] = {}

        async def page(tx: Tx, after: Row | None) -> Sequence[Row]:
            found = await store.records(tx, user_id, kind, after)
            for row in found:
                columns.update(dict.fromkeys(_flat(row["values"])))
            return found

        stem = f"records/{kind[0]}/{kind[1]}"
        async for piece in self._lines(out, f"{stem}.jsonl", page, orjson.dumps):
            yield piece
        async for piece in self._table(
            out, f"{stem}.csv", ["external_id", "day", *columns], lambda tx, after: store.records(tx, user_id, kind, after), row=_live
        ):
            yield piece

    async def _table(
        self, out: _Zip, name: str, columns: Sequence[str], page: Page, *, row: Callable[[Row], Row | None] = dict
    ) -> AsyncIterator[bytes]:
        """A table; `row` makes one of what is stored, or None."""
        text = io.StringIO()
        table = csv.DictWriter(text, columns, extrasaction="ignore", restval="")
        table.writerow(_cells({name: name for name in columns}))
        with out.file(name) as file:
            async for rows in self._pages(page):
                shown = [made for found in rows if (made := row(found)) is not None]
                table.writerows(_cells(made) for made in shown)
                file.write(text.getvalue().encode(), rows=len(shown))
                text.seek(0)
                text.truncate()
                yield out.taken()

    async def _lines(self, out: _Zip, name: str, page: Page, line: Callable[[Row], bytes]) -> AsyncIterator[bytes]:
        with out.file(name) as file:
            async for rows in self._pages(page):
                file.write(b"".join(line(row) + b"\n" for row in rows), rows=len(rows))
                yield out.taken()

    async def _pages(self, page: Page) -> AsyncIterator[Sequence[Row]]:
        """Page after page; no connection is held while somebody takes them."""
        after: Row | None = None
        while True:
            async with self._db.connection() as tx:
                rows = await page(tx, after)
            if not rows:
                return
            yield rows
            after = rows[-1]

    def _manifest(self, user_id: str, files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {
            "user_id": user_id,
            "made_at": rfc3339(self._clock.now()),
            "made_by": f"wearbase {self._version}",
            "format": FORMAT,
            "schema": migrate.head(),
            "contents": CONTENTS,
            "files": files,
            "counts": _counts(files),
            "units": {"metrics": dict(sorted(self._units.items())), "others": UNITS},
            "note": "The numbers are the sources' own. A table is for looking at; the lines of JSON are exact.",
        }


def _days(user_id: str, source: str) -> Page:
    return lambda tx, after: store.days(tx, user_id, source, after)


def _body(row: Row) -> bytes:
    return row["body"].encode()


def _delivery(row: Row) -> bytes:
    """As it was received; a body that is no text is shown as far as it is one."""
    body = row["body"]
    return orjson.dumps({**row, "body": None if body is None else bytes(body).decode(errors="replace")})


def _live(record: Row) -> Row | None:
    """A record as a row; none for one that was deleted."""
    if record["deleted_at"] is not None:
        return None
    return {"external_id": record["external_id"], "day": record["day"], **_flat(record["values"])}


def _counts(files: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many rows of what, without the tables that say the same again."""
    return {file["name"].rpartition(".")[0]: file["rows"] for file in files if not file["name"].endswith(".csv")}


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """One level of names; what is a list stays as JSON."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": deeper for inner, deeper in value.items()}
        else:
            flat[name] = value
    return flat


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Cells of a table: nothing for null, JSON for what has parts, and no text that a spreadsheet would calculate."""
    cells: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, (list, dict)):
            value = orjson.dumps(value).decode()
        elif isinstance(value, str) and value.startswith(_FORMULA):
            value = f"'{value}"
        cells[name] = value
    return cells
