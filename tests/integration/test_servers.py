"""The servers that the other tests stand on."""

import psycopg


def test_every_server_gives_a_migrated_database(any_database_url: str) -> None:
    with psycopg.connect(any_database_url, prepare_threshold=None) as connection:
        found = connection.execute("SELECT to_regclass('wearbase.record') IS NOT NULL").fetchone()
    assert found == (True,)


def test_a_test_never_sees_another_tests_rows(any_database_url: str) -> None:
    with psycopg.connect(any_database_url, prepare_threshold=None) as connection:
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        connection.execute("CREATE TABLE public.left_behind ()")
    assert found == (0,)


def test_the_pooler_pools_by_transaction(any_database_url: str, is_pooled: bool) -> None:
    with psycopg.connect(any_database_url, prepare_threshold=None, autocommit=True) as connection:
        connection.execute("SELECT 1")
        version = connection.info.parameter_status("server_version")
        with psycopg.connect(any_database_url, prepare_threshold=None, autocommit=True) as other:
            backends = {c.execute("SELECT pg_backend_pid()").fetchone() for c in (connection, other)}
    assert version is not None
    assert int(version.split(".")[0]) >= 15
    assert len(backends) == (1 if is_pooled else 2)


def test_an_empty_database_has_no_schema_of_ours(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT to_regnamespace('wearbase')").fetchone() == (None,)
