"""The phone app's own files, from memory: packed once, kept by the browser for ever under an address that names their version."""

import asyncio
import gzip
import hashlib
import mimetypes
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import brotli
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wearbase.access.caller import OPEN
from wearbase.domain.errors import NotFound
from wearbase.web.linked import linked

FOLDER = Path(__file__).parent / "app"
VERSION = b"__VERSION__"  # written in a page, the worker or the manifest; the version of all the files takes its place
NAMES = b"__FILES__"  # in the same files: the names of all of them, with spaces between
NAMES_VERSION = (".html", ".webmanifest", "sw.js")
FOR_EVER = "public, max-age=31536000, immutable"
ASK_FIRST = "no-cache"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Vary": "Accept-Encoding",
}
PACKING: Mapping[str, Callable[[bytes], bytes]] = {  # the first that a browser takes
    "br": partial(brotli.compress, mode=brotli.MODE_TEXT, quality=11),
    "gzip": partial(gzip.compress, compresslevel=9, mtime=0),
}
_TYPES = {
    ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json", ".woff2": "font/woff2", ".md": "text/plain", ".txt": "text/plain",
}  # fmt: skip
_PACKED = {".woff2", ".png", ".jpg", ".webp", ".ico"}


@dataclass
class File:
    """One file as it is sent."""

    body: bytes
    etag: str
    media_type: str
    is_packed: bool
    _made: dict[str, bytes] = field(default_factory=dict, repr=False)

    async def packed(self, how: str) -> bytes:
        """The file in that encoding, made when it is first asked for."""
        if how not in self._made:
            self._made[how] = await asyncio.to_thread(PACKING[how], self.body)
        return self._made[how]


@dataclass(frozen=True)
class Shipment:
    """All files of one moment, by their place in the folder."""

    version: str
    files: Mapping[str, File]


class AppFiles:
    """What is in the folder. `look_every_s`: how often to look whether it has changed while we run; None where it does not."""

    def __init__(self, folder: Path = FOLDER, *, look_every_s: float | None = None) -> None:
        self._folder, self._look_every_s = folder, look_every_s
        self._looked_at, self._seen = time.monotonic(), self._look()
        self._shipment = _packed(folder, self._seen)

    def now(self) -> Shipment:
        """The files as they are now."""
        if self._look_every_s is not None and time.monotonic() - self._looked_at >= self._look_every_s:
            self._looked_at = time.monotonic()
            if (seen := self._look()) != self._seen:
                self._seen, self._shipment = seen, _packed(self._folder, seen)
        return self._shipment

    def _look(self) -> list[tuple[str, int, int]]:
        found = [(path.relative_to(self._folder).as_posix(), path.stat()) for path in self._folder.rglob("*") if path.is_file()]
        return sorted((name, about.st_mtime_ns, about.st_size) for name, about in found if not name.startswith("."))

    async def page(self, request: Request) -> Response:
        """A file by its name; every address of the app that names none is the app itself."""
        shipment, path = self.now(), request.path_params.get("path", "")
        if path in shipment.files:
            return await _sent(request, shipment.files[path], ASK_FIRST)
        if "." in path.rpartition("/")[2]:
            raise NotFound
        return await self._shown(request, "index.html")

    async def versioned(self, request: Request) -> Response:
        """A file of the version that the address names; one of another version is not there any more."""
        shipment, path = self.now(), request.path_params["path"]
        if request.path_params["version"] != shipment.version or path not in shipment.files:
            raise NotFound("This version of the app is not here any more. Load the page again.")
        return await _sent(request, shipment.files[path], FOR_EVER)

    async def operators(self, request: Request) -> Response:
        """The operator's page."""
        return await self._shown(request, "ops.html")

    async def to_the_app(self, request: Request) -> Response:
        """The app's address with the slash that its worker's scope ends with."""
        return RedirectResponse("/app/", 308)

    async def _shown(self, request: Request, name: str) -> Response:
        file = self.now().files.get(name)
        if file is None:
            raise NotFound
        return await _sent(request, file, ASK_FIRST)


def routes(files: AppFiles) -> Sequence[Route]:
    """Nobody needs a credential for a file; they hold nothing of anybody."""
    found = [
        Route("/app/v/{version}/{path:path}", files.versioned, methods=["GET"], include_in_schema=False),
        Route("/app/{path:path}", files.page, methods=["GET"], include_in_schema=False),
        Route("/app", files.to_the_app, methods=["GET"], include_in_schema=False),
        Route("/ops", files.operators, methods=["GET"], include_in_schema=False),
    ]
    for route in found:
        route.rule = OPEN  # type: ignore[attr-defined]
    return found


def _packed(folder: Path, seen: Sequence[tuple[str, int, int]]) -> Shipment:
    bodies = linked({name: (folder / name).read_bytes() for name, _, _ in seen})
    digest = hashlib.sha256()
    for name, body in bodies.items():
        digest.update(f"{name} {len(body)}\n".encode())
        digest.update(body)
    version = digest.hexdigest()[:12]
    names = " ".join(sorted(bodies)).encode()
    return Shipment(version, {name: _file(name, body, version, names) for name, body in bodies.items()})


def _file(name: str, body: bytes, version: str, names: bytes) -> File:
    if name.endswith(NAMES_VERSION):
        body = body.replace(VERSION, version.encode()).replace(NAMES, names)
    ending = Path(name).suffix
    media_type = _TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    return File(body, etag, media_type, is_packed=ending in _PACKED)


async def _sent(request: Request, file: File, keeping: str) -> Response:
    headers = {**HEADERS, "Cache-Control": keeping, "ETag": f"W/{file.etag}"}
    given = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    if file.etag in given:
        return Response(status_code=304, headers=headers)
    taken = [part.partition(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")]
    how = next((name for name in PACKING if name in taken), None)
    if how is None or file.is_packed:
        return Response(file.body, headers=headers, media_type=file.media_type)
    return Response(await file.packed(how), headers={**headers, "Content-Encoding": how}, media_type=file.media_type)
