"""Changes arrive within a second, whoever makes them; on real sockets."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from diurnal.live.hub import PER_ACCESS_MAX
from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.services import accesses, accounts, imports
from diurnal.services.context import Context
from diurnal.worker import handlers, step
from tests.cases import write
from tests.live.following import SOON_S, Server, serving

DAY_CSV = "date,steps\n2026-01-01,8210\n2026-01-02,11930\n"


@pytest.fixture
def server(ctx: Context) -> Iterator[Server]:
    with serving(ctx) as running:
        yield running


def token(ctx: Context, owner: Access, *permissions: Permission, **more: object) -> tuple[str, str]:
    """Return (id, token); the owner's own without permissions."""
    given = {
        "name": "follower",
        "permissions": permissions,
        "kind": Kind.APP if permissions else Kind.PERSONAL,
        **more,
    }
    stored, secret = write(ctx, accesses.create, owner, **given)
    return stored.access.id, secret


def note(server: Server, secret: str, text: str = "hello") -> int:
    """Write a note over HTTP; return its number."""
    body = {"streamIds": ["diurnal-note"], "type": "note/txt", "content": text}
    return int(server.call(secret, "POST", "/events", body)["seq"])


def test_a_write_over_http_is_told_within_a_second(server: Server, alice: Access) -> None:
    _, secret = token(server.ctx, alice)
    with server.follow(secret) as stream:
        assert stream.answer.headers["content-type"].startswith("text/event-stream")
        assert stream.answer.headers["cache-control"] == "no-store"
        written = time.monotonic()
        seq = note(server, secret)
        stream.until(lambda: stream.told)
        [told] = stream.told
        assert (told.name, told.id) == ("change", seq)
        assert told.data == {"rev": seq, "kinds": ["event"]}
        assert told.at - written < SOON_S


def test_what_came_meanwhile_is_told_on_return(server: Server, alice: Access) -> None:
    _, secret = token(server.ctx, alice)
    with server.follow(secret) as stream:
        known = str(stream.begun)
    seq = note(server, secret)
    with server.follow(secret, **{"Last-Event-ID": known}) as stream:
        stream.until(lambda: stream.told)
        assert stream.told[0].id == seq
    with server.follow(secret, f"?since={seq}") as stream:
        later = note(server, secret)
        stream.until(lambda: stream.told)
        assert [t.id for t in stream.told] == [later]


def test_many_changes_are_told_as_few(server: Server, alice: Access) -> None:
    _, secret = token(server.ctx, alice)
    with server.follow(secret) as stream:
        begun = time.monotonic()
        seqs = [note(server, secret, str(i)) for i in range(60)]
        stream.until(lambda: stream.told and stream.told[-1].id == seqs[-1])
        assert len(stream.told) <= 12 * (time.monotonic() - begun) + 2


def test_what_a_command_in_another_process_writes_is_told_within_a_second(
    server: Server, alice: Access, tmp_path: Path
) -> None:
    _, secret = token(server.ctx, alice)
    (tmp_path / "days.csv").write_text(DAY_CSV)
    settings = server.ctx.settings
    environ = {k: v for k, v in os.environ.items() if not k.startswith("DIURNAL_")} | {
        "DIURNAL_DATA_DIR": str(settings.data_dir),
        "DIURNAL_DATABASE_URL": settings.database_url,
    }
    with server.follow(secret) as stream:
        ran = subprocess.run(
            [sys.executable, "-m", "diurnal", "import", tmp_path / "days.csv", "--account=alice"],
            env=environ,
            capture_output=True,
            check=False,
        )
        ended = time.monotonic()
        assert ran.returncode == 0, ran.stderr
        stream.until(lambda: {"batch", "day"} <= stream.kinds())
        newest = server.call(secret, "GET", "/changes?limit=10000")["rev"]
        stream.until(lambda: stream.told[-1].id == newest)
        assert stream.told[-1].at - ended < SOON_S


def test_what_the_worker_does_is_told_as_it_goes(
    server: Server, alice: Access, tmp_path: Path
) -> None:
    ctx = server.ctx
    _, secret = token(ctx, alice)
    (tmp_path / "days.csv").write_text(DAY_CSV)
    write(ctx, imports.start, alice, paths=[str(tmp_path / "days.csv")], name="days.csv")
    with server.follow(secret) as stream:
        begun = time.monotonic()
        assert step(ctx, handlers(), owner="worker")
        ended = time.monotonic()
        stream.until(lambda: {"batch", "day"} <= stream.kinds())
        ops = [c["op"] for c in _changes(server, secret) if c["kind"] == "batch"]
        assert ops[0] == "create"
        assert ops[-1] == "finish"
        assert "start" in ops
        # Progress is a change at most once a second.
        assert ops.count("progress") <= ended - begun + 1
        stream.until(lambda: stream.told[-1].at - ended < SOON_S)


