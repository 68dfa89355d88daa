"""iCalendar: events and finished tasks of a calendar, from a file or an address (CalDAV, too).

Recurring events are written out, one event each time; who else was invited is left out. A whole
day counts as an event, but not as 24 hours in one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    Key,
    Options,
    Pull,
    Setting,
    Window,
    _caldav,
    _json,
    _posts,
    _said,
)
from diurnal.connectors._occurrences import Time, clock_of, times
from diurnal.errors import InvalidInput, TooLarge
from diurnal.model.records import Bad, Datum, Item, Progress, Source
from diurnal.model.sources import Kind
from diurnal.model.time import DAY, SECOND, TIME_MAX, TIME_MIN, micros, to_datetime, zone

SOURCE = Source("Calendar", Kind.DERIVED)
BYTES_MAX = 32 << 20
PORTION_BYTES = 2 << 20
"""Of a file that is parsed as a whole, and of what a larger one is cut into."""
ALL_MAX = 200_000
AHEAD_YEARS = 2
"""A rule without an end is written out for so long after the last stamp in the file."""
_BEGIN = re.compile(rb"^(?:\xef\xbb\xbf)?\s*BEGIN:VCALENDAR\s", re.IGNORECASE)


def rows_of(text: bytes, start: int = TIME_MIN, end: int = TIME_MAX) -> Iterator[Item]:
    """Yield what begins between two instants.

    Raises:
        InvalidInput: no calendar.
    """
    told = 0
    for portions in _calendars(text):
        moved = frozenset().union(*map(_moved, portions("RECURRENCE-ID")))
        until = max(map(_ahead, portions("DT")), default=TIME_MIN) if end == TIME_MAX else end
        reach = _Reach(moved, start, min(end, until))
        parts = (part for calendar in portions("") for part in calendar.walk())
        for n, part in enumerate(parts, 1):
            if part.name not in ("VEVENT", "VTODO"):
                continue
            one = reach.event if part.name == "VEVENT" else reach.task
            where = f"{part.name} {n} {str(part.get('UID', ''))[:100]}".rstrip()
            for item in _json.careful(one, part, where):
                told += 1
                yield item
                if told >= ALL_MAX:
                    yield Bad(f"more than {ALL_MAX} events; the rest is left out", where)
                    return


_Portions = Callable[[str], Iterator[Any]]
"""What holds a word -> the calendars of it: one, or what a large one is cut into."""


def _calendars(text: bytes) -> Iterator[_Portions]:
    """Yield the calendars of a file; a large one comes in portions, each parsed when it is asked.

    The library keeps some twenty times what a part takes in the file.
    """
    if len(text) <= PORTION_BYTES:
        for calendar in _parsed(text):
            yield lambda _, c=calendar: iter((c,))  # type: ignore[misc]
        return
    for cut in _cut(text):
        yield lambda word, cut=cut: (  # type: ignore[misc]
            calendar for portion in cut if word.encode() in portion for calendar in _parsed(portion)
        )


def _parsed(text: bytes) -> list[Any]:
    import icalendar  # a tenth of a second, and every import looks at every connector

    try:
        return list(icalendar.Calendar.from_ical(text, multiple=True))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as e:
        raise InvalidInput(f"no calendar: {str(e)[:100]}") from e


def _cut(text: bytes) -> Iterator[list[bytes]]:
    """Yield each calendar as portions that are calendars, with its properties and zones in each."""
    depth, head, parts, part = 0, [b""], [b""], [b""]
    for line in io.BytesIO(text):
        word = line.strip().upper()
        depth += word.startswith(b"BEGIN:")
        if depth == 2 and word.startswith(b"BEGIN:"):
            part = []
        (part if depth > 1 else head).append(line)
        if word.startswith(b"END:"):
            depth -= 1
            if depth == 1 and part and part[0].strip().upper() == b"BEGIN:VTIMEZONE":
                head += part
            elif depth == 1:
                parts[-1] += b"".join(part)
                if len(parts[-1]) > PORTION_BYTES // 4:
                    parts.append(b"")
            elif depth <= 0:
                *told, end = head
                yield [b"".join(told) + portion + end for portion in parts if portion]
                depth, head, parts = 0, [b""], [b""]


def _moved(calendar: Any) -> frozenset[tuple[str, str]]:
    """Return the times of recurring events that are told by an event of their own."""
    found = set()
    for part in calendar.walk("VEVENT"):
        said = part.get("RECURRENCE-ID")
        if said is not None and hasattr(said, "dt"):
            found.add((str(part.get("UID", "")), _named(said.dt)))
    return frozenset(found)


def _named(at: date | datetime) -> str:
    """Return the name of a time, the same however it is written."""
    if not isinstance(at, datetime):
        return at.isoformat()
    return (at if at.tzinfo is None else at.astimezone(UTC)).replace(tzinfo=None).isoformat()


def _ahead(calendar: Any) -> int:
    """Return how far a file is read: some years after the last time that stands in it."""
    last = TIME_MIN
    for part in calendar.walk():
        for name in ("DTSTAMP", "LAST-MODIFIED", "DTSTART"):
            said = getattr(part.get(name), "dt", None)
            if isinstance(said, date):
                last = max(last, micros(clock_of(said, UTC).replace(tzinfo=UTC)))
    return min(TIME_MAX, last + AHEAD_YEARS * 366 * DAY)


@dataclass(frozen=True, slots=True)
class _Reach:
    """Which times of a calendar's parts are told.

    Attributes:
        moved: what `_moved` returns.
        start, end: microseconds UTC.
    """

    moved: frozenset[tuple[str, str]]
    start: int
    end: int

    def event(self, part: Any) -> Iterator[Datum]:
        """Read an event, each of its times."""
        if str(part.get("STATUS", "")).upper() != "CANCELLED":
            yield from _event(part, self)

    def task(self, part: Any) -> Iterator[Datum]:
        """Read a task, if it is done."""
        if not hasattr(part.get("COMPLETED"), "dt"):
            return
        at = micros(clock_of(part["COMPLETED"].dt, UTC).replace(tzinfo=UTC))
        if self.start <= at < self.end:
            id_ = _said.key("task", str(part.get("UID", "")), at // SECOND)
            title = str(part.get("SUMMARY", "")).strip() or "(without a title)"
            yield _posts.note(SOURCE, id_, at, title, measure="task_completed")


def _event(part: Any, reach: _Reach) -> Iterator[Datum]:
    first = part.get("DTSTART")
    if not hasattr(first, "dt"):
        raise ValueError("it has no start, or more than one")
    uid = str(part.get("UID", ""))
    summary = str(part.get("SUMMARY", "")).strip()
    again = part.get("RECURRENCE-ID")
    repeats = any(k in part for k in ("RRULE", "RDATE")) or again is not None
    for n, t in enumerate(times(part, first.dt, reach.start, reach.end)):
        aware = t.clock.replace(tzinfo=t.zone) if t.zone else t.clock
        name = _named(again.dt if again is not None and not n else _as_said(aware, t.whole_day))
        if again is None and (uid, name) in reach.moved:
            continue
        at = t.start
        if not reach.start <= at < reach.end:
            continue
        lasts = 0 if t.whole_day else round(t.lasts.total_seconds()) * SECOND
        last_day = (t.clock + t.lasts - timedelta(days=1)).date()
        more = _said.some(
            location=str(part.get("LOCATION", "")).strip(),
            last_day=last_day.isoformat() if t.whole_day and last_day > t.clock.date() else None,
        )
        yield Datum(
            source=SOURCE,
            source_id=_said.key(uid or summary, name) if repeats or not uid else _said.key(uid),
            type="activity/plain",
            start=at,
            duration=max(lasts, 0),
            measure="calendar_event",
            description=summary or None,
            tags=_posts.tags_of([*_categories(part), *(["all-day"] if t.whole_day else ())]),
            client_data={"ical": more} if more else None,
            clock=t.zone is None,
            **_where(t, at),
        )


def _as_said(at: datetime, whole_day: bool) -> date | datetime:
    return at.date() if whole_day else at


def _where(t: Time, at: int) -> dict[str, Any]:
    """Return the zone of a time where it names one that there is, else its offset."""
    if t.zone is None or t.zone is UTC:
        return {}
    name = getattr(t.zone, "key", None) or str(t.zone)
    try:
        zone(name)
    except InvalidInput:
        offset = to_datetime(at).astimezone(t.zone).utcoffset() or timedelta()
        return {"offset": round(offset.total_seconds() / 60)}
    return {} if name == "UTC" else {"zone": name}


def _categories(part: Any) -> list[str]:
    said = part.get("CATEGORIES")
    lists = said if isinstance(said, list) else [said] if said is not None else []
    return [str(c) for one in lists for c in getattr(one, "cats", ())]


def recognise(entry: Entry) -> float:
    """Return 1 for a calendar."""
    return 1.0 if _BEGIN.search(entry.head) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a calendar."""
    total = max(entry.size, 1)
    yield Progress("reading", 0, total)
    with entry.open() as stream:
        text = stream.read(BYTES_MAX + 1)
    if len(text) > BYTES_MAX:
        raise TooLarge(f"{entry.name}: larger than {BYTES_MAX >> 20} MB", limit=BYTES_MAX)
    empty = True
    for item in rows_of(text):
        empty = False
        yield item
    if empty:
        yield Bad("neither an event nor a finished task is in it", entry.path)
    yield Progress("reading", total, total)


