"""Messages of an MQTT broker end up where connections say."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from diurnal.model.access import Access
from diurnal.model.events import EventQuery
from diurnal.services import connections, events, sources, syncs
from diurnal.services.context import Context
from diurnal.store import deliveries
from tests import broker
from tests.upstream import until

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

MESSAGES = [
    (
        "owntracks/me/phone",
        b'{"_type":"location","lat":52.5,"lon":13.4,"tst":1772360000,"tid":"ME"}',
    ),
    ("home/scale/weight/state", b"71.5"),
    ("home/scale/weight/state", b""),
    ("elsewhere", b"not asked for"),
]


def connected(ctx: Context, owner: Access, name: str) -> str:
    connector = sources.find(name)
    wish = connections.prepare(ctx, connector, {})
    return (
        ctx.store.write(lambda tx: connections.create(tx, ctx, owner, connector, wish))
        .result()[0]
        .id
    )


def test_messages_are_delivered_and_the_broker_is_asked_again(
    ctx: Context, alice: Access, data_dir: Path
) -> None:
    phone, home = connected(ctx, alice, "owntracks"), connected(ctx, alice, "generic")
    with broker.serving(MESSAGES, busy_first=True) as told:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "diurnal", "--data-dir", str(data_dir),
                "mqtt", "--host", "127.0.0.1", "--port", str(told.port),
                "--username", "me", "--password-stdin",
                "--topic", f"owntracks/+/+={phone}", "--topic", f"home/#={home}",
            ],
            stdin=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(b"secret\n")
        process.stdin.close()

        def waiting(id_: str) -> int:
            return ctx.store.read(lambda tx: deliveries.backlog(tx, alice.account_id, id_))[0]

        try:
            until(lambda: waiting(phone) > 0 and waiting(home) > 0, 20)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
    assert told.asked[-1] == ("me", "secret")
    assert told.topics[:2] == ["owntracks/+/+", "home/#"]
    assert told.connections >= 2
    for id_ in (phone, home):
        assert syncs.run(ctx, alice.account_id, id_).problem is None
    listed = ctx.store.read(lambda tx: events.find(tx, ctx, alice, EventQuery(limit=10)))
    found = [ctx.store.read(lambda tx, i=e.id: events.get(tx, ctx, alice, i)) for e in listed]
    by_measure = {e.measure: e.content for e in found}
    assert by_measure["location"] == {"latitude": 52.5, "longitude": 13.4}
    assert by_measure["weight"] == 71.5


def test_an_unknown_connection_is_refused_in_one_line(ctx: Context, data_dir: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "diurnal", "--data-dir", str(data_dir), "mqtt",
         "--host", "127.0.0.1", "--topic", "a/#=nobody"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (1, "diurnal: no connection 'nobody'\n")
