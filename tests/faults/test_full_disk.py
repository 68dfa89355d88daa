"""A full disk: writes are refused for a while, reads go on, nothing is lost, and it heals."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import ledger
from tests.faults.server import Clients, Server, prepare, running

SIZE = 16 << 20
HEAL_S = 5.0


def starve(
    server: Server, token: str, fill: Callable[[], None], free: Callable[[], None]
) -> Clients:
    """Write until there is no room, look what still works, make room and see it heal."""
    owner = {"Authorization": f"Bearer {token}"}
    with Clients(server.port, token) as before:
        before.wait_for(8, within_s=30)
        fill()
        before.wait_until(lambda: len(before.refused) >= 8, within_s=60)
        for path in ("/api/v1/events?limit=10", "/healthz"):
            status, _, answer = server.ask("GET", path, **owner)
            assert status == 200, answer
    assert before.refused_last
    assert all(int(headers["retry-after"]) > 0 for _, headers in before.refused)
    assert not before.surprises
    free()
    with Clients(server.port, token, first=100_000) as after:
        after.wait_for(1, within_s=HEAL_S)
        after.wait_for(20, within_s=30)
    assert server.alive
    assert not after.surprises
    before.acknowledged |= after.acknowledged
    return before


def agrees(url: str, data_dir: Path, clients: Clients) -> None:
    """The database has every write that was acknowledged, and none that was refused."""
    with ledger.reopened(url, data_dir) as ctx:
        there = ledger.stored(ctx)
        assert ctx.store.check() == []
        assert not ledger.gaps(ctx)
    assert not ledger.lost(there, clients.acknowledged)
    assert not ledger.doubled(there)
    assert not ledger.torn(there)
    refused = tuple(f"{t}-{n}/" for t, n in clients.refused_last)
    assert not [name for name in there if name.startswith(refused)]


def test_a_file_that_may_not_grow_refuses_writes_and_heals(sqlite_url: str, data_dir: Path) -> None:
    """The limit of the process stands in for the disk where nothing may be mounted."""
    token = prepare(sqlite_url, data_dir)
    with running(Server(sqlite_url, data_dir)) as server:
        grown = max(f.stat().st_size for f in data_dir.iterdir() if f.is_file())

        def limit(size: int) -> None:
            hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, hard))

        clients = starve(
            server, token, lambda: limit(grown + 65_536), lambda: limit(resource.RLIM_INFINITY)
        )
    agrees(sqlite_url, data_dir, clients)


def _may_mount() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    asked = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def _on_a_small_disk(data_dir: Path) -> Iterator[tuple[Server, Path]]:
    """Run a server whose data directory is a small disk of its own; gone when the server is."""
    small = data_dir.with_name("small")
    small.mkdir()
    script = 'mount -t tmpfs -o size=$0 none "$2" && cp -a "$1/." "$2/" && shift 2 && exec "$@"'
    within = ["unshare", "--mount", "sh", "-c", script, str(SIZE), str(data_dir), str(small)]
    url = f"sqlite:///{small / 'diurnal.db'}"
    with running(Server(url, small, within=within)) as server:
        yield server, Path(f"/proc/{server.pid}/root{small}")


@pytest.mark.skipif(not _may_mount(), reason="mounting a small disk needs root")
def test_a_full_disk_refuses_writes_and_heals(sqlite_url: str, data_dir: Path) -> None:
    token = prepare(sqlite_url, data_dir)
    with _on_a_small_disk(data_dir) as (server, disk):
        filler = disk / "filler"

        def fill() -> None:
            room = shutil.disk_usage(disk).free
            with contextlib.suppress(OSError), filler.open("wb") as out:
                for _ in range(room // 65_536 - 2):
                    out.write(bytes(65_536))

        clients = starve(server, token, fill, filler.unlink)
        # SQLite follows links, and would follow this one to where the disk is not.
        copied = data_dir.with_name("copied")
        copied.mkdir()
        os.kill(server.pid, signal.SIGSTOP)
        for name in ("diurnal.db", "diurnal.db-wal"):
            shutil.copy(disk / name, copied)
        os.kill(server.pid, signal.SIGCONT)
    agrees(f"sqlite:///{copied / 'diurnal.db'}", copied, clients)
