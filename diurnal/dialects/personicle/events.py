"""Events: what lasts or happened, as rows with a name and parameters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from diurnal import catalog
from diurnal.catalog.scopes.personicle import FREE_STREAM
from diurnal.dialects.personicle import dictionary, ids, times
from diurnal.errors import AppError, Conflict, InvalidInput, NotFound
from diurnal.model import time
from diurnal.model.access import Access
from diurnal.model.events import EventQuery, NewEvent, native_json
from diurnal.model.measures import ValueKind
from diurnal.services import accesses, events, streams
from diurnal.services.context import AccountState, Context
from diurnal.store.database import Tx, WriteTx

TYPE = "personicle/event"
SLEEP = "sleep"
KEPT = "personicle"
"""Member of `clientData` that keeps what was sent."""
BAD = "incorrectly_formatted_events"
"""Member of the summary that counts what could not be stored."""
BATCH_MAX = 10_000
PAGE = 10_000
READ_MAX = 200_000
NEEDED = ("individual_id", "start_time", "end_time", "event_name", "source", "parameters")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which events; `names` and `sources` in lower case and as given, empty for all."""

    start: int | None = None
    end: int | None = None
    names: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()


def asked(
    query: Mapping[str, str],
    start: str = "startTime",
    end: str = "endTime",
    names: str = "event_type",
) -> Asked:
    """Return which events a query means; lists are parted by semicolons.

    Raises:
        InvalidInput: a time that is none.
    """
    return Asked(
        start=times.read(query[start], start) if query.get(start) else None,
        end=times.read(query[end], end) if query.get(end) else None,
        names=frozenset(n.lower() for n in _listed(query.get(names))),
        sources=frozenset(_listed(query.get("source"))),
    )


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(";") if part.strip()]


class Row(msgspec.Struct, gc=False):
    """An event as it is answered; `event_type` only where there is one."""

    user_id: str
    start_time: str
    end_time: str
    event_name: str
    source: str
    parameters: dict[str, Any]
    unique_event_id: str
    event_type: str | msgspec.UnsetType = msgspec.UNSET


Told = tuple[str, str | msgspec.UnsetType, dict[str, Any]]
"""Name, type and parameters of an event."""


class Stored(msgspec.Struct, rename="camel", gc=False):
    """What of a stored event is told."""

    id: str
    type: str
    modified: float
    duration: float | None = None
    content: Any = None
    description: str | None = None
    client_data: dict[str, Any] | None = None
    measure: str | None = None
    source: str = ""

    @property
    def sent(self) -> Told | None:
        """What was uploaded here, None for what came by another way."""
        said = (self.client_data or {}).get(KEPT)
        if not isinstance(said, dict):
            return None
        # Another API may have written anything there.
        name, type_, parameters = map(said.get, ("event_name", "event_type", "parameters"))
        if not isinstance(name, str) or not isinstance(parameters, dict):
            return None
        return name, type_ if isinstance(type_, str) and type_ else msgspec.UNSET, parameters


_stored = msgspec.json.Decoder(Stored).decode


def found(
    tx: Tx, ctx: Context, caller: Access, user: str, wanted: Asked
) -> Iterator[tuple[Row, Stored]]:
    """Yield (row, stored event) of the events that began within the window, by their times."""
    state = ctx.state(tx, caller.account_id)
    first = time.TIME_MIN if wanted.start is None else wanted.start
    if wanted.end is not None and first > wanted.end:
        return
    query = EventQuery(start=wanted.start, end=wanted.end, ascending=True, limit=PAGE)
    meaning, narrow = _meaning(state), bool(wanted.names or wanted.sources)
    read = 0
    while read < READ_MAX:
        page = events.find(tx, ctx, caller, query)
        for one, number in zip(page, ids.to_uuids([one.id for one in page]), strict=True):
            at = one.time
            if at < first:
                continue
            stored = _stored(native_json(one.body, one.tail))
            sent = None if stored.client_data is None else stored.sent
            if sent is not None:
                name, type_, parameters = sent
            elif stored.measure in dictionary.MEASURES:
                continue
            else:
                name, type_, parameters = meaning(stored)
            start, lasted = time.clock_text(at, "T", fraction=True), stored.duration
            row = Row(
                user,
                start,
                times.write(at + round(lasted * 1_000_000)) if lasted else start,
                name,
                stored.source,
                parameters,
                number,
                type_,
            )
            if not narrow or _fits(row, wanted):
                yield row, stored
        read += len(page)
        if len(page) < PAGE:
            return
        query = msgspec.structs.replace(query, after=(page[-1].time, page[-1].id))


