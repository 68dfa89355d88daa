"""The schema: every table is one account's, and the migrations make exactly what is described."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import apsw
import psycopg
import pytest
from sqlalchemy import BigInteger, Float, Integer, LargeBinary, SmallInteger, Text

from diurnal.errors import Unavailable
from diurnal.store import migrate, tables
from diurnal.store.database import is_postgres, open_store, sqlite_path
from diurnal.store.migrations import HEAD

KEYED = [
    t
    for t in tables.metadata.sorted_tables
    if t.name not in tables.DIRECTORY and t.name not in tables.LOCAL
]
by_name = pytest.mark.parametrize("table", KEYED, ids=lambda t: t.name)


@by_name
def test_every_table_begins_with_its_account(table) -> None:
    assert next(iter(table.primary_key.columns)).name == "account_id"
    assert isinstance(table.c.account_id.type, BigInteger)
    assert not table.c.account_id.nullable


@by_name
def test_every_index_begins_with_its_account(table) -> None:
    for index in table.indexes:
        if index.name not in tables.GLOBAL_INDEXES:
            assert index.columns.keys()[0] == "account_id", index.name
        if index.unique:
            assert index.name not in tables.GLOBAL_INDEXES


def test_the_exceptions_are_there_and_no_more() -> None:
    known = {t.name for t in tables.metadata.sorted_tables}
    assert known >= tables.DIRECTORY
    assert {"access_request", "attempt", "counter", "upstream"} == tables.LOCAL & known
    indexes = {i.name for t in tables.metadata.sorted_tables for i in t.indexes}
    assert indexes >= tables.GLOBAL_INDEXES
    assert len(tables.GLOBAL_INDEXES) == 1
    for name in tables.DIRECTORY:
        assert "account_id" in tables.metadata.tables[name].c


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=lambda t: t.name)
def test_the_database_has_no_will_of_its_own(table) -> None:
    """No foreign keys, sequences or clocks: a shard knows nothing of the others."""
    assert not table.foreign_keys
    for column in table.columns:
        default = column.server_default
        assert default is None or default.arg.text.lstrip("-").isdigit(), column
        assert column.default is None
        assert column.onupdate is None
        assert column.autoincrement in (False, "auto")
        assert column.identity is None
        kinds = (BigInteger, Float, Integer, LargeBinary, SmallInteger, Text)
        assert isinstance(column.type, kinds), column


def _run(url: str, source: str) -> str:
    """Run Python in a child that may use the other SQLite library."""
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        env={**os.environ, migrate.URL_VARIABLE: url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout


def test_migrating_an_empty_database_makes_what_is_described(database_url: str) -> None:
    migrate.ensure(database_url)
    differences = _run(
        database_url,
        """
        import os
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext
        from diurnal.store import migrate, tables
        with migrate._connection(os.environ[migrate.URL_VARIABLE]) as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            print(compare_metadata(context, tables.metadata))
        """,
    )
    assert differences.strip() == "[]"
    assert migrate.version(database_url) == HEAD


def test_autoincrement_and_triggers_are_nowhere(migrated_url: str) -> None:
    if is_postgres(migrated_url):
        with psycopg.connect(migrated_url) as connection:
            made = connection.execute(
                "SELECT sequencename FROM pg_sequences"
                " UNION SELECT trigger_name FROM information_schema.triggers"
            )
            assert made.fetchall() == []
        return
    connection = apsw.Connection(str(sqlite_path(migrated_url)))
    made = [
        str(row[0]) for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql > ''")
    ]
    connection.close()
    assert not any("AUTOINCREMENT" in sql or "TRIGGER" in sql for sql in made)


def test_the_version_in_code_is_the_newest_script() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


SLOW = """
    import os, sys, time
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from diurnal.store import migrate
    seen = 0
    @event.listens_for(Engine, "after_cursor_execute")
    def _(*_):
        global seen
        seen += 1
        if seen == int(sys.argv[1]):
            print("here", flush=True)
            time.sleep(60)
    migrate.upgrade(os.environ[migrate.URL_VARIABLE])
"""


def test_a_migration_that_was_killed_is_done_by_the_next_start(database_url: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SLOW), "40"],
        env={**os.environ, migrate.URL_VARIABLE: database_url},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == "here\n"
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert migrate.version(database_url) is None
    store = open_store(database_url)
    try:
        assert store.check() == []
    finally:
        store.close()
    assert migrate.version(database_url) == HEAD


def test_several_starts_at_once_migrate_once(database_url: str) -> None:
    source = "import os; from diurnal.store import migrate; migrate.ensure(os.environ['U'])"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", source],
            env={**os.environ, "U": database_url},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for child in children:
        _, said = child.communicate(timeout=120)
        assert child.returncode == 0, said
    assert migrate.version(database_url) == HEAD


def test_a_database_of_a_newer_version_is_refused_plainly(migrated_url: str) -> None:
    sql = "UPDATE alembic_version SET version_num = '9999'"
    if is_postgres(migrated_url):
        with psycopg.connect(migrated_url) as connection:
            connection.execute(sql)
    else:
        opened = apsw.Connection(str(sqlite_path(migrated_url)))
        opened.execute(sql)
        opened.close()
    with pytest.raises(Unavailable, match=f"schema 9999, newer than .* {HEAD}|newer"):
        open_store(migrated_url)


def test_a_migration_copies_what_is_there_first(migrated_url: str, tmp_path: Path) -> None:
    """The version is one that no script leads on from: the migration fails, the copy is there."""
    sql = "UPDATE alembic_version SET version_num = '0000'"
    if is_postgres(migrated_url):
        with psycopg.connect(migrated_url) as connection:
            connection.execute(sql)
        if shutil.which("pg_dump") is None:
            pytest.skip("pg_dump is not installed")
    else:
        opened = apsw.Connection(str(sqlite_path(migrated_url)))
        opened.execute(sql)
        opened.close()
    kept = tmp_path / "kept"
    with pytest.raises(Unavailable, match="migration failed"):
        open_store(migrated_url, kept)
    (copy,) = kept.iterdir()
    assert copy.name.startswith(f"schema-0000-before-{HEAD}.")
    assert copy.stat().st_mode & 0o777 == 0o600
    if is_postgres(migrated_url):
        assert copy.read_bytes()[:5] == b"PGDMP"
    else:
        assert migrate.version(f"sqlite:///{copy}") == "0000"


def test_a_file_that_is_no_database_is_refused_and_left_alone(data_dir: Path) -> None:
    path = data_dir / "diurnal.db"
    path.write_bytes(b"a letter to my aunt, no database\n" * 100)
    before = path.read_bytes()
    with pytest.raises(Unavailable, match="no SQLite database"):
        open_store(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_start_at_the_right_version_starts_no_child(migrated_url: str) -> None:
    def children_s() -> float:
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime

    before = children_s()
    migrate.ensure(migrated_url)
    assert children_s() == before
