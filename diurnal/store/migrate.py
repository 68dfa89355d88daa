"""Bring a database to the schema this code needs, in a child process, only when it is behind.

The child runs SQLAlchemy's own driver for SQLite. Two SQLite libraries in one process drop each
other's locks, so it ends before the store opens.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from diurnal.errors import Unavailable
from diurnal.store.database import is_postgres, sqlite_path
from diurnal.store.migrations import HEAD

URL_VARIABLE = "DIURNAL_MIGRATE_URL"
"""The child takes the url from its environment: arguments can be read by every user."""
_ADVISORY_LOCK = 7_236_001


def version(url: str) -> str | None:
    """Return the version of the schema at `url`, None for an empty database."""
    if is_postgres(url):
        import psycopg

        try:
            with psycopg.connect(url, connect_timeout=10) as postgres:
                if not postgres.execute("SELECT to_regclass('alembic_version')").fetchall()[0][0]:
                    return None
                found = postgres.execute("SELECT version_num FROM alembic_version").fetchone()
        except psycopg.OperationalError as error:
            raise Unavailable("cannot reach PostgreSQL") from error
        return str(found[0]) if found else None
    path = sqlite_path(url)
    if not path.exists() or path.stat().st_size == 0:
        return None
    import apsw

    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(20_000)
    try:
        known = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
        ).fetchone()
        row = known and connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except apsw.NotADBError as error:
        raise Unavailable(f"{path} is no SQLite database") from error
    finally:
        connection.close()
    return str(row[0]) if row else None


def ensure(url: str, backups: Path | None = None) -> None:
    """Migrate `url` when it is behind, after a copy of what is there.

    Args:
        backups: the folder for the copy; `backups` beside an SQLite file when None.

    Raises:
        Unavailable: it is ahead of this code, or the migration failed.
    """
    found = version(url)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise Unavailable(
            f"the database is at schema {found}, newer than this version of Diurnal ({HEAD})"
        )
    if found is not None:
        from diurnal.store import snapshot

        if backups is None and not is_postgres(url):
            backups = sqlite_path(url).with_name("backups")
        if backups is not None:
            snapshot.take(url, backups, f"schema-{found}-before-{HEAD}")
    child = subprocess.run(
        [sys.executable, "-m", "diurnal.store.migrate"],
        env={**os.environ, URL_VARIABLE: url},
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode != 0:
        last = child.stderr.strip().splitlines()[-1:] or ["no message"]
        raise Unavailable(f"the migration failed: {last[0]}")


def upgrade(url: str, target: str = "head") -> None:
    """Run the migrations up to `target` in this process, which must hold no other store."""
    from alembic import command

    with _connection(url) as connection:
        command.upgrade(_config(connection), target)


@contextmanager
def _connection(url: str) -> Iterator[Any]:
    """Open SQLAlchemy's own connection in one exclusive transaction."""
    from sqlalchemy import create_engine, event

    if is_postgres(url):
        engine = create_engine("postgresql+psycopg://" + url.partition("://")[2])
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
            yield connection
        engine.dispose()
        return
    path = sqlite_path(url)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})

    @event.listens_for(engine, "connect")
    def _explicit_begin(raw: Any, _record: Any) -> None:
        raw.isolation_level = None

    @event.listens_for(engine, "begin")
    def _immediate(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with path.with_name("migrate.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with engine.begin() as connection:
            yield connection
    engine.dispose()


def _config(connection: Any) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


if __name__ == "__main__":
    upgrade(os.environ[URL_VARIABLE])
