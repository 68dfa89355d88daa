"""A server that is killed under load loses nothing that it answered, and doubles nothing."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.faults import ledger
from tests.faults.server import Clients, Server, prepare, running


def killed(
    url: str, data_dir: Path, kills: int, seed: int, *program: str
) -> tuple[int, list[str], list[str]]:
    """Kill -9 at random moments under four clients; return (acknowledged, lost, doubled)."""
    token, rng = prepare(url, data_dir), random.Random(seed)
    server = Server(url, data_dir, program=program or ("-m", "diurnal"))
    with running(server), Clients(server.port, token) as clients:
        for _ in range(kills):
            clients.wait_for(1, within_s=30)
            time.sleep(rng.uniform(0.0, 0.3))
            server.kill()
            server.start()
        clients.wait_for(8, within_s=30)
    assert not clients.surprises
    with ledger.reopened(url, data_dir) as ctx:
        there = ledger.stored(ctx)
        assert ctx.store.check() == []
        assert not ledger.gaps(ctx)
        assert not ledger.torn(there)
    return (
        len(clients.acknowledged),
        ledger.lost(there, clients.acknowledged),
        ledger.doubled(there),
    )


def test_a_server_killed_under_load_loses_and_doubles_nothing(
    migrated_url: str, data_dir: Path, engine: str
) -> None:
    acknowledged, lost, doubled = killed(migrated_url, data_dir, 8 if engine == "sqlite" else 4, 1)
    assert acknowledged > 8
    assert (lost, doubled) == ([], [])


@pytest.mark.slow
def test_fifty_kills_of_the_server_lose_and_double_nothing(
    migrated_url: str, data_dir: Path
) -> None:
    acknowledged, lost, doubled = killed(migrated_url, data_dir, 50, 2)
    assert acknowledged > 50  # each time at least one; how many more is the machine's affair
    assert (lost, doubled) == ([], [])


@pytest.mark.slow
def test_a_server_that_answers_before_its_commit_would_be_caught(
    sqlite_url: str, data_dir: Path
) -> None:
    """The control: without it the two above prove nothing."""
    _, lost, _ = killed(sqlite_url, data_dir, 6, 3, str(Path(__file__).parent / "early.py"))
    assert lost
