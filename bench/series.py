"""Series over HTTP: columnar JSON in, buckets out, beside one row a point and decoding it all."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import msgspec
import numpy as np

from bench import server
from bench.report import Report, cpu_of, median, micros, ratio
from bench.series_codec import DAY, POINTS, day_of_heart_rate, insert_rows, open_rows
from bench.server import Server, load_client, request
from diurnal.app import keep_memory
from diurnal.model import series
from diurnal.model.time import SECOND
from diurnal.services import accesses
from diurnal.services import series as series_service
from diurnal.services.context import open_context

YEAR = 365
PATH = "/api/v1/series/heart_rate"


def run(report: Report, quick: bool) -> None:
    """Measure the ingest of days of 1 Hz heart rate, their bytes, and a year in 1000 buckets."""
    keep_memory()  # as the server does
    with TemporaryDirectory() as folder:
        home = Path(folder)
        settings, token = server.prepare(home / "data")
        with server.ours(settings.data_dir) as ours:
            _ingest(report, ours, token, home, 3 if quick else 7, 4 if quick else 10)
            _year(report, ours, token, home, 3 if quick else 7)


def _body(day: int, values: list[int], source: str) -> bytes:
    start = (DAY + day * series.SPAN) // 1_000
    times = range(start, start + POINTS * 1_000, 1_000)
    points = {"t": list(times), "v": values, "unit": "ms"}
    return msgspec.json.encode({"source": source, "points": points})


def _ingest(report: Report, ours: Server, token: str, home: Path, rounds: int, days: int) -> None:
    rng = np.random.default_rng(1)
    kept = [day_of_heart_rate(rng).astype(np.int64).tolist() for _ in range(days)]
    http_s: list[float] = []
    ours_s: list[float] = []
    rows_s: list[float] = []
    size, points = 0, 0
    settings, _ = server.prepare(home / "within")
    within = open_context(settings)
    owner = accesses.personal(1, server.ACCOUNT)

    def ingest(body: bytes) -> None:
        prepared = series_service.prepare(series.from_json(body))
        within.store.write(
            lambda tx: series_service.write(tx, within, owner, "heart_rate", "Watch", prepared)
        ).result()

    for turn in range(rounds + 1):
        bodies = [_body(turn * days + i, values, "Watch") for i, values in enumerate(kept)]
        sent = [request("POST", PATH, body, token) for body in bodies]
        before = _size(home)
        done = load_client(ours, sent, 2, home)
        size, points = size + _size(home) - before, points + days * POINTS
        rows = open_rows(home / f"rows{turn}")
        as_rows = [
            msgspec.json.encode(
                list(zip(range(turn * 10**9, turn * 10**9 + POINTS * 1_000, 1_000), v, strict=True))
            )
            for v in kept
        ]
        cpu = cpu_of(lambda rows=rows, as_rows=as_rows: [insert_rows(rows, b) for b in as_rows])  # type: ignore[misc]
        rows.close()
        columns = [
            msgspec.json.encode(msgspec.json.decode(body, type=dict[str, Any])["points"])
            for body in bodies
        ]
        own = cpu_of(lambda columns=columns: [ingest(body) for body in columns])  # type: ignore[misc]
        if turn:
            http_s.append(done.cpu_s / POINTS)
            ours_s.append(own / days / POINTS)
            rows_s.append(cpu / days / POINTS)
    within.store.close()
    report(
        "series, columnar JSON read, packed and stored: CPU, x rows",
        ratio(rows_s, ours_s),
        ">= 50",
        ours=f"{median(ours_s) * 1e9:.0f} ns/point",
        reference=f"{median(rows_s) * 1e9:.0f} ns/point",
    )
    report(
        "the same over HTTP: CPU, x rows",
        ratio(rows_s, http_s),
        ours=f"{median(http_s) * 1e9:.0f} ns/point",
        reference=f"{median(rows_s) * 1e9:.0f} ns/point",
    )
    report("series: bytes a point in the database, 1 Hz heart rate", size / points, "<= 1.5")


def _size(home: Path) -> int:
    """Return the bytes of the database with all that was written folded in."""
    database = apsw.Connection(str(home / "data" / "diurnal.db"))
    database.set_busy_timeout(10_000)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    size = (home / "data" / "diurnal.db").stat().st_size
    database.close()
    return size


def _year(report: Report, ours: Server, token: str, home: Path, rounds: int) -> None:
    rng = np.random.default_rng(2)
    months = [day_of_heart_rate(rng).astype(np.int64).tolist() for _ in range(30)]
    sent = []
    for day in range(YEAR):
        start = (DAY + day * series.SPAN) // SECOND
        points: dict[str, Any] = {"start": start, "step": 1, "v": months[day % 30]}
        body = msgspec.json.encode({"source": "Chest strap", "points": points})
        sent.append(request("POST", PATH, body, token))
    load_client(ours, sent, 2, home)
    database = apsw.Connection(str(home / "data" / "diurnal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    chunks = [
        data
        for (data,) in database.execute(
            "SELECT data FROM chunk WHERE source = 'Chest strap' ORDER BY span_start_us"
        )
    ]
    database.close()
    start, end = DAY // SECOND, (DAY + YEAR * series.SPAN) // SECOND
    path = f"{PATH}?from={start}&to={end}&buckets=1000&source=Chest%20strap"
    asked = [request("GET", path, token=token)] * 5
    load_client(ours, asked, 1, home)
    buckets_s: list[float] = []
    decode_s: list[float] = []
    for _ in range(rounds):
        buckets_s.append(load_client(ours, asked, 1, home).cpu_s)
        decode_s.append(cpu_of(lambda: [series.decode(data) for data in chunks]))
    report(
        "a year of 1 Hz to 1000 buckets over HTTP: CPU, x decoding it",
        ratio(buckets_s, decode_s),
        "<= 0.05",
        ours=micros(median(buckets_s)),
        reference=micros(median(decode_s)),
    )
