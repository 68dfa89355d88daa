"""Which source counts first for a measure: by kind and history, or as the owner orders them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from diurnal.errors import InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.model.sources import kind_of
from diurnal.services import accesses, accounts, marks
from diurnal.services.context import Context
from diurnal.store import accounts as store
from diurnal.store import changes, source_days
from diurnal.store.database import Tx, WriteTx

SOURCES_MAX = 100
NAME_MAX = 200


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """A source of a measure.

    Attributes:
        kind: manual, dedicated, wrist, phone or derived.
        days: on how many days it has this measure; `first` of them, since 1970-01-01.
        wished: whether the owner put it where it is.
    """

    name: str
    kind: str
    days: int
    first: int
    wished: bool


def get(tx: Tx, ctx: Context, caller: Access, measure: str) -> list[Ranked]:
    """Return the sources of a measure, the one that counts first at the head.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: no such measure.
    """
    accesses.must_own(caller)
    state = ctx.state(tx, caller.account_id)
    known = state.measure(measure)
    if known is None:
        raise NotFound(f"no measure {measure!r}")
    facts = {name: (n, first) for name, n, first in _facts(tx, caller.account_id, measure)}
    kinds = store.sources(tx, caller.account_id)
    wished = marks.wished(state.settings, measure)
    return [
        Ranked(
            name=name,
            kind=kinds.get(name) or kind_of(name).value,
            days=facts[name][0],
            first=facts[name][1],
            wished=name in wished,
        )
        for name in marks.order(tx, state, known).names
    ]


def _facts(tx: Tx, account_id: int, measure: str) -> list[tuple[str, int, int]]:
    return [(row[0], row[1], row[2]) for row in source_days.facts(tx, account_id, measure)]


def put(tx: WriteTx, ctx: Context, caller: Access, measure: str, names: Sequence[str]) -> None:
    """Order the sources of a measure; those not named come after, by their kind.

    No names take the order back. Day values of the measure are made anew when next read.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: no such measure.
        InvalidInput: too many names, or one twice.
    """
    accesses.must_own(caller)
    if len(names) > SOURCES_MAX or any(not 0 < len(name) <= NAME_MAX for name in names):
        raise InvalidInput(f"at most {SOURCES_MAX} names", field="sources")
    if len(set(names)) != len(names):
        raise InvalidInput("a source is named twice", field="sources")
    stamp = changes.reserve(tx, caller.account_id, 0, ctx.now())
    state = ctx.state(tx, caller.account_id, stamp.meta_rev)
    if state.measure(measure) is None:
        raise NotFound(f"no measure {measure!r}")
    said = state.settings.get("sources")
    orders = dict(said) if isinstance(said, dict) else {}
    orders.pop(measure, None)
    if names:
        orders[measure] = list(names)
    accounts.update(tx, ctx, caller, settings={"sources": orders or None})
