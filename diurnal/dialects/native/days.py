"""Day values: read them, and say what a day was."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint
from diurnal.dialects.native.events import body_bytes_max
from diurnal.errors import InvalidInput, NotFound, UnknownReference
from diurnal.model.time import MINUTE, day_from_text, day_text
from diurnal.services import day_inputs, days
from diurnal.store.database import Tx, WriteTx

MEASURES_MAX = 300
CELLS_MAX = 500_000
"""Days times measures of one read."""
CELLS_WITH_LINEAGE_MAX = 20_000
QUARTER = 15 * MINUTE

Value = Annotated[
    float | str | bool,
    msgspec.Meta(description="In the measure's unit; a text where it is a measure of texts."),
]


class DaysQuery(wire.Input):
    """Which days of which measures.

    Attributes:
        start, to: first and last day; left out, `to` is today and `from` the same as `to`.
        measures: commas separate, too; left out, all that have days.
        lineage: also where each value comes from, and what was rejected why.
    """

    start: wire.DateText | None = msgspec.field(name="from", default=None)
    to: wire.DateText | None = None
    measures: list[wire.Key] = msgspec.field(default_factory=list)
    lineage: bool = False


class DayDeleteQuery(wire.Input):
    """Whose row; the own word when left out."""

    source: wire.Key | None = None


class DayIn(wire.Input):
    """The value of one day."""

    value: Value
    source: wire.Key | None = None


class DayNew(wire.Input):
    """A value for one day of one measure."""

    measure: wire.Key
    date: wire.DateText
    value: Value
    source: wire.Key | None = None


class DaysNew(wire.Input):
    """Values of many days, stored all or none."""

    days: Annotated[list[DayNew], msgspec.Meta(max_length=days.ROWS_MAX)]


class DaysOut(wire.Output):
    """Days as columns: one entry a day for each measure, null where nothing is known.

    Attributes:
        sources: whose value each is.
        lineage: where each value comes from.
    """

    days: list[str]
    values: dict[str, list[float | str | None]]
    sources: dict[str, list[str | None]]
    lineage: dict[str, list[dict[str, Any] | None]] | None = None


class Extent(wire.Output):
    """The first and the last day that has a value."""

    start: str = msgspec.field(name="from")
    to: str


class ExtentOut(wire.Output):
    """From when to when there are days, by measure."""

    measures: dict[str, Extent]


class DaysStored(wire.Output):
    """How many day rows were new, the same as known, changed."""

    new: int
    same: int
    changed: int


class DayPut(wire.Output):
    """The day that a value was stored for."""

    measure: str
    date: str


class DayRemoved(wire.Output):
    """The day whose row was taken back."""

    measure: str
    date: str


async def get_many(call: Call) -> Response:
    """Answer day values."""
    asked: DaysQuery = call.query
    measures = tuple(dict.fromkeys(wire.split(asked.measures)))
    if len(measures) > MEASURES_MAX:
        raise InvalidInput(f"at most {MEASURES_MAX} measures", field="measures")
    start = None if asked.start is None else day_from_text(asked.start, field="from")
    end = None if asked.to is None else day_from_text(asked.to, field="to")

    def read(tx: Tx) -> bytes:
        wanted = measures or tuple(sorted(days.extent(tx, call.ctx, call.caller)))
        zones = call.ctx.state(tx, call.caller.account_id).zones
        last = zones.day_at(call.ctx.now()) if end is None else end
        first = last if start is None else start
        if first > last:
            raise InvalidInput("from is after to", field="from")
        most = CELLS_WITH_LINEAGE_MAX if asked.lineage else CELLS_MAX
        if (last - first + 1) * len(wanted) > most:
            raise InvalidInput(f"at most {most} values a call", field="measures")
        found = days.values(tx, call.ctx, call.caller, wanted, first, last, lineage=asked.lineage)
        return wire.encode(
            DaysOut(
                days=[day_text(day) for day in range(first, last + 1)],
                values={key: [d.value for d in of] for key, of in found.items()},
                sources={key: [d.source for d in of] for key, of in found.items()},
                lineage={key: [d.lineage for d in of] for key, of in found.items()}
                if asked.lineage
                else None,
            )
        )

    # A day begins on a quarter of an hour, so today is the same until the next.
    quarter = call.ctx.now() // QUARTER if end is None else 0
    return await endpoint.cached(call, read, moment=quarter)


async def extent(call: Call) -> Response:
    """Answer from when to when there are days."""

    def read(tx: Tx) -> bytes:
        found = days.extent(tx, call.ctx, call.caller)
        spans = {
            key: Extent(start=day_text(first), to=day_text(last))
            for key, (first, last) in sorted(found.items())
        }
        return wire.encode(ExtentOut(measures=spans))

    return await endpoint.cached(call, read)


def _new(call: Call, given: DayNew | DayIn, measure: str, day: int) -> days.NewDay:
    """Return a day row: the owner's own word, unless it names a source that said so."""
    value = float(given.value) if isinstance(given.value, bool) else given.value
    own_word = call.caller.owner and given.source is None
    return days.NewDay(
        measure=measure,
        day=day,
        value=value,
        source=given.source or (days.MANUAL if own_word else call.caller.name),
        kind="manual" if own_word else None,
        written_by=day_inputs.PERSON if own_word else day_inputs.SOURCE,
    )


