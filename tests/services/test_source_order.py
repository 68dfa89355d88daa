"""The owner says whose steps count."""

from __future__ import annotations

import pytest

from diurnal.errors import InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.services import days, source_order
from diurnal.services.context import Context
from diurnal.services.days import NewDay

DAY = 20_000


def said(ctx: Context, owner: Access) -> list[tuple[str, bool]]:
    found = ctx.store.read(lambda tx: source_order.get(tx, ctx, owner, "heart_rate_resting"))
    return [(r.name, r.wished) for r in found]


def value(ctx: Context, owner: Access) -> object:
    found = ctx.store.read(lambda tx: days.values(tx, ctx, owner, ["heart_rate_resting"], DAY, DAY))
    return found["heart_rate_resting"][0].value


def test_the_source_that_the_owner_puts_first_counts_at_once(ctx: Context, alice: Access) -> None:
    rows = [
        NewDay(
            measure="heart_rate_resting",
            day=DAY,
            value=rate,
            source=name,
            kind=kind,
            raw=None,
        )
        for name, kind, rate in (("Ring", "dedicated", 50.0), ("Watch", "wrist", 55.0))
    ]
    ctx.store.write(lambda tx: days.write_rows(tx, ctx, alice, rows)).result()
    assert said(ctx, alice) == [("Ring", False), ("Watch", False)]
    assert value(ctx, alice) == 50

    def order(*names: str) -> None:
        ctx.store.write(
            lambda tx: source_order.put(tx, ctx, alice, "heart_rate_resting", names)
        ).result()

    order("Watch")
    assert said(ctx, alice) == [("Watch", True), ("Ring", False)]
    assert value(ctx, alice) == 55
    order()
    assert value(ctx, alice) == 50
    with pytest.raises(InvalidInput):
        order("Watch", "Watch")
    with pytest.raises(NotFound):
        ctx.store.write(lambda tx: source_order.put(tx, ctx, alice, "nothing", [])).result()