def _meaning(state: AccountState) -> Callable[[Stored], Told]:
    """Return what tells how an event that was not sent here is called, and its parameters."""
    known: dict[str | None, tuple[str, str | msgspec.UnsetType] | None] = {None: None}

    def meaning(stored: Stored) -> Told:
        key = stored.measure
        if key not in known:
            known[key] = _called(state, key)
        name, type_ = known[key] or (stored.type, msgspec.UNSET)
        content, lasted = stored.content, stored.duration
        parameters: dict[str, Any] = {"duration": round(lasted * 1000) if lasted else 0}
        if isinstance(content, dict):
            parameters.update(content)
        elif content is not None:
            parameters["value"] = content
        if stored.description:
            parameters["description"] = stored.description
        return name, type_, parameters

    return meaning


def _called(state: AccountState, key: str | None) -> tuple[str, str | msgspec.UnsetType] | None:
    measure = state.measure(key or "")
    told = None if measure is None else dictionary.event_name(measure)
    if measure is None or told is None:
        return None
    own = measure.name_in("personicle")
    return told, msgspec.UNSET if own is None else own.name


def _fits(row: Row, wanted: Asked) -> bool:
    if wanted.sources and row.source not in wanted.sources:
        return False
    if not wanted.names:
        return True
    told = {row.event_name.lower(), dictionary.last_part(row.event_name).lower()}
    if row.event_type:
        told |= {row.event_type.lower(), dictionary.last_part(row.event_type).lower()}
    return bool(told & wanted.names)


def read(tx: Tx, ctx: Context, caller: Access, user: str, wanted: Asked) -> list[Row]:
    """Return events by start, then by end."""
    rows = [row for row, _ in found(tx, ctx, caller, user, wanted)]
    rows.sort(key=attrgetter("start_time", "end_time"))
    return rows


def metadata(
    tx: Tx, ctx: Context, caller: Access, user: str, wanted: Asked
) -> list[dict[str, Any]]:
    """Return what kinds of events there are, by source."""
    kinds: dict[tuple[str, str], dict[str, Any]] = {}
    for row, stored in found(tx, ctx, caller, user, wanted):
        key = (row.source, row.event_name)
        kind = kinds.setdefault(
            key,
            {
                "individual_id": user,
                "event_type": row.event_name,
                "source": row.source,
                "last_updated": "",
                "last_observed": "",
                "observed_parameters": Counter(),
                "total_occurences": 0,
            },
        )
        kind["total_occurences"] += 1
        kind["last_observed"] = max(kind["last_observed"], row.start_time)
        changed = times.write(round(stored.modified * 1_000_000))
        kind["last_updated"] = max(kind["last_updated"], changed)
        numeric = [k for k, v in row.parameters.items() if _is_number(v)]
        kind["observed_parameters"].update(numeric)
    return [{**k, "observed_parameters": dict(k["observed_parameters"])} for k in kinds.values()]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def upload(
    tx: WriteTx, ctx: Context, caller: Access, user: str, sent: Sequence[Any]
) -> tuple[int, dict[str, int]]:
    """Store events, each for itself; return how many, and a summary by name."""
    if len(sent) > BATCH_MAX:
        raise InvalidInput(f"at most {BATCH_MAX} events a call")
    summary: Counter[str] = Counter()
    good: list[tuple[str, NewEvent]] = []
    ensure_stream(tx, ctx, caller)
    state = ctx.state(tx, caller.account_id)
    for one in sent:
        if isinstance(one, dict) and str(one.get("individual_id", "")) not in ("", user):
            summary["incorrect_user_id"] += 1
            continue
        try:
            good.append(_read(state, one))
        except InvalidInput:
            summary[BAD] += 1
    stored = 0
    for name, new in good:
        try:
            events.create(tx, ctx, caller, [new], update_known=False)
        except (InvalidInput, Conflict):
            summary[BAD] += 1
            continue
        summary[name] += 1
        stored += 1
    return stored, dict(summary)


def ensure_stream(tx: WriteTx, ctx: Context, caller: Access) -> None:
    """Make the stream for what no measure has, where the caller may add to it."""
    state = ctx.state(tx, caller.account_id)
    if FREE_STREAM in state.tree or not caller.rights_on_stream(state.tree, FREE_STREAM).creates:
        return
    owner = accesses.personal(caller.account_id, caller.username)
    names = {s.name for s in state.tree}
    name = "Personicle" if "Personicle" not in names else "Personicle events"
    streams.create(tx, ctx, owner, name=name, id_=FREE_STREAM)


def well_formed(one: Any) -> bool:
    """Return whether something is an event that could be stored."""
    try:
        _parsed(one)
    except InvalidInput:
        return False
    return True


