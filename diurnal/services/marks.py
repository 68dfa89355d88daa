"""Marks: what a write leaves for the days, so that a read computes what it must and no more.

`day_dirty` says which day values a write may change, `source_day` which sources have data of a
measure on which days. The latter ranks sources of equal kind by their whole history, so a write
to one day may change the order in which all others were computed; those are marked then, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from diurnal import catalog
from diurnal.model import time
from diurnal.model.measures import Measure
from diurnal.model.sources import kind_of
from diurnal.services.context import AccountState
from diurnal.store import accounts, changes, source_days
from diurnal.store import days as store
from diurnal.store.database import Tx, WriteTx

if TYPE_CHECKING:
    from diurnal.model.days import SourceOrder

Cell = tuple[str, str, int]
"""A measure, a source and a day."""
_FEW = 8
"""Cells that cost less one by one than together."""


def mark(tx: WriteTx, account_id: int, cells: Iterable[tuple[str, int]], rev: int) -> None:
    """Mark (measure, day) values dirty, with those derived from them."""
    whole = set(cells)
    whole |= {(m.key, day) for key, day in whole for m in catalog.derived_from(key)}
    if whole:
        store.mark(tx, account_id, whole, rev)


def mark_all(tx: WriteTx, account_id: int, measures: Iterable[str], rev: int) -> None:
    """Mark every known day value of measures dirty, with those derived from them."""
    for key in sorted(set(measures)):
        for one in (key, *(m.key for m in catalog.derived_from(key))):
            store.mark_all(tx, account_id, one, rev)


def mark_homes(tx: WriteTx, state: AccountState, streams: Iterable[str], rev: int) -> None:
    """Mark every day of the measures whose points and days lie in `streams`."""
    within = set(streams)
    for key in source_days.measures_seen(tx, state.account_id):
        measure = state.measure(key)
        if measure is None or state.home(measure) not in within:
            continue
        seen = source_days.days_seen(tx, state.account_id, key)
        # A point may carry an offset of its own, up to a day from the history's.
        mark(tx, state.account_id, {(key, day + n) for day in seen for n in (-1, 0, 1)}, rev)
        mark_all(tx, state.account_id, [key], rev)


def add_sources(tx: WriteTx, account_id: int, found: Mapping[str, str], at: int) -> None:
    """Remember the kinds of sources, after a change was reserved; a known one keeps its kind."""
    known = accounts.sources(tx, account_id)
    fresh = {name: kind for name, kind in found.items() if name not in known}
    if not fresh:
        return
    accounts.add_sources(tx, account_id, fresh, at)
    revs = changes.revs(tx, account_id)
    rev = revs[0] if revs else 0
    for name, kind in fresh.items():
        if kind != kind_of(name):  # it was taken for another kind until now
            mark_all(tx, account_id, source_days.measures_of(tx, account_id, name), rev)


def order(tx: Tx, state: AccountState, measure: Measure) -> SourceOrder:
    """Return the order of the sources of a measure."""
    return _arranged(tx, state, measure, source_days.facts(tx, state.account_id, measure.key))


def _arranged(
    tx: Tx, state: AccountState, measure: Measure, facts: Iterable[tuple[str, int, int]]
) -> SourceOrder:
    from diurnal.model.days import SourceFacts, order_sources

    kinds = accounts.sources(tx, state.account_id)
    known = {
        source: SourceFacts(kinds.get(source) or kind_of(source), n, first * time.DAY)
        for source, n, first in facts
    }
    return order_sources(known, measure.group, wished(state.settings, measure.key))


def wished(settings: Mapping[str, object], measure: str) -> list[str]:
    """Return the order of sources that the owner set for a measure; [] for none."""
    listed = settings.get("sources")
    named = listed.get(measure) if isinstance(listed, dict) else None
    return [s for s in named if isinstance(s, str)] if isinstance(named, list) else []


def see(
    tx: WriteTx,
    state: AccountState,
    there: Iterable[tuple[str, str, int]],
    unsure: Iterable[tuple[str, int]],
    rev: int,
) -> None:
    """Keep up which sources have data on which days.

    Args:
        there: (measure, source, day) that surely have data now.
        unsure: (measure, day) where data may have gone; looked up.
    """
    account_id = state.account_id
    now = set(there)
    unsure = set(unsure)
    if not unsure and len(now) <= _FEW:
        come = now - source_days.seen_cells(tx, account_id, now)
        if come:
            _change(tx, state, come, set(), rev)
        return
    days: dict[str, set[int]] = {}
    for key, _, day in now:
        days.setdefault(key, set()).add(day)
    doubtful: dict[str, set[int]] = {}
    for key, day in unsure:
        doubtful.setdefault(key, set()).add(day)
        days.setdefault(key, set()).add(day)
    # Most writes are of the same days of all their measures: those are looked up together.
    alike: dict[frozenset[int], list[str]] = {}
    for key in sorted(days):
        alike.setdefault(frozenset(days[key]), []).append(key)
    known: set[Cell] = set()
    for same, keys in alike.items():
        known |= source_days.seen_on(tx, account_id, keys, same)
    for key, asked in doubtful.items():
        found = source_days.sources_on(
            tx, account_id, key, asked, state.zones.day_at, state.trashed_streams
        )
        now |= {(key, source, day) for source, day in found}
    gone = {c for c in known if c[2] in doubtful.get(c[0], ())} - now
    come = now - known
    if come or gone:
        _change(tx, state, come, gone, rev)


def _change(tx: WriteTx, state: AccountState, come: set[Cell], gone: set[Cell], rev: int) -> None:
    account_id = state.account_id
    keys = sorted({cell[0] for cell in come | gone})
    before = source_days.facts_of(tx, account_id, keys)
    source_days.saw(tx, account_id, come)
    for key in sorted({cell[0] for cell in gone}):
        source_days.unsee(tx, account_id, key, {cell[1:] for cell in gone if cell[0] == key})
    ranked = [key for key in keys if len(before[key]) > 1]
    after = source_days.facts_of(tx, account_id, ranked) if ranked else {}
    for key in ranked:
        measure = state.measure(key)
        if measure is None:
            continue
        stay = {row[0] for row in before[key]} & {row[0] for row in after[key]}
        old = [n for n in _arranged(tx, state, measure, before[key]).names if n in stay]
        new = [n for n in _arranged(tx, state, measure, after[key]).names if n in stay]
        if old != new:
            mark_all(tx, account_id, [key], rev)
