"""Look for what is wrong with an installation, and say how to mend it."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from diurnal.auth.keys import KEY_FILE, SIGNING_FILE
from diurnal.errors import AppError
from diurnal.model.time import DAY, HOUR, MINUTE, SECOND, to_datetime
from diurnal.settings import Settings
from diurnal.store import changes, migrate
from diurnal.store.database import is_postgres, open_store, sqlite_path
from diurnal.store.migrations import HEAD

OK, WARNING, WRONG = "ok", "warning", "wrong"
DISK_LOW = 1 << 30
DISK_FULL = 100 << 20
STEPPED_BACK = 2 * MINUTE
CLOCK_MIN = 1_767_225_600 * SECOND
"""2026-01-01: no machine that runs this is older."""
CERTIFICATE_WARNING = 14 * DAY
MAIL_S = 5.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One look; `mend` says what to do where it is not ok."""

    name: str
    state: str
    what: str
    mend: str = ""


def examine(settings: Settings, now: Callable[[], int]) -> Iterator[Finding]:
    """Yield what was found, good and bad; changes nothing."""
    yield from _folder(settings)
    yield from _files(settings)
    yield _disk(settings.data_dir)
    yield from _clock(now())
    yield _zones()
    yield from _reach(settings)
    yield from _certificate(settings, now())
    yield from _mail(settings)
    yield from _database(settings, now())
    yield from _backups(settings, now())


def _folder(settings: Settings) -> Iterator[Finding]:
    path = settings.data_dir
    name = "data directory"
    if not path.exists():
        parent = next(p for p in path.parents if p.exists())
        if os.access(parent, os.W_OK):
            yield Finding(name=name, state=OK, what=f"{path} is made at the first start")
        else:
            yield Finding(
                name=name,
                state=WRONG,
                what=f"{path} cannot be made: {parent} is not writable",
                mend="choose another with --data-dir, or make it and give it to this user",
            )
        return
    if not path.is_dir():
        yield Finding(name=name, state=WRONG, what=f"{path} is no folder", mend="move it away")
        return
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(
            name=name,
            state=WRONG,
            what=f"{path} is not writable for this user",
            mend="run as its owner, or give it to this user with chown",
        )
        return
    loose = stat.S_IMODE(path.stat().st_mode) & 0o077
    if loose:
        yield Finding(
            name=name,
            state=WARNING,
            what=f"{path} is open to other users of this machine",
            mend=f"chmod 700 {path}",
        )
        return
    yield Finding(name=name, state=OK, what=str(path))


def _files(settings: Settings) -> Iterator[Finding]:
    """Look at what holds secrets or everything."""
    secret = [
        ("key file", settings.data_dir / KEY_FILE),
        ("signing key", settings.data_dir / SIGNING_FILE),
    ]
    if not is_postgres(settings.database_url):
        secret.append(("database file", sqlite_path(settings.database_url)))
    if settings.tls_key is not None:
        secret.append(("TLS key", settings.tls_key))
    for name, path in secret:
        if not path.exists():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        others = 0o077 if name != "database file" else 0o007
        sheltered = path.parent == settings.data_dir and not (
            stat.S_IMODE(path.parent.stat().st_mode) & 0o077
        )
        if mode & others and not (sheltered and name == "database file"):
            yield Finding(
                name=name,
                state=WRONG if name != "database file" else WARNING,
                what=f"{path} can be read by other users (mode {mode:o})",
                mend=f"chmod 600 {path}",
            )
        elif not os.access(path, os.R_OK):
            yield Finding(
                name=name,
                state=WRONG,
                what=f"{path} cannot be read by this user",
                mend="run as its owner, or give it to this user with chown",
            )
        else:
            yield Finding(name=name, state=OK, what=str(path))


def _disk(path: Path) -> Finding:
    place = next(p for p in (path, *path.parents) if p.exists())
    free = shutil.disk_usage(place).free
    what = f"{free / 1e9:.1f} GB free at {place}"
    if free < DISK_FULL:
        return Finding(name="disk", state=WRONG, what=what, mend="make room: writes will fail")
    if free < DISK_LOW:
        return Finding(name="disk", state=WARNING, what=what, mend="make room soon")
    return Finding(name="disk", state=OK, what=what)


def _clock(now: int) -> Iterator[Finding]:
    shown = to_datetime(now).strftime("%Y-%m-%d %H:%M:%S UTC")
    if now < CLOCK_MIN:
        yield Finding(
            name="clock",
            state=WRONG,
            what=f"it is {shown}, says this machine",
            mend="set the clock, and let it be kept right (NTP)",
        )
    else:
        yield Finding(name="clock", state=OK, what=shown)


def _zones() -> Finding:
    try:
        ZoneInfo("Europe/Berlin").utcoffset(to_datetime(0).replace(tzinfo=None))
    except (ZoneInfoNotFoundError, OSError):
        return Finding(
            name="time zones",
            state=WRONG,
            what="there is no time zone database",
            mend="install the Python package tzdata, or the system's tzdata",
        )
    return Finding(name="time zones", state=OK, what="known")


def _reach(settings: Settings) -> Iterator[Finding]:
    """Look at who can reach the server, and whether on the way others can read along."""
    if settings.host in _LOOPBACK or settings.tls_cert is not None:
        return
    secure = (settings.public_url or "").startswith("https://")
    yield Finding(
        name="reach",
        state=OK if secure else WARNING,
        what=f"listens on {settings.host} without TLS of its own",
        mend=""
        if secure
        else "put TLS in front and set public_url, or give --tls-cert and --tls-key",
    )


