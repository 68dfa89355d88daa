"""RescueTime: productive, neutral and distracting time of each day, from the analytic API.

Its times are those of the clock on the wall and its intervals are parts of days, so days are
what it tells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    Key,
    Options,
    Pull,
    Window,
    _json,
    _said,
)
from diurnal.model.records import Bad, DayDatum, Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import day_from_text

SOURCE = Source("RescueTime", Kind.DERIVED)
_MEASURES = ("productive_time", "neutral_time", "distracting_time")


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the days of an answer by interval, of whatever resolution."""
    names = answer["row_headers"]
    when, spent, sort = (names.index(n) for n in ("Date", "Time Spent (seconds)", "Productivity"))
    days: dict[int, dict[str, float]] = defaultdict(lambda: dict.fromkeys(_MEASURES, 0.0))
    for n, row in enumerate(answer["rows"], 1):
        try:
            measure = _measure(_said.number(row[sort]))
            days[day_from_text(row[when][:10])][measure] += _said.number(row[spent]) / 60
        except (ValueError, TypeError, IndexError) as e:
            yield Bad(str(e), f"row {n}", _json.raw(row))
    for day, told in days.items():
        for measure, minutes in told.items():
            yield DayDatum(source=SOURCE, measure=measure, day=day, value=round(minutes, 4))


def _measure(productivity: float) -> str:
    if productivity > 0:
        return "productive_time"
    return "distracting_time" if productivity < 0 else "neutral_time"


def recognise(entry: Entry) -> float:
    """Return 0.95 for an answer by interval; what is ranked has no days."""
    own = {"row_headers", "rows"} <= _json.members(entry.head)
    return 0.95 if own and b'"Date"' in entry.head and b'"Productivity"' in entry.head else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved answer."""
    return _json.whole(entry, rows_of)


def _days(http: Http, window: Window, options: Options) -> Iterator[Item]:
    yield from rows_of(
        http.get(
            "/anapi/data",
            {
                "format": "json",
                "perspective": "interval",
                "resolution_time": "day",
                "restrict_kind": "productivity",
                "restrict_begin": window.first_day,
                "restrict_end": window.last_day,
            },
        )
    )


CONNECTOR = Connector(
    name="rescuetime",
    title="RescueTime",
    docs="https://www.rescuetime.com/rtx/developers",
    emits=frozenset(_MEASURES),
    recognise=recognise,
    parse=parse,
    auth=Key(
        label="API key",
        help="Make one at https://www.rescuetime.com/anapi/manage.",
        place="query",
        name="key",
    ),
    base_url="https://www.rescuetime.com",
    pulls=(Pull(name="days", fetch=_days),),
)
