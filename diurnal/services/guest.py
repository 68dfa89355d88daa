"""What a guest sees of an account: the newest of what an access opens, ready for a page."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from diurnal.errors import InvalidInput
from diurnal.model.access import Access
from diurnal.model.events import EventQuery, NewEvent
from diurnal.model.measures import Measure, ValueKind
from diurnal.model.time import day_text
from diurnal.services import days, events, streams
from diurnal.services.context import AccountState, Context
from diurnal.services.days import Day, NewDay
from diurnal.services.guest_words import TEXT_MAX, instant_words, shown, words
from diurnal.store.database import Tx, WriteTx
from diurnal.store.event_queries import Found

WINDOWS = (30, 90, 365)
"""Days that may be shown; the first where nobody asks."""
MEASURES_MAX = 60
EVENTS_MAX = 40
DAY_EVENTS_MAX = 300
NOTES = "diurnal-notes"
"""The stream that is offered first."""
LINE_W, LINE_H = 160, 32
CHART_W, CHART_H = 640, 140


class Row(NamedTuple):
    """A measure: its newest value, when, and its days.

    Attributes:
        line, chart: points of an SVG of `LINE_W` by `LINE_H` and of `CHART_W` by `CHART_H`.
        low, high: the lowest and the highest value of the chart.
        days: (date, value), newest first.
    """

    label: str
    group: str
    shown: str
    date: str
    line: str
    chart: str
    low: str
    high: str
    days: list[tuple[str, str]]


class Entry(NamedTuple):
    """An event in words."""

    when: str
    where: str
    text: str


class OneDay(NamedTuple):
    """What there is of one day; `before` and `after` are the days beside it, to go on to."""

    date: str
    values: list[tuple[str, str]]
    entries: list[Entry]
    before: str
    after: str | None


class Choice(NamedTuple):
    """What a guest may add to."""

    id: str
    label: str


class Glance(NamedTuple):
    """All of it, from the day `first` to `last`.

    Attributes:
        streams, measures: what the guest may add to.
    """

    rows: list[Row]
    entries: list[Entry]
    streams: list[Choice]
    measures: list[Choice]
    today: str
    first: str
    last: str


def glance(tx: Tx, ctx: Context, access: Access, window: int = WINDOWS[0]) -> Glance:
    """Return the last days and the newest events that an access opens.

    Args:
        window: how many days.
    """
    state = ctx.state(tx, access.account_id)
    today = state.zones.day_at(ctx.now())
    extent = days.extent(tx, ctx, access)
    keys = sorted(extent, key=lambda k: (-extent[k][1], k))[:MEASURES_MAX]
    # What ended long ago is shown as it was then, not as nothing.
    last = min(today, max((extent[k][1] for k in keys), default=today))
    first = last - window + 1
    found = days.values(tx, ctx, access, keys, first, last) if keys else {}
    rows = [_row(state, key, found[key]) for key in keys]
    query = EventQuery(limit=EVENTS_MAX)
    entries = [_entry(state, f) for f in events.find(tx, ctx, access, query)]
    adds = [
        Choice(s.id, s.name)
        for s in streams.visible(tx, ctx, access)
        if access.rights_on_stream(state.tree, s.id).creates
    ]
    return Glance(
        [r for r in rows if r is not None],
        entries,
        sorted(adds, key=lambda one: one.id != NOTES),
        [Choice(m.key, m.label) for m in _writable(state, access, keys)],
        day_text(today),
        day_text(first),
        day_text(last),
    )


def one_day(tx: Tx, ctx: Context, access: Access, day: int) -> OneDay:
    """Return the values of a local day and what happened in it, as far as an access opens them."""
    state = ctx.state(tx, access.account_id)
    extent = days.extent(tx, ctx, access)
    keys = [k for k in sorted(extent) if extent[k][0] <= day <= extent[k][1]][:MEASURES_MAX]
    found = days.values(tx, ctx, access, keys, day, day) if keys else {}
    values = []
    for key, given in found.items():
        measure = state.measure(key)
        if measure is not None and given and given[0].value is not None:
            values.append((measure.label, shown(measure, given[0].value)))
    start, end = state.zones.day_bounds(day)
    query = EventQuery(start=start, end=end - 1, limit=DAY_EVENTS_MAX)
    entries = [_entry(state, f) for f in events.find(tx, ctx, access, query)]
    today = state.zones.day_at(ctx.now())
    return OneDay(
        day_text(day),
        values,
        entries,
        day_text(day - 1),
        day_text(day + 1) if day < today else None,
    )


def _writable(state: AccountState, access: Access, keys: list[str]) -> list[Measure]:
    known = [m for m in map(state.measure, keys) if m is not None]
    return [
        m
        for m in known
        if m.derived is None
        and m.value in (ValueKind.INTEGER, ValueKind.NUMBER)
        and access.rights_on(state.tree, state.home(m), measure=m.key).creates
    ]


def _row(state: AccountState, key: str, given: list[Day]) -> Row | None:
    measure = state.measure(key)
    there = [d for d in given if d.value is not None]
    if measure is None or not there:
        return None
    newest = there[-1]
    numbers = [float(d.value) for d in there if isinstance(d.value, int | float)]
    return Row(
        measure.label,
        measure.group,
        shown(measure, newest.value),
        day_text(newest.day),
        _line(given, LINE_W, LINE_H),
        _line(given, CHART_W, CHART_H),
        shown(measure, min(numbers)) if numbers else "",
        shown(measure, max(numbers)) if numbers else "",
        [(day_text(d.day), shown(measure, d.value)) for d in reversed(there)],
    )


def _line(given: list[Day], width: int, height: int) -> str:
    """Return the points of a polyline; days without a value are skipped."""
    points = [(i, float(d.value)) for i, d in enumerate(given) if isinstance(d.value, int | float)]
    if len(points) < 2:
        return ""
    low, high = min(v for _, v in points), max(v for _, v in points)
    step, span = width / max(1, len(given) - 1), (high - low) or 1.0
    return " ".join(
        f"{i * step:.1f},{height - 2 - (v - low) / span * (height - 4):.1f}" for i, v in points
    )


def _entry(state: AccountState, found: Found) -> Entry:
    event: dict[str, Any] = msgspec.json.decode(found.body)
    more = msgspec.json.decode("{" + found.tail)
    measure, value = state.measure(more.get("measure", "")), more.get("value")
    if measure is not None and isinstance(value, int | float):
        event["content"] = f"{measure.label} {shown(measure, value)}"
    zone = state.zones.home
    nodes = map(state.tree.get, event.get("streamIds", []))
    names = [node.name for node in nodes if node is not None]
    return Entry(
        instant_words(round(event["time"] * 1_000_000), zone),
        ", ".join(names),
        words(event)[:TEXT_MAX],
    )


def add_note(tx: WriteTx, ctx: Context, access: Access, stream: str, text: str) -> None:
    """Store what a guest wrote, as a note of now.

    Raises:
        InvalidInput: nothing was written.
        UnknownReference, Forbidden: the guest may not add there.
    """
    if not text.strip():
        raise InvalidInput("write something first", field="text")
    new = NewEvent(stream_ids=(stream,), type="note/txt", time=ctx.now(), content=text.strip())
    events.create(tx, ctx, access, [new])


def add_value(tx: WriteTx, ctx: Context, access: Access, measure: str, day: int, text: str) -> None:
    """Store a value for a day that a guest typed.

    Raises:
        InvalidInput: no number, or not of this measure.
        UnknownReference, Forbidden: the guest may not add it.
    """
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        raise InvalidInput("this is no number", field="value") from None
    days.write_rows(tx, ctx, access, [NewDay(measure, day, value, access.name)])