def _calendar(http: Http, window: Window, options: Options) -> Iterator[Item]:
    asked = {"Accept": "text/calendar"}
    answer = http.send("GET", options["url"], headers=asked, accept=(400, 403, 405, 501))
    if answer.status < 400 and _BEGIN.search(answer.body):
        yield from rows_of(answer.body, window.start, window.end)
        return
    # A collection that does not show itself whole is asked for what it holds.
    for calendar in _caldav.calendars(http, options["url"], window):
        yield from rows_of(calendar, window.start, window.end)


CONNECTOR = Connector(
    name="ical",
    title="Calendar (iCal, CalDAV)",
    docs="https://www.rfc-editor.org/rfc/rfc5545",
    emits=frozenset({"calendar_event", "task_completed"}),
    recognise=recognise,
    parse=parse,
    auth=Key(
        label="Password",
        help="Only for a calendar that asks for one; better an app password.",
        place="basic",
        name="user",
        optional=True,
    ),
    settings=(
        Setting(
            key="url",
            label="Address of the calendar",
            kind="url",
            help="The secret iCal address, or that of a CalDAV calendar.",
            required=True,
        ),
        Setting(key="user", label="User name, where there is a password"),
    ),
    # Every window is the whole calendar again, so there is one.
    pulls=(
        Pull(name="calendar", fetch=_calendar, slice_days=3_650, overlap_days=30, complete=True),
    ),
    every_s=7_200,
)
