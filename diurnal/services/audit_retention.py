"""How long the audit is kept: for good, or so many days; what is left can still be checked.

Before lines are let go, the chain up to there is checked. Their number and last hash are signed by
the server's key, which is not in the database, and kept as a checkpoint; a line of the log says so.
"""

from __future__ import annotations

import structlog

from diurnal.auth import signing
from diurnal.model.time import DAY, SECOND
from diurnal.services import audit
from diurnal.services.context import Context
from diurnal.store import audit as store
from diurnal.store import changes
from diurnal.store.audit import Checkpoint, Row
from diurnal.store.database import WriteTx

log = structlog.get_logger(__name__)

ROWS_MAX = 2_000
"""Rows that go in one turn."""


def prune(ctx: Context, account_id: int) -> int:
    """Let go of an account's lines past the setting `audit_days`; return how many."""
    if not ctx.settings.audit_days:
        return 0
    before, gone = ctx.now() - ctx.settings.audit_days * DAY, 0
    while True:
        some = ctx.store.write(
            lambda tx: _prune(tx, ctx, account_id, before),
            bulk=True,
        ).result()
        gone += some
        if not some:
            return gone


def _prune(tx: WriteTx, ctx: Context, account_id: int, before: int) -> int:
    changes.reserve(tx, account_id, 0, ctx.now())
    known = store.checkpoints(tx, account_id)
    seq, last = (known[0].last_seq, known[0].hash) if known else (0, audit.START)
    old: list[Row] = []
    for row in store.after(tx, account_id, seq, ROWS_MAX):
        if row.last >= before:
            break
        old.append(row)
    if not old:
        return 0
    first = seq + 1
    for row in old:
        text = row.lines.encode()
        whole = row.seq == seq + 1 and row.last_seq - row.seq == row.lines.count("\n")
        seq, last = row.last_seq, audit.chained(last, account_id, row.seq, row.last_seq, text)
        if not whole or last != row.hash:
            # Nothing is let go that would hide what somebody did to it.
            log.warning("the audit is not as it was written, and stays", account=account_id)
            return 0
    now = ctx.now()
    claims = audit.claims_of(account_id, seq, last, now)
    proof = signing.load(ctx.settings.data_dir, now // SECOND).sign(claims, "audit-checkpoint+jwt")
    doing = audit.Doing("worker", "audit.prune")
    doing.n = seq + 1 - first
    doing.about(f"{first}-{seq}")
    # Before the cut: it is chained to the newest row, which may go too.
    audit.append(tx, ctx, account_id, [doing.line(now)])
    store.cut(tx, account_id, Checkpoint(seq, last, now, proof))
    return doing.n
