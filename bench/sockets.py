"""Many idle sockets of Pryv's API: what they cost, and how soon all hear of a change.

python -m bench.sockets [sockets]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import websocket

SOCKETS = 1_000
IDLE_MB_MAX = 60.0
FAN_OUT_S_MAX = 1.0


def rss_mb(pid: int) -> float:
    """Return the memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def _post(url: str, token: str, body: object) -> None:
    headers = {"Authorization": token, "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    urllib.request.urlopen(request).read()


def main(n: int = SOCKETS) -> None:
    """Open the sockets, write one event, and say how long the last took to hear of it."""
    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, "-m", "diurnal", "--data-dir", folder]
        env = {**os.environ, "DIURNAL_ADDRESS_RATE": "none"}
        made: dict[str, Any] = {"text": True, "check": True, "env": env, "stdout": subprocess.PIPE}
        password = "correct horse battery staple\n"
        account = [*run, "account", "create", "bench", "--password-stdin"]
        subprocess.run(account, input=password, **made)
        created = subprocess.run(
            [*run, "token", "create", "--account", "bench", "--api", "pryv"], **made
        )
        token = created.stdout.split()[-1]
        server = subprocess.Popen([*run, "serve", "--port", "0"], env=env)
        opened: list[Any] = []
        try:
            port = _port(Path(folder))
            base = f"127.0.0.1:{port}"
            event = {"streamId": "diurnal-note", "type": "note/txt", "content": "x"}
            _post(f"http://{base}/pryv/bench/events", token, event)
            before = rss_mb(server.pid)
            url = f"ws://{base}/socket.io/?EIO=4&transport=websocket&auth={token}"
            for _ in range(n):
                one = websocket.create_connection(url, timeout=20)
                one.recv()
                one.send("40/bench,")
                answer = one.recv()
                if not str(answer).startswith("40"):
                    raise SystemExit(str(answer))
                opened.append(one)
            time.sleep(1)
            idle = rss_mb(server.pid) - before
            began = time.monotonic()
            _post(f"http://{base}/pryv/bench/events", token, event)
            heard = []
            for one in opened:
                one.recv()
                heard.append(time.monotonic() - began)
            p99 = sorted(heard)[int(n * 0.99) - 1]
            print(f"{n} idle sockets: {idle:.1f} MB (at most {IDLE_MB_MAX})")
            print(f"all heard of a change within {p99:.3f} s p99 (at most {FAN_OUT_S_MAX})")
        finally:
            for one in opened:
                one.shutdown()
            server.terminate()
            server.wait()


def _port(folder: Path) -> int:
    from diurnal.services.own_address import FILE

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        known = folder / FILE
        if known.exists():
            return int(json.loads(known.read_text())["url"].rsplit(":", 1)[1])
        time.sleep(0.05)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:2]))
