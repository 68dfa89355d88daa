"""Read what sources posted: in the worker, in the order it came."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from diurnal.connectors import Connector, Delivery, Gone, Options, Received, Refetch
from diurnal.errors import AppError
from diurnal.model import ledger
from diurnal.model.records import Bad
from diurnal.services.arrivals import Arrivals
from diurnal.services.context import Context
from diurnal.services.jobs import LeaseLost, Stopped
from diurnal.store import changes, deliveries
from diurnal.store import ledger as ledger_store
from diurnal.store.connections import Stored
from diurnal.store.database import WriteTx
from diurnal.store.deliveries import Waiting


def drain(
    ctx: Context,
    c: Stored,
    connector: Connector,
    options: Options,
    hand: Arrivals,
    stopping: Callable[[], bool],
) -> None:
    """Read the deliveries that wait, the oldest first; one that cannot be read is set aside."""
    receive = connector.receive
    if receive is None:
        return
    after = ""
    while True:
        if stopping():
            raise Stopped
        found = ctx.store.read(
            lambda tx, a=after: deliveries.waiting(tx, c.account_id, c.id, a)  # type: ignore[misc]
        )
        if not found:
            return
        [one] = found
        after = one.id
        problem, again = _read(c, receive.read, options, one, hand)
        hand.flush()

        def note(
            tx: WriteTx,
            one: Waiting = one,
            problem: str | None = problem,
            again: list[Refetch] = again,
        ) -> None:
            changes.reserve(tx, c.account_id, 0, ctx.now())
            deliveries.set_read(tx, c.account_id, c.id, one.id, problem)
            for each in again:
                _reopen(tx, ctx, c, connector, each)

        ctx.store.write(note, bulk=True).result()


def _read(
    c: Stored,
    read: Callable[[Delivery, Options], Iterator[Received]],
    options: Options,
    one: Waiting,
    hand: Arrivals,
) -> tuple[str | None, list[Refetch]]:
    said = Delivery(
        method=one.method, headers=one.headers, query=one.query, body=one.body, at=one.at
    )
    gone: list[tuple[str, str]] = []
    again: list[Refetch] = []
    problem: str | None = None
    try:
        for item in read(said, options):
            if isinstance(item, Refetch):
                again.append(item)
            elif isinstance(item, Gone):
                gone.append((item.source, item.source_id))
            else:
                hand.take(item)
    except (Stopped, LeaseLost):
        raise
    except AppError as error:
        problem = error.message
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        problem = f"not understood ({type(error).__name__}: {str(error)[:100]})"
    if problem is not None:
        hand.take(
            Bad(problem, f"delivery to {c.name}", one.body[:2_000].decode("utf-8", "replace"))
        )
    if gone:
        hand.flush()
        hand.remove(gone)
    return problem, again


def _reopen(tx: WriteTx, ctx: Context, c: Stored, connector: Connector, each: Refetch) -> None:
    """Have a stretch pulled again: the source says that something changed there."""
    for pull in connector.pulls:
        if each.pull not in ("", pull.name):
            continue
        known = ledger_store.of(tx, c.account_id, c.id, pull.name)
        stretch = ledger.Stretch(
            start=max(each.start, 0),
            end=min(each.end, ctx.now()),
            state=ledger.FAILED,
            reason="changed at the source",
            at=ctx.now(),
        )
        ledger_store.replace(tx, c.account_id, c.id, pull.name, ledger.put(known, stretch))
