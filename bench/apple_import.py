"""An Apple Health import beside `healthkit-to-sqlite`, and beside people who use the server."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench import make_apple_export, server
from bench.http_events import Events
from bench.report import Missing, Report, median, micros, ratio
from bench.server import Server, load_client, request

PEER = "healthkit-to-sqlite"
MEGABYTE = 1_000_000


def run(report: Report, quick: bool) -> None:
    """Measure rate and memory of an import, and what it costs the others on the server."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        _beside_server(report, home, 2 if quick else 5)
        peer = shutil.which(PEER, path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}")
        peer = peer or shutil.which(PEER)
        # Exports of a few years are larger; of a small one our start is a third.
        _rate(report, home, peer, 100 if quick else 300, 1 if quick else 3)
        if not quick:
            _large(report, home, 1000)
    if peer is None:
        raise Missing(f"{PEER} is not installed: make bench installs it, from the bench lock")


@dataclass(frozen=True)
class Ended:
    """What a process took."""

    cpu_s: float
    wall_s: float
    rss_bytes: int


def _run(*command: str) -> Ended:
    begin = time.perf_counter()
    with Path(os.devnull).open("wb") as nowhere:
        child = subprocess.Popen(command, stdout=nowhere)
        peak = ended = 0
        while not ended:
            # Not ru_maxrss: that begins with what its parent held when it was forked.
            with contextlib.suppress(OSError, IndexError):
                peak = max(peak, server.memory(child.pid, "VmHWM"))
            time.sleep(0.02)
            ended, status, used = os.wait4(child.pid, os.WNOHANG)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{command} failed with {child.returncode}")
    wall = time.perf_counter() - begin
    return Ended(used.ru_utime + used.ru_stime, wall, peak)


def _export(home: Path, megabytes: int, seed: int) -> Path:
    path = home / f"export-{seed}.xml"
    with path.open("wb") as out:
        make_apple_export.write(out, megabytes * MEGABYTE, seed)
    return path


def _import(data_dir: Path, export: Path) -> Ended:
    everything = ("--data-dir", str(data_dir), "--account", server.ACCOUNT, "--json")
    return _run(*server.diurnal("import", str(export), *everything))


def _rate(report: Report, home: Path, peer: str | None, megabytes: int, rounds: int) -> None:
    ours_s: list[float] = []
    peer_s: list[float] = []
    walls: list[float] = []
    peak = 0
    for turn in range(rounds):
        export = _export(home, megabytes, 100 + turn)
        settings, _ = server.prepare(home / f"rate{turn}")
        ours = _import(settings.data_dir, export)
        ours_s.append(ours.cpu_s)
        walls.append(ours.wall_s)
        peak = max(peak, ours.rss_bytes)
        if peer is not None:
            peer_s.append(_run(peer, "--xml", str(export), str(home / f"peer{turn}.db")).cpu_s)
        export.unlink()
        shutil.rmtree(settings.data_dir)
    rate = megabytes / median(ours_s)
    if peer_s:
        report(
            f"Apple Health import: CPU, {PEER} x ours",
            ratio(peer_s, ours_s),
            ">= 3",
            ours=f"{rate:.1f} MB/s",
            reference=f"{megabytes / median(peer_s):.1f} MB/s",
        )
    report("Apple Health import: MB a CPU second (aim: 15)", rate, ours=f"{rate:.1f} MB/s")
    report("Apple Health import: MB a second", megabytes / median(walls))
    _memory(report, megabytes, peak)


def _memory(report: Report, megabytes: int, peak: int) -> None:
    name = f"Apple Health import of {megabytes} MB: peak memory, x 256 MB"
    report(name, peak / (256 << 20), "<= 1", ours=f"{peak >> 20} MB", reference="256 MB")


def _large(report: Report, home: Path, megabytes: int) -> None:
    export = _export(home, megabytes, 1)
    settings, _ = server.prepare(home / "large")
    ended = _import(settings.data_dir, export)
    rate = megabytes / ended.cpu_s
    report(f"Apple Health import of {megabytes} MB: MB a CPU second", rate)
    _memory(report, megabytes, ended.rss_bytes)


def _beside_server(report: Report, home: Path, rounds: int) -> None:
    """Two clients read and write, a few hundred times a second, with and without an import."""
    importers = [f"importer{turn}" for turn in range(rounds)]
    settings, token = server.prepare(home / "busy", *importers)
    export = _export(home, 300, 200)
    events = Events(7, 0)
    idle: list[float] = []
    busy: list[float] = []
    with server.ours(settings.data_dir) as ours:
        _p99(ours, token, events, home)
        for importer in importers:
            idle.append(_p99(ours, token, events, home))
            everything = ("--data-dir", str(settings.data_dir), "--account", importer)
            # Several times over: on a quiet machine one would end before the clients do.
            command = server.diurnal("import", *[str(export)] * 6, *everything)
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(1.0)  # it has begun to read
            busy.append(_p99(ours, token, events, home))
            if child.poll() is not None:
                raise RuntimeError(f"the import ended first, with status {child.returncode}")
            child.terminate()
            child.wait()
    export.unlink()
    report(
        "a busy server's p99 while an import runs, x without",
        ratio(busy, idle),
        "<= 2",
        ours=micros(median(busy)),
        reference=micros(median(idle)),
    )


def _p99(ours: Server, token: str, events: Events, home: Path) -> float:
    rng = random.Random(8)
    sent = []
    for event in events.take(300):
        sent.append(request("POST", "/api/v1/events", msgspec.json.encode(event), token))
        end = 1_600_000_000 + rng.randrange(600) * 60
        sent.append(request("GET", f"/api/v1/events?limit=10&to={end}", token=token))
    return load_client(ours, sent, 2, home, pause_s=0.005).p99_s
