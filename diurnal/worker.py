"""Run due jobs beside the server: imports, what follows from them, and analyses.

`diurnal serve` starts one as a child process (`Supervisor`); it ends with its parent, however
that ends. Connectors are imported when a job needs them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import structlog

from diurnal.errors import AppError, Unavailable
from diurnal.services import jobs
from diurnal.services.context import Context
from diurnal.services.jobs import Lease, LeaseLost
from diurnal.settings import Settings

log = structlog.get_logger(__name__)

Handler = Callable[[Context, Lease, threading.Event], None]
"""Does one job and finishes it in the transaction of its last effect.

The event is set when the worker is to stop; a handler that then raises `jobs.Stopped` is begun
again later.
"""

SLOTS = 2
"""Jobs under way at once; more would only share the same processor."""
WAITERS = frozenset({"mail", "sync"})
"""Kinds of job that mostly wait for others: they have slots of their own, so that a source that
never answers keeps nobody from importing."""
WAITER_SLOTS = 4
POLL_S = 0.25
LOOK_EVERY_S = 1.0
"""A job whose time comes is seen at the latest after this."""
TIDY_EVERY_S = 3_600.0
GRACE_S = 10.0
NICE = 10
SWITCH_S = 0.0002
RESTART_FIRST_S = 0.5
RESTART_MAX_S = 60.0
LOCK_FILE = "worker.lock"
UNSEEN_US = 3_600_000_000
"""Bytes of attachments that no event holds are kept this long: their event may be on its way."""


def handlers() -> dict[str, Handler]:
    """Return what this program knows to do, by kind of job."""
    return {
        "import": _import,
        "undo": _undo,
        "date": _date,
        "analyse": _analyse,
        "sync": _sync,
        "experiment": _experiment,
        "mail": _mail,
        "export": _export,
        "backup": _backup,
    }


def _import(ctx: Context, lease: Lease, stop: threading.Event) -> None:
    from diurnal.services import imports

    imports.run(ctx, lease.account_id, lease.args["batch"], lease=lease, stopping=stop.is_set)


def _undo(ctx: Context, lease: Lease, stop: threading.Event) -> None:
    from diurnal.services import imports

    imports.run_undo(ctx, lease.account_id, lease.args["batch"], lease=lease, stopping=stop.is_set)


def _date(ctx: Context, lease: Lease, stop: threading.Event) -> None:
    from diurnal.services import zones

    zones.run(ctx, lease, stopping=stop.is_set)


def _analyse(ctx: Context, lease: Lease, stop: threading.Event) -> None:
    from diurnal.services import analyse

    lags = lease.args.get("lags", analyse.LAGS)
    analyse.run(ctx, lease.account_id, lease=lease, lags=lags, stopping=stop.is_set)


def _experiment(ctx: Context, lease: Lease, _stop: threading.Event) -> None:
    from diurnal.services import experiments

    experiments.run(ctx, lease)


def _mail(ctx: Context, lease: Lease, _stop: threading.Event) -> None:
    from diurnal.services import mail

    mail.run(ctx, lease)


def _export(ctx: Context, lease: Lease, stop: threading.Event) -> None:
    from diurnal.services import accesses, export_jobs

    owner = accesses.personal(lease.account_id, "")
    export_jobs.run(ctx, lease, owner=owner, stopping=stop.is_set)


def _backup(ctx: Context, lease: Lease, stop: threading.Event) -> None:
    from diurnal.services import backup_jobs

    backup_jobs.run(ctx, lease, stopping=stop.is_set)


def _sync(ctx: Context, lease: Lease, stop: threading.Event) -> None:
    from diurnal.services import syncs

    told = lease.args
    syncs.run(
        ctx,
        lease.account_id,
        told["connection"],
        lease=lease,
        force=bool(told.get("force")),
        replay=bool(told.get("replay")),
        stopping=stop.is_set,
    )


def run(ctx: Context, kinds: Mapping[str, Handler], stop: threading.Event | None = None) -> None:
    """Work until told to stop; one worker per data directory, others wait until it has gone."""
    stop = stop or threading.Event()
    owner = owner_of(ctx.settings.data_dir)
    with _alone(ctx.settings.data_dir, stop) as mine:
        if not mine:
            return
        # Nobody else has this data directory's lock, so whoever held these leases is dead.
        freed = ctx.store.write(lambda tx: jobs.free(tx, ctx, owner)).result()
        log.info("worker started", pid=os.getpid(), taken_up=freed)
        plan(ctx, kinds)
        caller = threading.Thread(target=_call_webhooks, args=(ctx, owner, stop), name="webhooks")
        caller.start()
        try:
            _loop(ctx, kinds, stop, owner)
        finally:
            stop.set()
            caller.join()
        log.info("worker stopped", pid=os.getpid())


def _call_webhooks(ctx: Context, owner: str, stop: threading.Event) -> None:
    from diurnal.services import webhook_calls

    webhook_calls.serve(ctx, owner, stop)


class _Lane:
    """Jobs of some kinds, so many at a time."""

    def __init__(self, kinds: Mapping[str, Handler], slots: int) -> None:
        self.kinds, self.slots = kinds, slots
        self.busy: list[threading.Thread] = []
        self.after, self.looked = -1, 0.0

    def free(self) -> bool:
        """Return whether it can take another job."""
        self.busy = [t for t in self.busy if t.is_alive()]
        return bool(self.kinds) and len(self.busy) < self.slots


def _loop(ctx: Context, kinds: Mapping[str, Handler], stop: threading.Event, owner: str) -> None:
    lanes = [
        _Lane({k: h for k, h in kinds.items() if k not in WAITERS}, SLOTS),
        _Lane({k: h for k, h in kinds.items() if k in WAITERS}, WAITER_SLOTS),
    ]
    tidied = time.monotonic()
    ended = threading.Event()

    def work(lease: Lease) -> None:
        try:
            do(ctx, kinds[lease.kind], lease, stop)
        finally:
            ended.set()

    while not stop.is_set():
        foreign = ctx.store.foreign_commits()
        now = time.monotonic()
        took = False
        for lane in lanes:
            if not lane.free() or not (foreign or now - lane.looked >= LOOK_EVERY_S):
                continue
            lane.looked = now
            lease = _take_safely(ctx, lane.kinds, owner, lane.after)
            if lease is not None:
                lane.after, lane.looked, took = lease.account_id, 0.0, True
                thread = threading.Thread(target=work, args=(lease,), name=lease.kind)
                thread.start()
                lane.busy.append(thread)
        if took:
            continue
        if now - tidied >= TIDY_EVERY_S:
            tidied = now
            tidy(ctx)
            plan(ctx, kinds)
        if ended.wait(POLL_S):
            ended.clear()
            for lane in lanes:
                lane.looked = 0.0
    for lane in lanes:
        for thread in lane.busy:
            thread.join()


def step(ctx: Context, kinds: Mapping[str, Handler], *, owner: str, after: int = -1) -> bool:
    """Take one due job and do it here; return whether there was one."""
    lease = _take(ctx, kinds, owner, after)
    if lease is not None:
        do(ctx, kinds[lease.kind], lease, threading.Event())
    return lease is not None


def _take(ctx: Context, kinds: Mapping[str, Handler], owner: str, after: int) -> Lease | None:
    names = list(kinds)
    # A read first: an idle worker takes no turn at the one writer.
    if not ctx.store.read(lambda tx: jobs.waiting(tx, ctx, names)):
        return None
    return ctx.store.write(lambda tx: jobs.take(tx, ctx, names, owner=owner, after=after)).result()


def _take_safely(
    ctx: Context, kinds: Mapping[str, Handler], owner: str, after: int
) -> Lease | None:
    try:
        return _take(ctx, kinds, owner, after)
    except Unavailable as error:
        log.warning("jobs wait", reason=error.message)
        return None


def do(ctx: Context, handler: Handler, lease: Lease, stop: threading.Event) -> None:
    """Do one job under a lease that is renewed meanwhile; every outcome is stored."""
    said_of = structlog.contextvars.bound_contextvars(account=lease.account_id)
    with beating(ctx, lease), said_of:
        try:
            handler(ctx, lease, stop)
        except LeaseLost:
            log.warning("job taken over by another worker", job=lease.id, kind=lease.kind)
        except jobs.Stopped:
            _tell(ctx, lease, lambda tx: jobs.give_back(tx, ctx, lease))
        except Unavailable as error:
            log.warning("job waits", job=lease.id, kind=lease.kind, reason=error.message)
            wait = error.retry_after_s
            _tell(ctx, lease, lambda tx: jobs.give_back(tx, ctx, lease, after_s=wait))
        except AppError as error:
            reason = error.message
            log.warning("job failed", job=lease.id, kind=lease.kind, reason=reason)
            _tell(ctx, lease, lambda tx: jobs.fail(tx, ctx, lease, reason, permanent=True))
        except Exception as error:  # a bug in one job must not end the worker
            log.exception("job failed", job=lease.id, kind=lease.kind, tries=lease.tries)
            reason = f"{type(error).__name__}: {error}"
            _tell(ctx, lease, lambda tx: jobs.fail(tx, ctx, lease, reason))


def _tell(ctx: Context, lease: Lease, fn: Callable[..., object]) -> None:
    try:
        ctx.store.write(fn).result()
    except (LeaseLost, Unavailable) as error:
        # The lease will end by itself, and the job will be taken again.
        log.warning("outcome not stored", job=lease.id, kind=lease.kind, reason=error.message)


@contextlib.contextmanager
def beating(ctx: Context, lease: Lease) -> Iterator[None]:
    """Renew a lease until the block ends."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(jobs.LEASE_US / 3_000_000):
            try:
                if not ctx.store.write(lambda tx: jobs.renew(tx, ctx, lease)).result():
                    return
            except Unavailable:
                continue

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def plan(ctx: Context, kinds: Mapping[str, Handler]) -> None:
    """Give every account its weekly analysis and every connection its next look at its source."""
    from diurnal.services import analyse, backup_jobs, schedule

    try:
        if "backup" in kinds:
            backup_jobs.plan(ctx)
        if "analyse" in kinds:
            analyse.plan(ctx)
        if "sync" in kinds:
            schedule.plan(ctx)
    except (AppError, OSError) as error:
        log.warning("work waits to be planned", reason=str(error))


