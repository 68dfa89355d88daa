"""The worker beside the server: lean, restarted when it dies, gone when its parent is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from diurnal import worker
from diurnal.errors import NotFound
from diurnal.model.access import Access
from diurnal.services import accesses, accounts, imports, jobs
from diurnal.services.context import Context, opened
from diurnal.services.jobs import Lease
from diurnal.settings import Settings, load
from tests.clock import Clock
from tests.conftest import PASSWORD

APPLE = Path(__file__).parent / "data" / "apple_health" / "synthetic_export.zip"
WAIT_S = 60.0


def _until(true: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = true()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def _enqueue(ctx: Context, who: Access, n: int) -> None:
    def add(tx: Any) -> None:
        for i in range(n):
            jobs.enqueue(tx, ctx, who.account_id, "mark", {"n": i})

    ctx.store.write(add).result()


@contextmanager
def _working(ctx: Context, handler: worker.Handler) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(ctx, {"mark": handler}, stop))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join()


def test_due_jobs_are_done_and_a_failing_one_stops_nobody(
    ctx: Context, alice: Access, charlie: Access
) -> None:
    done: list[int] = []

    def mark(ctx: Context, lease: Lease, _stop: threading.Event) -> None:
        if lease.args["n"] == 0:
            raise RuntimeError("a bug")
        ctx.store.write(lambda tx: jobs.finish(tx, ctx, lease)).result()
        done.append(lease.account_id)

    for who in (alice, charlie):
        _enqueue(ctx, who, 3)
    with _working(ctx, mark):
        _until(lambda: len(done) == 4, "four jobs")
    left = ctx.store.read(lambda tx: jobs.open_jobs(tx, alice.account_id, ["mark"]))
    assert [job.last_error for job in left] == ["RuntimeError: a bug"]


def test_a_stopping_worker_gives_its_job_back(ctx: Context, alice: Access) -> None:
    begun = threading.Event()

    def wait(_ctx: Context, _lease: Lease, stop: threading.Event) -> None:
        begun.set()
        stop.wait()
        raise jobs.Stopped

    _enqueue(ctx, alice, 1)
    with _working(ctx, wait):
        assert begun.wait(WAIT_S)
    [job] = ctx.store.read(lambda tx: jobs.open_jobs(tx, alice.account_id, ["mark"]))
    assert (job.tries, job.lease_token) == (0, None)


def test_one_worker_works_for_a_data_directory(ctx: Context, alice: Access) -> None:
    began: list[str] = []

    def mark(ctx: Context, lease: Lease, _stop: threading.Event) -> None:
        began.append(lease.id)
        ctx.store.write(lambda tx: jobs.finish(tx, ctx, lease)).result()

    assert not worker.alive(ctx.settings.data_dir)
    with _working(ctx, mark):
        _until(lambda: worker.alive(ctx.settings.data_dir), "the worker")
        second = threading.Event()
        other = threading.Thread(target=worker.run, args=(ctx, {"mark": mark}, second))
        other.start()
        _enqueue(ctx, alice, 3)
        _until(lambda: len(began) == 3, "three jobs")
        second.set()
        other.join()
    assert not worker.alive(ctx.settings.data_dir)


# As a child


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return load(data_dir=data_dir, environ={})


@pytest.fixture
def account(settings: Settings) -> Access:
    with opened(settings) as ctx:
        made = accounts.create(ctx, username="alice", password=PASSWORD)
        return accesses.personal(made.account_id, "alice")


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in found for child in file.read_text().split()]


PARENT = """
import sys, time
from pathlib import Path
from diurnal import settings, worker

with worker.Supervisor(settings.load(data_dir=Path(sys.argv[1]), environ={})) as supervisor:
    print("up", flush=True)
    sys.stdin.read()
