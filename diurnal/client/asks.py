"""What is asked of a server: requests as data, and how their answers are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from diurnal.client.frames import Days, Events, Links, Series
from diurnal.client.operations import OPERATIONS

T = TypeVar("T")

When = datetime | float | str
"""An instant: with an offset, or in Unix seconds."""
Day = date | str


@dataclass(frozen=True)
class Ask(Generic[T]):
    """One request, and what its answer becomes."""

    method: str
    path: str
    params: Mapping[str, Any]
    body: Any
    read: Callable[[Any], T]


def operation(name: str, body: Any = None, **given: Any) -> Ask[Any]:
    """Return the request of any operation of the API, by the name that its document gives it.

    Args:
        given: what stands in the path, and in the query; a trailing `_` is left out, so that
            `from_` can be said.
    """
    method, path = OPERATIONS[name]
    params: dict[str, Any] = {}
    for key, value in given.items():
        key = key.rstrip("_")
        mark = f"{{{key}}}"
        if mark in path:
            path = path.replace(mark, quote(str(value), safe=""))
        elif value is not None:
            params[key] = _text(value)
    if "{" in path:
        raise TypeError(f"{name} needs {path[path.index('{') + 1 : path.index('}')]!r}")
    return Ask(method, path, params, body, lambda answer: answer)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("an instant needs an offset or a zone")
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str | int | float):
        return value
    return ",".join(map(str, value))


def _as(ask: Ask[Any], read: Callable[[Any], T]) -> Ask[T]:
    return Ask(ask.method, ask.path, ask.params, ask.body, read)


def days(measures: Iterable[str], start: Day | None, to: Day | None) -> Ask[Days]:
    """Ask for day values."""
    asked = operation("days.list", measures=list(measures), from_=start, to=to)
    return _as(asked, lambda got: Days(got["days"], got["values"], got["sources"]))


def series(
    measure: str,
    start: When | None,
    to: When | None,
    width: str | None,
    buckets: int | None,
    source: str | None,
) -> Ask[Series]:
    """Ask for points, or buckets of them."""
    given = {"from_": start, "to": to, "width": width, "buckets": buckets, "source": source}
    asked = operation("series.get", measure=measure, **given)
    return _as(asked, lambda got: Series(got["measure"], got["series"]))


def events(
    start: When | None,
    to: When | None,
    measures: Iterable[str],
    streams: Iterable[str],
    types: Iterable[str],
    limit: int,
    cursor: str | None,
) -> Ask[Events]:
    """Ask for a page of events."""
    asked = operation(
        "events.list",
        from_=start,
        to=to,
        measures=list(measures) or None,
        streams=list(streams) or None,
        types=list(types) or None,
        limit=limit,
        cursor=cursor,
    )
    return _as(asked, lambda got: Events(got["events"], got.get("next")))


def links(measures: Iterable[str], limit: int) -> Ask[Links]:
    """Ask for what goes with what."""
    asked = operation("links.list", measures=list(measures) or None, limit=limit)
    return _as(asked, lambda got: Links(got["links"]))


def measures() -> Ask[dict[str, dict[str, Any]]]:
    """Ask for the measures there are."""
    return _as(operation("measures.list"), lambda got: {m["key"]: m for m in got["measures"]})


def say_day(measure: str, day: Day, value: float | str | bool) -> Ask[None]:
    """Ask to store the person's own word on a day."""
    asked = operation("days.put", {"value": value}, measure=measure, date=_text(day))
    return _as(asked, lambda _got: None)


def add_events(new: Iterable[Mapping[str, Any]]) -> Ask[list[dict[str, Any]]]:
    """Ask to store events."""
    rows = [{k: _text(v) if isinstance(v, datetime) else v for k, v in e.items()} for e in new]
    asked = operation("events.create", {"events": rows})
    return _as(asked, lambda got: got["events"])


def add_points(
    measure: str, source: str, points: Iterable[tuple[float, float]]
) -> Ask[dict[str, int]]:
    """Ask to store points of a series."""
    rows = [[t, v] for t, v in points]
    return operation("series.create", {"source": source, "rows": rows}, measure=measure)