def tidy(ctx: Context) -> None:
    """Remove what nobody needs any more (old jobs, abandoned uploads …); renew the signing key."""
    from diurnal.services import (
        accounts,
        attachments,
        audit_retention,
        export_jobs,
        imports,
        one_time,
        signing_keys,
    )

    try:
        made = signing_keys.renew(ctx)
        if made is not None:
            log.info("another key signs from now on", kid=made)
        accounts.erase_leftovers(ctx)
        ctx.attempts.tidy()
        for account_id in ctx.store.read(jobs.everyone):
            _forget_jobs(ctx, account_id)
            one_time.tidy(ctx, account_id)
            audit_retention.prune(ctx, account_id)
            imports.tidy(ctx, account_id)
            export_jobs.tidy(ctx, account_id)
            attachments.sweep(ctx, account_id, before=ctx.now() - UNSEEN_US)
    except (AppError, OSError) as error:
        log.warning("tidying up waits", reason=str(error))


def _forget_jobs(ctx: Context, account_id: int) -> None:
    ctx.store.write(lambda tx: jobs.purge(tx, ctx, account_id), bulk=True).result()


# One worker per data directory


def owner_of(data_dir: Path) -> str:
    """Return the name under which this data directory's worker leases jobs."""
    place = f"{socket.gethostname()}:{data_dir}"
    return f"w{hashlib.blake2b(place.encode(), digest_size=6).hexdigest()}"


