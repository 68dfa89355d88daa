"""A process that is killed while it writes loses nothing that it said was done."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from diurnal.services import accounts
from tests.conftest import PASSWORD
from tests.faults import ledger

ROOT = Path(__file__).parent.parent.parent
CLIENTS = 4


def killed_while_writing(
    url: str, data_dir: Path, done: set[tuple[int, int]], after_s: float, *options: str
) -> None:
    """Write on, note what is acknowledged, kill -9 `after_s` after the first answer."""
    numbers = [1 + max((n for t, n in done if t == c), default=-1) for c in range(CLIENTS)]
    command = [sys.executable, "-m", "tests.faults.writer", url, str(data_dir)]
    with subprocess.Popen(
        [*command, *map(str, numbers), *options], cwd=ROOT, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        timer = threading.Timer(after_s, child.kill)
        timer.start()
        lines = [first, *child.stdout]
        timer.join()
    for line in lines:
        if line.endswith(b"\n"):
            thread, n = line.split()
            done.add((int(thread), int(n)))


def rounds(url: str, data_dir: Path, kills: int, seed: int, *options: str) -> tuple[int, int, int]:
    """Kill at random moments; return (acknowledged, lost, doubled) after looking each time."""
    rng, done = random.Random(seed), set[tuple[int, int]]()
    missing, twice = set[str](), set[str]()
    for _ in range(kills):
        killed_while_writing(url, data_dir, done, rng.uniform(0.0, 0.25), *options)
        with ledger.reopened(url, data_dir) as ctx:
            there = ledger.stored(ctx)
            missing.update(ledger.lost(there, done))
            twice.update(ledger.doubled(there))
            assert not ledger.torn(there)
            assert not ledger.gaps(ctx)
            assert ctx.store.check() == []
    return len(done), len(missing), len(twice)


@pytest.fixture
def with_account(migrated_url: str, data_dir: Path) -> str:
    with ledger.reopened(migrated_url, data_dir) as ctx:
        made = accounts.create(ctx, username="alice", password=PASSWORD, timezone="Europe/Berlin")
        assert made.account_id == ledger.ACCOUNT
    return migrated_url


def test_a_killed_writer_loses_and_doubles_nothing(with_account: str, data_dir: Path) -> None:
    acknowledged, lost, doubled = rounds(with_account, data_dir, 4, seed=1)
    assert acknowledged > 4
    assert (lost, doubled) == (0, 0)


@pytest.mark.slow
def test_fifty_kills_lose_and_double_nothing(with_account: str, data_dir: Path) -> None:
    acknowledged, lost, doubled = rounds(with_account, data_dir, 50, seed=2)
    assert acknowledged > 50  # each time at least one; how many more is the machine's affair
    assert (lost, doubled) == (0, 0)


@pytest.mark.slow
def test_a_store_that_answers_before_its_commit_would_be_caught(
    with_account: str, data_dir: Path
) -> None:
    """The control: without it the two above prove nothing."""
    _, lost, _ = rounds(with_account, data_dir, 4, 3, "--early")
    assert lost > 0
