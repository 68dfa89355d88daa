"""When the events of a calendar take place: rules, dates that are added, and dates left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

from dateutil import rrule

from diurnal.model.time import DAY, TIME_MAX, TIME_MIN, micros, to_datetime

TIMES_MAX = 10_000
"""Of one event, in what is asked for."""
_RARE = {"YEARLY", "MONTHLY", "WEEKLY", "DAILY"}


@dataclass(frozen=True, slots=True)
class Time:
    """One time that an event takes place: what its clock shows, and where that clock hangs."""

    clock: datetime
    zone: Any
    whole_day: bool
    lasts: timedelta

    @property
    def start(self) -> int:
        """The instant; without a zone what the clock shows."""
        return micros(self.clock.replace(tzinfo=self.zone or UTC).astimezone(UTC))


def times(part: Any, first: date | datetime, start: int, end: int) -> Iterator[Time]:
    """Yield each time of an event: its start, what its rule says, and what is added to it.

    Of a rule only what may begin between two instants is told, and a little more.

    Raises:
        ValueError: a rule that nobody can follow.
    """
    whole_day = not isinstance(first, datetime)
    clock = datetime.combine(first, time()) if not isinstance(first, datetime) else first
    where, clock = clock.tzinfo, clock.replace(tzinfo=None)
    lasts = _lasts(part, first)
    left_out = {clock_of(d, where) for d in _listed(part, "EXDATE")}
    found: dict[datetime, timedelta] = {clock: lasts}
    if "RRULE" in part:
        # The start belongs to the rule in nearly all calendars, and to the event in all.
        for at in _rule(part["RRULE"], clock, where, start, end):
            found.setdefault(at, lasts)
    for said in _listed(part, "RDATE"):
        if isinstance(said, tuple):
            until = said[1] if isinstance(said[1], timedelta) else said[1] - said[0]
            found.setdefault(clock_of(said[0], where), until)
        else:
            found.setdefault(clock_of(said, where), lasts)
    for at, length in islice(found.items(), TIMES_MAX):
        if at not in left_out:
            yield Time(at, where, whole_day, length)


def _lasts(part: Any, first: date | datetime) -> timedelta:
    if hasattr(part.get("DTEND"), "dt"):
        last = part["DTEND"].dt
        if isinstance(last, datetime) and isinstance(first, datetime):
            if (last.tzinfo is None) != (first.tzinfo is None):
                last, first = last.replace(tzinfo=None), first.replace(tzinfo=None)
            elif last.tzinfo is not None:
                return last.astimezone(UTC) - first.astimezone(UTC)
        if isinstance(last, datetime) == isinstance(first, datetime):
            lasts: timedelta = last - first
            return lasts
    if hasattr(part.get("DURATION"), "dt"):
        length: timedelta = part["DURATION"].dt
        return length
    return timedelta() if isinstance(first, datetime) else timedelta(days=1)


def _listed(part: Any, name: str) -> Iterator[Any]:
    said = part.get(name)
    for one in said if isinstance(said, list) else [said] if said is not None else []:
        for d in one.dts:
            yield d.dt


def clock_of(at: date | datetime, where: Any) -> datetime:
    """Return what the clock of an event shows at a time that may be told by another."""
    if not isinstance(at, datetime):
        return datetime.combine(at, time())
    if at.tzinfo is not None and where is not None:
        at = at.astimezone(where)
    return at.replace(tzinfo=None)


def _rule(rule: Any, clock: datetime, where: Any, start: int, end: int) -> Iterator[datetime]:
    said = {k.upper(): v if isinstance(v, list) else [v] for k, v in rule.items()}
    if str(said.get("FREQ", [""])[0]).upper() not in _RARE:
        raise ValueError("it recurs more often than every day")
    count = said.pop("COUNT", [None])[0]
    # No clock is further from UTC than a day.
    begin = to_datetime(max(start, TIME_MIN + DAY)).replace(tzinfo=None) - timedelta(days=1)
    stop = to_datetime(min(end, TIME_MAX - DAY)).replace(tzinfo=None) + timedelta(days=1)
    for until in said.pop("UNTIL", []):
        stop = min(stop, clock_of(until, where) + timedelta(days=not isinstance(until, datetime)))
    import icalendar  # a tenth of a second, and every import looks at every connector

    kept = icalendar.vRecur({k: v for k, v in said.items() if k != "RSCALE"})
    text: str = kept.to_ical().decode()  # type: ignore[no-untyped-call]
    told = 0
    for at in islice(rrule.rrulestr(text, dtstart=clock, cache=False), count):
        if at > stop or told >= TIMES_MAX:
            return
        if at >= begin:
            told += 1
            yield at
