"""Instructions of a POST of one event, ours beside the bare ASGI app.

`valgrind` counts what runs outside of the kernel, one thread at a time, on a processor of its own
making: a figure to compare before and after a change, where seconds differ by the hour.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench import server
from bench.http_events import CLIENTS, Events
from bench.report import Missing, Report
from bench.server import Server, load_client, request

WARM = 600
"""Requests before the count begins."""
_TOTAL = re.compile(r"^totals: (\d+)", re.MULTILINE)


def run(report: Report, quick: bool) -> None:
    """Count both."""
    if shutil.which("valgrind") is None:
        raise Missing("valgrind is not on this machine")
    n = 500 if quick else 2_000
    with TemporaryDirectory() as folder:
        home = Path(folder)
        settings, token = server.prepare(home / "data")
        port = server.free_port()
        serve = server.diurnal("serve", "--data-dir", str(settings.data_dir), "--port", str(port))
        events = Events(1, 0)

        def post(path: str) -> Callable[[Server, int], int]:
            def load(at: Server, n: int) -> int:
                bodies = [msgspec.json.encode(e) for e in events.take(n)]
                sent = [request("POST", path, body, token) for body in bodies]
                return load_client(at, sent, CLIENTS, home).size

            return load

        ours, size = _counted(serve, port, home / "ours", n, post("/api/v1/events"))
        port = server.free_port()
        plain = server.bare_app(port)
        bare, _ = _counted(plain, port, home / "bare", n, post(f"/?{size}"))
    report(
        f"POST of 1 event, {CLIENTS} clients: instructions",
        ours / bare,
        ours=f"{ours / 1000:.0f} k",
        reference=f"{bare / 1000:.0f} k",
    )


def _counted(
    command: Sequence[str], port: int, out: Path, n: int, load: Callable[[Server, int], int]
) -> tuple[float, int]:
    """Return the instructions of one of `n` requests, and the bytes of its answer."""
    tool = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes"]
    with server.running([*tool, f"--callgrind-out-file={out}", *command], port) as at:
        load(at, WARM)
        _control(at, "--instr=on")
        size = load(at, n)
        _control(at, "--instr=off")
        _control(at, "--dump")
        found = [p.read_text(errors="replace") for p in out.parent.glob(f"{out.name}*")]
    return sum(int(total) for text in found for total in _TOTAL.findall(text)) / n, size


def _control(at: Server, what: str) -> None:
    command = ["callgrind_control", what, str(at.process.pid)]
    subprocess.run(command, check=True, capture_output=True)
