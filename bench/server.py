"""Servers to measure: ours and the bare one, each a process of its own, and what they cost."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from diurnal.model.access import Kind
from diurnal.services import accesses, accounts
from diurnal.services.context import opened
from diurnal.settings import Settings, load

ACCOUNT = "alice"
DIALECTS = ("native", "pryv", "exist", "personicle", "personal", "personyze")
START_MAX_S = 60
SETTLED_S = 0.5
_RATE = "9000000/minute"
_CONFIG = f'address_rate = "{_RATE}"\n' + "".join(
    f'[dialects.{name}]\nrate = "{_RATE}"\n' for name in DIALECTS
)
"""Limits count as ever, and are never reached."""
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    started_s: float
    """From its start to its first answer."""

    def cpu_s(self) -> float:
        """Return the CPU seconds of the process with its threads and children, exact for itself."""
        # The clock of another process, as clock_getcpuclockid(3) makes its id.
        own = time.clock_gettime((~self.process.pid << 3) | 2)
        return own + sum(_cpu_s(pid) for pid in descendants(self.process.pid))

    def rss_bytes(self) -> int:
        """Return the resident memory of the process itself."""
        return memory(self.process.pid)


def descendants(pid: int) -> list[int]:
    """Return the children of a process, their children and so on."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def memory(pid: int, which: str = "VmRSS") -> int:
    """Return the resident memory of a process in bytes, or its peak (VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{which}:")[2].split()[0]) * 1024


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[str], port: int, path: str = "/") -> Iterator[Server]:
    """Start a server and stop it again; it is there once it answers `path`."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            while not _answers(port, path):
                if process.poll() is not None or time.perf_counter() - begin > START_MAX_S:
                    log.seek(0)
                    raise RuntimeError(f"{command} did not start: {log.read().decode()}")
                time.sleep(0.005)
            yield Server(process, port, time.perf_counter() - begin)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def prepare(data_dir: Path, *others: str) -> tuple[Settings, str]:
    """Make a data directory with an account and `others`; return settings and its owner's token."""
    settings = load(data_dir=data_dir, environ={})
    with opened(settings) as ctx:
        (data_dir / "config.toml").write_text(_CONFIG)
        made, *_ = [
            accounts.create(
                ctx, username=name, password="a long enough password", timezone="Europe/Berlin"
            )
            for name in (ACCOUNT, *others)
        ]
        _, token = ctx.store.write(
            lambda tx: accesses.issue(
                tx,
                ctx,
                account_id=made.account_id,
                username=ACCOUNT,
                kind=Kind.PERSONAL,
                name="bench",
            )
        ).result()
    return settings, token


def diurnal(*arguments: str) -> list[str]:
    """Return the command line of our program."""
    return [sys.executable, "-m", "diurnal", *arguments]


@contextlib.contextmanager
def ours(data_dir: Path) -> Iterator[Server]:
    """Run our server on a data directory."""
    port = free_port()
    command = diurnal("serve", "--data-dir", str(data_dir), "--port", str(port))
    with running(command, port, "/healthz") as server:
        _settle(server)
        yield server


def _settle(server: Server) -> None:
    """Wait until the worker has started too: its start is no part of any request."""
    give_up = time.monotonic() + START_MAX_S
    before = -1.0
    while time.monotonic() < give_up:
        spent = sum(_cpu_s(pid) for pid in descendants(server.process.pid))
        if spent and spent - before < 2 * _TICK_S:
            return
        before = spent
        time.sleep(SETTLED_S)


@contextlib.contextmanager
def bare() -> Iterator[Server]:
    """Run the bare ASGI app, under the same uvicorn."""
    port = free_port()
    with running(bare_app(port), port) as server:
        yield server


def bare_app(port: int) -> list[str]:
    """Return the command line of the bare ASGI app."""
    command = [sys.executable, "-m", "uvicorn", "bench.bare:app", "--port", str(port)]
    return [*command, "--no-access-log", "--log-level", "warning"]


@dataclass(frozen=True)
class Load:
    """What one load came to: CPU seconds of the server a request, latencies seen by the client."""

    cpu_s: float
    per_s: float
    p50_s: float
    p99_s: float
    size: int
    statuses: dict[str, int]


def load_client(
    server: Server,
    requests: Sequence[bytes],
    connections: int,
    folder: Path,
    *,
    pause_s: float = 0.0,
) -> Load:
    """Send each request once over `connections` and measure the server meanwhile."""
    path = folder / "requests"
    path.write_bytes(msgspec.msgpack.encode(list(requests)))
    before = server.cpu_s()
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", str(server.port), str(connections), str(path)]
        + (["--paced", str(pause_s)] if pause_s else []),
        check=True,
        capture_output=True,
    )
    cpu = server.cpu_s() - before
    told = json.loads(done.stdout)
    statuses: dict[str, int] = told["statuses"]
    if any(not status.startswith("2") for status in statuses):
        raise RuntimeError(f"not every request was answered well: {statuses}")
    return Load(
        cpu / told["n"],
        told["n"] / told["seconds"],
        told["p50"],
        told["p99"],
        told["size"],
        statuses,
    )


def request(
    method: str, path: str, body: bytes = b"", token: str | None = None, *extra: str
) -> bytes:
    """Return a whole HTTP/1.1 request."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *([f"Authorization: Bearer {token}"] if token else []),
        *(["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []),
        *extra,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
