"""Tallies: events counted once, texts joined, and how long sessions last."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from diurnal.model.candidates import (
    ROWS_MAX,
    DayEntry,
    DayValue,
    Inputs,
    Ints,
    Part,
    Reason,
    Rejected,
    Session,
    SourceOrder,
    TextItem,
)
from diurnal.model.nights import Span, distinct, stages_of, union_min
from diurnal.model.samples import Said, arranged_entries, lost, texts_by_day, won
from diurnal.model.time import MINUTE, SECOND

_SAME_MOMENT = 60 * SECOND
"""Two sources that tell of one event differ by at most this."""


def counts(
    inputs: Inputs, totals: Sequence[DayEntry], bounds: Ints, first_day: int, order: SourceOrder
) -> list[DayValue]:
    """Return the number of events that begin on each day, each counted once.

    An event of a worse source is a better one's if they overlap by more than half of the
    shorter, or, being an instant, if it lies within a minute of it.
    """
    events = [Session(t.source, t.kind, t.id, t.time, t.time) for t in inputs.texts]
    events += inputs.sessions
    for d in inputs.intervals:
        rows = d.row if d.row is not None else [""] * len(d.start)
        events += [
            Session(d.source, d.kind, row, start, end)
            for start, end, row in zip(d.start.tolist(), d.end.tolist(), rows, strict=True)
        ]
    kept, repeated = _counted_once(events, order)
    mine = _by_day(kept, bounds, first_day)
    others = _by_day(repeated, bounds, first_day)
    found: dict[int, DayValue] = {}
    for day in range(first_day, first_day + len(bounds) - 1):
        here = mine.get(day, [])
        if not here and day not in inputs.alive:
            continue
        n: dict[str, int] = {}
        for s in here:
            n[s.source] = n.get(s.source, 0) + 1
        again: dict[str, int] = {}
        for s in others.get(day, ()):
            again[s.source] = again.get(s.source, 0) + 1
        found[day] = DayValue(
            day,
            value=float(len(here)),
            source=max(order.arranged(n), key=n.__getitem__) if n else None,
            by="data",
            parts=tuple(Part(s, float(n[s]), n[s]) for s in order.arranged(n)),
            rejected=tuple(
                Rejected(s, float(again[s]), Reason.OVERLAP, again[s])
                for s in order.arranged(again)
            ),
            rows=tuple(s.id for s in here if s.id)[:ROWS_MAX],
            n=len(here),
        )
    return with_entries(found, totals, first_day, len(bounds) - 1, order)


def joins(
    texts: Sequence[TextItem],
    totals: Sequence[DayEntry],
    bounds: Ints,
    first_day: int,
    order: SourceOrder,
) -> list[DayValue]:
    """Return each day's texts joined by newline in time order, equal ones once."""
    by_day: dict[int, list[TextItem]] = {}
    for (_, day), items in texts_by_day(texts, bounds, first_day).items():
        by_day.setdefault(day, []).extend(items)
    found: dict[int, DayValue] = {}
    for day, items in by_day.items():
        items.sort(key=lambda t: (t.time, order.place(t.source), t.id))
        single: dict[str, TextItem] = {}
        for t in items:
            single.setdefault(t.text, t)
        n: dict[str, list[str]] = {}
        for t in single.values():
            n.setdefault(t.source, []).append(t.text)
        found[day] = DayValue(
            day,
            value="\n".join(single),
            source=max(order.arranged(n), key=lambda s: len(n[s])),
            by="data",
            parts=tuple(Part(s, "\n".join(n[s]), len(n[s])) for s in order.arranged(n)),
            rows=tuple(t.id for t in single.values())[:ROWS_MAX],
            n=len(single),
        )
    return with_entries(found, totals, first_day, len(bounds) - 1, order)


