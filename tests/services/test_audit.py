"""The audit: what was done is there, in order, and cannot be changed unseen."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from diurnal import worker
from diurnal.auth import signing
from diurnal.errors import Unavailable
from diurnal.model.access import Access, Level, Permission
from diurnal.services import accounts, audit, audit_retention
from diurnal.services.audit import Doing, Line, Query
from diurnal.services.context import Context
from diurnal.store import audit as store
from diurnal.store.sql import Sql
from tests import cases
from tests.clock import DAY, SECOND, START, Clock


def line(n: int = 0, **more: Any) -> Line:
    given: dict[str, Any] = {
        "time": START + n * SECOND,
        "access": "c1",
        "door": "native",
        "action": "events.list",
        "target": "",
        "n": n,
        "error": "",
        "address": "127.0.0.1",
        "request": f"r-{n}",
    }
    return Line(**{**given, **more})


def keep(ctx: Context, who: Access, *lines: Line) -> None:
    cases.write(ctx, audit.append, who.account_id, lines)


def find(ctx: Context, who: Access, **query: Any) -> list[audit.Entry]:
    return ctx.store.read(lambda tx: audit.find(tx, who, Query(**query)))


def verify(ctx: Context, who: Access, **more: Any) -> audit.Verdict:
    return ctx.store.read(lambda tx: audit.verify(tx, ctx, who, **more))


def change(ctx: Context, sql: str, **values: Any) -> None:
    ctx.store.write(lambda tx: tx.execute(Sql(text(sql)), values)).result()


def test_lines_are_numbered_and_read_back_newest_first(ctx: Context, alice: Access) -> None:
    keep(ctx, alice, line(1), line(2))
    keep(ctx, alice, line(3, error="forbidden"))
    found = find(ctx, alice)
    assert [(e.seq, e.line.n) for e in found] == [(3, 3), (2, 2), (1, 1)]
    assert [e.seq for e in find(ctx, alice, limit=2)] == [3, 2]
    assert [e.seq for e in find(ctx, alice, before=2)] == [1]
    assert verify(ctx, alice)[0:3:2] == (3, None)


def test_lines_are_found_by_who_what_when_and_whether(ctx: Context, alice: Access) -> None:
    keep(
        ctx,
        alice,
        line(1, access="a"),
        line(2, action="events.create", door="pryv"),
        line(3, action="tokens.create", error="forbidden"),
    )

    def seqs(**query: Any) -> list[int]:
        return [e.seq for e in find(ctx, alice, **query)]

    assert seqs(access="a") == [1]
    assert seqs(actions=("events",)) == [2, 1]
    assert seqs(actions=("events.create", "tokens")) == [3, 2]
    assert seqs(doors=("pryv",)) == [2]
    assert seqs(allowed=True) == [2, 1]
    assert seqs(allowed=False) == [3]
    assert seqs(start=START + 2 * SECOND) == [3, 2]
    assert seqs(end=START + 2 * SECOND) == [1]


def test_others_than_the_owner_see_what_they_did_themselves(
    ctx: Context, alice: Access, charlie: Access
) -> None:
    app = cases.share(ctx, alice, Permission(Level.READ))
    keep(ctx, alice, line(1), line(2, access=app.id))
    assert [e.line.n for e in find(ctx, app)] == [2]
    assert [e.line.n for e in find(ctx, app, access="c1")] == [2]
    assert not find(ctx, charlie)


@pytest.mark.parametrize(
    ("sql", "broken"),
    [
        ("UPDATE audit SET lines = replace(lines, 'r-2', 'r-9') WHERE account_id = :account", 2),
        ("DELETE FROM audit WHERE account_id = :account AND seq = 2", 2),
        ("DELETE FROM audit WHERE account_id = :account AND seq = 1", 1),
        ("UPDATE audit SET seq = 9, last_seq = 9 WHERE account_id = :account AND seq = 3", 3),
        ("UPDATE audit SET last_seq = 3 WHERE account_id = :account AND seq = 2", 2),
    ],
)
def test_whatever_is_changed_is_noticed(ctx: Context, alice: Access, sql: str, broken: int) -> None:
    for n in (1, 2, 3):
        keep(ctx, alice, line(n))
    before = verify(ctx, alice)
    assert before.broken is None
    change(ctx, sql, account=alice.account_id)
    assert verify(ctx, alice).broken == broken


def test_a_log_that_was_cut_does_not_have_what_it_once_had(ctx: Context, alice: Access) -> None:
    for n in (1, 2, 3):
        keep(ctx, alice, line(n))
    was = verify(ctx, alice)
    keep(ctx, alice, line(4))
    assert verify(ctx, alice, lines=was.lines, hash_=was.hash).broken is None
    change(
        ctx, "DELETE FROM audit WHERE account_id = :account AND seq > 2", account=alice.account_id
    )
    assert verify(ctx, alice).broken is None  # what is left is whole
    assert verify(ctx, alice, lines=was.lines, hash_=was.hash).broken == 3
    keep(ctx, alice, line(9))
    assert verify(ctx, alice, lines=was.lines, hash_=was.hash).broken == 3


def kept_for(ctx: Context, days: int) -> Context:
    return replace(ctx, settings=msgspec.structs.replace(ctx.settings, audit_days=days))


def aged(ctx: Context, who: Access, clock: Clock) -> None:
    """Lines 1 and 2 in one row, 3 in another; 4 forty days later."""
    keep(ctx, who, line(1), line(2))
    keep(ctx, who, line(3))
    clock.tick(40 * DAY)
    keep(ctx, who, line(40 * 86_400))


def test_old_lines_go_and_the_rest_can_still_be_checked(
    ctx: Context, alice: Access, charlie: Access, clock: Clock
) -> None:
    aged(ctx, alice, clock)
    keep(ctx, charlie, line(1))
    was = verify(ctx, alice)
    assert audit_retention.prune(ctx, alice.account_id) == 0  # for good, unless one says so
    ctx = kept_for(ctx, 30)
    assert audit_retention.prune(ctx, alice.account_id) == 3
    assert audit_retention.prune(ctx, alice.account_id) == 0
    [told, last] = find(ctx, alice)
    assert (last.seq, told.line.action, told.line.n) == (4, "audit.prune", 3)
    now = verify(ctx, alice)
    assert (now.broken, now.lines, now.since, now.proven) == (None, 5, 4, True)
    assert now.pruned == clock.now()
    assert verify(ctx, alice, lines=was.lines, hash_=was.hash).broken is None
    assert verify(ctx, alice, lines=4, hash_="00" * 32).broken == 4
    keep(ctx, alice, line(7))
    assert verify(ctx, alice)[:1] == (6,)
    assert [e.seq for e in find(ctx, charlie)] == [1]
    clock.tick(40 * DAY)
    assert audit_retention.prune(ctx, alice.account_id) == 3  # the newest row, too
    assert verify(ctx, alice)[2:4] == (None, 7)
    assert [e.line.action for e in find(ctx, alice)] == ["audit.prune"]


@pytest.mark.parametrize(
    ("sql", "broken", "proven"),
    [
        ("UPDATE audit SET lines = replace(lines, 'r-', 'q-') WHERE account_id = :a", 4, True),
        ("DELETE FROM audit WHERE account_id = :a AND seq = 4", 4, True),
        # Who lets go of more, or of something else, and cannot sign for it:
        ("DELETE FROM audit_checkpoint WHERE account_id = :a", 1, True),
        ("UPDATE audit_checkpoint SET last_seq = 2 WHERE account_id = :a", 3, False),
        ("UPDATE audit_checkpoint SET made_us = 5000000 WHERE account_id = :a", None, False),
        ("UPDATE audit_checkpoint SET proof = 'x' WHERE account_id = :a", None, False),
    ],
)
def test_what_is_done_to_a_log_that_was_shortened_is_noticed(
    ctx: Context, alice: Access, clock: Clock, sql: str, broken: int | None, proven: bool
) -> None:
    aged(ctx, alice, clock)
    assert audit_retention.prune(kept_for(ctx, 30), alice.account_id) == 3
    change(ctx, sql, a=alice.account_id)
    now = verify(ctx, alice)
    assert (now.broken, now.proven) == (broken, proven)


def test_a_log_that_was_changed_is_not_shortened(ctx: Context, alice: Access, clock: Clock) -> None:
    aged(ctx, alice, clock)
    change(ctx, "UPDATE audit SET lines = replace(lines, 'r-1', 'r-9') WHERE account_id = :a",
           a=alice.account_id)  # fmt: skip
    assert audit_retention.prune(kept_for(ctx, 30), alice.account_id) == 0
    assert verify(ctx, alice).broken == 1


def test_a_shortened_export_begins_with_what_is_signed(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    aged(ctx, alice, clock)
    ctx = kept_for(ctx, 30)
    worker.tidy(ctx)
    rows, _ = ctx.store.read(lambda tx: audit.export(tx, alice, 0, 100))
    [first] = ctx.store.read(lambda tx: list(audit.begun(tx, alice)))
    told = json.loads(first)
    [one, *_] = [json.loads(raw) for raw in b"".join(audit.jsonl(rows)).splitlines()]
    text = json.dumps(list(one.values())[1:], separators=(",", ":"))
    head = f"{alice.account_id}:4:4\n{text}".encode()
    assert hashlib.sha256(bytes.fromhex(told["hash"]) + head).digest() == rows[0].hash
    signed = signing.load(ctx.settings.data_dir, 0).read(told["proof"])
    assert signed is not None
    assert (signed["through"], signed["hash"]) == (3, told["hash"])


def test_an_export_is_checked_without_us(ctx: Context, alice: Access) -> None:
    """By the words of the docs alone: json, and SHA-256."""
    keep(ctx, alice, line(1, target="Gewicht, \N{SNOWMAN}"), line(2))
    keep(ctx, alice, line(3, error="not-found"))
    rows, last = ctx.store.read(lambda tx: audit.export(tx, alice, 0, 100))
    assert last == 3
    hash_, held = bytes(32), []
    for raw in b"".join(audit.jsonl(rows)).decode().splitlines():
        told = json.loads(raw)
        if "through" not in told:
            held.append(told)
            continue
        texts = [
            json.dumps(list(one.values())[1:], separators=(",", ":"), ensure_ascii=False)
            for one in held
        ]
        head = f"{alice.account_id}:{held[0]['seq']}:{held[-1]['seq']}\n"
        hash_ = hashlib.sha256(hash_ + (head + "\n".join(texts)).encode()).digest()
        assert told == {"through": held[-1]["seq"], "hash": hash_.hex()}
        held = []
    assert verify(ctx, alice).hash == hash_.hex()


def test_csv_has_a_line_each_and_no_formula(ctx: Context, alice: Access) -> None:
    keep(ctx, alice, line(1, target="=1+1", access="@x"), line(2, target='a,"b'))
    rows, _ = ctx.store.read(lambda tx: audit.export(tx, alice, 0, 100))
    written = b"".join(audit.as_csv(rows, header=True)).decode().splitlines()
    assert len(written) == 3
    assert written[0].startswith("seq,time,access")
    assert "'=1+1" in written[1]
    assert "'@x" in written[1]
    assert '"a,""b"' in written[2]


def test_what_would_break_a_line_stays_on_it(ctx: Context, alice: Access) -> None:
    doing = Doing("native", "events.get", "127.0.0.1", "r")
    doing.by(alice)
    doing.about("x\n2026-01-01 admin did it\r\x1b[31m\u2028" + "y" * 1_000)
    audit.note(ctx, doing)
    audit.flush(ctx)
    [entry] = find(ctx, alice)
    assert entry.line.target.isprintable()
    assert len(entry.line.target) <= audit.TARGET_MAX


def test_many_lines_make_several_rows_and_one_log(ctx: Context, alice: Access) -> None:
    for n in range(2 * audit.LINES_MAX + 1):
        doing = Doing("native", "events.list")
        doing.by(alice)
        doing.n = n
        audit.note(ctx, doing)
    audit.flush(ctx)
    assert not ctx.trail
    assert len(ctx.store.read(lambda tx: store.after(tx, alice.account_id, 0, 10))) == 3
    assert len(find(ctx, alice, limit=10_000)) == 2 * audit.LINES_MAX + 1
    assert verify(ctx, alice)[0:3:2] == (2 * audit.LINES_MAX + 1, None)


def test_the_log_of_an_account_that_is_no_more_is_dropped(
    ctx: Context, alice: Access, charlie: Access, clock: Clock
) -> None:
    doing = Doing("native", "account.delete")
    doing.by(charlie)
    audit.note(ctx, doing)
    accounts.delete(ctx, charlie.account_id)
    audit.flush(ctx)
    assert not find(ctx, charlie)


def test_no_line_no_write(ctx: Context, alice: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be audited is not done."""
    from tests.dialects.native.client import opened, owner_token

    def broken(*_args: Any) -> None:
        raise Unavailable("the disk is full")

    note = {"streamIds": ["diurnal-note"], "type": "note/txt", "content": "x"}
    with opened(ctx, owner_token(ctx, alice)) as api:
        with monkeypatch.context() as patch:
            patch.setattr(store, "add", broken)
            for body in (note, {"events": [note, note]}):
                assert api("POST", "/events", body).status_code == 503
        assert api.ok("GET", "/events")["events"] == []
        assert api("POST", "/events", note).status_code == 201


