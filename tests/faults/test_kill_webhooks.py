"""A thousand deliveries while receivers fail and hang and the worker is killed: all, in order."""

from __future__ import annotations

import http.server
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import msgspec
import pytest

from diurnal.model.events import NewEvent
from diurnal.services import accesses, accounts, events, webhooks
from tests.conftest import PASSWORD
from tests.faults import ledger
from tests.faults.server import ROOT

NOTES = 1_000
KILLS = 10
FAILS, HANGS = 0.30, 0.05
WAIT_S = 20.0


class Receiver:
    """Counts what it hears; says 500 to some calls and nothing to others.

    Attributes:
        heard: (id, body) of every call.
        taken: the ids that it took, each once, in order.
        told: what those said has changed, in order.
    """

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.taken: list[str] = []
        self.told: list[str] = []
        self._news = threading.Condition()
        self._over = threading.Event()
        chance, receiver = random.Random(5), self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                lot = chance.random()
                status = 500 if lot < FAILS else 200
                receiver._note(self.headers["webhook-id"], body, lot >= FAILS + HANGS)
                if FAILS <= lot < FAILS + HANGS:
                    receiver._over.wait(1)
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Who called may be dead."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )

    def _note(self, id_: str, body: bytes, takes: bool) -> None:
        with self._news:
            self.heard.append((id_, body))
            if takes and id_ not in self.taken:
                self.taken.append(id_)
                self.told += [change["id"] for change in json.loads(body)["changes"]]
            self._news.notify_all()

    def wait_for(self, n: int) -> bool:
        """Wait until so many changes were told."""
        with self._news:
            return self._news.wait_for(lambda: len(self.told) >= n, WAIT_S)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def worker(url: str, data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """A worker that is killed at the end, if it lives still."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DIURNAL_")}
    command = [sys.executable, "-m", "tests.faults.hooks", url, str(data_dir)]
    with subprocess.Popen(
        command, cwd=ROOT, env=clean, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            yield running
        finally:
            running.kill()


@pytest.mark.slow
def test_a_thousand_deliveries_survive_ten_killed_workers(
    database_url: str, data_dir: Path
) -> None:
    with ledger.reopened(database_url, data_dir) as ctx, Receiver() as receiver:
        new = accounts.create(ctx, username="alice", password=PASSWORD, timezone="UTC")
        alice = accesses.personal(new.account_id, "alice")
        allowed = msgspec.structs.replace(ctx.settings, outbound_allow=(ip_network("127.0.0.0/8"),))
        open_ctx = replace(ctx, settings=allowed)
        ctx.store.write(
            lambda tx: webhooks.create(tx, open_ctx, alice, url=receiver.url, kinds=("event",))
        ).result()
        made: list[str] = []
        lots = random.Random(6)
        at = sorted(lots.sample(range(NOTES), KILLS))
        for first, last in zip([0, *at], [*at, NOTES], strict=True):
            with worker(database_url, data_dir):
                for n in range(first, last):
                    new = NewEvent(
                        stream_ids=("diurnal-note",),
                        type="note/txt",
                        time=ctx.now(),
                        content=str(n),
                    )
                    (one,) = ctx.store.write(
                        lambda tx, new=new: events.create(tx, ctx, alice, [new])  # type: ignore[misc]
                    ).result()
                    made.append(one.event.id)
                    if n < last - 1:
                        assert receiver.wait_for(len(made)), f"{len(receiver.told)} of {n}"
                # Killed wherever it is with the last: before it calls, while it does, after it.
                time.sleep(lots.random() * 0.1)
        with worker(database_url, data_dir):
            assert receiver.wait_for(NOTES), f"{len(receiver.told)} were told"
    bodies: dict[str, set[bytes]] = {}
    for id_, body in receiver.heard:
        bodies.setdefault(id_, set()).add(body)
    assert {len(same) for same in bodies.values()} == {1}, "a repeat is the same, word for word"
    assert receiver.told == made, "all, each once, in order"
    # What was written just before a kill may be told together with the next.
    assert NOTES - KILLS <= len(receiver.taken) <= NOTES
    assert len(receiver.heard) > NOTES / (1 - FAILS - HANGS) * 0.9
