"""The change log: a gap-free number per account, and the instant each change gets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import bindparam, case, func, insert, select, update

from diurnal.errors import NotFound
from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, in_list, ordered
from diurnal.store.tables import account_clock as clock
from diurnal.store.tables import change


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """A reserved range: `rev … rev+n-1`, each with an instant of its own.

    Attributes:
        at: microseconds; grows strictly from change to change, even when the clock steps back.
        meta_rev: number of the last change to streams, accesses, zones or settings.
    """

    rev: int
    at: int
    n: int
    meta_rev: int


_given = bindparam("now") > clock.c.last_us
_RESERVE = Sql(
    update(clock)
    .where(clock.c.account_id == bindparam("account"))
    .values(
        rev=clock.c.rev + bindparam("n"),
        last_us=case(
            (_given, bindparam("now") + bindparam("n") - 1), else_=clock.c.last_us + bindparam("n")
        ),
        meta_rev=clock.c.meta_rev + bindparam("meta"),
    )
    .returning(clock.c.rev, clock.c.last_us, clock.c.meta_rev)
)
_RELEASE = Sql(
    update(clock)
    .where(clock.c.account_id == bindparam("account"))
    .values(rev=clock.c.rev - bindparam("n"))
)
_CREATE = Sql(
    insert(clock).values(
        account_id=bindparam("account"), rev=0, last_us=bindparam("now"), meta_rev=1
    )
)
_REVS = Sql(select(clock.c.rev, clock.c.meta_rev).where(clock.c.account_id == bindparam("account")))
_LATEST = Sql(select(func.max(clock.c.last_us)))
_APPEND = ordered(("account_id", "rev", "kind", "op", "id", "access_id", "time_us"), insert(change))
_SINCE = Sql(
    select(
        change.c.rev, change.c.kind, change.c.op, change.c.id, change.c.access_id, change.c.time_us
    )
    .where(change.c.account_id == bindparam("account"), change.c.rev > bindparam("rev"))
    .order_by(change.c.rev)
    .limit(bindparam("most"))
)
_MANY = Sql(select(clock.c.account_id, clock.c.rev).where(in_list(clock.c.account_id, "accounts")))
_KINDS = Sql(
    select(change.c.kind)
    .distinct()
    .where(
        change.c.account_id == bindparam("account"),
        change.c.rev > bindparam("after"),
        change.c.rev <= bindparam("upto"),
    )
)
_NEWEST = Sql(
    select(change.c.time_us)
    .where(change.c.account_id == bindparam("account"), in_list(change.c.kind, "kinds"))
    .order_by(change.c.rev.desc())
    .limit(1)
)
_AT_REV = Sql(
    select(change.c.rev, change.c.time_us)
    .where(change.c.account_id == bindparam("account"), change.c.rev >= bindparam("rev"))
    .order_by(change.c.rev)
    .limit(1)
)


_TIMES = Sql(
    select(change.c.rev, change.c.time_us).where(
        change.c.account_id == bindparam("account"), in_list(change.c.rev, "revs")
    )
)


def start(tx: WriteTx, account_id: int, now: int) -> None:
    """Create the clock of a new account."""
    tx.execute(_CREATE, {"account": account_id, "now": now})


def reserve(tx: WriteTx, account_id: int, n: int, now: int, *, meta: bool = False) -> Stamp:
    """Lock the account's clock and reserve `n` change numbers.

    The first statement of every write: PostgreSQL deadlocks when two writers of one account
    lock rows before it. `meta` marks a change of what sessions cache.

    Raises:
        NotFound: no such account.
    """
    row = tx.one(_RESERVE, {"account": account_id, "n": n, "now": now, "meta": 1 if meta else 0})
    if row is None:
        raise NotFound("no such account")
    rev, last, meta_rev = row
    tx.clock = account_id
    if n or meta:
        tx.changed[account_id] = rev
    if meta:
        tx.meta = True
    return Stamp(rev - n + 1, last - n + 1, n, meta_rev)


def release(tx: WriteTx, account_id: int, stamp: Stamp, n: int) -> Stamp:
    """Give back the last `n` numbers of a range of this transaction; return what is left of it."""
    tx.execute(_RELEASE, {"account": account_id, "n": n})
    left = stamp.n - n
    # Where none is left this was told before: whoever looks finds nothing new.
    tx.changed[account_id] = stamp.rev + left - 1
    return Stamp(stamp.rev, stamp.at, left, stamp.meta_rev)


def append(
    tx: WriteTx, account_id: int, stamp: Stamp, access_id: str, what: Sequence[tuple[str, str, str]]
) -> None:
    """Append (kind, op, id) rows from `stamp.rev` on; exactly as many as were reserved."""
    if len(what) != stamp.n:
        raise ValueError("the change log has no gaps")
    tx.many(
        _APPEND,
        [
            (account_id, stamp.rev + i, kind, op, id_, access_id, stamp.at + i)
            for i, (kind, op, id_) in enumerate(what)
        ],
    )


def revs(tx: Tx, account_id: int) -> tuple[int, int] | None:
    """Return (rev, meta_rev) of the account, None where there is no such account."""
    row = tx.one(_REVS, {"account": account_id})
    return (row[0], row[1]) if row else None


def revs_of(tx: Tx, account_ids: Iterable[int]) -> dict[int, int]:
    """Return the number of the last change of each account that there is."""
    return dict(tx.execute(_MANY, {"accounts": list(account_ids)}))


def kinds(tx: Tx, account_id: int, after: int, upto: int) -> set[str]:
    """Return the kinds of what changed after number `after`, up to and with `upto`."""
    values = {"account": account_id, "after": after, "upto": upto}
    return {row[0] for row in tx.execute(_KINDS, values)}


def newest(tx: Tx, account_id: int, kinds: Iterable[str]) -> int:
    """Return the instant of the last change of some kinds, 0 for none."""
    row = tx.one(_NEWEST, {"account": account_id, "kinds": sorted(kinds)})
    return int(row[0]) if row else 0


def latest(tx: Tx) -> int:
    """Return the instant of the last change of any account, 0 for none; for operators."""
    row = tx.one(_LATEST, {})
    return int(row[0] or 0) if row else 0


def since(tx: Tx, account_id: int, rev: int, most: int = 1000) -> list[Row]:
    """Return (rev, kind, op, id, access_id, time_us) after `rev`, oldest first."""
    return tx.execute(_SINCE, {"account": account_id, "rev": rev, "most": most})


def rev_at(tx: Tx, account_id: int, at: int) -> int:
    """Return the number of the last change at or before instant `at`, 0 for none.

    Instants grow with the numbers, so a binary search needs no index by time.
    """
    known = revs(tx, account_id)
    low, high = 0, known[0] if known else 0
    while low < high:
        middle = (low + high + 1) // 2
        row = tx.one(_AT_REV, {"account": account_id, "rev": middle})
        if row is not None and row[1] <= at:
            low = row[0]
        else:
            high = middle - 1
    return low


def times(tx: Tx, account_id: int, revs: Iterable[int]) -> dict[int, int]:
    """Return the instants of changes by their numbers, as far as they are known."""
    return dict(tx.execute(_TIMES, {"account": account_id, "revs": sorted(revs)}))


def ids_of(rows: Iterable[Row], kind: str) -> list[str]:
    """Return the distinct ids that changes of `kind` name."""
    return list(dict.fromkeys(row[3] for row in rows if row[1] == kind))
