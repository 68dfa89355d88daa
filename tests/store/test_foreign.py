"""Databases that somebody else made."""

from __future__ import annotations

from pathlib import Path

import pytest

from diurnal.errors import InvalidInput
from diurnal.store import foreign
from tests.databases import made


def test_tables_are_read_by_name_and_what_is_not_there_is_none(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db", "CREATE TABLE t(a, b)", "INSERT INTO t VALUES (1, x'00ff')")
    with foreign.tables(path) as tables:
        assert tables.names() == ("t",)
        assert tables.columns("t") == ("a", "b")
        assert list(tables.rows("t", ("b", "none", "a"))) == [(b"\x00\xff", None, 1)]
        assert list(tables.rows("not there", ("a",))) == []


def test_views_and_virtual_tables_are_not_there(tmp_path: Path) -> None:
    path = made(
        tmp_path / "a.db",
        "CREATE TABLE t(a)",
        "CREATE VIEW v AS SELECT load_extension('x') FROM t",
        "CREATE VIRTUAL TABLE f USING fts5(a)",
    )
    with foreign.tables(path) as tables:
        assert "v" not in tables.names()
        assert "f" not in tables.names()


def test_names_made_to_do_harm_are_only_names(tmp_path: Path) -> None:
    name = 'x"; DROP TABLE t; --'
    quoted = name.replace('"', '""')
    path = made(tmp_path / "a.db", "CREATE TABLE t(a)", f'CREATE TABLE "{quoted}"("a""b")')
    with foreign.tables(path) as tables:
        assert list(tables.rows(name, ('a"b',))) == []
        assert "t" in tables.names()


def test_nothing_is_written_beside(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db", "PRAGMA journal_mode=WAL", "CREATE TABLE t(a)")
    before = {p.name for p in tmp_path.iterdir()}
    with foreign.tables(path) as tables:
        list(tables.rows("t", ("a",)))
    assert {p.name for p in tmp_path.iterdir()} == before


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"SQLite format 3\x00" + bytes(range(256)) * 20)
    with pytest.raises(InvalidInput), foreign.tables(path) as tables:
        list(tables.rows("t", ("a",)))
