"""Series as chunks beside one row per point, in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import msgspec
import numpy as np

from bench.report import Report
from diurnal.model import series
from diurnal.model.time import SECOND

DAY = 20_000 * series.SPAN
POINTS = 86_400


def run(report: Report, quick: bool) -> None:
    """Measure; every ratio is the median of the ratios of interleaved rounds, in CPU time."""
    rounds = 3 if quick else 7
    days = 2 if quick else 10
    start, value = _days(days)
    bodies = [
        msgspec.json.encode({"t": (s // 1_000).tolist(), "v": _ints(v), "unit": "ms"})
        for s, v in zip(start, value, strict=True)
    ]
    regular = [
        msgspec.json.encode({"start": int(s[0]) // SECOND, "step": 1, "v": _ints(v)})
        for s, v in zip(start, value, strict=True)
    ]
    row_bodies = [
        msgspec.json.encode(list(zip((s // 1_000).tolist(), _ints(v), strict=True)))
        for s, v in zip(start, value, strict=True)
    ]
    with TemporaryDirectory() as folder:
        found: dict[str, list[float]] = {}
        for turn in range(rounds):
            rows = open_rows(Path(folder) / f"rows{turn}")
            chunks = _open(Path(folder) / f"chunks{turn}")
            in_rows = _cpu(lambda rows=rows: [insert_rows(rows, b) for b in row_bodies])
            in_chunks = _cpu(lambda chunks=chunks: [_ingest_chunks(chunks, 1, b) for b in bodies])
            steps = _cpu(lambda chunks=chunks: [_ingest_chunks(chunks, 3, b) for b in regular])
            ready = _cpu(
                lambda chunks=chunks: [
                    _store_chunks(chunks, 2, series.columns(s, v))
                    for s, v in zip(start, value, strict=True)
                ]
            )
            found.setdefault("json", []).append(in_rows / in_chunks)
            found.setdefault("steps", []).append(in_rows / steps)
            found.setdefault("columns", []).append(in_rows / ready)
            found.setdefault("points", []).append(days * POINTS / in_chunks / 1e6)
            day_rows = _cpu(lambda rows=rows: _read_rows(rows, DAY, DAY + series.SPAN))
            day_chunk = _cpu(lambda chunks=chunks: _read_chunks(chunks, DAY, DAY + series.SPAN))
            found.setdefault("read", []).append(day_rows / day_chunk)
            found.setdefault("row bytes", []).append(_size(rows) / days / POINTS)
            found.setdefault("chunk bytes", []).append(_size(chunks) / 3 / days / POINTS)
            rows.close()
            chunks.close()
    report("series ingest of columnar JSON, x rows", _mid(found["json"]), ">= 50")
    report("series ingest of columnar JSON with start and step, x rows", _mid(found["steps"]))
    report("series ingest of ready columns, x rows", _mid(found["columns"]), ">= 50")
    report("series ingest of columnar JSON, million points a CPU second", _mid(found["points"]))
    report(
        "series bytes a point, 1 Hz heart rate, in the file", _mid(found["chunk bytes"]), "<= 1.5"
    )
    report("rows' bytes a point", _mid(found["row bytes"]))
    report("reading a day of 1 Hz, x rows", _mid(found["read"]))
    _year(report, rounds)


def _year(report: Report, rounds: int) -> None:
    kept = []
    start, value = _days(30)
    packed = [
        next(iter(series.pack(series.columns(s, v)))) for s, v in zip(start, value, strict=True)
    ]
    for day in range(365):
        _, data, totals = packed[day % len(packed)]
        kept.append((DAY + day * series.SPAN, data, totals))
    end = DAY + 365 * series.SPAN
    aggregates = [(at, totals) for at, _, totals in kept]

    def from_points() -> None:
        for at, data, _ in kept:
            series.buckets_exact(series.decode(data), at, at + series.SPAN, 3)

    series.buckets(aggregates, DAY, end, 1_000)
    ratios, exact = [], []
    for _ in range(rounds):
        decoding = _cpu(lambda: [series.decode(data) for _, data, _ in kept])
        quick = _cpu(lambda: [series.buckets(aggregates, DAY, end, 1_000) for _ in range(5)]) / 5
        ratios.append(quick / decoding)
        exact.append(quick / _cpu(from_points))
    report("a year of 1 Hz to 1000 buckets, x decoding it", _mid(ratios), "<= 0.05")
    report("a year of 1 Hz to 1000 buckets, x making them from points", _mid(exact), "<= 0.05")


def _days(days: int) -> tuple[list[np.ndarray[Any, Any]], list[np.ndarray[Any, Any]]]:
    rng = np.random.default_rng(1)
    starts = [DAY + d * series.SPAN + np.arange(POINTS) * SECOND for d in range(days)]
    return starts, [day_of_heart_rate(rng) for _ in range(days)]


def day_of_heart_rate(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Beats a minute every second: a slow swing, activity by the minute, noise of every second."""
    slow = 70 + 15 * np.sin(np.arange(POINTS) / 9_000)
    by_minute = np.repeat(rng.normal(0, 6, POINTS // 60), 60)
    found: np.ndarray[Any, Any] = np.rint(slow + by_minute + rng.normal(0, 2, POINTS))
    return found


def _ints(value: np.ndarray[Any, Any]) -> list[int]:
    return value.astype(np.int64).tolist()  # type: ignore[no-any-return]


def _open(path: Path) -> apsw.Connection:
    db = apsw.Connection(str(path))
    db.execute("PRAGMA journal_mode=WAL")
    db.execute(
        "CREATE TABLE chunk (account INTEGER, measure INTEGER, source INTEGER, batch INTEGER,"
        " span INTEGER, data BLOB, totals BLOB,"
        " PRIMARY KEY (account, measure, source, span, batch))"
    )
    return db


def open_rows(path: Path) -> apsw.Connection:
    """Return a table of one row a point: the same facts as our chunks, under the same indexes."""
    rows = apsw.Connection(str(path))
    for setting in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"):
        rows.execute(f"PRAGMA {setting}").fetchall()
    rows.execute(
        "CREATE TABLE point (account_id INTEGER, measure TEXT, source TEXT, start_us INTEGER,"
        " end_us INTEGER, batch_id INTEGER, value REAL, offset_min INTEGER,"
        " PRIMARY KEY (account_id, measure, source, start_us, end_us, batch_id)) WITHOUT ROWID"
    )
    rows.execute("CREATE INDEX point_batch ON point (account_id, batch_id)")
    rows.execute("CREATE INDEX point_measure ON point (account_id, measure, start_us)")
    return rows


def insert_rows(rows: apsw.Connection, body: bytes) -> None:
    """The raw insert: one prepared statement, row by row, in one transaction; known ones change."""
    points = msgspec.json.decode(body, type=list[tuple[int, float]])
    statement = (
        "INSERT INTO point VALUES (1, 'heart_rate', 'Watch', ?, ?, 0, ?, NULL)"
        " ON CONFLICT DO UPDATE SET value = excluded.value"
    )
    rows.execute("BEGIN IMMEDIATE")
    for at, value in points:
        rows.execute(statement, (at * 1_000, at * 1_000, value))
    rows.execute("COMMIT")


def _ingest_chunks(db: apsw.Connection, key: int, body: bytes) -> None:
    _store_chunks(db, key, series.from_json(body))


def _store_chunks(db: apsw.Connection, key: int, cols: series.Columns) -> None:
    with db:
        for span, data, totals in series.pack(cols):
            db.execute("INSERT INTO chunk VALUES (1, 1, ?, 1, ?, ?, ?)", (key, span, data, totals))


def _read_rows(db: apsw.Connection, start: int, end: int) -> None:
    wanted = (
        "SELECT start_us, end_us, value FROM point WHERE account_id = 1"
        " AND measure = 'heart_rate' AND source = 'Watch' AND start_us >= ? AND start_us < ?"
    )
    assert len(db.execute(wanted, (start, end)).fetchall()) == POINTS


def _read_chunks(db: apsw.Connection, start: int, end: int) -> None:
    wanted = (
        "SELECT data FROM chunk"
        " WHERE account = 1 AND measure = 1 AND source = 1 AND span >= ? AND span < ?"
    )
    parts = [series.decode(data) for (data,) in db.execute(wanted, (start, end))]
    assert len(series.concat(parts)) == POINTS


def _size(db: apsw.Connection) -> int:
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(db.filename).stat().st_size


def _cpu(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def _mid(ratios: list[float]) -> float:
    return statistics.median(ratios)
