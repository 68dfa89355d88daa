"""Days of a dense series are computed in stretches, so that a long window fits into memory."""

from __future__ import annotations

import numpy as np
import pytest

from diurnal.model import series as points
from diurnal.model import time
from diurnal.model.access import Access
from diurnal.services import day_inputs, days, series
from diurnal.services.context import Context

DAYS = 12


def test_a_long_window_of_dense_points_is_read_in_parts_and_says_the_same(
    ctx: Context, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = time.day_from_text("2026-03-24")
    start = ctx.store.read(lambda tx: ctx.state(tx, alice.account_id)).zones.day_bounds(first)[0]
    at = start + np.arange(DAYS * 1440, dtype=np.int64) * time.MINUTE
    beats = points.columns(at, 60 + (np.arange(len(at)) % 37).astype(float))
    ctx.store.write(lambda tx: series.write(tx, ctx, alice, "heart_rate", "Strap", beats)).result()
    read: list[int] = []
    gather = day_inputs.gather

    def counted(*args: object, **more: object) -> object:
        made = gather(*args, **more)  # type: ignore[arg-type]
        read.append(sum(len(i.start) for i in made.intervals))
        return made

    keys = ["heart_rate", "heart_rate_max"]

    def values() -> dict[str, list[days.Day]]:
        return ctx.store.read(
            lambda tx: days.values(tx, ctx, alice, keys, first, first + DAYS, lineage=True)
        )

    monkeypatch.setattr(day_inputs, "gather", counted)
    monkeypatch.setattr(day_inputs, "POINTS_AT_ONCE", 3 * 1440)
    parted = values()
    # Two days more on each side: neighbours whose points may reach in.
    assert max(read) <= 7 * 1440
    assert len(read) > 2 * DAYS // 4
    ctx.store.write(lambda tx: None).result()
    monkeypatch.setattr(day_inputs, "POINTS_AT_ONCE", 10**9)
    ctx.store.write(
        lambda tx: series.write(tx, ctx, alice, "heart_rate", "Strap", beats.take(slice(0, 1)))
    ).result()
    assert values() == parted
