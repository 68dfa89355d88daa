"""The suite's own ground: engines, network, clock."""

from __future__ import annotations

import socket
from pathlib import Path

import apsw
import psycopg
import pytest

from tests.clock import SECOND, START, Clock
from tests.postgres import Postgres


@pytest.mark.postgres
@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_postgresql(postgres_url: str, turn: int) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE mine (n int)")
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)


@pytest.mark.postgres
def test_a_template_is_filled_once_and_copied(postgres_server: Postgres) -> None:
    filled: list[str] = []

    def prepare(url: str) -> None:
        filled.append(url)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE given AS SELECT 1 AS n")

    names = [
        postgres_server.create(postgres_server.template("tpl_of_this_test", prepare))
        for _ in range(2)
    ]
    assert len(filled) == 1
    assert len(set(names)) == 2
    for name in names:
        with psycopg.connect(postgres_server.url(name)) as connection:
            assert connection.execute("SELECT n FROM given").fetchone() == (1,)
        postgres_server.drop(name)


def test_an_engine_answers_at_its_url(database_url: str) -> None:
    engine, _, place = database_url.partition("://")
    if engine == "sqlite":
        path = Path(place)
        assert not path.exists()
        connection = apsw.Connection(str(path))
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
        connection.close()
    else:
        with psycopg.connect(database_url) as opened:
            assert opened.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "example.org"])
def test_the_network_is_closed(host: str) -> None:
    with pytest.raises(PermissionError, match="this machine only"):
        socket.create_connection((host, 80), timeout=0.1)
    with socket.socket() as one, pytest.raises(PermissionError, match="this machine only"):
        one.connect((host, 80))


def test_loopback_is_open() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as one,
    ):
        assert one.getpeername() == server.getsockname()


def test_the_clock_stands_still_until_moved(clock: Clock) -> None:
    assert clock.now() == clock.now() == START
    assert clock.tick() == clock.now() == START + SECOND
