"""The embedded PostgreSQL: real servers in real folders, killed for real."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.servers import private_folder
from wearbase.store.postgres.embedded import DataFolderBusy, EmbeddedError, EmbeddedPostgres, binaries, default_data_dir
from wearbase.store.postgres.embedded.account import database_account

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def empty_folder() -> Iterator[Path]:
    with private_folder() as made:
        yield made
        kill_server_of(made)


@pytest.fixture(scope="module")
def used_folder() -> Iterator[Path]:
    """A data folder after its first start."""
    with private_folder() as made:
        with EmbeddedPostgres(made) as postgres:
            postgres.start()
        yield made


@pytest.fixture
def folder(empty_folder: Path, used_folder: Path) -> Path:
    """A used data folder of the test's own: copying it is quicker than a first start."""
    for name in ("pg", "password"):
        subprocess.run(["cp", "-a", used_folder / name, empty_folder], check=True)
    return empty_folder


def kill_server_of(folder: Path) -> None:
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "postgres" and str(folder / "pg") in (process.info["cmdline"] or []):
            process.kill()


def wait_until(condition: Callable[[], object], *, patience_s: float = 20) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def remember(url: str, word: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS word (it text)")
        connection.execute("INSERT INTO word VALUES (%s)", [word])


def words(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT it FROM word ORDER BY it")]


def is_up(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


class OtherProgram:
    """Another process that uses a data folder until it is told to leave."""

    def __init__(self, folder: Path, *, as_server: str | None, then: str = "") -> None:
        script = f"""
            import sys
            from pathlib import Path
            from wearbase.store.postgres.embedded import EmbeddedPostgres
            with EmbeddedPostgres(Path({str(folder)!r})) as postgres:
                url = postgres.start(as_server={as_server!r})
                {then or "pass"}
                print(url, flush=True)
                sys.stdin.readline()
        """
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate("\n", timeout=30)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_the_first_start_makes_the_cluster_and_the_second_finds_it(empty_folder: Path) -> None:
    with EmbeddedPostgres(empty_folder) as postgres:
        remember(postgres.start(as_server="first"), "kept")
    made = (empty_folder / "pg" / "PG_VERSION").stat()
    with EmbeddedPostgres(empty_folder) as postgres:
        assert words(postgres.start(as_server="second")) == ["kept"]
    again = (empty_folder / "pg" / "PG_VERSION").stat()
    assert (again.st_ino, again.st_mtime_ns) == (made.st_ino, made.st_mtime_ns), "the cluster is made once"


def test_it_is_durable_utf8_checksummed_and_ours(folder: Path) -> None:
    with EmbeddedPostgres(folder) as postgres, psycopg.connect(postgres.start()) as connection:
        shown = {
            name: (connection.execute("SELECT current_setting(%s)", [name]).fetchone() or [None])[0]
            for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "server_encoding", "TimeZone")
        }
        who = connection.execute("SELECT current_user, current_database(), rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        lowered = connection.execute("SELECT lower('ÅÉ'), 'a' < 'B'").fetchone()
    assert list(shown.values()) == ["on", "on", "on", "on", "UTF8", "UTC"]
    assert who == ("wearbase", "wearbase", True)
    assert lowered == ("åé", False)  # letters of every language, order by code point, on every machine


def test_everything_on_disk_is_private(folder: Path) -> None:
    with EmbeddedPostgres(folder) as postgres:
        postgres.start()
        socket_folder = folder / "s"
        for private in (folder, folder / "pg", socket_folder):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700, private
        for entry in folder.iterdir():
            assert entry.stat().st_mode & 0o077 == 0, entry
        assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600


def test_the_socket_path_stays_short_in_a_deep_folder(empty_folder: Path) -> None:
    deep = empty_folder / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    for made in (deep, deep.parent):
        os.chown(made, empty_folder.stat().st_uid, empty_folder.stat().st_gid)
    with EmbeddedPostgres(deep) as postgres:
        url = postgres.start()
        with psycopg.connect(url) as connection:
            shown = connection.execute("SHOW unix_socket_directories").fetchone()
        assert shown is not None
        socket_folder = Path(shown[0])
        assert len(os.fsencode(socket_folder / ".s.PGSQL.5432")) <= 103
        assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
    socket_folder.rmdir()


def test_nothing_listens_on_tcp(folder: Path) -> None:
    with EmbeddedPostgres(folder) as postgres:
        postgres.start()
        listening = psutil.Process(postgres.pid).net_connections("inet")
    assert listening == []


def test_a_password_is_required(folder: Path) -> None:
    with EmbeddedPostgres(folder) as postgres:
        url = postgres.start()
        password = (folder / "password").read_text()
        assert len(password) >= 32
        assert not is_up(url.replace(password, "wrong"))
        assert not is_up(url.replace(f":{password}", ""))


def test_a_second_server_is_refused_by_name_and_pid(folder: Path) -> None:
    first = OtherProgram(folder, as_server="wear up")
    with pytest.raises(DataFolderBusy, match=rf"`wear up` \(process {first.process.pid}\)") as refused, EmbeddedPostgres(folder) as second:
        second.start(as_server="wear api")
    assert (refused.value.name, refused.value.pid) == ("wear up", first.process.pid)
    assert is_up(first.url), "the refused one left the first alone"
    first.leave()
    with EmbeddedPostgres(folder) as second:
        second.start(as_server="wear api")


def test_others_attach_and_the_last_one_stops_it(folder: Path) -> None:
    server = OtherProgram(folder, as_server="wear up", then="pass")
    visitor = EmbeddedPostgres(folder)
    url = visitor.start()
    pid = visitor.pid
    remember(url, "seen by both")
    server.leave()
    assert visitor.pid == pid, "still there for the visitor"
    assert words(url) == ["seen by both"]
    visitor.stop()
    assert not is_up(url)
    assert not (folder / "pg/postmaster.pid").exists()


def test_two_programs_may_start_at_once(folder: Path) -> None:
    programs = [EmbeddedPostgres(folder) for _ in range(2)]
    others = [OtherProgram(folder, as_server=None) for _ in range(2)]
    urls = {program.start() for program in programs} | {other.url for other in others}
    assert len(urls) == 1
    assert len({program.pid for program in programs}) == 1
    for other in others:
        other.leave()
    for program in programs:
        program.stop()


def test_a_killed_owner_loses_nothing(folder: Path) -> None:
    owner = OtherProgram(folder, as_server="wear up")
    remember(owner.url, "committed")
    owner.kill()
    with EmbeddedPostgres(folder) as postgres:
        url = postgres.start(as_server="wear up")
        assert words(url) == ["committed"]
        remember(url, "more")
    assert not is_up(url), "the adopted server was stopped"


def test_a_killed_server_is_started_again(folder: Path) -> None:
    told: list[str] = []
    with EmbeddedPostgres(folder, log=told.append) as postgres:
        url = postgres.start(as_server="wear up")
        remember(url, "committed")
        killed = postgres.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: is_up(url) and postgres.pid not in {None, killed})
        assert words(url) == ["committed"]
        assert postgres.failure is None
    assert any("starting it again" in line for line in told)


def test_owner_and_server_killed_together_lose_nothing(folder: Path) -> None:
    owner = OtherProgram(folder, as_server="wear up")
    remember(owner.url, "committed")
    owner.kill()
    kill_server_of(folder)
    with EmbeddedPostgres(folder) as postgres:
        assert words(postgres.start(as_server="wear up")) == ["committed"]


def test_an_interrupted_first_start_leaves_nothing_half_made(empty_folder: Path) -> None:
    (empty_folder / "pg.new").mkdir()
    (empty_folder / "pg.new/PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(empty_folder) as postgres:
        assert is_up(postgres.start())
    assert not (empty_folder / "pg.new").exists()


def test_a_pid_file_whose_pid_another_program_has_now_is_no_obstacle(folder: Path) -> None:
    with EmbeddedPostgres(folder) as postgres:
        postgres.start()
        lines = (folder / "pg/postmaster.pid").read_text().splitlines()
    with subprocess.Popen(["sleep", "60"], **database_account().process_arguments()) as stranger:
        (folder / "pg/postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        with EmbeddedPostgres(folder) as postgres:
            assert is_up(postgres.start())
        assert stranger.poll() is None, "left alone"
        stranger.kill()


@pytest.mark.postgresql15
def test_an_ordinary_user_needs_no_system_account(monkeypatch: pytest.MonkeyPatch, empty_folder: Path) -> None:
    """With the system's programs, because those of the wheel may lie in a clone that only root can enter."""
    monkeypatch.setattr(binaries, "_wheel_folder", lambda: None)
    nobody = pwd.getpwnam("nobody")
    home = Path(tempfile.mkdtemp(prefix="wearbase-", dir="/tmp"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
    with EmbeddedPostgres(empty_folder) as warm_up:  # what is imported late is imported now
        is_up(warm_up.start())
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if is_root:
                os.setgroups([])
                os.setgid(nobody.pw_gid)
                os.setuid(nobody.pw_uid)
            with EmbeddedPostgres() as postgres:
                url = postgres.start(as_server="wear up")
                remember(url, "mine")
                code = 0 if words(url) == ["mine"] and (home / "wearbase/pg").stat().st_uid == os.geteuid() else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    shutil.rmtree(home)


def test_a_folder_of_another_major_version_is_refused_with_the_steps(folder: Path) -> None:
    (folder / "pg/PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedError, match=r"(?s)PostgreSQL 12.*pg_dumpall.*move") as refused, EmbeddedPostgres(folder) as postgres:
        postgres.start()
    assert str(folder) in str(refused.value)


def test_a_folder_with_other_things_is_left_alone(empty_folder: Path) -> None:
    empty_folder.chmod(0o755)
    (empty_folder / "holiday.jpg").write_text("not ours")
    (empty_folder / "holiday.jpg").chmod(0o644)
    with pytest.raises(EmbeddedError, match=r"holiday\.jpg"), EmbeddedPostgres(empty_folder) as postgres:
        postgres.start()
    assert stat.S_IMODE(empty_folder.stat().st_mode) == 0o755


def test_a_folder_that_the_database_account_cannot_reach_is_named(empty_folder: Path) -> None:
    closed = empty_folder / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "data") as postgres:
        if database_account().is_other:
            with pytest.raises(EmbeddedError, match=rf"cannot enter {closed}: .*chmod o\+x"):
                postgres.start()
        else:
            assert is_up(postgres.start())


def test_a_strict_umask_and_a_symbolic_link_are_no_obstacle(empty_folder: Path) -> None:
    before = os.umask(0o077)
    try:
        (empty_folder / "link").symlink_to(empty_folder / "new/data")
        with EmbeddedPostgres(empty_folder / "link") as postgres:
            assert is_up(postgres.start())
    finally:
        os.umask(before)
    assert (empty_folder / "new/data/pg").is_dir()


def test_a_lost_password_is_named(folder: Path) -> None:
    (folder / "password").unlink()
    with pytest.raises(EmbeddedError, match="password is missing"), EmbeddedPostgres(folder) as postgres:
        postgres.start()
    assert not (folder / "pg/postmaster.pid").exists(), "stopped again"


def test_the_default_folder_follows_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        assert default_data_dir() == Path("/var/lib/wearbase/data")
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere/else")
    assert default_data_dir() == Path("/somewhere/else/wearbase")
    monkeypatch.setenv("XDG_DATA_HOME", "")
    assert default_data_dir() == Path.home() / ".local/share/wearbase"
