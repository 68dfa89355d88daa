"""How much an access is used, by local day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from diurnal.model.access import Access
from diurnal.services.accesses import get
from diurnal.services.context import Context
from diurnal.store import accesses, changes
from diurnal.store.database import Tx, WriteTx


class Use(NamedTuple):
    """Calls of one local day, and how many of them were refused."""

    day: int
    calls: int
    refused: int


def usage(tx: Tx, ctx: Context, caller: Access, id_: str, first: int, last: int) -> list[Use]:
    """Return the use of an access by day, days without a call left out.

    Raises:
        NotFound: no such access, or not the caller's to know of.
    """
    get(tx, caller, id_)
    found = {r[0]: Use(*r) for r in accesses.days(tx, caller.account_id, id_, first, last)}
    # What was counted since the last flush is not in the rows yet.
    key, today = (caller.account_id, id_), ctx.state(tx, caller.account_id).zones.day_at(ctx.now())
    calls, refused = ctx.uses.get(key, 0), ctx.refusals.get(key, 0)
    if (calls or refused) and first <= today <= last:
        known = found.get(today, Use(today, 0, 0))
        found[today] = Use(today, known.calls + calls, known.refused + refused)
    return [found[day] for day in sorted(found)]


def flush_uses(
    tx: WriteTx,
    ctx: Context,
    counted: Mapping[tuple[int, str], int],
    refused: Mapping[tuple[int, str], int] = {},
) -> None:
    """Store usage counts that were gathered in memory, in all and by local day."""
    now = ctx.now()
    accesses.add_use(tx, [(now, n, account, id_) for (account, id_), n in counted.items()])
    today: dict[int, int] = {}
    for account in {key[0] for key in (*counted, *refused)}:
        if changes.revs(tx, account) is not None:
            today[account] = ctx.state(tx, account).zones.day_at(now)
    rows = [
        (account, id_, today[account], counted.get((account, id_), 0), n)
        for (account, id_), n in {**dict.fromkeys(counted, 0), **refused}.items()
        if account in today
    ]
    accesses.add_days(tx, rows)
