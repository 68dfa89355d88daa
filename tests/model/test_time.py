from __future__ import annotations

import itertools
import random
import zoneinfo
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diurnal.errors import InvalidInput
from diurnal.model.records import ZoneSeen
from diurnal.model.time import (
    DAY,
    HOUR,
    MINUTE,
    TIME_MAX,
    TIME_MIN,
    ZoneHistory,
    clock_text,
    day_from_text,
    day_of,
    day_text,
    from_seconds,
    local_text,
    micros,
    midnight,
    offset_min,
    to_datetime,
    weekday,
    zone,
    zone_history_from_seen,
)

zones = st.sampled_from(sorted(zoneinfo.available_timezones() - {"localtime"}))
instants = st.integers(
    micros(datetime(1973, 1, 1, tzinfo=UTC)), micros(datetime(2037, 1, 1, tzinfo=UTC))
)
days = st.integers(day_from_text("1900-01-01"), day_from_text("2037-12-30"))


def at(text: str) -> int:
    return micros(datetime.fromisoformat(text))


def shown(moment: int, zone_name: str) -> int:
    return day_of(moment, offset_min(zone_name, moment))


@given(zones, instants)
@example("America/St_Johns", at("2010-11-07T02:30:59.999999+00:00"))
@example("America/St_Johns", at("2010-11-07T02:31:00+00:00"))
@example("Asia/Gaza", at("2011-03-31T22:01:00+00:00"))
def test_an_offset_is_that_of_the_zone_to_the_minute(name: str, moment: int) -> None:
    """Some zones changed at one minute past midnight, not on a quarter hour."""
    expected = to_datetime(moment, name).utcoffset()
    assert expected is not None
    assert timedelta(minutes=offset_min(name, moment)) == expected


@given(zones, instants)
@example("America/St_Johns", at("2010-11-07T02:30:59.999999+00:00"))
@example("Africa/Monrovia", at("1972-01-06T23:59:59.5+00:00"))
@example("Africa/Monrovia", at("1972-01-07T00:44:30+00:00"))
@example("Europe/Berlin", at("1850-06-01T12:00:00.999999+00:00"))
@example("America/New_York", TIME_MIN)
@example("Pacific/Kiritimati", at("0001-01-02T00:00:00+00:00"))
def test_a_clock_shows_the_local_time_cut_to_seconds(name: str, moment: int) -> None:
    try:
        expected = to_datetime(moment, name).isoformat(" ")[:19]
    except OverflowError:
        expected = to_datetime(moment).isoformat(" ")[:19]
    assert local_text(moment, name) == expected


@given(instants)
def test_a_fraction_is_told_where_there_is_one(moment: int) -> None:
    expected = to_datetime(moment).replace(tzinfo=None).isoformat()
    assert clock_text(moment, "T", fraction=True) == expected


def test_far_instants_have_an_offset() -> None:
    for moment in (TIME_MIN, TIME_MAX):
        assert abs(offset_min("Pacific/Kiritimati", moment)) <= 16 * 60


