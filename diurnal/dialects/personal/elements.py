"""Elements of resources: events and day values as rows, and rows as events and day values.

Times are what the clock at home showed. An element's id is the account's change number of its
creation; a day value gets one when it is first listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from diurnal import catalog
from diurnal.dialects.personal.resources import Resource, checked
from diurnal.errors import InvalidInput, NotFound
from diurnal.model import time
from diurnal.model.access import Access, Rights
from diurnal.model.events import EventQuery, NewEvent
from diurnal.model.measures import ValueKind
from diurnal.services import day_numbers, days, events
from diurnal.services.context import AccountState, Context
from diurnal.services.day_inputs import PERSON
from diurnal.services.days import Day, NewDay
from diurnal.store.database import Tx, WriteTx

Row = dict[str, Any]

COUNT_DEFAULT, COUNT_MAX = 25, 200
PERSONAL = "personal"
HEARTRATE_DIGITS = 1


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
        rows = [_of_event(state, resource, found) for found in _found(tx, ctx, caller, query)]
    if resource.days:
        told = _days_of_events(tx, ctx, caller, resource) if resource.events else set()
        rows += _of_days(tx, ctx, caller, state, resource, day, told)
    by = (lambda r: (r["date"], r["id"])) if day is not None else (lambda r: r["id"])
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


def _found(tx: Tx, ctx: Context, caller: Access, query: EventQuery) -> list[Row]:
    """Return matching events that began within the window, decoded."""
    rows = []
    for found in events.find(tx, ctx, caller, query):
        if query.start is not None and found.time < query.start:
            continue
        body = msgspec.json.decode(found.body)
        body |= msgspec.json.decode(f"{{{found.tail}")
        body["at"] = found.time
        rows.append(body)
    return rows


def _days_of_events(tx: Tx, ctx: Context, caller: Access, resource: Resource) -> set[int]:
    """Return the days that events of the measure tell of: their values are listed as such."""
    query = EventQuery(measures=(resource.measure,))
    return {time.day_from_text(row["localDate"]) for row in _found(tx, ctx, caller, query)}


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
    return [_of_day(state, resource, numbers[d], valued[d], more.get(d, {})) for d in wanted]


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


def _of_day(
    state: AccountState, resource: Resource, number: int, value: Day, more: Mapping[str, Any]
) -> Row:
    said: Row = dict.fromkeys((c.name for c in resource.columns), None)
    said |= {"date": f"{time.day_text(value.day)} 00:00:00", "org_service": value.source}
    amount = value.value
    if resource.name == "sleep":
        said["duration"] = round(float(amount or 0))
        said["start"] = _clock(value.day - 1, 720, more.get("sleep_start"))
        said["end"] = _clock(value.day, 0, more.get("sleep_end"))
    elif resource.name == "weight":
        said |= {"weight": _decimal(amount), "fat": _percent(more.get("body_fat"))}
    elif resource.name == "heartrate":
        said["bpm"] = None if amount is None else round(float(amount), HEARTRATE_DIGITS)
    elif resource.name == "mood":
        said["mood"] = _whole(amount)
    else:
        said[resource.columns[1].name] = _whole(amount)
    return {"id": number, **said}


def _clock(day: int, base: int, minutes: Any) -> str | None:
    """Return the time of day that so many minutes after `base` are."""
    if not isinstance(minutes, int | float):
        return None
    ahead, left = divmod(base + round(minutes), 1440)
    return f"{time.day_text(day + ahead)} {left // 60:02d}:{left % 60:02d}:00"


def _whole(value: Any) -> Any:
    return round(value) if isinstance(value, float) and value.is_integer() else value


def _decimal(value: Any) -> str | None:
    if not isinstance(value, int | float):
        return None
    text = f"{value:.6f}".rstrip("0")
    whole, _, part = text.partition(".")
    return f"{whole}.{part.ljust(2, '0')}"


def _percent(value: Any) -> str | None:
    return f"{value * 100:.1f}" if isinstance(value, int | float) else None


def _local(state: AccountState, at: int) -> str:
    return time.to_datetime(at, state.zones.home).strftime("%Y-%m-%d %H:%M:%S")


def _of_event(state: AccountState, resource: Resource, found: Row) -> Row:
    content, more = found.get("content"), found.get("clientData") or {}
    said: Row = dict.fromkeys((c.name for c in resource.columns), None)
    noted = more.get(PERSONAL)
    kept: Row = noted if isinstance(noted, dict) else {}
    if resource.stream is not None:
        said |= {k: v for k, v in content.items() if k in said} if isinstance(content, dict) else {}
    else:
        said |= _READ[resource.name](found, content, kept)
    said["date"] = _local(state, found["at"])
    said["org_service"] = found.get("source")
    if "org_id" in said:
        said["org_id"] = found.get("sourceId")
    return {"id": found["seq"], **said}


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        for name in ("text", "content", "message", "title"):
            if isinstance(content.get(name), str):
                return str(content[name])
    return "" if content is None else msgspec.json.encode(content).decode()


def _status(found: Row, content: Any, kept: Row) -> Row:
    return {"status": _text_of(content)}


def _place(found: Row, content: Any, kept: Row) -> Row:
    where = content if isinstance(content, dict) else {}
    shout = (found.get("clientData") or {}).get("foursquare", {}).get("shout")
    return {
        "place": found.get("description") or "",
        "comment": kept.get("comment", shout),
        "lat": _degrees(where.get("latitude")),
        "lng": _degrees(where.get("longitude")),
    }


def _degrees(value: Any) -> str | None:
    return f"{value:.8f}" if isinstance(value, int | float) else None


def _bookmark(found: Row, content: Any, kept: Row) -> Row:
    noted = (found.get("clientData") or {}).get("pinboard", {}).get("note")
    return {
        "url": _text_of(content),
        "title": found.get("description"),
        "description": kept.get("description", noted),
        "tags": " ".join(found.get("tags") or ()) or None,
    }


def _track(found: Row, content: Any, kept: Row) -> Row:
    said = content if isinstance(content, dict) else {"title": _text_of(content)}
    return {k: said.get(k) for k in ("title", "artist", "album")}


def _commit(found: Row, content: Any, kept: Row) -> Row:
    return {"message": _text_of(content)}


def _weight(found: Row, content: Any, kept: Row) -> Row:
    fat = kept.get("fat")
    return {
        "weight": _decimal(found.get("value")),
        "fat": f"{fat:.1f}" if isinstance(fat, int | float) else None,
    }


def _bpm(found: Row, content: Any, kept: Row) -> Row:
    return {"bpm": _whole(found.get("value"))}


def _mood(found: Row, content: Any, kept: Row) -> Row:
    return {"mood": _whole(found.get("value"))}


_READ = {
    "statuses": _status,
    "places": _place,
    "bookmarks": _bookmark,
    "tracks": _track,
    "commits": _commit,
    "weight": _weight,
    "heartrate": _bpm,
    "mood": _mood,
}


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
        return _of_day(state, resource, number, found, more.get(numbered[1], {}))
    event = _event(tx, ctx, caller, resource, number)
    near = EventQuery(start=event.time, end=event.time)
    for row in _found(tx, ctx, caller, near):
        if row["seq"] == number:
            return _of_event(state, resource, row)
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
        day = _day_at_midnight(values["date"])
        _write_day(tx, ctx, caller, resource, day, values, person=False)
        day_numbers.give(tx, ctx, caller, resource.measure, [day])
        return day_numbers.known(tx, caller, resource.measure)[day]
    new = _new_event(state, resource, values)
    [written] = events.create(tx, ctx, caller, [new])
    return written.event.seq


def _new_event(state: AccountState, resource: Resource, values: Mapping[str, Any]) -> NewEvent:
    fields = _fields(state, resource, values, {})
    return NewEvent(
        stream_ids=(resource.stream or state.home(catalog.get(_home_of(resource))),),
        source=values.get("org_service"),
        source_id=values.get("org_id"),
        **fields,
    )


def _home_of(resource: Resource) -> str:
    return "status_post" if resource.name == "statuses" else resource.measure


def _instant(state: AccountState, text: str) -> int:
    """Return the instant at which the clock at home showed a time."""
    clock = time.micros(datetime.fromisoformat(f"{text}+00:00"))
    return time.ZoneHistory(state.zones.home).instant_of(clock)


def _fields(
    state: AccountState, resource: Resource, values: Mapping[str, Any], old: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the members of an event that say these columns; `old` are those it has already."""
    said = {**old, **values}
    fields: dict[str, Any] = {"time": _instant(state, said["date"])}
    if resource.stream is not None:
        fields["type"] = f"{PERSONAL}/{resource.name}"
        skipped = ("id", "date", "org_service", "org_id")
        fields["content"] = {k: v for k, v in said.items() if k not in skipped}
        return fields
    fields["type"] = catalog.event_type(catalog.get(_home_of(resource)))
    kept: Row = {}
    match resource.name:
        case "statuses":
            fields["content"] = said["status"]
        case "places":
            fields["content"] = {
                "latitude": float(said["lat"]),
                "longitude": float(said["lng"]),
            }
            fields["description"] = said["place"]
            kept = {"comment": said.get("comment")}
        case "bookmarks":
            fields["content"] = said["url"]
            fields["description"] = said.get("title")
            fields["tags"] = tuple((said.get("tags") or "").split())
            kept = {"description": said.get("description")}
        case "tracks":
            parts = {k: said.get(k) for k in ("title", "artist", "album")}
            fields["content"] = {k: v for k, v in parts.items() if v is not None}
        case "commits":
            fields["content"] = said["message"]
        case _:
            fields["content"] = _number_in(state, resource, said)
            fat = said.get("fat")
            kept = {"fat": float(fat)} if fat is not None else {}
    if kept := {k: v for k, v in kept.items() if v is not None}:
        fields["client_data"] = {PERSONAL: kept}
    return fields


