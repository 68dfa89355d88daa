"""A copy of the database as it is, before its schema changes."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import apsw
import structlog

from diurnal.errors import Unavailable
from diurnal.store.database import is_postgres, sqlite_path

log = structlog.get_logger(__name__)

PAGES = 2_000


def take(url: str, folder: Path, name: str) -> Path | None:
    """Copy the database into `folder`; return the file, None where PostgreSQL's tool is missing.

    Raises:
        Unavailable: it cannot be copied.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    out = folder / (name + (".dump" if is_postgres(url) else ".db"))
    temp = out.with_name(f".{out.name}.{os.getpid()}")
    os.close(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        if not is_postgres(url):
            _sqlite(sqlite_path(url), temp)
        elif not _postgres(url, temp):
            return None
        with temp.open("rb") as file:
            os.fsync(file.fileno())
        temp.replace(out)
    except (OSError, apsw.Error) as error:
        raise Unavailable(f"no copy before the migration: {error}") from error
    finally:
        temp.unlink(missing_ok=True)
    log.info("copied the database before the migration", path=str(out))
    return out


def _sqlite(path: Path, to: Path) -> None:
    with (
        contextlib.closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as source,
        contextlib.closing(apsw.Connection(str(to))) as copy,
    ):
        source.set_busy_timeout(20_000)
        with copy.backup("main", source, "main") as work:
            while not work.done:
                work.step(PAGES)
        copy.execute("PRAGMA journal_mode = DELETE")


def _postgres(url: str, to: Path) -> bool:
    tool = shutil.which("pg_dump")
    if tool is None:
        log.warning("no copy before the migration: pg_dump is not installed")
        return False
    from psycopg.conninfo import conninfo_to_dict

    # Not as arguments: everybody on the machine can read those.
    names = {"dbname": "DATABASE"}
    told = {f"PG{names.get(k, k.upper())}": str(v) for k, v in conninfo_to_dict(url).items()}
    made = subprocess.run(  # noqa: S603 - from PATH, as the operator has it
        [tool, "--format=custom", "--no-password", f"--file={to}"],
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        last = made.stderr.strip().splitlines()[-1:] or ["no message"]
        raise Unavailable(f"no copy before the migration: {last[0]}")
    return True