"""


@contextmanager
def _parent(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(settings.data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert running.stdin is not None
    assert running.stdout is not None
    try:
        running.stdout.readline()
        yield running
    finally:
        running.stdin.close()
        running.stdout.close()
        if running.poll() is None:
            running.wait(WAIT_S)


def test_a_dead_worker_is_started_again_and_resumes_its_import(
    settings: Settings, account: Access
) -> None:
    with opened(settings) as ctx:

        def state() -> str:
            return ctx.store.read(lambda tx: imports.get(tx, account, batch)).state

        batch = ctx.store.write(
            lambda tx: imports.start(tx, ctx, account, paths=[str(APPLE)], name="a")
        ).result()
        with _parent(settings) as parent:
            _until(lambda: state() == "running", "the import to begin")
            [first] = _children(parent.pid)
            os.kill(first, signal.SIGKILL)
            _until(lambda: state() == "done", "the import to end")
            assert _children(parent.pid) != [first]
        found = ctx.store.read(lambda tx: imports.get(tx, account, batch))
        assert found.result["new"] == found.result["read"] > 20_000
        assert ctx.store.check() == []


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_the_worker_ends_with_its_parent(settings: Settings, account: Access, how: str) -> None:
    with _parent(settings) as parent:
        _until(lambda: worker.alive(settings.data_dir), "the worker")
        if how == "killed":
            parent.kill()
            parent.wait()
    _until(lambda: not worker.alive(settings.data_dir), "the worker to end")


def test_the_database_password_is_in_no_argument(settings: Settings, account: Access) -> None:
    with _parent(settings) as parent:
        _until(lambda: worker.alive(settings.data_dir), "the worker")
        [child] = _children(parent.pid)
        arguments = Path(f"/proc/{child}/cmdline").read_text().split("\0")
        assert arguments[1:-1] == ["-m", "diurnal", "worker", "--supervised"]
        environ = Path(f"/proc/{child}/environ").read_text()
        assert f"DIURNAL_DATABASE_URL={settings.database_url}" in environ


HEAVY = (
    "numpy",
    "cryptography",
    "joserfc",
    "authlib.oauth2",
    "aiosmtplib",
    "lxml",
    "gpxpy",
    "zstandard",
    "segno",
    "diurnal.connectors",
    "alembic",
    "diurnal.analysis",
)


@pytest.mark.parametrize(
    "code",
    [
        "from diurnal import worker, settings\n"
        "from diurnal.services.context import opened\n"
        "stop = __import__('threading').Event(); stop.set()\n"
        "with opened(settings.load(data_dir=Path(sys.argv[1]), environ={})) as ctx:\n"
        "    worker.run(ctx, worker.handlers(), stop)\n",
        "from diurnal import app, settings\n"
        "from diurnal.services.context import clock\n"
        "app.create(settings.load(data_dir=Path(sys.argv[1]), environ={}), clock)\n",
    ],
    ids=["worker", "server"],
)
def test_what_only_imports_need_is_not_loaded_at_the_start(
    settings: Settings, account: Access, code: str
) -> None:
    script = (
        f"import json, sys\nfrom pathlib import Path\n{code}print(json.dumps(list(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(settings.data_dir)],
        capture_output=True,
        check=True,
        text=True,
    )
    loaded = json.loads(ran.stdout.splitlines()[-1])
    assert [name for name in HEAVY if name in loaded] == []


def test_tidying_up_leaves_what_is_needed(ctx: Context, alice: Access, clock: Clock) -> None:
    _enqueue(ctx, alice, 1)
    lease = ctx.store.write(lambda tx: jobs.take(tx, ctx, ["mark"], owner="w")).result()
    assert lease is not None
    ctx.store.write(lambda tx: jobs.finish(tx, ctx, lease)).result()
    _enqueue(ctx, alice, 1)
    clock.tick(jobs.KEPT + 1)
    worker.tidy(ctx)
    with pytest.raises(NotFound):
        ctx.store.read(lambda tx: jobs.get(tx, alice.account_id, lease.id))
    assert len(ctx.store.read(lambda tx: jobs.open_jobs(tx, alice.account_id, ["mark"]))) == 1
