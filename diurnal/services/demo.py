"""Demo data: an invented life, loaded as an import like others, so that it can be undone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from diurnal.errors import Conflict
from diurnal.model.access import Access
from diurnal.model.records import Item
from diurnal.services import accesses, imports
from diurnal.services.context import Context
from diurnal.store import accounts
from diurnal.store.batches import Stored
from diurnal.store.database import Tx, WriteTx

if TYPE_CHECKING:
    from diurnal.demo import Life

CONNECTOR = "demo"
NAME = "Demo data"
SEED = 1


def start(tx: WriteTx, ctx: Context, caller: Access, *, seed: int = SEED) -> int:
    """Make the batch of a year of invented days and the job that does it; return its number.

    Raises:
        Forbidden: the caller is not the owner.
        Conflict: the account has demo data.
    """
    accesses.must_own(caller)
    if loaded(tx, caller) is not None:
        raise Conflict("this account has demo data already")
    account = accounts.get(tx, caller.account_id)
    home = account.timezone if account else None
    # Kept with the batch: begun again after midnight, it is still the same life.
    told = {"seed": seed, "home": home, "now": ctx.now()}
    return imports.begin(tx, ctx, caller, name=NAME, options={CONNECTOR: told})


def loaded(tx: Tx, caller: Access) -> Stored | None:
    """Return the batch of the account's demo data, None where it has none."""
    gone = (imports.UNDONE, imports.FAILED)
    there = (
        b for b in imports.listed(tx, caller) if CONNECTOR in b.options and b.state not in gone
    )
    return next(there, None)


def reaches_today(ctx: Context, batch: Stored) -> bool:
    """Return whether the life that a batch tells ends today."""
    from diurnal.demo import Life  # numpy: the serving process only starts it

    lived = life(batch)
    return lived is not None and lived.last == Life(lived.seed, lived.home, ctx.now()).last


def life(batch: Stored) -> Life | None:
    """Return the life that a batch is to bring in, None where it reads files."""
    told = batch.options.get(CONNECTOR)
    if told is None:
        return None
    from diurnal.demo import HOME_ZONE, Life

    return Life(told["seed"], told["home"] or HOME_ZONE, told["now"])


def items(ctx: Context, caller: Access, batch: Stored, lived: Life) -> Iterator[Item]:
    """Put pictures and zones in their places and yield the records, newest first."""
    from diurnal import demo

    for _, data in demo.pictures(lived.seed):
        ctx.blobs.put(caller.account_id, [data], limit=len(data))
    # First, so that nothing has to be dated anew.
    imports.apply_zones(ctx, caller, batch.id, demo.zones(lived), home=lived.home)
    yield from demo.items(lived)
