"""Rows of `webhook` and `webhook_delivery`."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, insert, null, or_, select, update

from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import account_clock as clock
from diurnal.store.tables import webhook, webhook_delivery

ACTIVE, INACTIVE = "active", "inactive"
WAITING, SENT = "waiting", "sent"


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    Attributes:
        kinds: of changes that are told; empty for all.
        problem: why it was stopped.
        sealed: secrets that sign.
        told: number of the last change that was looked at for it.
        retries: failures since the last success.
        runs: JSON of the last calls, newest first.
        waits: whether a delivery waits.
        next: it is not called before this instant; while it is claimed, not by another.
        claim: who calls it now.
    """

    id: str
    access_id: str
    api: str
    name: str
    url: str
    kinds: tuple[str, ...]
    state: str
    problem: str | None
    sealed: bytes
    told: int
    retries: int
    run_count: int
    fail_count: int
    runs: str
    waits: bool
    next: int
    claim: str | None
    created: int
    created_by: str
    modified: int
    modified_by: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message, in the order `n`; `id` stays the same however often it is sent."""

    webhook_id: str
    n: int
    id: str
    body: str
    state: str
    tries: int
    status: int | None
    error: str | None
    created: int
    tried: int | None


_W, _D = webhook.c, webhook_delivery.c
_COLUMNS = tuple(c.name for c in webhook.columns)
_THIS = (_W.account_id == bindparam("account"), _W.id == bindparam("webhook"))
_MINE = _D.account_id == bindparam("account")
_OF = (_MINE, _D.webhook_id == bindparam("webhook"))
_ALL = Sql(
    select(*webhook.columns)
    .where(_W.account_id == bindparam("account"))
    .order_by(_W.created_us, _W.id)
)
_GET = Sql(select(*webhook.columns).where(*_THIS))
_ADD = ordered(_COLUMNS, insert(webhook))
_REMOVE = Sql(delete(webhook).where(*_THIS))
_FORGET = Sql(delete(webhook_delivery).where(*_OF))
_CHANGING = tuple(c for c in _COLUMNS if c not in ("account_id", "id", "created_us", "created_by"))
_SAVE = Sql(update(webhook).where(*_THIS).values({c: bindparam(f"new_{c}") for c in _CHANGING}))
_DUE = Sql(
    select(_W.account_id, _W.id)
    .join_from(webhook, clock, clock.c.account_id == _W.account_id)
    .where(
        _W.state == ACTIVE,
        _W.next_us <= bindparam("now"),
        or_(_W.waits == 1, clock.c.rev > _W.told_rev),
    )
    .order_by(_W.next_us)
    .limit(bindparam("most"))
)
_HELD = Sql(
    select(_W.account_id, _W.id).where(_W.claim >= bindparam("low"), _W.claim < bindparam("high"))
)
_RELEASE = Sql(update(webhook).where(*_THIS).values(claim=null(), next_us=0))
_FIELDS = tuple(c for c in webhook_delivery.columns if c.name != "account_id")
_WAITING = Sql(
    select(*_FIELDS).where(*_OF, _D.state == WAITING).order_by(_D.n).limit(bindparam("most"))
)
_LAST = Sql(select(func.max(_D.n)).where(*_OF))
_ADD_DELIVERY = ordered(tuple(c.name for c in webhook_delivery.columns), insert(webhook_delivery))
_ONE = Sql(select(*_FIELDS).where(*_OF, _D.id == bindparam("delivery")))
_LIST = Sql(
    select(*_FIELDS)
    .where(*_OF, _D.n < bindparam("before"))
    .order_by(_D.n.desc())
    .limit(bindparam("most"))
)
_TRIED = Sql(
    update(webhook_delivery)
    .where(*_OF, _D.n == bindparam("number"))
    .values(
        state=bindparam("new_state"),
        tries=bindparam("new_tries"),
        status=bindparam("new_status"),
        error=bindparam("new_error"),
        tried_us=bindparam("new_tried"),
    )
)
_TRIM = Sql(delete(webhook_delivery).where(*_OF, _D.n <= bindparam("upto"), _D.state != WAITING))
NEWEST = 2**62


def _webhook(row: Row) -> Webhook:
    return Webhook(
        id=row[1],
        access_id=row[2],
        api=row[3],
        name=row[4],
        url=row[5],
        kinds=tuple(msgspec.json.decode(row[6], type=list[str])),
        state=row[7],
        problem=row[8],
        sealed=bytes(row[9]),
        told=row[10],
        retries=row[11],
        run_count=row[12],
        fail_count=row[13],
        runs=row[14],
        waits=bool(row[15]),
        next=row[16],
        claim=row[17],
        created=row[18],
        created_by=row[19],
        modified=row[20],
        modified_by=row[21],
    )


def _row(account_id: int, w: Webhook) -> tuple[Any, ...]:
    return (
        account_id,
        w.id,
        w.access_id,
        w.api,
        w.name,
        w.url,
        msgspec.json.encode(w.kinds).decode(),
        w.state,
        w.problem,
        w.sealed,
        w.told,
        w.retries,
        w.run_count,
        w.fail_count,
        w.runs,
        int(w.waits),
        w.next,
        w.claim,
        w.created,
        w.created_by,
        w.modified,
        w.modified_by,
    )


def _delivery(row: Row) -> Delivery:
    return Delivery(
        webhook_id=row[0],
        n=row[1],
        id=row[2],
        body=row[3],
        state=row[4],
        tries=row[5],
        status=row[6],
        error=row[7],
        created=row[8],
        tried=row[9],
    )


def all_of(tx: Tx, account_id: int) -> list[Webhook]:
    """Return the webhooks of an account, oldest first."""
    return [_webhook(row) for row in tx.execute(_ALL, {"account": account_id})]


def get(tx: Tx, account_id: int, id_: str) -> Webhook | None:
    """Return one webhook."""
    row = tx.one(_GET, {"account": account_id, "webhook": id_})
    return _webhook(row) if row else None


def add(tx: WriteTx, account_id: int, new: Webhook) -> None:
    """Insert a webhook."""
    tx.many(_ADD, [_row(account_id, new)])


def save(tx: WriteTx, account_id: int, changed: Webhook) -> None:
    """Store what may change of a webhook."""
    known = dict(zip(_COLUMNS, _row(account_id, changed), strict=True))
    values = {f"new_{name}": known[name] for name in _CHANGING}
    tx.execute(_SAVE, {"account": account_id, "webhook": changed.id, **values})


def remove(tx: WriteTx, account_id: int, id_: str) -> None:
    """Delete a webhook with all that it was told."""
    values = {"account": account_id, "webhook": id_}
    tx.execute(_REMOVE, values)
    tx.execute(_FORGET, values)


def due(tx: Tx, now: int, most: int) -> list[tuple[int, str]]:
    """Return (account, webhook) of any account that has something to be told."""
    return [(row[0], row[1]) for row in tx.execute(_DUE, {"now": now, "most": most})]


def held(tx: Tx, owner: str) -> list[tuple[int, str]]:
    """Return (account, webhook) that a worker has claimed."""
    # "." and "/" are neighbours: all claims begin with the owner and a dot.
    values = {"low": f"{owner}.", "high": f"{owner}/"}
    return [(row[0], row[1]) for row in tx.execute(_HELD, values)]


def release(tx: WriteTx, account_id: int, id_: str) -> None:
    """Let a webhook be claimed again."""
    tx.execute(_RELEASE, {"account": account_id, "webhook": id_})


def waiting(tx: Tx, account_id: int, id_: str, most: int = 1) -> list[Delivery]:
    """Return the deliveries that wait, oldest first."""
    values = {"account": account_id, "webhook": id_, "most": most}
    return [_delivery(row) for row in tx.execute(_WAITING, values)]


def push(
    tx: WriteTx, account_id: int, webhook_id: str, delivery_id: str, body: str, now: int
) -> Delivery:
    """Append a delivery."""
    last = tx.one(_LAST, {"account": account_id, "webhook": webhook_id})
    n = (last[0] or 0) + 1 if last else 1
    row = (webhook_id, n, delivery_id, body, WAITING, 0, None, None, now, None)
    tx.many(_ADD_DELIVERY, [(account_id, *row)])
    return _delivery(row)


def delivery(tx: Tx, account_id: int, webhook_id: str, id_: str) -> Delivery | None:
    """Return one delivery."""
    row = tx.one(_ONE, {"account": account_id, "webhook": webhook_id, "delivery": id_})
    return _delivery(row) if row else None


def deliveries(
    tx: Tx, account_id: int, webhook_id: str, *, before: int = NEWEST, most: int
) -> list[Delivery]:
    """Return deliveries, newest first."""
    values = {"account": account_id, "webhook": webhook_id, "before": before, "most": most}
    return [_delivery(row) for row in tx.execute(_LIST, values)]


def tried(tx: WriteTx, account_id: int, made: Delivery) -> None:
    """Store what came of a delivery."""
    tx.execute(
        _TRIED,
        {
            "account": account_id,
            "webhook": made.webhook_id,
            "number": made.n,
            "new_state": made.state,
            "new_tries": made.tries,
            "new_status": made.status,
            "new_error": made.error,
            "new_tried": made.tried,
        },
    )


def trim(tx: WriteTx, account_id: int, webhook_id: str, upto: int) -> None:
    """Delete deliveries up to a number, but those that wait."""
    tx.execute(_TRIM, {"account": account_id, "webhook": webhook_id, "upto": upto})