@contextlib.contextmanager
def _alone(data_dir: Path, stop: threading.Event) -> Iterator[bool]:
    """Hold the lock of the data directory's worker; False when told to stop before that."""
    fd = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _locked(fd):
            if stop.wait(POLL_S):
                yield False
                return
        yield True
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def alive(data_dir: Path) -> bool:
    """Return whether a worker runs for this data directory."""
    try:
        fd = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _locked(fd)
    finally:
        os.close(fd)


# As a child of the server


def obey(stop: threading.Event, *, supervised: bool) -> None:
    """Stop on a signal; and, as a child, when the parent has gone, however it went."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    give_way()
    if supervised:
        threading.Thread(target=_until_orphaned, args=(stop,), name="parent", daemon=True).start()


def give_way() -> None:
    """Let the server go first, in a process that does much at once.

    Two jobs share one interpreter: the one that parses keeps it for a whole switch interval, and
    the writer wants it back after each statement; with the default of 5 ms a turn took up to 0.4 s.
    """
    sys.setswitchinterval(SWITCH_S)
    with contextlib.suppress(OSError):
        os.nice(NICE)


def _until_orphaned(stop: threading.Event) -> None:
    # The parent holds the other end of our standard input; the kernel closes it even on kill -9.
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    stop.set()
    time.sleep(GRACE_S)
    os._exit(1)


class Supervisor:
    """Keeps a worker running as a child process; starts it again, ever later, when it dies."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    @property
    def pid(self) -> int | None:
        """The running child's."""
        return self._child.pid if self._child is not None else None

    def __enter__(self) -> Supervisor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        wait = RESTART_FIRST_S
        while not self._stop.is_set():
            started = time.monotonic()
            self._child = child = subprocess.Popen(
                [sys.executable, "-m", "diurnal", "worker", "--supervised"],
                stdin=subprocess.PIPE,
                env=self._environ(),
            )
            while child.poll() is None and not self._stop.wait(POLL_S):
                pass
            if self._stop.is_set():
                self._end(child)
                return
            if time.monotonic() - started > RESTART_MAX_S:
                wait = RESTART_FIRST_S
            log.warning("worker died and is started again", status=child.returncode, wait_s=wait)
            self._close(child)
            self._stop.wait(wait)
            wait = min(2 * wait, RESTART_MAX_S)

    def _environ(self) -> dict[str, str]:
        # Not as arguments: everybody on the machine can read those, and the url holds a password.
        environ = {k: v for k, v in os.environ.items() if k != "DIURNAL_DATABASE_URL_FILE"}
        return environ | {
            "DIURNAL_DATA_DIR": str(self._settings.data_dir),
            "DIURNAL_DATABASE_URL": self._settings.database_url,
        }

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        child.terminate()
        try:
            child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._close(child)

    def _close(self, child: subprocess.Popen[bytes]) -> None:
        self._child = None
        if child.stdin is not None:
            child.stdin.close()
