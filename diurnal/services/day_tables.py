"""An account's days as a table, as analyses take it.

NumPy is imported when a table is made: the server itself only reads findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from diurnal import catalog
from diurnal.model.access import Access
from diurnal.model.measures import Measure
from diurnal.services import accesses, days, findings
from diurnal.services.context import AccountState, Context
from diurnal.store.database import Tx

if TYPE_CHECKING:
    from diurnal.analysis import Days, MeasureInfo

DAYS_MAX = 5 * 366
"""How far back a run looks."""
VALUES_MIN = 3
"""Measures with fewer days are left out."""


def matrix(
    tx: Tx, ctx: Context, account_id: int, first: int | None = None, last: int | None = None
) -> Days:
    """Return all numeric measures of an account as a table of days.

    Args:
        first, last: days; left out, all of the last five years up to yesterday, since a day
            that is not over is no day yet.
    """
    import numpy as np

    from diurnal.analysis import MEASURES_MAX
    from diurnal.analysis import Days as Table

    state = ctx.state(tx, account_id)
    owner = accesses.personal(account_id, state.username)
    spans = spans_of(tx, ctx, owner, state)
    days_of = window(ctx, state, spans, first, last)
    if days_of is None:
        return Table(0, (), np.zeros((0, 0)))
    start, end = days_of
    columns, infos = [], []
    for key in sorted(spans, key=lambda key: (spans[key][0] - spans[key][1], key)):
        measure = state.measure(key)
        if measure is None or spans[key][1] < start or spans[key][0] > end:
            continue
        # One after the other: as objects, all of them at once would be a hundred megabytes.
        read = days.values(tx, ctx, owner, [key], start, end)[key]
        column = np.array(
            [np.nan if not isinstance(d.value, (int, float)) else d.value for d in read],
            dtype=np.float64,
        )
        if int(np.isfinite(column).sum()) >= VALUES_MIN:
            columns.append(column)
            infos.append(info(measure, own=key in state.measures))
        if len(columns) == MEASURES_MAX:
            break
    if not columns:
        return Table(start, (), np.zeros((0, 0)))
    # Of things measured twice the first speaks: what the owner named, then what is plainest.
    rank = {key: at for at, key in enumerate(catalog.MEASURES)}
    order = sorted(range(len(infos)), key=lambda at: (rank.get(infos[at].key, -1), infos[at].key))
    return Table(
        start,
        tuple(infos[at] for at in order),
        np.stack([columns[at] for at in order], axis=1),
    )


def info(measure: Measure, *, own: bool) -> MeasureInfo:
    """Return what analyses may know of a measure."""
    from diurnal.analysis import MeasureInfo

    name = measure.name_in("exist")
    return MeasureInfo(
        key=measure.key,
        label=measure.label,
        unit=measure.unit,
        kind=measure.derived.daily if measure.derived else measure.daily,
        # Own measures have nothing in common but their owner.
        group="" if own else measure.group,
        is_tag=findings.is_tag(measure),
        derived_from=measure.derived.measure if measure.derived else None,
        name=name.name if name else "",
        more_is_better=False if measure.key in findings.LESS_IS_BETTER else None,
    )


def spans_of(
    tx: Tx, ctx: Context, owner: Access, state: AccountState
) -> dict[str, tuple[int, int]]:
    """Return the days between which each numeric measure has data."""
    return {
        key: span
        for key, span in days.extent(tx, ctx, owner).items()
        if (measure := state.measure(key)) is not None and findings.numeric(measure)
    }


def window(
    ctx: Context,
    state: AccountState,
    spans: dict[str, tuple[int, int]],
    first: int | None = None,
    last: int | None = None,
) -> tuple[int, int] | None:
    """Return the days that a run looks at, None where there are none."""
    yesterday = state.zones.day_at(ctx.now()) - 1
    end = last
    if end is None:
        end = min(yesterday, max((span[1] for span in spans.values()), default=yesterday))
    start = first
    if start is None:
        start = max(end - DAYS_MAX + 1, min((span[0] for span in spans.values()), default=end + 1))
    return (start, end) if start <= end else None