def _certificate(settings: Settings, now: int) -> Iterator[Finding]:
    if settings.tls_cert is None:
        return
    from cryptography import x509

    try:
        read = x509.load_pem_x509_certificate(settings.tls_cert.read_bytes())
    except (OSError, ValueError) as error:
        yield Finding(
            name="certificate",
            state=WRONG,
            what=f"{settings.tls_cert}: {error}",
            mend="give a readable PEM file with the certificate first",
        )
        return
    ends = read.not_valid_after_utc
    left = round(ends.astimezone(UTC).timestamp() * SECOND) - now
    what = f"valid until {ends:%Y-%m-%d}"
    if left < CERTIFICATE_WARNING:
        state = WRONG if left < 0 else WARNING
        yield Finding(name="certificate", state=state, what=what, mend="renew it")
    else:
        yield Finding(name="certificate", state=OK, what=what)


def _mail(settings: Settings) -> Iterator[Finding]:
    if settings.smtp_host is None:
        return
    where = f"through {settings.smtp_host}:{settings.smtp_port}"
    try:
        socket.create_connection((settings.smtp_host, settings.smtp_port), timeout=MAIL_S).close()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        yield Finding(
            name="mail",
            state=WRONG,
            what=f"{where}: {reason}",
            mend="look at smtp_host and smtp_port; mails wait for it",
        )
        return
    if settings.public_url is None:
        yield Finding(
            name="mail",
            state=WARNING,
            what=f"{where}; links in mails lead to {settings.own_url}",
            mend="set public_url, so that they lead here from other machines",
        )
        return
    yield Finding(name="mail", state=OK, what=where)


def _database(settings: Settings, now: int) -> Iterator[Finding]:
    name = "database"
    url = settings.database_url
    if not is_postgres(url):
        folder = sqlite_path(url).parent
        if folder.exists() and not sqlite_path(url).exists():
            yield Finding(name=name, state=OK, what="is made at the first start")
            return
        if not folder.exists():
            if folder != settings.data_dir:
                yield Finding(
                    name=name,
                    state=WRONG,
                    what=f"there is no folder {folder}",
                    mend="make it, or correct database_url",
                )
            return
    try:
        found = migrate.version(url)
        if found is not None and found != HEAD:
            ahead = found > HEAD
            yield Finding(
                name=name,
                state=WRONG if ahead else WARNING,
                what=f"its schema is {found}, this program's is {HEAD}",
                mend="run the newer program"
                if ahead
                else "run diurnal migrate, or start the server",
            )
            return
        if found is None:
            yield Finding(name=name, state=OK, what="empty; filled at the first start")
            return
        store = open_store(url)
    except (AppError, OSError) as error:
        yield Finding(
            name=name,
            state=WRONG,
            what=str(error),
            mend="start the database, or correct database_url",
        )
        return
    try:
        wrong = store.check()
        latest = store.read(changes.latest)
    except AppError as error:
        wrong, latest = [error.message], 0
    finally:
        store.close()
    if wrong:
        yield Finding(
            name=name,
            state=WRONG,
            what=f"damaged: {wrong[0]}",
            mend="stop the server, keep a copy of the data directory, restore the last backup",
        )
    else:
        yield Finding(name=name, state=OK, what=f"whole, schema {HEAD}")
    if latest > now + STEPPED_BACK:
        shown = to_datetime(latest).strftime("%Y-%m-%d %H:%M UTC")
        yield Finding(
            name="clock",
            state=WARNING,
            what=f"the last change was made at {shown}, which is still to come",
            mend="set the clock, and let it be kept right (NTP)",
        )


# Backups


def _backups(settings: Settings, now: int) -> Iterator[Finding]:
    """Look whether backups are made as they are scheduled, and whether they outlive the disk."""
    name, hours, folder = "backups", settings.backup_hours, settings.backups
    there = next(p for p in (folder, *folder.parents) if p.exists())
    if not hours:
        yield Finding(name=name, state=OK, what="none is scheduled")
        return
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield Finding(
            name=name,
            state=WRONG,
            what=f"{folder} is not writable for this user",
            mend="give it to this user with chown, or choose another with backup_dir",
        )
        return
    since = _first_account(settings)
    if since is None:
        yield Finding(name=name, state=OK, what=f"every {hours} h, once there is an account")
        return
    yield _newest(folder, hours, since, now)
    if settings.data_dir.exists() and there.stat().st_dev == settings.data_dir.stat().st_dev:
        yield Finding(
            name="backup folder",
            state=WARNING,
            what=f"{folder} is on the same disk as the data: both go when it fails",
            mend="set backup_dir to a folder of another disk, or copy the backups elsewhere",
        )


def _newest(folder: Path, hours: int, since: int, now: int) -> Finding:
    """Say how old the newest backup is; twice the interval is too old."""
    from diurnal.services import backup_jobs

    found = backup_jobs.in_folder(folder)
    last = found[0].made if found else since
    late = now - last > 2 * hours * HOUR
    if found:
        at = to_datetime(last).strftime("%Y-%m-%d %H:%M UTC")
        what = f"the newest is of {at}; one is due every {hours} h"
    else:
        what = f"none was made yet; one is due every {hours} h"
    return Finding(
        name="backups",
        state=WRONG if late else OK,
        what=what,
        mend="look at the log and at the jobs of kind backup, whether the worker runs and the disk"
        " has room; make one now with diurnal backup"
        if late
        else "",
    )


def _first_account(settings: Settings) -> int | None:
    """Return when the first account was made; None where none is, or it cannot be read."""
    from diurnal.store import accounts

    url = settings.database_url
    if not is_postgres(url) and not sqlite_path(url).exists():
        return None
    try:
        if migrate.version(url) != HEAD:
            return None
        store = open_store(url)
    except (AppError, OSError):
        return None
    try:
        return min((a.created for a in store.read(accounts.all_of)), default=None)
    except AppError:
        return None
    finally:
        store.close()
