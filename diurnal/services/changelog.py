"""The account's change log as its owner reads it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from diurnal.model.access import Access
from diurnal.services import accesses
from diurnal.services.context import Context
from diurnal.store import changes
from diurnal.store import events as event_rows
from diurnal.store.accesses import Stored
from diurnal.store.database import Tx

LIMIT_MAX = 10_000
KINDS = (
    "access",
    "account",
    "attribute",
    "batch",
    "client",
    "consent",
    "day",
    "event",
    "experiment",
    "finding",
    "measure",
    "record",
    "series",
    "stream",
)
"""What a change may be of."""
DATA = frozenset({"day", "event", "measure", "series", "stream"})
"""What others than the owner may hear of."""
NAMED_MAX = 500
"""Changes that are looked through one by one."""
LOOKED_MAX = 10_000
"""Changes that are looked through for their kinds; of more, all kinds may be among them."""


class Change(NamedTuple):
    """One change; `time` in microseconds."""

    rev: int
    kind: str
    op: str
    id: str
    access: str
    time: int


def rev(tx: Tx, caller: Access) -> int:
    """Return the number of the account's last change."""
    known = changes.revs(tx, caller.account_id)
    return known[0] if known else 0


def revs(tx: Tx, account_ids: Iterable[int]) -> dict[int, int]:
    """Return the number of the last change of each of the accounts that there are."""
    return changes.revs_of(tx, account_ids)


def kinds(tx: Tx, caller: Access, after: int, upto: int) -> list[str]:
    """Return what has changed after number `after`, up to and with `upto`, as far as told."""
    found = kinds_of(tx, caller.account_id, after, upto)
    return sorted(found if caller.owner else found & DATA)


def kinds_of(tx: Tx, account_id: int, after: int, upto: int) -> set[str]:
    """Return what has changed, for doors that tell each caller what is theirs to hear."""
    near = 0 <= upto - after <= LOOKED_MAX
    return set(changes.kinds(tx, account_id, after, upto)) if near else {*KINDS}


def begun(tx: Tx, caller: Access, after: int) -> int | None:
    """Return when the first change after a number was made, None where it is not known."""
    row = next(iter(changes.since(tx, caller.account_id, after, 1)), None)
    return None if row is None else Change(*row).time


def newest(tx: Tx, caller: Access) -> int:
    """Return when data of the account last changed, 0 for never; microseconds."""
    return changes.newest(tx, caller.account_id, DATA)


def roots(tx: Tx, ctx: Context, caller: Access, kind: str, after: int, upto: int) -> list[str]:
    """Return the root streams in which things of a kind have changed, as far as listed to a caller.

    Where it cannot be told (the thing is gone, or there are too many) it is all of them.
    """
    tree = ctx.state(tx, caller.account_id).tree
    seen = [s for s in tree if caller.owner or caller.rights_on_stream(tree, s.id).knows]
    every = {tree.path(s.id)[-1] for s in seen}
    rows = [Change(*r) for r in changes.since(tx, caller.account_id, after, NAMED_MAX + 1)]
    ids = {c.id for c in rows if c.kind == kind and c.rev <= upto}
    if len(rows) > NAMED_MAX or not ids:
        return sorted(every)
    found: set[str] = set()
    known = event_rows.get(tx, caller.account_id, sorted(ids)) if kind == "event" else {}
    for id_ in ids:
        event = known.get(id_)
        streams = event.stream_ids if event is not None else (id_,)
        paths = [tree.path(s) for s in streams]
        if not all(paths):
            return sorted(every)
        found.update(path[-1] for path in paths)
    return sorted(found & every)


def updated_accesses(tx: Tx, caller: Access, after: int, upto: int) -> list[Stored]:
    """Return the accesses that were changed after a number: to the owner all, to others itself."""
    rows = [Change(*row) for row in changes.since(tx, caller.account_id, after, LOOKED_MAX)]
    ids = {
        c.id
        for c in rows
        if c.rev <= upto and (c.kind, c.op) == ("access", "update")
        if caller.owner or c.id == caller.id
    }
    known = [s for s in accesses.listed(tx, caller) if s.access.id in ids]
    return sorted(known, key=lambda s: s.access.id)


def since(tx: Tx, caller: Access, after: int, limit: int) -> list[Change]:
    """Return the changes after number `after`, oldest first.

    Raises:
        Forbidden: the caller is not the owner; whether a change is another's to know of cannot
            be told once the datum is gone.
    """
    accesses.must_own(caller)
    return [Change(*row) for row in changes.since(tx, caller.account_id, after, limit)]
