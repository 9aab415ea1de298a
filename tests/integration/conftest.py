"""The servers that the store must work on: ours, the system's PostgreSQL over TCP, and ours behind a transaction-mode pooler."""

from collections.abc import Iterator

import pytest

from tests.servers import Server, pooled_server, system_server
from tools.needs import find_pgbouncer, find_postgresql

SERVERS = [
    "embedded",
    pytest.param("debian15", marks=pytest.mark.postgresql15),
    pytest.param("pgbouncer", marks=pytest.mark.pgbouncer),
]


@pytest.fixture(scope="session")
def debian15_server() -> Iterator[Server]:
    programs = find_postgresql()
    assert programs is not None, "deselected without one"
    with system_server(programs) as running:
        yield running


@pytest.fixture(scope="session")
def pgbouncer_server(server: Server) -> Iterator[Server]:
    program = find_pgbouncer()
    assert program is not None, "deselected without it"
    with pooled_server(program, server) as running:
        yield running


@pytest.fixture(params=SERVERS)
def any_server(request: pytest.FixtureRequest) -> Server:
    """Each server in turn."""
    return request.getfixturevalue("server" if request.param == "embedded" else f"{request.param}_server")


@pytest.fixture
def any_database_url(any_server: Server) -> Iterator[str]:
    """A fresh migrated database, once on each server."""
    with any_server.database() as url:
        yield url


@pytest.fixture
def is_pooled(request: pytest.FixtureRequest) -> bool:
    """Whether `any_database_url` goes through a transaction-mode pooler."""
    return "pgbouncer" in request.node.name
