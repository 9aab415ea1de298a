"""The database server of a data folder, shared by every program that works there.

Whoever comes first starts it, others attach, whoever leaves last stops it. `users.lock` is held shared by each of them;
`transition.lock` is held while somebody starts or stops; `server.lock` belongs to the one program that serves
(`wear up`). All three die with their holder, so a killed program leaves at most a running server, which the next one adopts.
"""

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from wearbase.domain.errors import SettingsError
from wearbase.store.postgres.embedded.account import EmbeddedError, claim_folder, database_account, default_data_dir
from wearbase.store.postgres.embedded.binaries import Binaries, NoSuchMajor, find_binaries
from wearbase.store.postgres.embedded.cluster import Cluster, Postmaster
from wearbase.store.postgres.embedded.locks import FileLock, held

START_PATIENCE_S = 300.0  # a crash recovery reads up to max_wal_size again
ORPHANS_PATIENCE_S = 15.0  # the rest of a killed server ends by itself within this
ANSWER_PATIENCE_S = 15.0
LEAVE_PATIENCE_S = 12.0
TELL_EVERY_S = 5.0
LOOK_EVERY_S, LOOK_WHILE_STARTING_EVERY_S = 0.25, 0.005
MOST_RESTARTS, RESTART_WINDOW_S = 5, 60.0

_logger = logging.getLogger(__name__)


class DataFolderBusy(SettingsError):
    """Another server runs on this data folder."""

    code = "data_folder_busy"

    def __init__(self, name: str, pid: int, folder: Path) -> None:
        super().__init__(f"{folder} is already served by `{name}` (process {pid}). Stop it, or set DATA_DIR to another folder.")
        self.name = name
        self.pid = pid


