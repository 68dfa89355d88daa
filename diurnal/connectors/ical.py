"""iCalendar: events and finished tasks of a calendar, from a file or an address (CalDAV, too).

Recurring events are written out, one event each time; who else was invited is left out. A whole
day counts as an event, but not as 24 hours in one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

import icalendar
from dateutil import rrule
from lxml import etree

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    Key,
    Options,
    Pull,
    Setting,
    Window,
    _json,
    _posts,
    _said,
)
from diurnal.errors import InvalidInput, TooLarge
from diurnal.model.records import Bad, Datum, Item, Progress, Source
from diurnal.model.sources import Kind
from diurnal.model.time import DAY, SECOND, TIME_MAX, TIME_MIN, micros, to_datetime, zone

SOURCE = Source("Calendar", Kind.DERIVED)
BYTES_MAX = 32 << 20
TIMES_MAX = 10_000
"""Of one recurring event."""
ALL_MAX = 200_000
AHEAD_YEARS = 2
"""A rule without an end is written out for so long after the last stamp in the file."""
_BEGIN = re.compile(rb"^(?:\xef\xbb\xbf)?\s*BEGIN:VCALENDAR\s", re.IGNORECASE)
_RARE = {"YEARLY", "MONTHLY", "WEEKLY", "DAILY"}


@dataclass(frozen=True, slots=True)
class _Time:
    """One time that an event takes place: what its clock shows, and where that clock hangs."""

    clock: datetime
    zone: Any
    whole_day: bool
    lasts: timedelta

    @property
    def start(self) -> int:
        """The instant; without a zone what the clock shows."""
        return micros(self.clock.replace(tzinfo=self.zone or UTC).astimezone(UTC))


def rows_of(text: bytes, start: int = TIME_MIN, end: int = TIME_MAX) -> Iterator[Item]:
    """Yield what begins between two instants.

    Raises:
        InvalidInput: no calendar.
    """
    try:
        calendars = icalendar.Calendar.from_ical(text, multiple=True)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as e:
        raise InvalidInput(f"no calendar: {str(e)[:100]}") from e
    told = 0
    for calendar in calendars:
        moved = _moved(calendar)
        reach = _Reach(moved, start, min(end, _ahead(calendar)) if end == TIME_MAX else end)
        for n, part in enumerate(calendar.walk(), 1):
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
                last = max(last, micros(_clock(said, UTC).replace(tzinfo=UTC)))
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
        at = micros(_clock(part["COMPLETED"].dt, UTC).replace(tzinfo=UTC))
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
    for n, t in enumerate(_times(part, first.dt, reach.end)):
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


def _where(t: _Time, at: int) -> dict[str, Any]:
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


def _times(part: Any, first: date | datetime, end: int) -> Iterator[_Time]:
    """Yield each time of an event: its start, what its rule says, and what is added to it."""
    whole_day = not isinstance(first, datetime)
    clock = datetime.combine(first, time()) if not isinstance(first, datetime) else first
    where, clock = clock.tzinfo, clock.replace(tzinfo=None)
    lasts = _lasts(part, first)
    left_out = {_clock(d, where) for d in _listed(part, "EXDATE")}
    found: dict[datetime, timedelta] = {clock: lasts}
    if "RRULE" in part:
        # The start belongs to the rule in nearly all calendars, and to the event in all.
        for at in _rule(part["RRULE"], clock, where, end):
            found.setdefault(at, lasts)
    for said in _listed(part, "RDATE"):
        if isinstance(said, tuple):
            until = said[1] if isinstance(said[1], timedelta) else said[1] - said[0]
            found.setdefault(_clock(said[0], where), until)
        else:
            found.setdefault(_clock(said, where), lasts)
    for at, length in islice(found.items(), TIMES_MAX):
        if at not in left_out:
            yield _Time(at, where, whole_day, length)


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


def _clock(at: date | datetime, where: Any) -> datetime:
    """Return what the clock of an event shows at a time that may be told by another."""
    if not isinstance(at, datetime):
        return datetime.combine(at, time())
    if at.tzinfo is not None and where is not None:
        at = at.astimezone(where)
    return at.replace(tzinfo=None)


def _rule(rule: Any, clock: datetime, where: Any, end: int) -> Iterator[datetime]:
    """Yield the times of a rule, until it or the window ends.

    Raises:
        ValueError: a rule that nobody can follow.
    """
    said = {k.upper(): v if isinstance(v, list) else [v] for k, v in rule.items()}
    if str(said.get("FREQ", [""])[0]).upper() not in _RARE:
        raise ValueError("it recurs more often than every day")
    count = int(said.pop("COUNT", [TIMES_MAX])[0])
    # No clock is further from UTC than a day.
    stop = to_datetime(min(end, TIME_MAX - DAY)).replace(tzinfo=None) + timedelta(days=1)
    for until in said.pop("UNTIL", []):
        stop = min(stop, _clock(until, where) + timedelta(days=not isinstance(until, datetime)))
    kept = icalendar.vRecur({k: v for k, v in said.items() if k != "RSCALE"})
    text: str = kept.to_ical().decode()  # type: ignore[no-untyped-call]
    times = rrule.rrulestr(text, dtstart=clock, cache=False)
    for at in islice(times, min(count, TIMES_MAX)):
        if at > stop:
            return
        yield at


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
    # A collection of CalDAV that does not show itself whole is asked for what it holds.
    found = http.send(
        "REPORT",
        options["url"],
        text=_QUERY.format(start=_stamp(window.start_text), end=_stamp(window.end_text)),
        headers={"Depth": "1", "Content-Type": "application/xml; charset=utf-8"},
    )
    for calendar in _held(found.body):
        yield from rows_of(calendar, window.start, window.end)


_QUERY = (
    '<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">'
    "<d:prop><c:calendar-data/></d:prop>"
    '<c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT">'
    '<c:time-range start="{start}" end="{end}"/>'
    "</c:comp-filter></c:comp-filter></c:filter></c:calendar-query>"
)
"""https://www.rfc-editor.org/rfc/rfc4791#section-7.8"""


def _stamp(instant: str) -> str:
    return instant.replace("-", "").replace(":", "")


def _held(answer: bytes) -> Iterator[bytes]:
    """Yield the calendars that a CalDAV server answers.

    Raises:
        ValueError: no such answer.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(answer, parser)
    except etree.XMLSyntaxError as e:
        raise ValueError("neither a calendar nor CalDAV is at this address") from e
    for found in root.iter("{urn:ietf:params:xml:ns:caldav}calendar-data"):
        if found.text:
            yield found.text.encode()


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