def _changes(server: Server, secret: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = server.call(secret, "GET", "/changes?limit=10000")["changes"]
    return found


def test_a_revoked_token_ends_its_stream_within_a_second(server: Server, alice: Access) -> None:
    ctx = server.ctx
    id_, secret = token(ctx, alice)
    _, other = token(ctx, alice)
    with server.follow(secret) as stream, server.follow(other) as still:
        revoked = time.monotonic()
        write(ctx, accesses.revoke, alice, id_)
        stream.until(lambda: stream.ended)
        assert stream.ended is not None
        assert stream.ended - revoked < SOON_S
        assert stream.told == []
        still.until(lambda: still.told)
        assert still.ended is None


def test_a_stream_ends_when_its_token_is_changed_to_see_things_later(
    server: Server, alice: Access
) -> None:
    ctx = server.ctx
    id_, secret = token(ctx, alice, Permission(Level.READ))
    with server.follow(secret) as stream:
        later = {"permissions": (Permission(Level.READ, delay=1),)}
        write(ctx, accesses.update, alice, id_, later)
        stream.until(lambda: stream.ended)
        assert stream.told == []
    with server.follow(secret) as refused:
        assert refused.answer.status == 403


def test_a_stream_ends_when_its_token_expires(server: Server, alice: Access) -> None:
    ctx = server.ctx
    expires, due = ctx.now() + 700_000, time.monotonic() + 0.7
    _, secret = token(ctx, alice, expires=expires)
    with server.follow(secret) as stream:
        stream.until(lambda: stream.ended)
        assert stream.ended is not None
        assert 0 <= stream.ended - due + 0.05 < SOON_S


def test_a_stream_ends_when_its_account_is_deleted(server: Server, charlie: Access) -> None:
    _, secret = token(server.ctx, charlie)
    with server.follow(secret) as stream:
        accounts.delete(server.ctx, charlie.account_id)
        stream.until(lambda: stream.ended, within=2 * SOON_S)


def test_others_hear_nothing_of_an_account_and_little_of_its_running(
    server: Server, alice: Access, charlie: Access
) -> None:
    ctx = server.ctx
    _, mine = token(ctx, alice)
    _, app = token(ctx, alice, Permission(Level.READ, "diurnal-note"))
    _, theirs = token(ctx, charlie)
    with server.follow(app) as limited, server.follow(theirs) as other:
        token(ctx, alice)  # a new token is the owner's to know of
        seq = note(server, mine)
        limited.until(lambda: limited.told)
        assert [t.data for t in limited.told] == [{"rev": seq, "kinds": ["event"]}]
        note(server, theirs)
        other.until(lambda: other.told)
        assert len(other.told) == 1


def test_one_token_has_so_many_streams_and_no_more(server: Server, alice: Access) -> None:
    _, secret = token(server.ctx, alice)
    _, other = token(server.ctx, alice)
    with ExitStack() as stack:
        for _ in range(PER_ACCESS_MAX):
            assert stack.enter_context(server.follow(secret)).answer.status == 200
        with server.follow(secret) as refused:
            assert refused.answer.status == 429
            assert refused.answer.headers["retry-after"]
        assert stack.enter_context(server.follow(other)).answer.status == 200
    # Who has gone makes room again.
    hub = server.app._hub
    deadline = time.monotonic() + 5
    while hub.count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert hub.count == 0
    with server.follow(secret) as again:
        assert again.answer.status == 200


def test_a_wrong_place_to_begin_is_named(server: Server, alice: Access) -> None:
    _, secret = token(server.ctx, alice)
    for query, headers in (("", {"Last-Event-ID": "soon"}), ("?since=-1", {})):
        with server.follow(secret, query, **headers) as refused:
            assert refused.answer.status == 400
    with server.follow("dn_1_x_y") as refused:
        assert refused.answer.status == 401


def test_two_hundred_who_wait_cost_little(server: Server, alice: Access) -> None:
    ctx = server.ctx
    secrets = [token(ctx, alice)[1] for _ in range(10)]
    with ExitStack() as stack:
        streams = [stack.enter_context(server.follow(secrets[i % 10])) for i in range(200)]
        time.sleep(0.3)
        before, at = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        time.sleep(2)
        after, spent = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - at
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert used / spent < 0.2
        seq = note(server, secrets[0])
        for stream in streams:
            stream.until(lambda s=stream: s.told and s.told[-1].id == seq)