class EmbeddedPostgres:
    """A PostgreSQL server in a data folder, ours for as long as we need it.

    `data_dir` None means `default_data_dir()`. `log` is told what a person may want to know (restarts, waiting).
    `settings` are PostgreSQL's own, in addition to or instead of ours.
    """

    def __init__(
        self, data_dir: Path | None = None, *, log: Callable[[str], None] = _logger.info, settings: Mapping[str, str] | None = None
    ) -> None:
        self._data_dir = data_dir
        self._log = log
        self._settings = dict(settings or {})
        self._cluster: Cluster | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._server_lock: FileLock | None = None
        self._users_lock: FileLock | None = None
        self._leaving = threading.Event()
        self._watcher: threading.Thread | None = None
        self._url: str | None = None
        self._failure: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self, *, as_server: str | None = None) -> str:
        """The database's URL, once it answers. Makes the cluster and the database `wearbase` on the first start.

        `as_server` is the name of a program that serves: only one at a time. None attaches to a running server, or
        starts one.
        Raises: DataFolderBusy if another program serves; EmbeddedError.
        """
        if self._url is not None:
            return self._url
        self._leaving.clear()
        account = database_account()
        folder = claim_folder(self._data_dir or default_data_dir(), account)
        self._cluster = Cluster(folder, account, self._settings)
        with ExitStack() as gone_wrong:
            gone_wrong.callback(self.stop)
            if as_server is not None:
                self._serve_alone(folder, as_server)
            self._users_lock = FileLock(folder / "users.lock")
            with self._transition():
                self._users_lock.take(shared=True)
                self._url = self._bring_up(self._cluster)
            gone_wrong.pop_all()
        self._failure = None
        self._watcher = threading.Thread(target=self._watch, name="embedded-postgres", daemon=True)
        self._watcher.start()
        return self._url

    def stop(self) -> None:
        """Leaves; stops the server if nobody else uses it. May be called more than once.

        Raises: EmbeddedError if the server does not stop.
        """
        self._leaving.set()
        if self._watcher is not None:
            self._watcher.join(LEAVE_PATIENCE_S)  # it may be in the middle of a start, which it breaks off
            self._watcher = None
        self._url = None
        try:
            if self._users_lock is not None and self._cluster is not None:
                with self._transition():
                    if self._users_lock.take():
                        self._shut_down(self._cluster)
        finally:
            for lock in (self._users_lock, self._server_lock):
                if lock is not None:
                    lock.release()
            self._users_lock = self._server_lock = self._cluster = None

    @property
    def failure(self) -> str | None:
        """Why the server is down for good; None as long as it runs or is being restarted."""
        return self._failure

    @property
    def pid(self) -> int | None:
        """The server's process, whoever started it."""
        server = self._cluster.postmaster() if self._cluster else None
        return server.pid if server else None

    def _serve_alone(self, folder: Path, name: str) -> None:
        lock = FileLock(folder / "server.lock")
        if not lock.take():
            holder, pid = lock.holder()
            lock.release()
            raise DataFolderBusy(holder, pid, folder)
        lock.sign(name)
        self._server_lock = lock

    def _transition(self) -> AbstractContextManager[None]:
        if self._cluster is None:
            raise RuntimeError("not started")
        return held(
            self._cluster.data_dir / "transition.lock",
            patience_s=START_PATIENCE_S + 60,
            on_wait=lambda: self._log("Waiting for another program that is starting or stopping the database"),
        )

    def _bring_up(self, cluster: Cluster) -> str:
        """Finds the running server or starts one, and waits until it answers."""
        started = told = ready_seen = time.monotonic()
        while True:
            if self._leaving.is_set():
                raise EmbeddedError("Nobody waits for the database any more.")
            server = cluster.postmaster()
            now = time.monotonic()
            if server is None or not server.is_ready:
                ready_seen = now
            else:
                try:
                    cluster.ensure_database(server.socket_folder)
                    return cluster.url(server.socket_folder)
                except psycopg.OperationalError as error:  # it may have been killed a moment ago: look again
                    if now - ready_seen > ANSWER_PATIENCE_S:
                        raise EmbeddedError(f"The database runs but does not answer: {error}") from error
            if now - started > START_PATIENCE_S:
                raise EmbeddedError(f"The database did not start within {START_PATIENCE_S:.0f} s:\n{cluster.last_words()}")
            if now - told > TELL_EVERY_S:
                self._log("Still waiting for the database")
                told = now
            if server is None:
                self._start_child(cluster, give_up=now - started > ORPHANS_PATIENCE_S)
            time.sleep(LOOK_WHILE_STARTING_EVERY_S)

    def _start_child(self, cluster: Cluster, *, give_up: bool) -> None:
        """Starts the server unless our own is on its way. One that ended at once is tried again: right after a kill, the
        rest of the old server is still ending and PostgreSQL refuses to start beside it."""
        if self._child is not None:
            status = self._child.poll()
            if status is None:
                return
            self._child = None
            if give_up:
                raise EmbeddedError(f"The database does not start (exit status {status}):\n{cluster.last_words()}")
            if status != 0:
                time.sleep(0.2)
        self._child = cluster.spawn(self._binaries_for(cluster))

    def _binaries_for(self, cluster: Cluster) -> Binaries:
        if cluster.major is None:
            binaries = find_binaries(cluster.account)
            cluster.create(binaries)
            return binaries
        try:
            return find_binaries(cluster.account, cluster.major)
        except NoSuchMajor as error:
            raise EmbeddedError(_steps_to_upgrade(cluster, error)) from None

    def _shut_down(self, cluster: Cluster) -> None:
        server: Postmaster | None = cluster.postmaster()
        is_stopped = server is None or cluster.stop(server)
        if self._child is not None:
            if server is None:
                self._child.kill()  # never became a server
            if is_stopped:
                self._child.wait()
            self._child = None
        if not is_stopped:
            raise EmbeddedError(f"The database does not stop (process {server.pid if server else '?'}).")

    def _watch(self) -> None:
        """Starts the server again when it is gone, until we leave; too often in a row is a failure, said aloud."""
        restarts: list[float] = []
        while not self._leaving.wait(LOOK_EVERY_S):
            if self._child is not None:
                self._child.poll()  # collects it when it has ended
            cluster = self._cluster
            if cluster is None or cluster.postmaster() is not None:
                continue
            now = time.monotonic()
            restarts = [at for at in restarts if now - at < RESTART_WINDOW_S] + [now]
            if len(restarts) > MOST_RESTARTS:
                self._fail(f"The database ended {len(restarts)} times within a minute:\n{cluster.last_words()}")
                return
            self._log("The database has ended unexpectedly; starting it again")
            try:
                with self._transition():
                    self._bring_up(cluster)
            except (EmbeddedError, OSError) as error:
                if not self._leaving.is_set():
                    self._fail(str(error))
                return
            self._log("The database is back")

    def _fail(self, reason: str) -> None:
        self._failure = reason
        self._log(reason)
        _logger.error("embedded database: %s", reason)


def is_made(folder: Path) -> bool:
    """Whether a database was ever started in a data folder; one that is closed to us may hold one."""
    try:
        return (folder / "pg" / "PG_VERSION").exists()
    except PermissionError:
        return True


def is_running(folder: Path) -> bool:
    """Whether its server runs, or was just killed."""
    return is_made(folder) and Cluster(folder, database_account(), {}).postmaster() is not None


def _steps_to_upgrade(cluster: Cluster, error: NoSuchMajor) -> str:
    return (
        f"{cluster.folder} was written by PostgreSQL {error.wanted}; here is PostgreSQL {error.here}, which cannot read it. Either\n"
        f"  install PostgreSQL {error.wanted} (sudo apt-get install -y postgresql-{error.wanted}) and start again: it will be used, or\n"
        "  1. with the wearbase (or the PostgreSQL) that wrote it, save everything: pg_dumpall > everything.sql\n"
        f"  2. move {cluster.folder} away\n"
        "  3. start once, so that a new one is made, and load it: psql -f everything.sql"
    )