def _number_in(state: AccountState, resource: Resource, said: Mapping[str, Any]) -> Any:
    """Return the content of an event of a measure, from its canonical value."""
    measure = catalog.get(resource.measure)
    value = float(said[resource.columns[1].name])
    unit = catalog.pryv_unit(catalog.event_type(measure)) or measure.unit
    return catalog.content(measure, value, unit)


def _day_at_midnight(text: str) -> int:
    return time.day_from_text(text[:10], field="date")


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
    for key, value in _day_values(resource, values):
        kind = catalog.day_kind(catalog.get(key))
        told = round(value) if kind is ValueKind.INTEGER else value
        rows.append(NewDay(key, day, told, source, **how))
    if rows:
        days.write_rows(tx, ctx, caller, rows)


def _day_values(resource: Resource, values: Mapping[str, Any]) -> list[tuple[str, float]]:
    if resource.name == "sleep":
        found = [("sleep", values.get("duration"))]
        for column, key, base in (("start", "sleep_start", -720), ("end", "sleep_end", 0)):
            if values.get(column):
                found.append((key, _minutes(values["date"], values[column], base)))
    elif resource.name == "weight":
        fat = values.get("fat")
        found = [
            ("weight", values.get("weight")),
            ("body_fat", None if fat is None else float(fat) / 100),
        ]
    else:
        found = [(resource.measure, values.get(resource.columns[1].name))]
    return [(key, float(value)) for key, value in found if value is not None]


def _minutes(date: str, text: str, base: int) -> float:
    """Return minutes of a clock time after midnight of a day, or after midday before it."""
    span = datetime.fromisoformat(text) - datetime.fromisoformat(f"{date[:10]} 00:00:00")
    return span.total_seconds() / 60 - base


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
        if "date" in values and _day_at_midnight(values["date"]) != numbered[1]:
            raise InvalidInput("the day of a day's value does not change", field="date")
        values.setdefault("date", before["date"])
        values.pop("org_service", None)
        _write_day(tx, ctx, caller, resource, numbered[1], values, person=True)
        return
    event = _event(tx, ctx, caller, resource, number)
    fields = _fields(state, resource, values, before)
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
