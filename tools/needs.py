"""What some tests need beyond Python: how each is found, and the one command that installs it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/usr/bin", "/opt/homebrew/bin"])
PLAYWRIGHT_INSTALL = (sys.executable, "-m", "playwright", "install", "chromium")


@dataclass(frozen=True)
class Need:
    """One program that tests may ask for by the marker of this name."""

    name: str
    title: str
    apt_package: str
    brew_package: str
    find: Callable[[], Path | None]


def find_browser() -> Path | None:
    """Chromium: installed, or as Playwright downloaded it."""
    for name in ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome"):
        found = shutil.which(name, path=SYSTEM_PATH)
        if found:
            return Path(found)
    caches = [os.environ.get("PLAYWRIGHT_BROWSERS_PATH"), "~/.cache/ms-playwright", "~/Library/Caches/ms-playwright"]
    for cache in (Path(name).expanduser() for name in caches if name):
        for pattern in ("chromium-*/chrome-*/chrome", "chromium-*/*/*.app/Contents/MacOS/*"):
            for path in sorted(cache.glob(pattern), reverse=True):
                return path
    return None


def find_pgbouncer() -> Path | None:
    found = shutil.which("pgbouncer", path=SYSTEM_PATH)
    return Path(found) if found else None


def find_postgresql() -> Path | None:
    """The folder of an installed server's programs: 15 if it is there, else the oldest after it."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    folders += [path.parent for path in Path("/opt/homebrew/opt").glob("postgresql@*/bin/initdb")]
    versions = {int("".join(filter(str.isdigit, folder.parent.name))): folder for folder in folders}
    return min(((version, folder) for version, folder in versions.items() if version >= 15), default=(0, None))[1]


NEEDS = {
    need.name: need
    for need in (
        Need("browser", "Chromium", "chromium", "chromium", find_browser),
        Need("pgbouncer", "PgBouncer", "pgbouncer", "pgbouncer", find_pgbouncer),
        Need("postgresql15", "the system's PostgreSQL server", "postgresql", "postgresql@15", find_postgresql),
    )
}


def left_out() -> frozenset[str]:
    """The needs that the person chose to do without. Raises ValueError for a word that is none."""
    names = frozenset(os.environ.get("WITHOUT", "").replace(",", " ").split())
    unknown = names - NEEDS.keys()
    if unknown:
        raise ValueError(f"WITHOUT knows {', '.join(sorted(NEEDS))}; not {', '.join(sorted(unknown))}.")
    return names


def missing(names: Iterable[str] = NEEDS) -> list[Need]:
    return [NEEDS[name] for name in names if NEEDS[name].find() is None]


def install_command(needs: Iterable[Need]) -> str:
    """The one command that a person runs to get all of these."""
    if shutil.which("apt-get", path=SYSTEM_PATH):
        sudo = "" if os.geteuid() == 0 else "sudo "
        return f"{sudo}apt-get update && {sudo}apt-get install -y {' '.join(need.apt_package for need in needs)}"
    return f"brew install {' '.join(need.brew_package for need in needs)}"
