"""Events over HTTP: our server beside a bare ASGI app, and beside SQLite on its own."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import msgspec

from bench import server
from bench.report import Report, cpu_of, median, micros, ratio
from bench.server import Load, Server, load_client, request

CLIENTS = 64
BATCH = 1000
_SETTINGS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "wal_autocheckpoint = 4000",
    "cache_size = -65536",
    "mmap_size = 268435456",
    "temp_store = MEMORY",
)
"""As our store has them: the same durability, the same memory."""


def run(report: Report, quick: bool) -> None:
    """Measure POST of 1, POST of 1000 and GET of 1000 events."""
    rounds = 3 if quick else 7
    with TemporaryDirectory() as folder:
        home = Path(folder)
        settings, token = server.prepare(home / "data")
        with server.ours(settings.data_dir) as ours, server.bare() as bare:
            # Many short turns: what else the machine does comes in bursts of about a second.
            _single(report, ours, bare, token, home, 3 * rounds, 1_000 if quick else 2_000)
            _many(report, ours, token, home, rounds, 10 if quick else 30)
            _read(report, ours, token, home, rounds, 50 if quick else 200)


def _event(rng: random.Random, n: int) -> dict[str, object]:
    """A heart rate, one a minute, as a watch sends it."""
    return {
        "streamIds": ["diurnal-heart-rate"],
        "type": "frequency/bpm",
        "time": 1_600_000_000 + n * 60,
        "content": 60 + rng.randrange(40),
        "source": "Watch",
    }


class Events:
    """Events that never repeat."""

    def __init__(self, seed: int, first: int) -> None:
        self._rng, self._next = random.Random(seed), first

    def take(self, n: int) -> list[dict[str, object]]:
        made = [_event(self._rng, self._next + i) for i in range(n)]
        self._next += n
        return made


def _single(
    report: Report, ours: Server, bare: Server, token: str, home: Path, rounds: int, n: int
) -> None:
    events = Events(1, 0)
    ours_s: list[Load] = []
    bare_s: list[Load] = []
    for turn in range(rounds + 1):
        bodies = [msgspec.json.encode(e) for e in events.take(n)]
        sent = [request("POST", "/api/v1/events", body, token) for body in bodies]
        done = load_client(ours, sent, CLIENTS, home)
        plain = [request("POST", f"/?{done.size}", body, token) for body in bodies]
        against = load_client(bare, plain, CLIENTS, home)
        if turn:  # the first warms up both
            ours_s.append(done)
            bare_s.append(against)
    report(
        f"POST of 1 event, durable, {CLIENTS} clients: CPU",
        ratio([x.cpu_s for x in ours_s], [x.cpu_s for x in bare_s]),
        "<= 3",
        ours=micros(median([x.cpu_s for x in ours_s])),
        reference=micros(median([x.cpu_s for x in bare_s])),
    )
    report(
        "POST of 1 event: requests a second",
        median([x.per_s for x in ours_s]) / median([x.per_s for x in bare_s]),
        ours=f"{median([x.per_s for x in ours_s]):.0f}",
        reference=f"{median([x.per_s for x in bare_s]):.0f}",
    )
    report(
        "POST of 1 event: p99",
        median([x.p99_s for x in ours_s]) / median([x.p99_s for x in bare_s]),
        ours=micros(median([x.p99_s for x in ours_s])),
        reference=micros(median([x.p99_s for x in bare_s])),
    )


def _many(report: Report, ours: Server, token: str, home: Path, rounds: int, n: int) -> None:
    events = Events(2, 1_000_000)
    database = apsw.Connection(str(home / "data" / "diurnal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    raw = _twin(home / "raw.db", database)
    ours_s: list[float] = []
    raw_s: list[float] = []
    for turn in range(rounds + 1):
        seq = _last_seq(database)
        bodies = [msgspec.json.encode({"events": events.take(BATCH)}) for _ in range(n)]
        sent = [request("POST", "/api/v1/events", body, token) for body in bodies]
        done = load_client(ours, sent, 4, home)
        rows = database.execute("SELECT * FROM event WHERE seq > ? ORDER BY seq", (seq,)).fetchall()
        assert len(rows) == n * BATCH
        parts = [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]
        raw_cpu = cpu_of(lambda parts=parts: [_insert(raw, part) for part in parts]) / n  # type: ignore[misc]
        if turn:
            ours_s.append(done.cpu_s)
            raw_s.append(raw_cpu)
    database.close()
    raw.close()
    report(
        f"POST of {BATCH} events, durable: CPU, x raw insert",
        ratio(ours_s, raw_s),
        "<= 4",
        ours=micros(median(ours_s)),
        reference=micros(median(raw_s)),
    )


def _twin(path: Path, database: apsw.Connection) -> apsw.Connection:
    """Return an empty database with the table `event` and its indexes, as ours has them."""
    raw = apsw.Connection(str(path))
    for setting in _SETTINGS:
        raw.execute(f"PRAGMA {setting}").fetchall()
    for (sql,) in database.execute(
        "SELECT sql FROM sqlite_schema WHERE tbl_name = 'event' AND sql IS NOT NULL"
    ):
        raw.execute(sql)
    return raw


def _last_seq(database: apsw.Connection) -> int:
    return int(database.execute("SELECT coalesce(max(seq), 0) FROM event").fetchall()[0][0])


def _insert(raw: apsw.Connection, rows: Sequence[tuple[apsw.SQLiteValue, ...]]) -> None:
    """The raw insert: one prepared statement, row by row, in one transaction."""
    marks = ", ".join("?" * len(rows[0]))
    statement = f"INSERT INTO event VALUES ({marks})"
    raw.execute("BEGIN IMMEDIATE")
    for row in rows:
        raw.execute(statement, row)
    raw.execute("COMMIT")


def _read(report: Report, ours: Server, token: str, home: Path, rounds: int, n: int) -> None:
    database = apsw.Connection(str(home / "data" / "diurnal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    for setting in _SETTINGS[3:]:
        database.execute(f"PRAGMA {setting}").fetchall()
    rng = random.Random(3)
    ours_s: list[float] = []
    raw_s: list[float] = []
    for turn in range(rounds + 1):
        ends = [1_600_000_000 + rng.randrange(1_001_000, 1_000_000 + n * 90) * 60 for _ in range(n)]
        sent = [
            request("GET", f"/api/v1/events?limit={BATCH}&to={end}", token=token) for end in ends
        ]
        done = load_client(ours, sent, 8, home)
        raw_cpu = cpu_of(lambda ends=ends: [_fetch(database, end) for end in ends]) / n  # type: ignore[misc]
        if turn:
            ours_s.append(done.cpu_s)
            raw_s.append(raw_cpu)
    database.close()
    report(
        f"GET of {BATCH} events: CPU, x SQLite's fetch of the stored text",
        ratio(ours_s, raw_s),
        "<= 2",
        ours=micros(median(ours_s)),
        reference=micros(median(raw_s)),
    )


def _fetch(database: apsw.Connection, end: int) -> bytes:
    """What SQLite itself needs: the stored text of the same rows, joined to one JSON text."""
    rows = database.execute(
        "SELECT body, tail FROM event WHERE account_id = 1 AND time_us <= ? AND trashed = 0"
        " ORDER BY time_us DESC, id DESC LIMIT ?",
        (end * 1_000_000, BATCH),
    ).fetchall()
    return ("[" + ",".join([f"{body[:-1]},{tail}" for body, tail in rows]) + "]").encode()
