"""Series of points in buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from diurnal.errors import InvalidInput
from diurnal.mcp.tools import Asked, Date, Input, Key, Tool, rounded
from diurnal.model.time import day_text
from diurnal.services import series

if TYPE_CHECKING:
    from diurnal.model.series import Buckets

BUCKETS = 48
BUCKETS_MAX = 200
DAYS_MAX = 3_700


class Series(Input):
    """Which points; left out: those of today, in 48 buckets of equal width."""

    measure: Key
    start: Date | None = msgspec.field(name="from", default=None)
    to: Date | None = None
    buckets: Annotated[int, msgspec.Meta(ge=1, le=BUCKETS_MAX)] = BUCKETS


class Told(msgspec.Struct):
    """One source: over all, and [begin, points, lowest, mean, highest] of each bucket with any."""

    points: int
    min: float | None
    mean: float | None
    max: float | None
    rows: list[tuple[str, int, float | None, float | None, float | None]]


class Answer(msgspec.Struct, rename={"start": "from"}):
    """Points by source."""

    measure: str
    unit: str
    start: str
    to: str
    sources: dict[str, Told]


def run(asked: Asked, given: Series) -> Answer:
    """Answer buckets."""
    first, last = asked.window(given.start, given.to, before=1)
    if last - first >= DAYS_MAX:
        raise InvalidInput(f"at most {DAYS_MAX} days", field="from")
    zones = asked.state.zones
    start, end = zones.day_bounds(first)[0], zones.day_bounds(last)[1]
    found = series.buckets(*asked, given.measure, start, end, given.buckets)
    return Answer(
        measure=given.measure,
        unit=asked.measure(given.measure).unit,
        start=day_text(first),
        to=day_text(last),
        sources={source: _told(asked, made) for source, made in found},
    )


def _told(asked: Asked, made: Buckets) -> Told:
    total = int(made.n.sum())
    full = made.n > 0
    weighted = float((made.mean[full] * made.n[full]).sum())
    rows = [
        (
            asked.clock(int(made.edges[i])),
            int(made.n[i]),
            rounded(float(made.low[i])),
            rounded(float(made.mean[i])),
            rounded(float(made.high[i])),
        )
        for i in full.nonzero()[0]
    ]
    return Told(
        points=total,
        min=rounded(float(made.low[full].min())) if total else None,
        mean=rounded(weighted / total) if total else None,
        max=rounded(float(made.high[full].max())) if total else None,
        rows=rows,
    )


TOOL = Tool(
    title="Series",
    description="Points of one measure (heart rate, steps, glucose …) in buckets: how many, "
    "lowest, mean and highest of each, by source, from the start of one day to the end of another.",
    given=Series,
    run=run,
)