def test_what_a_request_did_is_one_line_with_who_what_and_how_much(
    ctx: Context, alice: Access
) -> None:
    from tests.dialects.native.client import app_token, on, opened, owner_token

    id_, token = app_token(ctx, alice, on("diurnal-body", Level.CONTRIBUTE))
    weight = {"streamIds": ["diurnal-weight"], "type": "mass/kg", "content": 70}
    with opened(ctx, token) as app:
        made = app.ok("POST", "/events", weight)["id"]
        app.ok("POST", "/events", {"events": [weight] * 3})
        app.ok("GET", "/events?streams=diurnal-weight")
        app.ok("GET", f"/events/{made}")
        app.ok("GET", "/days?measures=weight&from=2026-03-01&to=2026-03-07")
        app.refused(404, "GET", "/events/c000000000000000000000000")
        app.refused(400, "GET", "/events?streams=diurnal-heart")
        app.refused(403, "PATCH", "/account", {"settings": {"x": 1}})
        owner = app.with_token(owner_token(ctx, alice))
        lines = owner.ok("GET", f"/audit?access={id_}")["lines"]
        told = [
            (e["action"], e.get("target", ""), e["n"], e.get("error", "")) for e in reversed(lines)
        ]
        assert told == [
            ("events.create", "", 1, ""),
            ("events.create", "diurnal-weight", 3, ""),
            ("events.list", "diurnal-weight", 4, ""),
            ("events.get", made, 1, ""),
            ("days.list", "weight", 7, ""),
            ("events.get", "c000000000000000000000000", 0, "not-found"),
            ("events.list", "diurnal-heart", 0, "unknown-reference"),
            ("account.update", "", 0, "forbidden"),
        ]
        assert {(e["door"], e["address"]) for e in lines} == {("native", "127.0.0.1")}
        assert len({e["request"] for e in lines}) == len(lines)
        assert owner.ok("GET", "/audit/verify")["intact"] is True
        assert owner.page("GET", "/api/v1/audit/export").status_code == 401
        assert app.ok("GET", "/audit?limit=1")["lines"][0]["access"] == id_
        pages = owner.ok("GET", f"/audit?access={id_}&limit=3")
        assert len(pages["lines"]) == 3
        older = owner.ok("GET", f"/audit?access={id_}&limit=3&cursor={pages['next']}")
        assert older["lines"][0]["seq"] < pages["lines"][-1]["seq"]
        use = owner.ok("GET", f"/tokens/{id_}/usage")["usage"]
        assert [(u["calls"] >= 8, u["refused"]) for u in use] == [(True, 3)]
