"""Imports of a FIT file beside `fitdecode` alone, and of Google's records beside `ijson` alone.

Both readers do the least that any import must: every message, every object, decoded and dropped.
"""

from __future__ import annotations

import gc
import random
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fitdecode
import ijson

from bench import server
from bench.report import Report, median, ratio
from diurnal.services import accesses, accounts, imports
from diurnal.services.context import opened

RIDE = Path(__file__).parents[1] / "tests" / "data" / "tcx" / "same_ride_4_formats.zip"
FIT = "4801048867.fit"
MEGABYTE = 1_000_000


def run(report: Report, quick: bool) -> None:
    """Measure both, in turns with their reference."""
    rounds = 3 if quick else 7
    with TemporaryDirectory() as folder:
        home = Path(folder)
        fit = home / "ride.fit"
        with zipfile.ZipFile(RIDE) as archive:
            fit.write_bytes(archive.read(FIT))
        _compare(
            report, "FIT import: CPU, x fitdecode alone", home / "fit", fit, _fitdecode, rounds
        )
        records = home / "Records.json"
        _records(records, (4 if quick else 20) * MEGABYTE)
        name = "Google Timeline import: CPU, x ijson alone"
        _compare(report, name, home / "timeline", records, _ijson, rounds)


def _compare(
    report: Report, name: str, home: Path, path: Path, alone: Callable[[Path], None], rounds: int
) -> None:
    ours: list[float] = []
    reference: list[float] = []
    for turn in range(rounds):
        reference.append(_cpu(lambda: alone(path)))
        ours.append(_imported(home / str(turn), path))
    report(
        name,
        ratio(ours, reference),
        "<= 1.5",
        ours=f"{median(ours) * 1000:.0f} ms",
        reference=f"{median(reference) * 1000:.0f} ms",
    )
    report(f"{name.partition(':')[0]}: MB a CPU second", path.stat().st_size / 1e6 / median(ours))


def _cpu(do: Callable[[], Any]) -> float:
    gc.collect()
    begin = time.process_time()
    do()
    return time.process_time() - begin


def _fitdecode(path: Path) -> None:
    with fitdecode.FitReader(str(path)) as reader:
        for frame in reader:
            if frame.frame_type == fitdecode.FIT_FRAME_DATA:
                for field in frame.fields:
                    field.value  # noqa: B018 - what an import must look at


def _ijson(path: Path) -> None:
    with path.open("rb") as stream:
        for _ in ijson.items(stream, "locations.item", use_float=True):
            pass


def _imported(home: Path, path: Path) -> float:
    """Return the CPU seconds of an import into an empty account."""
    settings, _ = server.prepare(home)
    with opened(settings) as ctx:
        found = ctx.store.read(lambda tx: accounts.find(tx, server.ACCOUNT))
        owner = accesses.personal(found.account_id, found.username)
        batch = ctx.store.write(
            lambda tx: imports.start(tx, ctx, owner, paths=[str(path)], name=path.name)
        ).result()
        return _cpu(lambda: imports.run(ctx, owner.account_id, batch))


def _records(path: Path, size: int) -> None:
    """Write fixes as phones tell them: every minute or two, most with guesses of the activity."""
    rng = random.Random(11)
    at, lat, lon = 1_600_000_000, 525_200_000, 134_000_000
    with path.open("w") as out:
        out.write('{"locations": [')
        written = 0
        while out.tell() < size:
            at += rng.randrange(30, 150)
            lat, lon = lat + rng.randrange(-900, 900), lon + rng.randrange(-900, 900)
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
            guesses = ""
            if rng.random() < 0.6:
                guesses = (
                    ', "activity": [{"activity": [{"type": "STILL", "confidence": 62}, '
                    '{"type": "ON_FOOT", "confidence": 20}, {"type": "IN_VEHICLE", '
                    f'"confidence": 9}}], "timestamp": "{stamp}.100Z"}}]'
                )
            out.write("," if written else "")
            out.write(
                f'{{"latitudeE7": {lat}, "longitudeE7": {lon}, "accuracy": {rng.randrange(5, 80)}'
                f'{guesses}, "source": "WIFI", "deviceTag": 123456, '
                f'"timestamp": "{stamp}.{rng.randrange(1000):03}Z"}}'
            )
            written += 1
        out.write("]}")
