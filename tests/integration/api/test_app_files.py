"""The app's own files: complete, strict about what a page may do, kept by the browser exactly as long as they hold."""

import gzip
import re
from pathlib import Path

import brotli
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from tests.integration.api.conftest import Service, problem
from wearbase.domain.errors import NotFound
from wearbase.web import app_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "js").mkdir()
    (tmp_path / "index.html").write_text("<script src=/app/v/__VERSION__/js/main.js></script>")
    (tmp_path / "ops.html").write_text("ops")
    (tmp_path / "js" / "main.js").write_text("export const words = '__VERSION__';" + "x" * 2000)
    (tmp_path / "icon.png").write_bytes(bytes(range(256)) * 8)
    return tmp_path


def client(files: app_files.AppFiles) -> httpx2.AsyncClient:
    def refused(request: Request, error: Exception) -> Response:
        return Response(status_code=404)

    app = Starlette(routes=list(app_files.routes(files)), exception_handlers={NotFound: refused})
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://app.test")


async def test_every_address_of_the_app_is_the_app(folder: Path) -> None:
    async with client(app_files.AppFiles(folder)) as browser:
        pages = [(await browser.get(path)).text for path in ("/app/", "/app/sleep", "/app/sign-in", "/app/anything/else")]
        assert len(set(pages)) == 1
        assert re.fullmatch(r"<script src=/app/v/[0-9a-f]{12}/js/main.js></script>", pages[0])
        moved = await browser.get("/app")
        assert (moved.status_code, moved.headers["location"]) == (308, "/app/")
        assert (await browser.get("/ops")).text == "ops"
        for missing in ("/app/js/none.js", "/app/../pyproject.toml", "/app/js/..%2f..%2fapp_files.py", "/app/%2e%2e/app_files.py"):
            assert (await browser.get(missing)).status_code == 404


async def test_a_version_is_kept_for_ever_and_a_name_is_asked_for(folder: Path) -> None:
    files = app_files.AppFiles(folder, look_every_s=0)
    async with client(files) as browser:
        version = files.now().version
        named, fixed = await browser.get("/app/js/main.js"), await browser.get(f"/app/v/{version}/js/main.js")
        assert (named.headers["cache-control"], fixed.headers["cache-control"]) == ("no-cache", app_files.FOR_EVER)
        assert named.content == fixed.content == (folder / "js" / "main.js").read_bytes()
        again = await browser.get("/app/js/main.js", headers={"if-none-match": named.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        (folder / "js" / "main.js").write_text("changed")
        assert (await browser.get("/app/js/main.js", headers={"if-none-match": named.headers["etag"]})).text == "changed"
        assert (await browser.get(f"/app/v/{version}/js/main.js")).status_code == 404
        assert files.now().version in (await browser.get("/app/")).text


@pytest.mark.parametrize(
    ("takes", "how"),
    [("gzip, deflate, br, zstd", "br"), ("gzip, deflate", "gzip"), ("br;q=1.0, gzip;q=0.8", "br"), ("identity", None), ("", None)],
)
async def test_what_can_be_packed_is_sent_packed(folder: Path, takes: str, how: str | None) -> None:
    unpacked = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[how]
    async with client(app_files.AppFiles(folder)) as browser:
        for path, expected in (("app/js/main.js", how), ("app/icon.png", None)):
            async with browser.stream("GET", f"/{path}", headers={"accept-encoding": takes}) as answer:
                sent = b"".join([piece async for piece in answer.aiter_raw()])
            assert answer.headers.get("content-encoding") == expected
            assert answer.headers["vary"] == "Accept-Encoding"
            assert (unpacked if expected else bytes)(sent) == (folder / path.removeprefix("app/")).read_bytes()


async def test_the_real_app_is_there_under_a_strict_policy(service: Service) -> None:
    for path in ("/app/", "/app/trends", "/ops"):
        answer = await service.get(path, headers={})
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].startswith("text/html")
        parts = [part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";")]
        policy = {name: places for name, _, places in parts}
        assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
        assert (policy["base-uri"], policy["frame-ancestors"], policy["connect-src"]) == ("'none'", "'none'", "'self'")
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert not re.search(r"<script(?![^>]*\ssrc=)[^>]*>|\sstyle=|\son\w+=", answer.text), "nothing inline"
    problem(await service.get("/app/js/none.js", headers={}), 404, "not_found")


async def test_files_that_name_others_name_such_as_are_there(service: Service) -> None:
    files = app_files.AppFiles().now()
    named = re.findall(r'(?:src|href)="/app/(?:v/[0-9a-f]+/)?([^"#?]+\.\w+)"', files.files["index.html"].body.decode())
    assert named
    for name, file in files.files.items():
        if name.endswith(".js") and not name.startswith("vendor/"):
            place = Path(name).parent
            imports = re.findall(r'^\s*(?:import|export)\b[^"\']*?\bfrom\s*["\'](\.[^"\']+)["\']', file.body.decode(), re.M)
            named += [str((Path("/") / place / found).resolve().relative_to("/")) for found in imports]
    missing = sorted({name for name in named if name not in files.files})
    assert not missing
