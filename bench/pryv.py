"""Pryv over HTTP: one event, a batch of 1000, a page of 1000, a series; beside a bare ASGI app."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench import server
from bench.report import Report, cpu_of, median, micros, ratio
from bench.server import Load, load_client, request
from diurnal.dialects.pryv import hf
from diurnal.model import tracks as model
from diurnal.services import accesses, events, tracks
from diurnal.services.context import opened

CLIENTS = 8
BATCH = 1_000
POINTS = 100_000
HOME = f"/pryv/{server.ACCOUNT}"


def run(report: Report, quick: bool) -> None:
    """Measure `events.create`, a batch of them, `events.get`, and points from JSON."""
    rounds = 3 if quick else 7
    with TemporaryDirectory() as folder:
        home = Path(folder)
        settings, token = server.prepare(home / "data")
        with server.ours(settings.data_dir) as ours, server.bare() as bare:
            n = 1_000 if quick else 4_000
            ours_s: list[Load] = []
            bare_s: list[Load] = []
            for turn in range(rounds + 1):
                bodies = [msgspec.json.encode(_event(turn * n + i)) for i in range(n)]
                sent = [request("POST", f"{HOME}/events", body, token) for body in bodies]
                done = load_client(ours, sent, CLIENTS, home)
                plain = [request("POST", f"/?{done.size}", body, token) for body in bodies]
                against = load_client(bare, plain, CLIENTS, home)
                if turn:
                    ours_s.append(done)
                    bare_s.append(against)
            report(
                f"events.create, durable, {CLIENTS} clients: CPU",
                ratio([x.cpu_s for x in ours_s], [x.cpu_s for x in bare_s]),
                "<= 7",
                ours=micros(median([x.cpu_s for x in ours_s])),
                reference=micros(median([x.cpu_s for x in bare_s])),
            )
            batches: list[float] = []
            for turn in range(rounds + 1):
                calls = [
                    {"method": "events.create", "params": _event(10_000_000 + turn * BATCH + i)}
                    for i in range(BATCH)
                ]
                sent = [request("POST", HOME, msgspec.json.encode(calls), token)]
                done = load_client(ours, sent * 5, 1, home)
                if turn:
                    batches.append(done.cpu_s)
            per = median(batches) / BATCH * 1e6
            report(f"a batch of {BATCH} events.create, durable: us of CPU each (aim: 25)", per)
            pages: list[float] = []
            for turn in range(rounds + 1):
                sent = [request("GET", f"{HOME}/events?limit={BATCH}", token=token)] * 50
                done = load_client(ours, sent, CLIENTS, home)
                if turn:
                    pages.append(done.cpu_s)
            report(f"events.get limit={BATCH}: ms of CPU (aim: 1)", median(pages) * 1e3)
        with opened(settings) as ctx:
            owner = accesses.personal(1, server.ACCOUNT)
            points = [[i, 60 + i % 40] for i in range(POINTS)]
            flat = {"format": hf.FLAT, "fields": ["deltaTime", "value"], "points": points}
            body = msgspec.json.encode(flat)

            def read() -> None:
                model.track(*_columns(body))

            def write() -> None:
                from diurnal.dialects.pryv import shapes

                given = shapes.read_event(
                    {"type": "series:frequency/bpm", "streamIds": ["diurnal-heart-rate"]}, ctx.now()
                )
                with_id = ctx.store.write(
                    lambda tx: events.create(tx, ctx, owner, [given.new])
                ).result()[0]
                found = hf.points_of(hf.read_flat(body), "frequency/bpm", 0)
                ctx.store.write(
                    lambda tx: tracks.write(tx, ctx, owner, with_id.event.id, found)
                ).result()

            for name, work in (("read", read), ("read and stored", write)):
                work()
                spent = median([cpu_of(work) for _ in range(rounds)])
                report(f"points of a series from JSON, {name}: M/s (aim: 2)", POINTS / spent / 1e6)


def _columns(body: bytes) -> tuple[object, dict[str, object]]:
    given = hf.read_flat(body)
    return given.columns["deltaTime"], {"value": given.columns["value"]}


def _event(n: int) -> dict[str, object]:
    return {
        "streamId": "diurnal-heart-rate",
        "type": "frequency/bpm",
        "time": 1_600_000_000 + n * 60,
        "content": 60 + n % 40,
    }
