"""PostgreSQL goes away under load, in order and by a crash: the server waits for it and goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diurnal.store import migrate
from tests import postgres
from tests.faults import ledger
from tests.faults.server import Clients, Server, prepare, running

pytestmark = pytest.mark.postgres


@pytest.fixture
def own_postgres() -> Iterator[postgres.Postgres]:
    with postgres.own() as server:
        yield server


def restarted(own: postgres.Postgres, data_dir: Path, modes: list[str]) -> None:
    url = own.url(own.create())
    migrate.ensure(url)
    token = prepare(url, data_dir)
    with running(Server(url, data_dir)) as server:
        with Clients(server.port, token) as clients:
            for mode in modes:
                clients.wait_for(8, within_s=30)
                own.restart(mode)
                clients.wait_for(8, within_s=30)
        assert server.alive
        assert not clients.surprises
        assert all(int(headers["retry-after"]) > 0 for _, headers in clients.refused)
    with ledger.reopened(url, data_dir) as ctx:
        there = ledger.stored(ctx)
        assert not ledger.gaps(ctx)
    assert not ledger.lost(there, clients.acknowledged)
    assert not ledger.doubled(there)
    assert not ledger.torn(there)


def test_a_database_that_restarts_under_load_costs_nothing_but_time(
    own_postgres: postgres.Postgres, data_dir: Path
) -> None:
    restarted(own_postgres, data_dir, ["immediate", "fast"])


@pytest.mark.slow
def test_ten_crashes_of_the_database_under_load(
    own_postgres: postgres.Postgres, data_dir: Path
) -> None:
    restarted(own_postgres, data_dir, ["immediate"] * 10)