def _read(state: AccountState, one: Any) -> tuple[str, NewEvent]:
    """Return an event's name and the event.

    Raises:
        InvalidInput: it is not well formed.
    """
    name, type_, start, end, parameters = _parsed(one)
    measure = dictionary.measure_of_event(name, type_)
    kept = {"event_name": name, "parameters": parameters}
    if type_ is not None:
        kept["event_type"] = type_
    content: Any = None
    if measure is not None and measure.value is ValueKind.TEXT:
        content = str(parameters.get("value", name))
    elif measure is not None and _is_number(parameters.get("value")):
        content = parameters["value"]
    elif measure is not None and measure.value is ValueKind.OBJECT:
        content = parameters
    elif measure is not None and measure.key == SLEEP:
        content = _slept(name, parameters, end - start)
    return name, NewEvent(
        stream_ids=(state.home(measure) if measure is not None else FREE_STREAM,),
        type=catalog.event_type(measure) if measure is not None else TYPE,
        time=start,
        duration=end - start,
        content=content,
        zone=_zone(parameters.get("time_zone")),
        source=one["source"] or None,
        source_id=f"{start} {end} {name}"[:400],
        client_data={KEPT: kept},
    )


def _slept(name: str, parameters: Mapping[str, Any], lasted: int) -> dict[str, Any] | None:
    """Return the stage that a sample of sleep is, so that lying in bed is not counted as sleep."""
    told = parameters.get("sleep_stage") or name.partition(":")[2]
    bare = re.sub("[^A-Z]", "", str(told).upper())
    stage = _STAGES.get(bare.removeprefix("ASLEEP")) if bare else None
    if stage is None:
        return None
    return {"stages": [{"stage": stage, "start": 0, "duration": lasted / time.SECOND}]}


_STAGES = {
    "INBED": "in_bed",
    "AWAKE": "awake",
    "": "asleep",
    "UNSPECIFIED": "asleep",
    "CORE": "light",
    "DEEP": "deep",
    "REM": "rem",
}
"""HealthKit's values, without the `ASLEEP` that some begin with."""


def _zone(told: Any) -> str | None:
    """Return the time zone that an event tells, None where there is no such zone."""
    try:
        return time.zone(told).key if isinstance(told, str) else None
    except InvalidInput:
        return None


def _parsed(one: Any) -> tuple[str, str | None, int, int, dict[str, Any]]:
    """Return name, type, start, end and parameters of an event that was sent.

    Raises:
        InvalidInput: it is not well formed.
    """
    if not isinstance(one, dict) or any(name not in one for name in NEEDED):
        raise InvalidInput("a field is missing")
    texts = ("start_time", "end_time", "event_name", "source")
    if any(not isinstance(one[n], str) or "\0" in one[n] for n in texts):
        raise InvalidInput("a field is no text")
    parameters = one["parameters"]
    if isinstance(parameters, str):
        try:
            parameters = msgspec.json.decode(parameters) if parameters.strip() else {}
        except (msgspec.DecodeError, RecursionError):
            raise InvalidInput("parameters are no JSON", field="parameters") from None
    if not isinstance(parameters, dict):
        raise InvalidInput("parameters are an object", field="parameters")
    type_ = one.get("event_type")
    type_ = type_ if isinstance(type_, str) and type_ else None
    name = one["event_name"] or dictionary.last_part(type_ or "")
    start, end = times.read(one["start_time"]), times.read(one["end_time"])
    if not name or end < start:
        raise InvalidInput("an event has a name, and ends after it begins")
    return name, type_, start, end, parameters


def delete(
    tx: WriteTx, ctx: Context, caller: Access, *, event_ids: Sequence[str], wanted: Asked | None
) -> int:
    """Delete events by id or by name; return how many."""
    gone = 0
    if event_ids:
        for text in event_ids:
            id_ = _known_id(tx, ctx, caller, text)
            if id_ is not None and _delete(tx, ctx, caller, id_):
                gone += 1
        return gone
    if wanted is not None:
        for _, stored in list(found(tx, ctx, caller, "", wanted)):
            gone += _delete(tx, ctx, caller, stored.id)
    return gone


def _known_id(tx: Tx, ctx: Context, caller: Access, text: str) -> str | None:
    id_ = ids.from_uuid(text)
    if id_ is not None:
        try:
            return events.get(tx, ctx, caller, id_).id
        except NotFound:
            pass
    # Of an id that another chose, the UUID is a hash: it is found by a look at all.
    for one in events.find(tx, ctx, caller, EventQuery(limit=PAGE)):
        if ids.to_uuid(one.id) == text.strip().lower():
            return one.id
    return None


def _delete(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> bool:
    try:
        events.delete(tx, ctx, caller, id_)
    except AppError:
        return False
    return True
