"""Who runs the database server, and the folder that is theirs alone."""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wearbase.domain.errors import SettingsError

SYSTEM_USER = "wearbase"
SYSTEM_HOME = Path("/var/lib/wearbase")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class EmbeddedError(SettingsError):
    """The embedded database cannot be used."""

    code = "embedded_database"


@dataclass(frozen=True)
class Account:
    """The account that PostgreSQL runs under: our own, or, as root, the system user (PostgreSQL refuses root)."""

    name: str
    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def process_arguments(self) -> dict[str, Any]:
        """What subprocess needs to run a child under this account, away from our environment and terminal."""
        arguments: dict[str, Any] = {
            "cwd": "/",
            "env": {"PATH": SYSTEM_PATH, "LC_ALL": "C", "TZ": "UTC"},  # no PG* variable of ours may reach the server
            "stdin": subprocess.DEVNULL,
            "umask": 0o077,
        }
        if self.is_other:
            arguments |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return arguments

    def own(self, path: Path) -> None:
        if self.is_other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def default_data_dir() -> Path:
    """Where the data lives when `DATA_DIR` does not say: never inside a clone."""
    if os.geteuid() == 0:
        return SYSTEM_HOME / "data"
    xdg = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (xdg if xdg.is_absolute() else Path.home() / ".local/share") / "wearbase"


def database_account() -> Account:
    """Our own account, or, as root, the system user `wearbase`, made when it is missing."""
    if os.geteuid() != 0:
        return Account(_name_of(os.geteuid()), os.geteuid(), os.getegid())
    entry = _system_user()
    if entry is None:
        _create_system_user()
        entry = _system_user()
    if entry is None:
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} could not be made. Make it with"
            f" `useradd --system --user-group --no-create-home {SYSTEM_USER}`, or run this as an ordinary user."
        )
    return Account(SYSTEM_USER, entry.pw_uid, entry.pw_gid)


def claim_folder(folder: Path, account: Account) -> Path:
    """Makes the folder, or takes it over, private to the account (0700). Never touches a folder that holds other things.

    Returns: the folder without symbolic links.
    Raises: EmbeddedError naming the folder that is in the way.
    """
    folder = folder.resolve()
    _make(folder, account)
    found = folder.stat()
    if found.st_uid not in {account.uid, os.geteuid()}:
        raise EmbeddedError(f"{folder} belongs to {_name_of(found.st_uid)}: run as that user, or set DATA_DIR to another folder.")
    if found.st_uid != account.uid or stat.S_IMODE(found.st_mode) != 0o700:
        _refuse_shared_contents(folder, account)
        account.own(folder)
        folder.chmod(0o700)
    _refuse_closed_parents(folder, account)
    return folder


def write_private(path: Path, text: str, account: Account) -> None:
    """Writes a file that only the account can read; an existing one is replaced in one step."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    account.own(unfinished)
    unfinished.replace(path)


def _system_user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        return None


def _create_system_user() -> None:
    useradd = shutil.which("useradd", path=SYSTEM_PATH)
    if useradd is None:
        return
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", str(SYSTEM_HOME), "--shell", "/usr/sbin/nologin"]
    subprocess.run([useradd, *options, SYSTEM_USER], capture_output=True, check=False)  # two at once: the second finds it made


def _make(folder: Path, account: Account) -> None:
    try:
        missing = [parent for parent in folder.parents if not parent.exists()]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(f"{folder} cannot be made ({error.strerror}): set DATA_DIR to another folder.") from error
    if account.is_other:
        for parent in missing:  # whatever our umask, the account must get through
            parent.chmod(0o755)


def _refuse_shared_contents(folder: Path, account: Account) -> None:
    for entry in folder.iterdir():
        found = entry.lstat()
        if found.st_mode & 0o077 or found.st_uid not in {account.uid, os.geteuid()}:
            raise EmbeddedError(f"{folder} holds other things ({entry.name}): set DATA_DIR to a folder for wearbase alone.")


def _refuse_closed_parents(folder: Path, account: Account) -> None:
    """The account must be able to enter every folder on the way; asked of the system, so that ACLs count too."""
    if not account.is_other:
        return
    script = 'for folder; do [ -x "$folder" ] || { echo "$folder"; exit 1; }; done'
    parents = [str(parent) for parent in reversed(folder.resolve().parents)]
    checked = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *parents], capture_output=True, text=True, check=False, **account.process_arguments()
    )
    if checked.returncode != 0:
        raise EmbeddedError(
            f"The system user {account.name}, which runs the database, cannot enter {checked.stdout.strip() or folder}:"
            f" set DATA_DIR to another folder (default {default_data_dir()}), or open that one with chmod o+x."
        )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
