"""Two processes that write to one account at once, the same requests with the same keys."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.faults import ledger
from tests.faults.server import ROOT, prepare

WRITES = 40
GIVE_UP_S = 60


def test_two_processes_lose_and_double_nothing_and_neither_starves(
    migrated_url: str, data_dir: Path
) -> None:
    prepare(migrated_url, data_dir)
    command = [sys.executable, "-m", "tests.faults.writer", migrated_url, str(data_dir), "0", "0"]
    done = [set[tuple[int, int]](), set[tuple[int, int]]()]
    logs = [data_dir / f"acknowledged-{i}" for i in range(2)]
    children = []
    for log in logs:
        with log.open("wb") as out:
            children.append(subprocess.Popen(command, cwd=ROOT, stdout=out))
    try:
        give_up = time.monotonic() + GIVE_UP_S
        while any(log.read_bytes().count(b"\n") < WRITES for log in logs):
            assert all(child.poll() is None for child in children)
            assert time.monotonic() < give_up, [len(log.read_bytes()) for log in logs]
            time.sleep(0.05)
    finally:
        for child in children:
            child.kill()
            child.wait()
    for mine, log in zip(done, logs, strict=True):
        for line in log.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                thread, n = line.split()
                mine.add((int(thread), int(n)))
    with ledger.reopened(migrated_url, data_dir) as ctx:
        there = ledger.stored(ctx)
        assert ctx.store.check() == []
        assert not ledger.gaps(ctx)
    assert not ledger.lost(there, done[0] | done[1])
    assert not ledger.doubled(there)
    assert not ledger.torn(there)
