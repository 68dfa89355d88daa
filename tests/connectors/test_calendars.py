"""Calendars: recurring events written out, moved ones moved, and clocks without a zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from diurnal.connectors import ical
from diurnal.connectors.ical import CONNECTOR, rows_of
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Datum
from diurnal.model.time import DAY, HOUR, MINUTE, day_text, offset_min, to_datetime
from tests.connectors.reading import DATA, only, read

START, END = 1_759_276_800_000_000, 1_790_812_800_000_000
"""2025-10-01 to 2026-10-01."""


def told(*lines: str, start: int = START, end: int = END) -> list[Datum]:
    """Return the events of a calendar with one VEVENT."""
    return only(Datum, list(rows_of(calendar(*lines), start, end)))


def calendar(*lines: str) -> bytes:
    event = ["BEGIN:VEVENT", "UID:1@example.org", "SUMMARY:Thing", *lines, "END:VEVENT"]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *event, "END:VCALENDAR", ""]).encode()


def walls(found: list[Datum], zone: str = "Europe/Berlin") -> list[str]:
    return [to_datetime(d.start, zone).strftime("%m-%d %H:%M") for d in found]


def test_a_stand_up_stays_at_half_past_nine_on_the_clock() -> None:
    found = [
        d
        for d in only(Datum, read(CONNECTOR, DATA / "ical" / "calendar.ics"))
        if d.description == "Stand-up"
    ]
    # A year of weekdays, without the two that are excepted.
    assert len(found) == 259
    assert {w[6:] for w in walls(found)} == {"09:30"}
    assert {offset_min("Europe/Berlin", d.start) for d in found} == {60, 120}
    assert {d.duration for d in found} == {15 * MINUTE}
    assert {"2025-12-25", "2026-01-01"}.isdisjoint(
        to_datetime(d.start, "Europe/Berlin").date().isoformat() for d in found
    )


def test_whole_days_count_as_events_and_not_as_hours() -> None:
    found = only(Datum, read(CONNECTOR, DATA / "ical" / "calendar.ics"))
    [trip] = [d for d in found if d.description == "Trip"]
    assert (trip.clock, trip.duration, trip.tags) == (True, 0, ("all-day",))
    assert day_text(trip.start // DAY) == "2026-05-10"
    assert trip.client_data == {"ical": {"last_day": "2026-05-24"}}


def test_floating_times_wait_for_where_the_person_was() -> None:
    found = only(Datum, read(CONNECTOR, DATA / "ical" / "calendar.ics"))
    [lunch] = [d for d in found if d.description == "Floating lunch"]
    assert (lunch.clock, lunch.zone, lunch.duration) == (True, None, HOUR)
    assert to_datetime(lunch.start).strftime("%Y-%m-%d %H:%M") == "2026-06-01 12:00"


def test_a_moved_one_keeps_its_name_and_takes_its_new_time() -> None:
    rule = ["DTSTART;TZID=Europe/Berlin:20260504T100000", "RRULE:FREQ=WEEKLY;COUNT=3"]
    before = told(*rule)
    moved = calendar(*rule).replace(
        b"END:VCALENDAR",
        b"BEGIN:VEVENT\r\nUID:1@example.org\r\nSUMMARY:Moved\r\n"
        b"RECURRENCE-ID;TZID=Europe/Berlin:20260511T100000\r\n"
        b"DTSTART;TZID=Europe/Berlin:20260512T150000\r\nEND:VEVENT\r\nEND:VCALENDAR",
    )
    after = only(Datum, list(rows_of(moved, START, END)))
    assert walls(before) == ["05-04 10:00", "05-11 10:00", "05-18 10:00"]
    assert sorted(walls(after)) == ["05-04 10:00", "05-12 15:00", "05-18 10:00"]
    assert {d.source_id for d in before} == {d.source_id for d in after}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["RRULE:FREQ=DAILY;UNTIL=20260506T080000Z"], ["05-04", "05-05", "05-06"]),
        (["RRULE:FREQ=DAILY;UNTIL=20260505"], ["05-04", "05-05"]),
        (["RRULE:FREQ=MONTHLY;BYDAY=-1MO;COUNT=2"], ["05-04", "05-25", "06-29"]),
        (["RDATE;TZID=Europe/Berlin:20260507T100000"], ["05-04", "05-07"]),
        (
            ["RRULE:FREQ=DAILY;COUNT=3", "EXDATE;TZID=Europe/Berlin:20260505T100000"],
            ["05-04", "05-06"],
        ),
        (["STATUS:CANCELLED"], []),
    ],
)
def test_rules_are_followed(lines: list[str], expected: list[str]) -> None:
    found = told("DTSTART;TZID=Europe/Berlin:20260504T100000", *lines)
    assert sorted(w[:5] for w in walls(found)) == expected


def test_a_rule_without_an_end_ends_with_the_window() -> None:
    lines = "DTSTART:20000101T100000Z", "RRULE:FREQ=WEEKLY"
    assert len(told(*lines)) in (52, 53)
    assert told(*lines, end=START + DAY, start=START) == []
    # A file alone has no window: it is read until some years after what stands in it.
    assert 100 < len(only(Datum, list(rows_of(calendar(*lines))))) < 110


def test_what_recurs_since_long_ago_still_does() -> None:
    lines = "DTSTART:19700101T100000Z", "RRULE:FREQ=DAILY"
    assert len(told(*lines)) == 365
    counted = told("DTSTART:20250930T100000Z", "RRULE:FREQ=DAILY;COUNT=3")
    assert walls(counted, "UTC") == ["10-01 10:00", "10-02 10:00"]


@pytest.mark.parametrize("rule", ["FREQ=SECONDLY", "FREQ=MINUTELY;COUNT=9", "FREQ=SOMETIMES"])
def test_a_rule_that_nobody_follows_is_set_aside(rule: str) -> None:
    said = list(rows_of(calendar("DTSTART:20260504T100000Z", f"RRULE:{rule}"), START, END))
    assert only(Datum, said) == []
    assert len(only(Bad, said)) == 1


def test_a_finished_task_counts_on_the_day_it_was_done() -> None:
    text = calendar("DTSTART:20260504T100000Z", "COMPLETED:20260505T090000Z").replace(
        b"VEVENT", b"VTODO"
    )
    [task] = only(Datum, list(rows_of(text, START, END)))
    assert (task.measure, task.content) == ("task_completed", "Thing")


def test_odd_calendars_are_read_or_say_why_not() -> None:
    found = {
        path.name: read(CONNECTOR, path)
        for path in (DATA / "ical").glob("*.ics")
        if path.name != "calendar.ics"
    }
    counts = {name: (len(only(Datum, said)), len(only(Bad, said))) for name, said in found.items()}
    assert counts == {
        "alarm_etar_future.ics": (1, 0),
        "alarm_thunderbird_closed.ics": (1, 0),
        "america_new_york.ics": (1, 0),
        "america_new_york_forward_reference.ics": (0, 1),
        "issue_156_RDATE_with_PERIOD_TZID_khal_2.ics": (4, 0),
        "issue_348_exception_parsing_value.ics": (1, 0),
        "rfc_7953_3.ics": (0, 1),
        "x_location.ics": (526, 0),
    }
    [custom] = only(Datum, found["america_new_york.ics"])
    assert (custom.offset, custom.start) == (-240, 1_409_313_600_000_000)


@pytest.mark.parametrize("text", [b"", b"BEGIN:VCALENDAR", b"nothing\r\n", b"\xff\xfe"])
def test_what_is_no_calendar_is_refused_or_empty(text: bytes) -> None:
    try:
        assert list(rows_of(text)) == []
    except InvalidInput:
        return


@pytest.mark.parametrize("path", sorted((DATA / "ical").glob("*.ics")), ids=lambda p: p.stem)
def test_a_large_calendar_read_in_portions_says_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = only(Datum, read(CONNECTOR, path))
    monkeypatch.setattr(ical, "PORTION_BYTES", 0)
    assert only(Datum, read(CONNECTOR, path)) == whole


def test_each_portion_knows_the_zones_and_what_was_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Mine\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
        "TZOFFSETFROM:+0310\r\nTZOFFSETTO:+0310\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    event = (
        "BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Daily\r\nDTSTART;TZID=Mine:20260101T080000\r\n"
        "RRULE:FREQ=DAILY;COUNT=3\r\nEND:VEVENT\r\n"
        "BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Later\r\nDTSTART;TZID=Mine:20260102T100000\r\n"
        "RECURRENCE-ID;TZID=Mine:20260102T080000\r\nEND:VEVENT\r\n"
    )
    text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{event}{zone}END:VCALENDAR\r\n".encode()
    # The library remembers zones: what is cut is read before it can know this one.
    monkeypatch.setattr(ical, "PORTION_BYTES", 0)
    found = only(Datum, list(rows_of(text)))
    told = [(d.description, to_datetime(d.start).strftime("%d %H:%M")) for d in found]
    assert told == [("Daily", "01 04:50"), ("Daily", "03 04:50"), ("Later", "02 06:50")]
    monkeypatch.undo()
    assert only(Datum, list(rows_of(text))) == found