def durations(
    sessions: Sequence[Session],
    bounds: Ints,
    first_day: int,
    order: SourceOrder,
    stage: str | None,
) -> dict[int, DayValue]:
    """Return the minutes of the sessions that begin on each day, those of a stage if named."""
    same: dict[Session, tuple[Session, ...]] = {}
    spans: dict[Session, list[Span]] = {}
    for kept in distinct(sessions, order):
        s = kept.session
        same[s] = kept.same
        spans[s] = stages_of(s, frozenset({stage})) if stage else [(s.start, s.end)]
    found = {}
    for day, here in _by_day((s for s in spans if spans[s]), bounds, first_day).items():
        by_source: dict[str, list[Session]] = {}
        for s in here:
            by_source.setdefault(s.source, []).append(s)
        parts = tuple(
            Part(source, union_min(span for s in mine for span in spans[s]), len(mine))
            for source, mine in sorted(by_source.items(), key=lambda m: order.place(m[0]))
        )
        found[day] = DayValue(
            day,
            value=union_min(span for s in here for span in spans[s]),
            source=max(parts, key=lambda p: float(p.value)).source,
            by="data",
            parts=parts,
            rejected=tuple(
                Rejected(d.source, (d.end - d.start) / MINUTE, Reason.OVERLAP)
                for s in here
                for d in same[s]
            ),
            rows=tuple(s.id for s in here)[:ROWS_MAX],
            n=len(here),
        )
    return found


def with_entries(
    found: Mapping[int, DayValue],
    totals: Sequence[DayEntry],
    first_day: int,
    days: int,
    order: SourceOrder,
) -> list[DayValue]:
    """Give each day its value; a source's day row counts where there are no finer data."""
    rows: dict[int, list[DayEntry]] = {}
    for e in totals:
        rows.setdefault(e.day, []).append(e)
    values = []
    for day in range(first_day, first_day + days):
        here = found.get(day, DayValue(day))
        if day in rows:
            best, *others = arranged_entries(rows[day], order)
            if here.value is not None:
                finer = tuple(Rejected(e.source, e.value, Reason.FINER) for e in (best, *others))
                here = msgspec.structs.replace(here, rejected=here.rejected + finer)
            else:
                said = {e.source: Said(e.value, 1, (e.row,)) for e in (*reversed(others), best)}
                rejected = here.rejected + lost(said, best.source, order)
                here = won(day, best.source, said[best.source], rejected, "total")
        values.append(here)
    return values


def _by_day(sessions: Iterable[Session], bounds: Ints, first_day: int) -> dict[int, list[Session]]:
    grouped: dict[int, list[Session]] = {}
    starts = bounds.tolist()
    for s in sorted(sessions, key=lambda s: (s.start, s.id)):
        i = bisect.bisect_right(starts, s.start) - 1
        if 0 <= i < len(starts) - 1:
            grouped.setdefault(first_day + i, []).append(s)
    return grouped


def _counted_once(events: list[Session], order: SourceOrder) -> tuple[list[Session], list[Session]]:
    """Part events into those that count and those that a better source has told already."""
    if len({e.source for e in events}) < 2:
        return events, []
    by_source: dict[str, list[Session]] = {}
    for e in events:
        by_source.setdefault(e.source, []).append(e)
    kept: list[Session] = []
    repeated: list[Session] = []
    for source in order.arranged(by_source):
        known = sorted(kept, key=lambda s: s.start)
        begins = [s.start for s in known]
        longest = max((s.end - s.start for s in known), default=0)
        for e in by_source[source]:
            first = bisect.bisect_left(begins, e.start - longest - _SAME_MOMENT)
            last = bisect.bisect_right(begins, e.end + _SAME_MOMENT)
            told = any(_same_event(known[i], e) for i in range(first, last))
            (repeated if told else kept).append(e)
    return kept, repeated


def _same_event(a: Session, b: Session) -> bool:
    shorter = min(a.end - a.start, b.end - b.start)
    overlap = min(a.end, b.end) - max(a.start, b.start)
    return overlap >= -_SAME_MOMENT if shorter == 0 else overlap > shorter / 2
