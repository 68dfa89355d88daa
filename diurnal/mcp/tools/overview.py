"""What there is: measures with days and series, from when to when."""

from __future__ import annotations

from typing import Annotated

import msgspec

from diurnal import catalog
from diurnal.mcp.tools import Asked, Input, Tool
from diurnal.model.time import day_text
from diurnal.services import days, series

MEASURES_MAX = 200


class Overview(Input):
    """What to look for."""

    search: Annotated[
        str,
        msgspec.Meta(
            description="Only measures with this in their name or family, as `sleep`.",
            max_length=100,
        ),
    ] = ""


class Known(msgspec.Struct, omit_defaults=True, rename={"start": "from"}):
    """One measure: what a day of it is, from when to when; who measures it point by point."""

    measure: str
    label: str
    family: str
    unit: str
    day: str
    start: str | None = None
    to: str | None = None
    series: dict[str, int] = {}


class Answer(msgspec.Struct, omit_defaults=True):
    """All that the caller may read; `series` counts points by source."""

    account: str
    timezone: str
    today: str
    measures: list[Known]
    left_out: int = 0


def run(asked: Asked, given: Overview) -> Answer:
    """Answer what there is."""
    tx, ctx, caller = asked
    state = asked.state
    spans = days.extent(tx, ctx, caller)
    points: dict[str, dict[str, int]] = {}
    for one in series.listed(tx, ctx, caller):
        # How many points there are outside of what a permission shows is not the caller's.
        points.setdefault(one.measure, {})[one.source] = one.n if caller.owner else 0
    wanted = given.search.casefold()
    found = []
    for key in sorted({*spans, *points}):
        measure = asked.measure(key)
        words = f"{key} {measure.label} {measure.group} {measure.stream}".casefold()
        if wanted not in words:
            continue
        span = spans.get(key)
        found.append(
            Known(
                measure=key,
                label=measure.label,
                family=measure.group,
                unit=measure.unit,
                day=catalog.day_kind(measure).value
                if measure.daily.value == "last"
                else measure.daily.value,
                start=None if span is None else day_text(span[0]),
                to=None if span is None else day_text(span[1]),
                series=points.get(key, {}),
            )
        )
    return Answer(
        account=caller.username,
        timezone=state.zones.zone_at(ctx.now()),
        today=day_text(asked.today),
        measures=found[:MEASURES_MAX],
        left_out=max(0, len(found) - MEASURES_MAX),
    )


TOOL = Tool(
    title="What is there",
    description="Lists the measures that may be read: unit, how a day's value is made, first and "
    "last day, and which sources have series of points. Call this first.",
    given=Overview,
    run=run,
)