@given(zones, days)
@example("America/Sao_Paulo", day_from_text("2018-11-04"))
@example("Asia/Beirut", day_from_text("2023-03-30"))
@example("Africa/Cairo", day_from_text("2023-04-28"))
@example("Pacific/Apia", day_from_text("2011-12-30"))
@example("Pacific/Kwajalein", day_from_text("1993-08-21"))
@example("America/St_Johns", day_from_text("2010-11-07"))
@example("Africa/Monrovia", day_from_text("1972-01-07"))
def test_midnight_is_the_first_moment_of_the_day(name: str, day: int) -> None:
    first = midnight(day, name)
    assert shown(first, name) >= day
    assert shown(first - 1, name) < day
    # Not after the day was shown at any time before it.
    assert all(shown(first - h * HOUR // 4, name) < day for h in range(1, 120))
    assert midnight(day + 1, name) >= first


@pytest.mark.parametrize(
    ("name", "day", "first"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-29T00:00:00+01:00"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00"),
        ("Asia/Beirut", "2022-03-27", "2022-03-27T01:00:00+03:00"),
        ("Africa/Cairo", "2023-04-28", "2023-04-28T01:00:00+03:00"),
        ("America/St_Johns", "2010-11-07", "2010-11-07T00:00:00-02:30"),
        ("Pacific/Apia", "2011-12-31", "2011-12-31T00:00:00+14:00"),
    ],
)
def test_days_begin_where_the_clock_lets_them(name: str, day: str, first: str) -> None:
    assert midnight(day_from_text(day), name) == at(first)


def test_the_day_that_samoa_left_out_is_empty() -> None:
    history = ZoneHistory("Pacific/Apia")
    start, end = history.day_bounds(day_from_text("2011-12-30"))
    assert start == end == at("2011-12-30T10:00:00+00:00")
    assert history.day_bounds(day_from_text("2011-12-29"))[1] == start


@pytest.mark.parametrize(
    ("day", "hours"), [("2025-10-26", 25), ("2026-03-29", 23), ("2026-06-01", 24)]
)
def test_clock_changes_make_long_and_short_days(day: str, hours: int) -> None:
    start, end = ZoneHistory("Europe/Berlin").day_bounds(day_from_text(day))
    assert end - start == hours * HOUR


def test_travel_makes_long_and_short_days() -> None:
    history = ZoneHistory(
        "Europe/Berlin",
        (at("2026-05-10T06:30:00+02:00"), at("2026-05-25T06:20:00+02:00")),
        ("America/New_York", "Europe/Berlin"),
    )
    lengths = [
        (end - start) // HOUR
        for start, end in map(
            history.day_bounds, range(day_from_text("2026-05-09"), day_from_text("2026-05-27"))
        )
    ]
    assert lengths == [24, 30, *[24] * 14, 18, 24]


def test_a_midnight_that_a_traveller_meets_twice_counts_once() -> None:
    """From 01:00 in Berlin back to 19:00 in New York: the day has begun and stays begun."""
    leap = at("2026-05-10T01:00:00+02:00")
    history = ZoneHistory("Europe/Berlin", (leap,), ("America/New_York",))
    start, end = history.day_bounds(day_from_text("2026-05-10"))
    assert start == at("2026-05-10T00:00:00+02:00")
    assert end == at("2026-05-11T00:00:00-04:00")


def test_a_day_lost_over_the_date_line_is_empty() -> None:
    leap = at("2026-05-09T23:30:00-11:00")
    history = ZoneHistory("Pacific/Niue", (leap,), ("Pacific/Kiritimati",))
    assert history.day_bounds(day_from_text("2026-05-10")) == (leap, leap)
    assert history.day_bounds(day_from_text("2026-05-11"))[0] == leap


histories = st.builds(
    lambda home, moves: ZoneHistory(
        home, tuple(sorted(moves)), tuple(moves[s] for s in sorted(moves))
    ),
    zones,
    st.dictionaries(
        st.integers(at("2024-01-01T00:00:00+00:00"), at("2024-02-01T00:00:00+00:00")),
        zones,
        max_size=5,
    ),
)


@given(histories, st.integers(day_from_text("2023-12-30"), day_from_text("2024-02-03")))
def test_each_day_ends_where_the_next_begins(history: ZoneHistory, day: int) -> None:
    start, end = history.day_bounds(day)
    following, _ = history.day_bounds(day + 1)
    assert start <= end == following
    assert history.day_starts(day, 2) == [start, end, history.day_bounds(day + 1)[1]]
    if start < end:
        assert history.day_at(start) >= day
        # Before the start no moment showed this day or a later one.
        assert all(history.day_at(start - 1 - h * HOUR) < day for h in range(60))


@given(histories.filter(lambda history: bool(history.starts)), st.data())
def test_a_moment_counts_for_the_day_whose_bounds_hold_it(
    history: ZoneHistory, data: st.DataObject
) -> None:
    moment = data.draw(st.sampled_from(history.starts)) + data.draw(st.integers(-30, 30)) * HOUR
    day = history.counted_day(moment)
    start, end = history.day_bounds(day)
    assert start <= moment < end
    assert day >= history.day_at(moment)


@given(histories, instants)
def test_a_history_answers_for_every_moment(history: ZoneHistory, moment: int) -> None:
    name = history.zone_at(moment)
    assert history.offset_at(moment) == offset_min(name, moment)


NIGHT_END = at("2026-05-10T08:36:00-04:00")


def test_a_change_seen_in_a_night_takes_effect_when_the_night_ends() -> None:
    seen = [
        ZoneSeen(at("2026-05-08T23:00:00+02:00"), "Europe/Berlin", at("2026-05-09T07:00:00+02:00")),
        ZoneSeen(at("2026-05-10T00:30:00-04:00"), "America/New_York", NIGHT_END),
        ZoneSeen(at("2026-05-10T03:30:00-04:00"), "America/New_York", NIGHT_END),
        ZoneSeen(at("2026-05-12T00:30:00-04:00"), "America/New_York", NIGHT_END + 2 * DAY),
    ]
    assert zone_history_from_seen("Europe/Berlin", seen) == ZoneHistory(
        "Europe/Berlin", (NIGHT_END,), ("America/New_York",)
    )


def test_a_change_seen_awake_takes_effect_at_once() -> None:
    seen = [ZoneSeen(5 * DAY, "Asia/Tokyo")]
    assert zone_history_from_seen("UTC", seen) == ZoneHistory("UTC", (5 * DAY,), ("Asia/Tokyo",))


def test_a_later_word_overrules_a_change_that_has_not_taken_effect() -> None:
    seen = [
        ZoneSeen(5 * DAY, "Asia/Tokyo", 5 * DAY + 8 * HOUR),
        ZoneSeen(5 * DAY + HOUR, "UTC"),
    ]
    assert zone_history_from_seen("UTC", seen) == ZoneHistory("UTC")


def test_nothing_seen_is_home() -> None:
    assert zone_history_from_seen("Europe/Berlin", []) == ZoneHistory("Europe/Berlin")


sightings = st.lists(
    st.builds(
        lambda when, name, length: ZoneSeen(
            when, name, None if length is None else when + length * HOUR
        ),
        st.integers(0, 60).map(lambda h: h * HOUR),
        st.sampled_from(["UTC", "Asia/Tokyo", "Europe/Berlin"]),
        st.none() | st.integers(0, 12),
    ),
    max_size=12,
)


@given(sightings, st.randoms())
def test_a_zone_history_does_not_depend_on_order_or_repeats(
    seen: list[ZoneSeen], shuffle: random.Random
) -> None:
    history = zone_history_from_seen("UTC", seen)
    again = seen + seen
    shuffle.shuffle(again)
    assert zone_history_from_seen("UTC", again) == history
    assert list(history.starts) == sorted(set(history.starts))
    along = ("UTC", *history.zones)
    assert all(a != b for a, b in itertools.pairwise(along))


@given(st.integers(date.min.toordinal(), date.max.toordinal()))
def test_days_read_back_as_written(ordinal: int) -> None:
    day = ordinal - date(1970, 1, 1).toordinal()
    assert day_from_text(day_text(day)) == day
    assert weekday(day) == date.fromordinal(ordinal).weekday()


@pytest.mark.parametrize("text", ["2026-02-30", "2026-2-3", "20260203", "", "2026-W05-3", "today"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        day_from_text(text)


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "../etc/passwd", "/etc/localtime", "x" * 65, "a\0b"]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        zone(name)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e20, -1e20])
def test_times_out_of_range_are_refused(seconds: float) -> None:
    with pytest.raises(InvalidInput):
        from_seconds(seconds)


@given(st.integers(TIME_MIN, TIME_MAX))
def test_instants_keep_their_microseconds(moment: int) -> None:
    assert micros(to_datetime(moment)) == moment
    assert day_of(moment, 0) == moment // DAY
    assert MINUTE * 60 == HOUR
