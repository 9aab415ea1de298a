"""One PostgreSQL cluster on disk: making it, starting its server, finding a running one, stopping it."""

import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import psycopg
from psycopg import sql

from wearbase.store.postgres.embedded.account import Account, EmbeddedError, write_private
from wearbase.store.postgres.embedded.binaries import Binaries

DATABASE = ROLE = "wearbase"
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 103  # of bytes, on macOS; Linux allows 107
STOP_FAST_S, STOP_IMMEDIATE_S = 20.0, 10.0
LARGEST_LOG_BYTES = 4 << 20

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Durable.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Small: one person's machine, beside the program itself.
    "shared_buffers": "32MB",
    "wal_buffers": "4MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "effective_cache_size": "256MB",
    "max_connections": "100",
    "max_worker_processes": "2",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "1",
    "jit": "off",
    # No replicas: less is written.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "512MB",
    "random_page_cost": "1.1",
    # A statement, or an error's detail, may hold a member's values: neither is logged.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "log_connections": "off",
    "log_disconnections": "off",
}
SETTINGS_SINCE_18: Mapping[str, str] = {"io_method": "sync"}  # no extra processes for reading


@dataclass(frozen=True)
class Postmaster:
    """A running server, as its own pid file describes it."""

    pid: int
    socket_folder: Path
    is_ready: bool


@dataclass(frozen=True)
class Cluster:
    """The cluster `pg` in a data folder."""

    data_dir: Path
    account: Account
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.data_dir / "pg"

    @property
    def log_path(self) -> Path:
        return self.data_dir / "postgres.log"

    @property
    def major(self) -> int | None:
        """The major version that wrote the folder; None if there is no cluster yet."""
        try:
            return int((self.folder / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None

    def create(self, binaries: Binaries) -> None:
        """initdb beside, then a rename: a cluster is either complete or not there."""
        unfinished = self.data_dir / "pg.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        write_private(self.password_path, secrets.token_urlsafe(32), self.account)
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if binaries.major >= 17 else []
        command = [binaries.program("initdb"), "--pgdata", str(unfinished), "--username", ROLE, "--pwfile", str(self.password_path)]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", *locale, "--data-checksums", "--no-instructions"]
        made = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, **self.account.process_arguments()
        )
        if made.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise EmbeddedError(f"The database could not be made in {self.data_dir}: {made.stderr.strip()[-600:]}")
        unfinished.rename(self.folder)

    @property
    def password_path(self) -> Path:
        return self.data_dir / "password"

    def url(self, socket_folder: Path, database: str = DATABASE) -> str:
        try:
            password = self.password_path.read_text().strip()
        except FileNotFoundError:
            raise EmbeddedError(f"{self.password_path} is missing: put it back from a backup of the data folder.") from None
        return f"postgresql://{ROLE}:{quote(password, safe='')}@/{database}?host={quote(str(socket_folder), safe='')}&port=5432"

    def spawn(self, binaries: Binaries) -> subprocess.Popen[bytes]:
        """Starts the server as our child, in a session of its own: Ctrl-C reaches us, and we stop it in order."""
        self._forget_reused_pid()
        chosen = {**SETTINGS, **(SETTINGS_SINCE_18 if binaries.major >= 18 else {}), **self.settings}
        chosen["unix_socket_directories"] = str(self.socket_folder())
        options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
        with self._open_log() as log:
            return subprocess.Popen[bytes](
                [binaries.program("postgres"), "-D", str(self.folder), *options],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self.account.process_arguments(),
            )

    def postmaster(self) -> Postmaster | None:
        """The server that runs on this folder, whoever started it; None if its pid file is missing or stale."""
        lines = self._pid_file()
        if len(lines) < 6 or not _is_server(int(lines[0]), self.folder):
            return None
        return Postmaster(int(lines[0]), Path(lines[4]), is_ready=len(lines) > 7 and lines[7].strip() == "ready")

    def ensure_database(self, socket_folder: Path) -> None:
        """Proves that the server answers to our password, and makes the database on the first start."""
        try:
            with psycopg.connect(self.url(socket_folder, "postgres"), autocommit=True, connect_timeout=10) as connection:
                if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError as error:
            if "password authentication failed" not in str(error):
                raise
            raise EmbeddedError(f"The database refuses the password in {self.password_path}: put it back from a backup.") from None

    def stop(self, server: Postmaster) -> bool:
        """Fast, then immediate. False if it still runs."""
        for number, patience_s in ((signal.SIGINT, STOP_FAST_S), (signal.SIGQUIT, STOP_IMMEDIATE_S)):
            try:
                os.kill(server.pid, number)
            except ProcessLookupError:
                return True
            deadline = time.monotonic() + patience_s
            while time.monotonic() < deadline:
                if not _is_server(server.pid, self.folder):
                    return True
                time.sleep(0.01)
        return False

    def socket_folder(self) -> Path:
        """A private folder whose path is short enough for a socket: in the data folder, else in /tmp."""
        folder = self.data_dir / "s"
        if len(os.fsencode(folder / SOCKET_NAME)) > LONGEST_SOCKET_PATH:
            digest = zlib.crc32(os.fsencode(self.data_dir))
            folder = Path("/tmp") / f"wearbase-{self.account.uid}-{digest:08x}"  # noqa: S108 - private, see below
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == self.account.uid:
                folder.chmod(0o700)
                return folder
            folder = Path(tempfile.mkdtemp(prefix="wearbase-", dir="/tmp"))  # somebody sits on the usual name
        self.account.own(folder)
        return folder

    def last_words(self) -> str:
        """The end of the server's log, for an error message."""
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-8:])
        except OSError:
            return "(no log)"

    def _open_log(self) -> BinaryIO:
        if self.log_path.exists() and self.log_path.stat().st_size > LARGEST_LOG_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        opened = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        return os.fdopen(opened, "ab")

    def _pid_file(self) -> list[str]:
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
        return lines if lines and lines[0].strip().isdigit() else []

    def _forget_reused_pid(self) -> None:
        """After a reboot another program may have the old server's pid, and PostgreSQL would take it for a server.

        Of a dead pid the file stays: PostgreSQL reads in it whether parts of the old server still live.
        """
        lines = self._pid_file()
        if lines and _is_alive(int(lines[0])) and not _is_server(int(lines[0]), self.folder):
            (self.folder / "postmaster.pid").unlink()


def _is_server(pid: int, folder: Path) -> bool:
    """Whether this process is the server of this folder: a server's working directory is its data folder."""
    if Path("/proc/self/cwd").exists():
        try:
            return Path(os.readlink(f"/proc/{pid}/cwd")) == folder
        except OSError:
            return False  # gone, ended and not yet collected, or not ours to look at
    shown = subprocess.run(["/bin/ps", "-p", str(pid), "-o", "stat=,comm="], capture_output=True, text=True, check=False).stdout
    return "postgres" in shown and not shown.startswith("Z")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
