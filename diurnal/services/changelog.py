"""The account's change log as its owner reads it."""

from __future__ import annotations

from typing import NamedTuple

from diurnal.model.access import Access
from diurnal.services import accesses
from diurnal.store import changes
from diurnal.store.database import Tx

LIMIT_MAX = 10_000


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


def since(tx: Tx, caller: Access, after: int, limit: int) -> list[Change]:
    """Return the changes after number `after`, oldest first.

    Raises:
        Forbidden: the caller is not the owner; whether a change is another's to know of cannot
            be told once the datum is gone.
    """
    accesses.must_own(caller)
    return [Change(*row) for row in changes.since(tx, caller.account_id, after, limit)]
