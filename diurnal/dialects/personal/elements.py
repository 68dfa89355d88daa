"""Elements of resources, which are events and day values: listed, made, changed and deleted.

An element's id is the account's change number of its creation; a day value gets one when it is
first listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from diurnal import catalog
from diurnal.dialects.personal import saying
from diurnal.dialects.personal.resources import Resource, checked
from diurnal.dialects.personal.rows import Row, Told, of_day, of_event
from diurnal.errors import InvalidInput, NotFound
from diurnal.model import time
from diurnal.model.access import Access, Rights
from diurnal.model.events import EventQuery, native_json
from diurnal.model.measures import ValueKind
from diurnal.services import day_numbers, days, events
from diurnal.services.context import AccountState, Context
from diurnal.services.day_inputs import PERSON
from diurnal.services.days import NewDay
from diurnal.store.database import Tx, WriteTx

COUNT_DEFAULT, COUNT_MAX = 25, 200


class Unnumbered(Exception):
    """Some days of this measure have no number yet."""

    def __init__(self, measure: str, wanted: list[int]) -> None:
        super().__init__(measure)
        self.measure = measure
        self.wanted = wanted


def rights(state: AccountState, caller: Access, resource: Resource) -> Rights:
    """Return what a token may do with a resource, by the streams that its data live in."""
    if resource.stream is not None:
        return caller.rights_on_stream(state.tree, resource.stream)
    # What it shows beside its own measure is shown as far as that may be read.
    found = []
    for key in _event_measures(resource):
        measure = state.measure(key)
        if measure is not None:
            home = state.home(measure)
            found.append(caller.rights_on(state.tree, home, measure=key))
    return Rights(*(any(each) for each in zip(*found, strict=True))) if found else Rights()


def listed(
    tx: Tx,
    ctx: Context,
    caller: Access,
    resource: Resource,
    *,
    day: int | None,
    count: int,
    ascending: bool,
) -> list[Row]:
    """Return elements: by id, or by date where a day is given.

    Raises:
        Unnumbered: days have to be numbered first.
    """
    state = ctx.state(tx, caller.account_id)
    rows: list[Row] = []
    told: set[int] = set()
    if resource.events:
        query = _query(state, resource, day, count, ascending)
        rows = [of_event(state, resource, found) for found in _found(tx, ctx, caller, query)]
    if resource.days:
        told = _days_of_events(tx, ctx, caller, resource) if resource.events else set()
        rows += _of_days(tx, ctx, caller, state, resource, day, told)
    by = itemgetter("date", "id") if day is not None else itemgetter("id")
    rows.sort(key=by, reverse=not ascending)
    return rows[:count]


def _query(
    state: AccountState, resource: Resource, day: int | None, count: int, ascending: bool
) -> EventQuery:
    query = EventQuery(limit=count, ascending=ascending, by_arrival=day is None)
    if day is not None:
        zone = state.zones.home
        start, end = time.midnight(day, zone), time.midnight(day + 1, zone)
        query = msgspec.structs.replace(query, start=start, end=end - 1, running_before=False)
    if resource.stream is not None:
        return msgspec.structs.replace(query, any_of=frozenset({resource.stream}))
    return msgspec.structs.replace(query, measures=_event_measures(resource))


def _event_measures(resource: Resource) -> tuple[str, ...]:
    return resource.measures if resource.name == "statuses" else (resource.measure,)


_told = msgspec.json.Decoder(Told).decode


def _found(tx: Tx, ctx: Context, caller: Access, query: EventQuery) -> list[Told]:
    """Return matching events that began within the window, decoded."""
    rows = []
    for found in events.find(tx, ctx, caller, query):
        if query.start is not None and found.time < query.start:
            continue
        event = _told(native_json(found.body, found.tail))
        event.at = found.time
        rows.append(event)
    return rows


def _days_of_events(tx: Tx, ctx: Context, caller: Access, resource: Resource) -> set[int]:
    """Return the days that events of the measure tell of: their values are listed as such."""
    query = EventQuery(measures=(resource.measure,))
    return {time.day_from_text(row.local_date) for row in _found(tx, ctx, caller, query)}


def _of_days(
    tx: Tx,
    ctx: Context,
    caller: Access,
    state: AccountState,
    resource: Resource,
    day: int | None,
    told: set[int],
) -> list[Row]:
    if not caller.rights_on(
        state.tree, state.home(catalog.get(resource.measure)), measure=resource.measure
    ).reads:
        return []
    valued = day_numbers.valued(tx, ctx, caller, resource.measure)
    wanted = [d for d in valued if d not in told and day in (None, d)]
    numbers = day_numbers.known(tx, caller, resource.measure)
    if any(d not in numbers for d in wanted):
        raise Unnumbered(resource.measure, sorted(d for d in valued if d not in told))
    more = _beside(tx, ctx, caller, resource, wanted)
    return [of_day(state, resource, numbers[d], valued[d], more.get(d, {})) for d in wanted]


def _beside(
    tx: Tx, ctx: Context, caller: Access, resource: Resource, wanted: Sequence[int]
) -> dict[int, Row]:
    """Return what other measures say of the same days: body fat, when sleep began and ended."""
    keys = [k for k in resource.measures if k != resource.measure]
    if not keys or not wanted:
        return {}
    state = ctx.state(tx, caller.account_id)
    open_ = [k for k in keys if (m := state.measure(k)) and days.may_read(state, caller, m)]
    if not open_:
        return {}
    found = days.values(tx, ctx, caller, open_, min(wanted), max(wanted))
    made: dict[int, Row] = {}
    for key, listed in found.items():
        for value in listed:
            if value.value is not None:
                made.setdefault(value.day, {})[key] = value.value
    return made


def one(tx: Tx, ctx: Context, caller: Access, resource: Resource, number: int) -> Row:
    """Return an element.

    Raises:
        NotFound: it is not there, or not in this resource.
    """
    state = ctx.state(tx, caller.account_id)
    numbered = day_numbers.day_of(tx, caller, number) if resource.days else None
    if numbered is not None and numbered[0] == resource.measure:
        found = day_numbers.valued(tx, ctx, caller, resource.measure).get(numbered[1])
        if found is None:
            raise NotFound(f"no element {number}")
        more = _beside(tx, ctx, caller, resource, [numbered[1]])
        return of_day(state, resource, number, found, more.get(numbered[1], {}))
    event = _event(tx, ctx, caller, resource, number)
    near = EventQuery(start=event.time, end=event.time)
    for row in _found(tx, ctx, caller, near):
        if row.seq == number:
            return of_event(state, resource, row)
    raise NotFound(f"no element {number}")


def _event(tx: Tx, ctx: Context, caller: Access, resource: Resource, number: int) -> Any:
    if not resource.events:
        raise NotFound(f"no element {number}")
    event = events.numbered(tx, ctx, caller, number)
    inside = (
        resource.stream in event.stream_ids
        if resource.stream is not None
        else event.measure in _event_measures(resource)
    )
    if not inside or event.trashed:
        raise NotFound(f"no element {number}")
    return event


def create(
    tx: WriteTx, ctx: Context, caller: Access, resource: Resource, given: Mapping[str, Any]
) -> int:
    """Store an element; return its id.

    Raises:
        InvalidInput: a column cannot be right.
    """
    values = checked(resource, given, new=True)
    state = ctx.state(tx, caller.account_id)
    if not resource.events:
        day = saying.day_of(values["date"])
        _write_day(tx, ctx, caller, resource, day, values, person=False)
        day_numbers.give(tx, ctx, caller, resource.measure, [day])
        return day_numbers.known(tx, caller, resource.measure)[day]
    new = saying.new_event(state, resource, values)
    [written] = events.create(tx, ctx, caller, [new])
    return written.event.seq


def _write_day(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    resource: Resource,
    day: int,
    values: Mapping[str, Any],
    *,
    person: bool,
) -> None:
    """Write day rows; a change is the person's own word, which counts before any source's."""
    source = values.get("org_service") or caller.name
    how = {"kind": "manual", "written_by": PERSON} if person else {}
    rows = []
    for key, value in saying.day_values(resource, values):
        kind = catalog.day_kind(catalog.get(key))
        told = round(value) if kind is ValueKind.INTEGER else value
        rows.append(NewDay(key, day, told, source, **how))
    if rows:
        days.write_rows(tx, ctx, caller, rows)


def update(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    resource: Resource,
    number: int,
    given: Mapping[str, Any],
) -> None:
    """Change an element.

    Raises:
        NotFound: it is not there.
        InvalidInput: a column cannot be right.
    """
    before = one(tx, ctx, caller, resource, number)
    values = checked(resource, given, new=False)
    state = ctx.state(tx, caller.account_id)
    numbered = day_numbers.day_of(tx, caller, number) if resource.days else None
    if numbered is not None and numbered[0] == resource.measure:
        if "date" in values and saying.day_of(values["date"]) != numbered[1]:
            raise InvalidInput("the day of a day's value does not change", field="date")
        values.setdefault("date", before["date"])
        values.pop("org_service", None)
        _write_day(tx, ctx, caller, resource, numbered[1], values, person=True)
        return
    event = _event(tx, ctx, caller, resource, number)
    fields = saying.fields_of(state, resource, values, before)
    if "date" not in values:
        fields.pop("time")  # the second's parts are not in the text
    if resource.stream is None:
        fields.pop("type")
        if resource.name in ("weight", "heartrate", "mood"):
            fields["type"] = catalog.event_type(catalog.get(resource.measure))
        elif isinstance(event.content, dict) and isinstance(fields["content"], dict):
            fields["content"] = {**event.content, **fields["content"]}
        elif isinstance(event.content, dict):
            fields["type"] = "note/txt"
    events.update(tx, ctx, caller, event.id, fields)


def delete(tx: WriteTx, ctx: Context, caller: Access, resource: Resource, number: int) -> None:
    """Delete an element for good.

    Raises:
        NotFound: it is not there.
        InvalidInput: a day's value that finer data make.
    """
    numbered = day_numbers.day_of(tx, caller, number) if resource.days else None
    if numbered is None or numbered[0] != resource.measure:
        events.delete(tx, ctx, caller, _event(tx, ctx, caller, resource, number).id)
        return
    one(tx, ctx, caller, resource, number)
    gone = False
    for key in resource.measures:
        for source in days.sources_of_rows(tx, ctx, caller, key, numbered[1]):
            gone = days.remove_row(tx, ctx, caller, key, numbered[1], source) or gone
    if not gone:
        raise InvalidInput("This day's value is made of finer data; delete those.")
