"""An export as tables: CSV, Parquet, and a SQLite file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from diurnal.errors import Unavailable
from diurnal.model.events import Event
from diurnal.model.time import day_text, to_datetime
from diurnal.services import days
from diurnal.services.exports import FILES, Reading, Writer, copy_files, created
from diurnal.store import table_file

ROWS = 2_000
WINDOW = 4_000
"""Days that are computed at a time."""


class Column(NamedTuple):
    """A column; kinds are `text`, `number`, `integer` and `instant` (microseconds UTC)."""

    name: str
    kind: str


EVENTS = tuple(
    Column(*c)
    for c in (
        ("id", "text"),
        ("time", "instant"),
        ("end", "instant"),
        ("date", "text"),
        ("measure", "text"),
        ("value", "number"),
        ("unit", "text"),
        ("stream", "text"),
        ("streams", "text"),
        ("type", "text"),
        ("content", "text"),
        ("description", "text"),
        ("tags", "text"),
        ("source", "text"),
        ("source_id", "text"),
        ("zone", "text"),
        ("offset_min", "integer"),
        ("trashed", "integer"),
        ("files", "text"),
    )
)
POINTS = tuple(
    Column(*c)
    for c in (
        ("measure", "text"),
        ("unit", "text"),
        ("source", "text"),
        ("start", "instant"),
        ("end", "instant"),
        ("value", "number"),
    )
)
DAYS = tuple(
    Column(*c)
    for c in (
        ("date", "text"),
        ("measure", "text"),
        ("unit", "text"),
        ("value", "number"),
        ("words", "text"),
        ("source", "text"),
    )
)
STREAMS = tuple(
    Column(*c) for c in (("id", "text"), ("parent", "text"), ("name", "text"), ("measure", "text"))
)
Rows = Sequence[Sequence[Any]]


class Sink(Protocol):
    """Takes tables one after the other."""

    def table(self, name: str, columns: Sequence[Column], pages: Iterator[Rows]) -> int:
        """Write a table; return how many rows it has."""
        ...


def _write(reading: Reading, sink: Sink) -> dict[str, int]:
    return {
        "streams": sink.table("streams", STREAMS, iter([_streams(reading)])),
        "days": sink.table("days", DAYS, day_values(reading)),
        "points": sink.table("points", POINTS, _points(reading)),
        "events": sink.table("events", EVENTS, _events(reading)),
    }


def _streams(reading: Reading) -> Rows:
    return [(s.id, s.parent_id, s.name, s.measure) for s in reading.state.tree]


def _events(reading: Reading) -> Iterator[Rows]:
    page: list[Sequence[Any]] = []
    for event in reading.events():
        page.append(_event(reading, event))
        if len(page) >= ROWS:
            yield page
            page = []
    yield page


def _event(reading: Reading, e: Event) -> Sequence[Any]:
    measure = reading.state.measure(e.measure) if e.measure else None
    plain = e.content is None or isinstance(e.content, str)
    return (
        e.id,
        e.time,
        e.end,
        day_text(e.day),
        e.measure,
        e.value,
        measure.unit if measure is not None and e.value is not None else None,
        e.stream_ids[0],
        " ".join(e.stream_ids),
        e.type,
        e.content if plain else msgspec.json.encode(e.content).decode(),
        e.description,
        ", ".join(e.tags),
        e.source,
        e.source_id,
        e.zone,
        e.offset,
        int(e.trashed),
        " ".join(f.hash for f in e.files),
    )


def _points(reading: Reading) -> Iterator[Rows]:
    for key, source, cols in reading.points():
        measure = reading.state.measure(key)
        unit = measure.unit if measure is not None else None
        columns = (cols.start.tolist(), cols.end.tolist(), cols.value.tolist())
        yield [(key, unit, source, *row) for row in zip(*columns, strict=True)]


def day_values(reading: Reading) -> Iterator[Rows]:
    """Yield the values of days as the pages show them, by measure."""
    extents = days.extent(reading.tx, reading.ctx, reading.owner)
    for key, (first, last) in sorted(extents.items()):
        measure = reading.state.measure(key)
        for low in range(first, last + 1, WINDOW):
            high = min(low + WINDOW - 1, last)
            found = days.values(reading.tx, reading.ctx, reading.owner, [key], low, high)[key]
            yield [
                (
                    day_text(d.day),
                    key,
                    measure.unit if measure is not None else None,
                    None if isinstance(d.value, str) else d.value,
                    d.value if isinstance(d.value, str) else None,
                    d.source,
                )
                for d in found
                if d.value is not None
            ]
            reading.told(0)


# CSV


class _Csv:
    def __init__(self, out: Path) -> None:
        self._out = out

    def table(self, name: str, columns: Sequence[Column], pages: Iterator[Rows]) -> int:
        """See `Sink.table`."""
        instants = [i for i, c in enumerate(columns) if c.kind == "instant"]
        n = 0
        with _text(self._out / f"{name}.csv") as file:
            writer = csv.writer(file, lineterminator="\r\n")
            writer.writerow([c.name for c in columns])
            for page in pages:
                for row in page:
                    cells = list(row)
                    for i in instants:
                        cells[i] = None if cells[i] is None else _instant(cells[i])
                    writer.writerow([_safe(c) for c in cells])
                n += len(page)
        return n


def _text(path: Path) -> io.TextIOWrapper:
    return io.TextIOWrapper(created(path), encoding="utf-8", newline="")


def _instant(at: int) -> str:
    return to_datetime(at).isoformat().replace("+00:00", "Z")


def _safe(cell: Any) -> Any:
    # A spreadsheet would run what begins like a formula, whoever wrote it.
    if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{cell}"
    return cell


def write_csv(reading: Reading, out: Path) -> dict[str, int]:
    """Write one file a table, and the days once more as a table with a column for each measure."""
    counts = _write(reading, _Csv(out))
    wide: dict[str, dict[str, Any]] = {}
    names: list[str] = []
    for page in day_values(reading):
        for day, key, _, value, words, _ in page:
            if key not in names:
                names.append(key)
            wide.setdefault(day, {})[key] = words if value is None else value
    with _text(out / "by-day.csv") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(["date", *names])
        for day in sorted(wide):
            writer.writerow([day, *(_safe(_whole(wide[day].get(key))) for key in names)])
    counts["files"] = copy_files(reading, out / FILES)
    return counts


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# Parquet


class _Parquet:
    def __init__(self, out: Path) -> None:
        self._out = out

    def table(self, name: str, columns: Sequence[Column], pages: Iterator[Rows]) -> int:
        """See `Sink.table`."""
        import pyarrow as pa
        from pyarrow import parquet

        kinds = {
            "text": pa.string(),
            "number": pa.float64(),
            "integer": pa.int64(),
            "instant": pa.timestamp("us", tz="UTC"),
        }
        schema = pa.schema([(c.name, kinds[c.kind]) for c in columns])
        n = 0
        path = self._out / f"{name}.parquet"
        created(path).close()
        with parquet.ParquetWriter(str(path), schema, compression="zstd") as writer:
            for page in _gathered(pages):
                cells = [[row[i] for row in page] for i in range(len(columns))]
                arrays = [
                    pa.array(cell, type=f.type) for cell, f in zip(cells, schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
                n += len(page)
        return n


def _gathered(pages: Iterator[Rows], most: int = 50_000) -> Iterator[list[Sequence[Any]]]:
    """Yield larger pages: a row group is worth its footer then."""
    waiting: list[Sequence[Any]] = []
    for page in pages:
        waiting.extend(page)
        if len(waiting) >= most:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def write_parquet(reading: Reading, out: Path) -> dict[str, int]:
    """Write one file a table.

    Raises:
        Unavailable: the optional library is missing.
    """
    try:
        import pyarrow  # noqa: F401 - an extra
    except ImportError:
        raise Unavailable("Parquet needs an extra: pip install 'diurnal[parquet]'") from None
    counts = _write(reading, _Parquet(out))
    counts["files"] = copy_files(reading, out / FILES)
    return counts


# SQLite


class _Sqlite:
    def __init__(self, file: table_file.TableFile) -> None:
        self._file = file

    def table(self, name: str, columns: Sequence[Column], pages: Iterator[Rows]) -> int:
        """See `Sink.table`."""
        instants = [i for i, c in enumerate(columns) if c.kind == "instant"]

        def shown(page: Rows) -> Iterator[Sequence[Any]]:
            for row in page:
                cells = list(row)
                for i in instants:
                    cells[i] = None if cells[i] is None else _instant(cells[i])
                yield cells

        self._file.create(name, [(c.name, c.kind) for c in columns])
        n = 0
        for page in pages:
            self._file.add(name, len(columns), shown(page))
            n += len(page)
        return n


def write_sqlite(reading: Reading, out: Path) -> dict[str, int]:
    """Write one database with the same tables; times are ISO 8601."""
    path = out / "diurnal.sqlite"
    created(path).close()
    with closing(table_file.TableFile(path)) as file:
        counts = _write(reading, _Sqlite(file))
        file.index("points", ("measure", "start"))
        file.index("days", ("measure", "date"))
        file.index("events", ("measure", "time"))
    counts["files"] = copy_files(reading, out / FILES)
    return counts


WRITERS: dict[str, Writer] = {
    "csv": write_csv,
    "parquet": write_parquet,
    "sqlite": write_sqlite,
}
