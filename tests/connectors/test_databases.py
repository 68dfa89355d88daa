"""Databases that somebody dropped: which tables they have, their rows, and what is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diurnal.connectors import Entry, Tables, _tables, health_connect
from diurnal.connectors._drop import drop
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Datum, Item, Points, Progress, Source
from diurnal.store import foreign
from tests.connectors.reading import only, read
from tests.databases import made

BAND = Source("Band", "wrist")


@pytest.fixture
def entry(tmp_path: Path) -> Iterator[Entry]:
    """A database of two tables."""
    path = made(
        tmp_path / "x.db",
        "CREATE TABLE steps (id, at, count)",
        "INSERT INTO steps VALUES (1, 0, 5), (2, 60, NULL), (3, 120, 7)",
        "CREATE TABLE notes (id, note)",
        "INSERT INTO notes VALUES (1, 'x')",
    )
    with drop(path, tables=foreign.tables) as dropped:
        yield dropped.entries["x.db"]


def counted(row: _tables.Row) -> Iterator[Item]:
    yield Points("steps", BAND, row["at"], row["at"], row["count"] + 0)


def test_names_are_those_of_a_database_with_the_mark(entry: Entry, tmp_path: Path) -> None:
    assert set(_tables.names(entry, b"steps")) == {"steps", "notes"}
    assert _tables.names(entry, b"sleeps") == ()
    (tmp_path / "text.txt").write_text("steps")
    with drop(tmp_path / "text.txt", tables=foreign.tables) as dropped:
        assert _tables.names(dropped.entries["text.txt"], b"steps") == ()


def test_a_row_that_cannot_be_read_is_set_aside(entry: Entry) -> None:
    with entry.tables() as tables:
        columns = ("id", "at", "count", "not there")
        said = list(_tables.rows(tables, "steps", columns, counted, "x.db", key="id"))
    assert [p.value for p in only(Points, said)] == [5, 7]
    [bad] = only(Bad, said)
    assert bad.where == "x.db: steps 2"
    assert bad.raw == '{"id":2,"at":60,"count":null,"not there":null}'


def test_a_table_that_is_damaged_is_set_aside(entry: Entry) -> None:
    def one(tables: Tables, table: str) -> Iterator[Item]:
        if table == "notes":
            raise InvalidInput("damaged")
        yield from _tables.rows(tables, table, ("at", "count"), counted, entry.path)

    with entry.tables() as tables:
        said = list(_tables.read(entry, tables, lambda table: one(tables, table)))
    assert [p.done for p in only(Progress, said)] == [0, entry.size]
    assert [b.where for b in only(Bad, said)] == ["x.db: notes", "x.db: steps"]
    assert len(only(Points, said)) == 2


RECORDS = "row_id, uuid, dedupe_hash, app_info_id, recording_method"
STRETCH = f"{RECORDS}, start_time, start_zone_offset, end_time"


def test_samples_of_a_record_that_cannot_be_read_do_not_end_the_rest(tmp_path: Path) -> None:
    path = made(
        tmp_path / "health_connect_export.db",
        "CREATE TABLE application_info_table (row_id, package_name, app_name)",
        "INSERT INTO application_info_table VALUES (1, 'org.x', 'Chest Strap')",
        f"CREATE TABLE heart_rate_record_table ({STRETCH})",
        "INSERT INTO heart_rate_record_table VALUES (1, x'01', x'00', 1, 2, 0, 'x', 60000),"
        " (2, x'02', x'00', 1, 2, 0, 3600, 60000)",
        "CREATE TABLE heart_rate_record_series_table (parent_key, beats_per_minute, epoch_millis)",
        "INSERT INTO heart_rate_record_series_table VALUES (1, 60, 0), (2, 61, 0)",
        f"CREATE TABLE hydration_record_table ({STRETCH}, volume)",
        "INSERT INTO hydration_record_table VALUES (7, x'07', x'00', 1, 2, 0, 3600, 60000, 0.25)",
        f"CREATE TABLE nutrition_record_table ({STRETCH})",
        "INSERT INTO nutrition_record_table VALUES (8, x'08', x'00', 1, 2, 0, 3600, 60000)",
    )
    said = read(health_connect.CONNECTOR, path)
    [rates] = only(Points, said, "heart_rate")
    assert list(rates.value) == [61]
    assert rates.offset is not None
    assert list(rates.offset) == [60]
    [water] = only(Datum, said, "water")
    assert (water.source_id, water.content, water.duration) == ("07", 250, 0)
    assert [b.reason for b in only(Bad, said)] == [
        "not of the form that is known",
        "there is no 1",
        "nutrition_record_table is not read: 1 left out",
    ]