async def create(call: Call) -> Response:
    """Store values of many days."""
    rows = [
        _new(call, new, new.measure, day_from_text(new.date, field=f"days[{i}].date"))
        for i, new in enumerate(call.body.days)
    ]
    counts = await http.write(call.ctx, lambda tx: days.write_rows(tx, call.ctx, call.caller, rows))
    return endpoint.answer(DaysStored(new=counts.new, same=counts.same, changed=counts.changed))


async def put(call: Call) -> Response:
    """Say what a day was: the person's own word, which counts before all else."""
    measure = call.path["measure"]
    day = day_from_text(call.path["date"])
    row = _new(call, call.body, measure, day)

    def do(tx: WriteTx) -> bytes:
        days.write_rows(tx, call.ctx, call.caller, [row])
        return wire.encode(DayPut(measure=measure, date=day_text(day)))

    try:
        return endpoint.ready(await http.write(call.ctx, do))
    except UnknownReference as error:
        raise NotFound(error.message) from None


async def delete(call: Call) -> Response:
    """Take the own word back; what sources say counts again."""
    measure = call.path["measure"]
    day = day_from_text(call.path["date"])
    source = call.query.source or (days.MANUAL if call.caller.owner else call.caller.name)

    def remove(tx: WriteTx) -> None:
        if not days.remove_row(tx, call.ctx, call.caller, measure, day, source):
            raise NotFound(f"{source!r} has no word on {measure} of this day")

    try:
        await http.write(call.ctx, remove)
    except UnknownReference as error:
        raise NotFound(error.message) from None
    return endpoint.answer(DayRemoved(measure=measure, date=day_text(day)))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/days",
        name="days.list",
        summary="Read day values",
        query=DaysQuery,
        answer=(DaysOut,),
        handler=get_many,
    ),
    Endpoint(
        method="GET",
        path="/days/extent",
        name="days.extent",
        summary="Read from when to when there are days",
        answer=(ExtentOut,),
        handler=extent,
    ),
    Endpoint(
        method="POST",
        path="/days",
        name="days.create",
        summary="Store values of many days",
        description="Without a source they are the owner's own word, which counts first.",
        body=(DaysNew,),
        answer=(DaysStored,),
        body_bytes_max=body_bytes_max,
        handler=create,
    ),
    Endpoint(
        method="PUT",
        path="/days/{measure}/{date}",
        name="days.put",
        summary="Say what a day was",
        body=(DayIn,),
        answer=(DayPut,),
        handler=put,
    ),
    Endpoint(
        method="DELETE",
        path="/days/{measure}/{date}",
        name="days.delete",
        summary="Take back what was said of a day",
        query=DayDeleteQuery,
        answer=(DayRemoved,),
        handler=delete,
    ),
)
