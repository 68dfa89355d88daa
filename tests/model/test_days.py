from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diurnal.model.days import (
    DayEntry,
    DayValue,
    Inputs,
    Intervals,
    Part,
    Reason,
    Rejected,
    Session,
    SourceFacts,
    SourceOrder,
    TextItem,
    bounds_of,
    day_values,
    nights,
    order_sources,
    sums,
)
from diurnal.model.measures import Daily, Derived, Measure, Shape, ValueKind
from diurnal.model.time import DAY, HOUR, MINUTE, SECOND, ZoneHistory, day_from_text, micros

UTC = ZoneHistory("UTC")
BERLIN = ZoneHistory("Europe/Berlin")
KINDS = {"me": "manual", "ring": "dedicated", "watch": "wrist", "band": "wrist", "phone": "phone"}
FIRST = day_from_text("2026-06-01")
FACTS = {
    name: SourceFacts(kind, days, 0)
    for (name, kind), days in zip(KINDS.items(), (9, 300, 400, 100, 500), strict=True)
}
ORDER = order_sources(FACTS, "body")


def measure(daily: Daily, **fields: Any) -> Measure:
    given_ = {"key": "m", "label": "M", "group": "body", "unit": "1", "shape": Shape.SERIES}
    return Measure(**(given_ | {"daily": daily} | fields))


def at(text: str, zone: str = "+00:00") -> int:
    return micros(datetime.fromisoformat(f"2026-{text}{zone}"))


def points(source: str, *rows: tuple[str, str, float], events: bool = False) -> Intervals:
    """(start, end, value), times as `06-01T09:00`."""
    return Intervals(
        source,
        KINDS[source],
        np.array([at(r[0]) for r in rows], np.int64),
        np.array([at(r[1]) for r in rows], np.int64),
        np.array([r[2] for r in rows], np.float64),
        [f"{source}-{i}" for i in range(len(rows))] if events else None,
    )


def instants(source: str, *rows: tuple[str, float], events: bool = True) -> Intervals:
    return points(source, *((t, t, v) for t, v in rows), events=events)


def entry(source: str, value: float | str, by: Any = "source", day: int = FIRST) -> DayEntry:
    return DayEntry(source, KINDS[source], day, value, by, f"row-{source}-{by}")


def values(
    m: Measure,
    *intervals: Intervals,
    entries: Sequence[DayEntry] = (),
    sessions: Sequence[Session] = (),
    texts: Sequence[TextItem] = (),
    alive: frozenset[int] = frozenset(),
    days: int = 1,
    zones: ZoneHistory = UTC,
    order: SourceOrder = ORDER,
) -> list[DayValue]:
    inputs = Inputs(
        intervals=intervals, entries=entries, sessions=sessions, texts=texts, alive=alive
    )
    return day_values(m, inputs, bounds_of(zones, FIRST, days), FIRST, zones, order)


def one(m: Measure, *intervals: Intervals, **rest: Any) -> DayValue:
    [value] = values(m, *intervals, **rest)
    return value


SUM = measure(Daily.SUM)

# The order of sources


def test_a_better_kind_of_source_comes_first() -> None:
    assert ORDER.names == ("me", "ring", "watch", "band", "phone")


def test_a_ring_ranks_with_the_watch_for_steps_and_above_it_for_sleep() -> None:
    assert order_sources(FACTS, "activity").names == ("me", "watch", "ring", "band", "phone")
    assert order_sources(FACTS, "sleep").names.index("ring") == 1


@given(st.permutations(list(FACTS)))
def test_the_order_of_imports_does_not_matter(names: list[str]) -> None:
    assert order_sources({n: FACTS[n] for n in names}, "body") == ORDER


def test_among_equals_more_days_then_the_oldest_then_the_name_come_first() -> None:
    facts = {
        "d": SourceFacts("wrist", 5, 30),
        "c": SourceFacts("wrist", 5, 30),
        "e": SourceFacts("wrist", 5, 20),
        "f": SourceFacts("wrist", 9, 90),
    }
    assert order_sources(facts, "body").names == ("f", "e", "c", "d")


def test_the_users_list_comes_first() -> None:
    order = order_sources(FACTS, "body", ["phone", "gone", "band"])
    assert order.names == ("phone", "band", "me", "ring", "watch")
    assert order.rank_of("band") == order.rank_of("watch")


# Sums


def test_phone_and_watch_of_one_walk_are_not_added() -> None:
    watch = points("watch", ("06-01T09:02", "06-01T09:56", 540))
    phone = points("phone", ("06-01T09:05", "06-01T09:55", 450))
    assert one(SUM, watch, phone) == DayValue(
        FIRST,
        540.0,
        "watch",
        "data",
        (Part("watch", 540.0, 1),),
        (Rejected("phone", 450.0, Reason.COVERED, 1),),
        (),
        1,
    )


def test_the_phone_fills_a_gap_that_the_watch_left() -> None:
    watch = points("watch", ("06-01T09:00", "06-01T10:00", 600), ("06-01T12:00", "06-01T13:00", 60))
    phone = points("phone", ("06-01T09:30", "06-01T10:30", 600))
    found = one(SUM, watch, phone)
    assert found.value == 660 + 300
    assert found.parts == (Part("watch", 660.0, 2), Part("phone", 300.0, 1))


@pytest.mark.parametrize(("gap", "filled"), [(15, 0), (16, 160)])
def test_only_gaps_of_more_than_a_quarter_hour_are_filled(gap: int, filled: int) -> None:
    watch = points(
        "watch", ("06-01T00:00", "06-01T10:00", 0), (f"06-01T10:{gap}", "06-01T23:59", 0)
    )
    phone = points("phone", ("06-01T10:00", f"06-01T10:{gap}", gap * 10))
    assert one(SUM, watch, phone).value == filled


def test_of_two_watches_one_counts_and_does_not_fill_the_gaps_of_the_other() -> None:
    watch = points("watch", ("06-01T09:00", "06-01T10:00", 600))
    band = points("band", ("06-01T09:00", "06-01T10:00", 630), ("06-01T15:00", "06-01T16:00", 200))
    found = one(SUM, band, watch)
    assert found.value == 600
    assert found.rejected == (Rejected("band", 830.0, Reason.EQUAL, 2),)


def test_the_other_watch_counts_on_days_without_the_first() -> None:
    watch = points("watch", ("06-01T09:00", "06-01T10:00", 600), ("06-01T23:30", "06-02T00:30", 10))
    band = points("band", ("06-02T09:00", "06-02T10:00", 630))
    first, second = values(SUM, watch, band, days=2)
    assert (first.value, first.source) == (605, "watch")
    assert (second.value, second.source) == (630, "band")


def test_an_interval_over_midnight_is_split_by_time() -> None:
    watch = points("watch", ("06-01T23:00", "06-02T02:00", 300))
    assert [v.value for v in values(SUM, watch, days=3)] == [100, 200, None]


def test_nothing_known_is_not_zero() -> None:
    assert one(SUM).value is None
    assert one(SUM, points("watch", ("06-01T09:00", "06-01T10:00", 0))).value == 0.0


def test_values_out_of_range_are_left_out_and_named() -> None:
    found = one(
        measure(Daily.SUM, low=0, high=1000),
        points("watch", ("06-01T09:00", "06-01T10:00", -5), ("06-01T10:00", "06-01T11:00", 7)),
    )
    assert found.value == 7
    assert found.rejected == (Rejected("watch", None, Reason.RANGE, 1),)


def test_not_a_number_never_counts() -> None:
    assert one(SUM, instants("me", ("06-01T09:00", float("nan")))).value is None
    assert one(SUM, instants("me", ("06-01T09:00", float("inf")))).value is None


def test_two_foods_of_one_meal_are_added_and_named() -> None:
    meal = points(
        "me",
        ("06-01T12:00", "06-01T12:30", 300),
        ("06-01T12:00", "06-01T12:30", 300),
        ("06-01T12:15", "06-01T12:15", 50),
        events=True,
    )
    found = one(SUM, meal)
    assert found.value == 650
    assert sorted(found.rows) == ["me-0", "me-1", "me-2"]


def test_a_series_that_came_twice_counts_once() -> None:
    again = points(
        "watch", ("06-01T09:00", "06-01T10:00", 540), ("06-01T09:00", "06-01T10:00", 520)
    )
    assert one(SUM, again, again).value == 540


def test_a_glass_that_two_apps_noted_minutes_apart_counts_once() -> None:
    mine = instants("me", ("06-01T09:00", 250))
    bottle = instants("phone", ("06-01T09:02", 240), ("06-01T09:08", 100))
    assert one(SUM, mine, bottle).value == 350


def test_readings_that_came_twice_count_once() -> None:
    again = instants("watch", ("06-01T09:00", 50), events=False)
    assert one(SUM, again, again).value == 50


def test_of_one_sources_series_the_finer_has_the_moment() -> None:
    """Whole hours of one export, minutes of another."""
    hours = points("watch", ("06-01T09:00", "06-01T10:00", 600), ("06-01T10:00", "06-01T11:00", 60))
    minutes = points("watch", ("06-01T09:15", "06-01T09:45", 400))
    assert one(SUM, hours, minutes).value == pytest.approx(600 / 2 + 400 + 60)


def test_intervals_come_before_the_instants_of_the_same_source() -> None:
    spans = points("watch", ("06-01T09:00", "06-01T10:00", 600))
    stamps = instants("watch", ("06-01T09:59", 600), ("06-01T12:00", 50), events=False)
    assert one(SUM, spans, stamps).value == 650


def test_the_same_data_by_two_roads_count_once() -> None:
    rows = [(f"06-01T{h:02}:00", f"06-01T{h:02}:50", 100.0) for h in range(8, 20)]
    watch = points("watch", *rows)
    copied = points(
        "phone",
        *((s, e, v * 1.02) for s, e, v in rows),
        ("06-01T21:00", "06-01T21:50", 100),
    )
    found = one(SUM, watch, copied)
    assert found.value == 1200
    assert found.rejected[0].reason is Reason.SAME


@pytest.mark.parametrize(
    ("hours", "total", "value", "by"),
    [
        (range(8, 22), 9000, 1400, "data"),
        (range(8, 15), 9000, 700, "data"),
        (range(8, 12), 9000, 9000, "total"),
        (range(8, 12), 300, 400, "data"),
        ((), 0, 0, "total"),
    ],
)
def test_a_daily_total_counts_where_finer_data_miss_half_the_waking_day(
    hours: Sequence[int], total: float, value: float, by: str
) -> None:
    watch = points("watch", *((f"06-01T{h:02}:00", f"06-01T{h + 1:02}:00", 100.0) for h in hours))
    found = one(SUM, watch, entries=[entry("phone", total)])
    assert (found.value, found.by) == (value, by)


def test_two_daily_totals_are_not_added() -> None:
    found = one(SUM, entries=[entry("phone", 900), entry("watch", 800), entry("band", 850)])
    assert (found.value, found.source) == (800, "watch")
    assert {(r.source, r.reason) for r in found.rejected} == {
        ("band", Reason.EQUAL),
        ("phone", Reason.BETTER),
    }


@pytest.mark.parametrize("daily", [d for d in Daily if d is not Daily.NONE])
def test_the_persons_own_entry_wins_outright(daily: Daily) -> None:
    found = one(
        measure(daily, value=ValueKind.TEXT if daily is Daily.JOIN else ValueKind.NUMBER),
        instants("watch", ("06-01T09:00", 5)),
        entries=[entry("phone", 3.0, "owner"), entry("me", 7.0, "person"), entry("ring", 9.0)],
    )
    assert (found.value, found.by, found.source) == (7.0, "person", "me")
    assert found.rows == ("row-me-person",)


def test_the_persons_entry_wins_whatever_app_it_was_typed_in() -> None:
    found = one(SUM, entries=[entry("watch", 3.0, "owner"), entry("phone", 7.0, "person")])
    assert (found.value, found.by) == (7.0, "person")
    assert found.rejected == (Rejected("watch", 3.0, Reason.PERSON),)


def test_the_owning_service_comes_next() -> None:
    watch = points("watch", ("06-01T09:00", "06-01T10:00", 600))
    found = one(SUM, watch, entries=[entry("phone", 3.0, "owner")])
    assert (found.value, found.by) == (3.0, "owner")
    assert Rejected("watch", 600.0, Reason.OWNER, 1) in found.rejected


def test_an_entry_that_the_measure_does_not_allow_is_left_out_and_named() -> None:
    found = one(measure(Daily.LAST, high=9), entries=[entry("me", 10.0, "person")])
    assert found.value is None
    assert found.rejected == (Rejected("me", 10.0, Reason.RANGE),)


# The same, minute by minute

DAY_MIN = 240
"""Days of four hours: more midnights and edges for the same number of minutes."""
SPANS = st.lists(
    st.tuples(st.integers(-40, 3 * DAY_MIN + 40), st.integers(1, 90), st.integers(10, 19)),
    max_size=7,
)


def by_the_minute(
    sources: list[tuple[int, list[tuple[int, int, float]]]], days: int
) -> list[float | None]:
    """Sum (rank, spans) of sources, best first, by walking every minute of every day."""
    found: list[float | None] = []
    for day in range(days):
        low, high = day * DAY_MIN, (day + 1) * DAY_MIN
        active: set[int] = set()
        taken: set[int] = set()
        for begun_here in (True, False):
            for i, (rank, spans) in enumerate(sources):
                touching = [
                    s
                    for s in spans
                    if s[0] < high and s[1] > low and (s[0] >= low or not begun_here)
                ]
                if touching and rank not in taken:
                    active.add(i)
                    taken.add(rank)
        total = 0.0
        covered = [False] * DAY_MIN
        for i in sorted(active):
            spans = sources[i][1]
            for minute in range(DAY_MIN):
                here = [s for s in spans if s[0] <= low + minute < s[1]]
                if here and not covered[minute]:
                    s = min(here, key=lambda s: (s[1] - s[0], -s[0], -s[2]))
                    total += s[2] / (s[1] - s[0])
            for s in spans:
                for minute in range(max(s[0] - low, 0), min(s[1] - low, DAY_MIN)):
                    covered[minute] = True
            run = 0
            for minute in range(DAY_MIN + 1):
                if minute < DAY_MIN and not covered[minute]:
                    run += 1
                elif run:
                    if run <= 15:
                        covered[minute - run : minute] = [True] * run
                    run = 0
        found.append(total if active else None)
    return found


def as_intervals(name: str, spans: list[tuple[int, int, float]]) -> Intervals:
    columns = np.array(spans, np.float64).reshape(-1, 3)
    return Intervals(
        name,
        KINDS[name],
        (columns[:, 0] * MINUTE).astype(np.int64),
        (columns[:, 1] * MINUTE).astype(np.int64),
        columns[:, 2],
    )


@given(st.fixed_dictionaries({"watch": SPANS, "band": SPANS, "phone": SPANS, "me": SPANS}))
def test_sums_equal_those_made_minute_by_minute(
    raw: dict[str, list[tuple[int, int, int]]],
) -> None:
    bounds = np.arange(4, dtype=np.int64) * DAY_MIN * MINUTE
    arranged = ORDER.arranged(raw)
    # Powers of three keep the values of two sources apart: the same data twice have a test.
    spans = {
        name: [(s, s + n, v * 3.0**i) for s, n, v in raw[name]] for i, name in enumerate(arranged)
    }
    expected = by_the_minute([(ORDER.rank_of(n), spans[n]) for n in arranged], 3)
    found = sums([as_intervals(n, s) for n, s in spans.items()], (), bounds, 0, ORDER)
    assert [v.value for v in found] == [
        None if v is None else pytest.approx(v, rel=1e-9, abs=1e-9) for v in expected
    ]
    for v in found:
        if v.value is not None:
            assert sum(float(p.value) for p in v.parts) == pytest.approx(v.value)


@given(SPANS, SPANS, st.randoms())
def test_sums_do_not_depend_on_the_order_of_data(
    a: list[tuple[int, int, int]], b: list[tuple[int, int, int]], shuffle: random.Random
) -> None:
    bounds = np.arange(4, dtype=np.int64) * DAY_MIN * MINUTE
    data = [("watch", (s, s + n, float(v))) for s, n, v in a]
    data += [("phone", (s, s + n, float(v))) for s, n, v in b]
    grouped = [as_intervals(name, [s for n, s in data if n == name]) for name in ("watch", "phone")]
    shuffle.shuffle(data)
    single = [as_intervals(name, [span]) for name, span in data]
    assert sums(single, (), bounds, 0, ORDER) == sums(grouped, (), bounds, 0, ORDER)


@given(SPANS, SPANS)
def test_a_day_alone_is_as_among_its_neighbours(
    a: list[tuple[int, int, int]], b: list[tuple[int, int, int]]
) -> None:
    bounds = np.arange(4, dtype=np.int64) * DAY_MIN * MINUTE
    data = [
        as_intervals(name, [(s, s + n, float(v)) for s, n, v in spans])
        for name, spans in (("watch", a), ("phone", b))
    ]
    together = sums(data, (), bounds, 0, ORDER)
    alone = [sums(data, (), bounds[i : i + 2], i, ORDER)[0] for i in range(3)]
    assert alone == together


@given(SPANS)
def test_a_source_that_repeats_another_changes_nothing(spans: list[tuple[int, int, int]]) -> None:
    bounds = np.arange(4, dtype=np.int64) * DAY_MIN * MINUTE
    rows = [(s, s + n, float(v)) for s, n, v in spans]
    alone = sums([as_intervals("watch", rows)], (), bounds, 0, ORDER)
    for copy in ("band", "phone"):
        both = sums([as_intervals("watch", rows), as_intervals(copy, rows)], (), bounds, 0, ORDER)
        assert [v.value for v in both] == [v.value for v in alone]
        assert [v.source for v in both] == [v.source for v in alone]


@given(
    st.lists(st.tuples(st.integers(0, 6 * 1440), st.integers(0, 3000), st.integers(0, 500))),
    st.sampled_from(["2026-03-27", "2025-10-24", "2026-06-01"]),
)
def test_splitting_at_midnight_loses_nothing(spans: list[tuple[int, int, int]], first: str) -> None:
    day = day_from_text(first)
    bounds = bounds_of(BERLIN, day, 10)
    start = np.array([bounds[0] + s * MINUTE for s, _, _ in spans], np.int64)
    end = start + np.array([n * MINUTE for _, n, _ in spans], np.int64)
    value = np.array([v for _, _, v in spans], np.float64)
    rows = [str(i) for i in range(len(spans))]
    found = sums([Intervals("me", "manual", start, end, value, rows)], (), bounds, day, ORDER)
    assert sum(float(v.value or 0) for v in found) == pytest.approx(value.sum())


def test_days_of_23_and_25_hours_take_what_falls_on_them() -> None:
    for text, hours in (("2025-10-26", 25), ("2026-03-29", 23)):
        day = day_from_text(text)
        bounds = bounds_of(BERLIN, day, 1)
        start = bounds[0] - DAY + np.arange(80, dtype=np.int64) * HOUR
        each = Intervals("watch", "wrist", start, start + HOUR, np.ones(80))
        assert sums([each], (), bounds, day, ORDER)[0].value == hours


# Durations


def test_durations_are_the_union_in_minutes() -> None:
    nan = float("nan")
    screen = points(
        "phone",
        ("06-01T20:00", "06-01T21:00", nan),
        ("06-01T20:30", "06-01T21:30", nan),
        ("06-01T23:30", "06-02T00:15", nan),
        events=True,
    )
    m = measure(Daily.DURATION, unit="min")
    assert [v.value for v in values(m, screen, days=2)] == [120, 15]


def test_minutes_that_a_source_states_within_an_hour_count_as_stated() -> None:
    tracked = points("phone", ("06-01T20:00", "06-01T21:00", 25))
    assert one(measure(Daily.DURATION, unit="min"), tracked).value == 25


def session(source: str, start: str, end: str, **fields: Any) -> Session:
    return Session(source, KINDS[source], f"{source}-{start}", at(start), at(end), **fields)


def test_one_workout_of_two_devices_is_one() -> None:
    watch = session("watch", "06-01T18:00", "06-01T19:00")
    phone = session("phone", "06-01T18:05", "06-01T19:10")
    evening = session("phone", "06-01T23:30", "06-02T00:30")
    both: dict[str, Any] = {"sessions": [phone, evening, watch], "days": 2}
    assert [v.value for v in values(measure(Daily.COUNT), **both)] == [2, None]
    found = values(measure(Daily.DURATION, unit="min"), **both)
    assert [v.value for v in found] == [120, None]
    assert found[0].rejected == (Rejected("phone", 65.0, Reason.OVERLAP),)


def test_only_the_stage_asked_for_lasts() -> None:
    start, end = at("06-01T18:00"), at("06-01T18:40")
    ride = session("watch", "06-01T18:00", "06-01T19:00", stages=(("cycling", start, end),))
    walk = session("watch", "06-01T20:00", "06-01T21:00")
    m = measure(Daily.DURATION, derived=Derived("workout", Daily.DURATION, "cycling"))
    assert one(m, sessions=[ride, walk]).value == 40
    assert one(m, sessions=[walk]).value is None


# Best source of the day


def test_a_mean_weighs_samples_by_the_time_they_stand_for() -> None:
    dense = [(f"06-01T10:{m:02}", 120.0) for m in range(0, 60, 10)]
    sparse = [("06-01T11:00", 60.0), ("06-01T12:00", 60.0), ("06-01T13:00", 60.0)]
    found = one(measure(Daily.MEAN), instants("watch", *dense, *sparse))
    weights = 5 * [10] + [10] + [35] + [60] + [60]
    expected = np.average([120] * 6 + [60] * 3, weights=weights)
    assert found.value == pytest.approx(expected)


def test_a_sample_does_not_stand_for_the_hours_in_which_nothing_was_measured() -> None:
    rows = [("06-01T06:00", 50.0), ("06-01T07:00", 60.0), ("06-01T20:00", 70.0)]
    assert one(measure(Daily.MEAN), instants("watch", *rows)).value == pytest.approx(60)


def test_a_mean_of_regular_samples_is_the_plain_mean() -> None:
    rows = [(f"06-01T10:{m:02}", float(m)) for m in range(0, 60, 5)]
    assert one(measure(Daily.MEAN), instants("watch", *rows)).value == pytest.approx(27.5)


@given(st.floats(-1e6, 1e6), st.lists(st.integers(0, 1439), min_size=1, max_size=9))
def test_a_mean_of_equal_samples_is_their_value(value: float, minutes: list[int]) -> None:
    rows = [(f"06-01T{m // 60:02}:{m % 60:02}", value) for m in minutes]
    assert one(measure(Daily.MEAN), instants("watch", *rows)).value == value


def test_devices_are_not_mixed_in_a_mean() -> None:
    found = one(
        measure(Daily.MEAN),
        instants("phone", ("06-01T09:00", 10), ("06-01T10:00", 20)),
        instants("watch", ("06-01T11:00", 60)),
    )
    assert (found.value, found.source) == (60, "watch")
    assert found.rejected == (Rejected("phone", 15.0, Reason.BETTER, 2),)


def test_last_least_and_greatest_are_of_the_best_source() -> None:
    scale = instants("ring", ("06-01T20:00", 71.2), ("06-01T07:00", 70.5), ("06-01T12:00", 99))
    other = instants("phone", ("06-01T23:00", 50), ("06-01T22:00", 150))
    last, low, high = (
        one(measure(d, high=90), scale, other) for d in (Daily.LAST, Daily.MIN, Daily.MAX)
    )
    assert (last.value, low.value, high.value) == (71.2, 70.5, 71.2)
    assert last.rows == ("ring-0",)


def test_a_day_row_of_a_better_source_comes_before_worse_samples() -> None:
    found = one(
        measure(Daily.LAST), instants("phone", ("06-01T09:00", 5)), entries=[entry("ring", 6.0)]
    )
    assert (found.value, found.source, found.by) == (6.0, "ring", "total")


def text(source: str, when: str, words: str) -> TextItem:
    return TextItem(source, KINDS[source], at(when), words, f"{source}-{when}")


def test_the_last_text_of_the_day_counts() -> None:
    m = measure(Daily.LAST, value=ValueKind.TEXT)
    items = [text("me", "06-01T20:00", "later"), text("me", "06-01T08:00", "early")]
    assert one(m, texts=items).value == "later"


def test_notes_are_joined_in_time_order() -> None:
    items = [
        text("me", "06-01T20:00", "A walk."),
        text("phone", "06-01T08:00", "Slept well."),
        text("phone", "06-01T20:01", "A walk."),
    ]
    m = measure(Daily.JOIN, value=ValueKind.TEXT)
    assert one(m, texts=items).value == "Slept well.\nA walk."
    assert one(m).value is None


def test_events_are_counted_and_those_told_twice_once() -> None:
    items = [
        text("me", "06-01T10:00", "a"),
        text("me", "06-01T10:00:30", "b"),
        text("phone", "06-01T10:00:40", "a"),
        text("phone", "06-01T15:00", "c"),
    ]
    found = one(measure(Daily.COUNT), texts=items)
    assert found.value == 3
    assert found.parts == (Part("me", 2.0, 2), Part("phone", 1.0, 1))


def test_no_events_are_zero_only_while_the_connection_was_alive() -> None:
    found = values(measure(Daily.COUNT), alive=frozenset({FIRST + 1}), days=2)
    assert [v.value for v in found] == [None, 0]


@pytest.mark.parametrize(
    ("rows", "value"), [([0], 0), ([0, 1], 1), ([float("nan")], 1), ([], None)]
)
def test_a_tag_is_set_when_anything_sets_it(rows: list[float], value: float | None) -> None:
    data = instants("me", *((f"06-01T1{i}:00", v) for i, v in enumerate(rows)))
    assert one(measure(Daily.ANY), data).value == value


def test_a_tag_column_of_zero_and_one_is_kept() -> None:
    for value in (0.0, 1.0):
        assert one(measure(Daily.ANY), entries=[entry("me", value)]).value == value


def test_a_measure_without_day_values_has_none() -> None:
    assert values(measure(Daily.NONE), instants("me", ("06-01T09:00", 1))) == []


# Nights

SLEEP = measure(Daily.DURATION, key="sleep", group="sleep", unit="min", shape=Shape.SESSION)


def derived(daily: Daily, stage: str | None = None) -> Measure:
    return msgspec.structs.replace(
        SLEEP, key="part", daily=daily, derived=Derived("sleep", daily, stage)
    )


def staged(source: str, *rows: tuple[str, str, str], **fields: Any) -> Session:
    stages = tuple((name, at(a), at(b)) for name, a, b in rows)
    first, last = min(s[1] for s in stages), max(s[2] for s in stages)
    return Session(source, KINDS[source], f"{source}-{first}", first, last, stages=stages, **fields)


NIGHT = staged(
    "watch",
    ("awake", "05-31T22:50", "05-31T23:00"),
    ("core", "05-31T23:00", "06-01T02:00"),
    ("deep", "06-01T02:00", "06-01T03:00"),
    ("awake", "06-01T03:00", "06-01T03:05"),
    ("awake", "06-01T03:05", "06-01T03:10"),
    ("rem", "06-01T03:10", "06-01T06:30"),
)


def test_a_night_belongs_to_the_day_of_waking() -> None:
    assert [v.value for v in values(SLEEP, sessions=[NIGHT], days=2)] == [440, None]


@pytest.mark.parametrize(
    ("m", "value"),
    [
        (derived(Daily.SLEEP_START), 650),
        (derived(Daily.SLEEP_END), 390),
        (derived(Daily.COUNT, "awake"), 2),
        (derived(Daily.DURATION, "deep"), 60),
        (derived(Daily.DURATION, "light"), 180),
        (derived(Daily.DURATION, "rem"), 200),
        (derived(Daily.DURATION, "in_bed"), 460),
    ],
)
def test_a_night_tells_its_times_and_stages(m: Measure, value: float) -> None:
    assert one(m, sessions=[NIGHT]).value == value


@pytest.mark.parametrize(
    ("start", "minutes"),
    [("05-31T23:00", 660), ("06-01T00:30", 750), ("05-31T12:00", 0), ("06-01T13:00", 60)],
)
def test_bedtime_counts_from_midday(start: str, minutes: int) -> None:
    nap_end = "06-01T14:00"
    found = one(derived(Daily.SLEEP_START), sessions=[session("watch", start, nap_end)])
    assert found.value == minutes


def test_bedtime_is_read_off_the_clock_when_it_changes_in_the_night() -> None:
    sleep = Session("watch", "wrist", "n", at("03-28T22:30"), at("03-29T05:00"))
    day = day_from_text("2026-03-29")
    [night] = nights([sleep], bounds_of(BERLIN, day, 1), day, BERLIN, ORDER).values()
    assert (night.start_min, night.end_min, night.asleep_min) == (11.5 * 60, 7 * 60, 390)


def test_stated_minutes_come_before_stages() -> None:
    stated = msgspec.structs.replace(NIGHT, asleep_min=431)
    assert one(SLEEP, sessions=[stated]).value == 431


def test_without_stages_of_sleep_the_time_awake_is_taken_off() -> None:
    plain = session("ring", "05-31T23:00", "06-01T07:00")
    assert one(SLEEP, sessions=[plain]).value == 480
    broken = staged("ring", ("awake", "06-01T02:00", "06-01T02:30"))
    broken = msgspec.structs.replace(broken, start=plain.start, end=plain.end)
    assert one(SLEEP, sessions=[broken]).value == 450


def test_time_in_bed_alone_is_no_sleep() -> None:
    bed = staged("me", ("in_bed", "05-31T22:00", "06-01T07:00"))
    alone = one(SLEEP, sessions=[bed])
    assert alone.value is None
    assert alone.rejected == (Rejected("me", None, Reason.IN_BED),)
    assert one(derived(Daily.DURATION, "in_bed"), sessions=[bed]).value == 540
    with_watch = one(SLEEP, sessions=[bed, NIGHT])
    assert (with_watch.value, with_watch.source) == (440, "watch")
    assert one(derived(Daily.DURATION, "in_bed"), sessions=[bed, NIGHT]).value == 540


def test_one_night_of_two_devices_is_one() -> None:
    ring = session("ring", "05-31T23:10", "06-01T06:40", asleep_min=433)
    found = one(SLEEP, sessions=[NIGHT, ring])
    assert (found.value, found.source) == (433, "ring")
    assert found.rejected == (Rejected("watch", 440.0, Reason.OVERLAP),)


def test_a_night_that_two_devices_share_is_not_counted_twice() -> None:
    ring = session("ring", "05-31T23:00", "06-01T03:00")
    watch = session("watch", "06-01T02:30", "06-01T06:30")
    assert one(SLEEP, sessions=[watch, ring]).value == 7.5 * 60


def test_a_nap_counts_in_the_minutes_and_not_in_the_times() -> None:
    nap = session("watch", "06-01T14:00", "06-01T14:40")
    assert one(SLEEP, sessions=[NIGHT, nap]).value == 480
    assert one(derived(Daily.SLEEP_END), sessions=[NIGHT, nap]).value == 390
    [night] = nights([NIGHT, nap], bounds_of(UTC, FIRST, 1), FIRST, UTC, ORDER).values()
    assert (night.naps, night.main) == (1, NIGHT)


def test_of_two_equal_sleeps_the_later_is_the_main_one() -> None:
    two = [
        session("watch", "05-31T22:00", "06-01T01:00"),
        session("watch", "06-01T04:00", "06-01T07:00"),
    ]
    assert one(derived(Daily.SLEEP_END), sessions=two).value == 7 * 60


def test_a_night_that_carries_its_zone_never_moves() -> None:
    sleep = Session(
        "watch", "wrist", "n", at("05-31T22:30"), at("06-01T03:30"), zone="America/New_York"
    )
    before, on = nights([sleep], bounds_of(UTC, FIRST - 1, 2), FIRST - 1, UTC, ORDER), FIRST - 1
    assert before[on].end_min == 23.5 * 60
    fixed = msgspec.structs.replace(sleep, zone=None, offset=-240)
    assert nights([fixed], bounds_of(UTC, FIRST - 1, 2), FIRST - 1, UTC, ORDER)[on] == (
        msgspec.structs.replace(before[on], main=fixed)
    )


def test_a_night_out_of_range_is_left_out_and_named() -> None:
    m = msgspec.structs.replace(SLEEP, high=1440.0)
    found = one(m, sessions=[session("watch", "05-29T23:00", "06-01T07:00"), NIGHT])
    assert found.value == 440
    assert found.rejected[-1].reason is Reason.RANGE


def test_a_daily_total_of_sleep_counts_only_without_a_night() -> None:
    total = [entry("phone", 400.0)]
    assert one(SLEEP, entries=total).value == 400
    assert one(SLEEP, sessions=[NIGHT], entries=total).value == 440


SLEEPS = st.lists(
    st.builds(
        lambda source, start, length, stated: Session(
            source,
            KINDS[source],
            f"{source}-{start}-{length}",
            at("05-31T12:00") + start * MINUTE,
            at("05-31T12:00") + (start + length) * MINUTE,
            float(length) if stated else None,
        ),
        st.sampled_from(["watch", "band", "ring"]),
        st.integers(0, 2800),
        st.integers(1, 700),
        st.booleans(),
    ),
    max_size=6,
    unique_by=lambda s: s.id,
)


@given(SLEEPS, st.randoms())
def test_nobody_sleeps_longer_than_the_time_that_any_device_saw(
    sleeps: list[Session], shuffle: random.Random
) -> None:
    bounds = bounds_of(UTC, FIRST - 1, 4)
    found = nights(sleeps, bounds, FIRST - 1, UTC, ORDER)
    minutes = {m for s in sleeps for m in range(s.start // MINUTE, s.end // MINUTE)}
    assert sum(n.asleep_min or 0 for n in found.values()) <= len(minutes) * (1 + 1e-9)
    again = list(sleeps)
    shuffle.shuffle(again)
    assert nights(again, bounds, FIRST - 1, UTC, ORDER) == found


def test_a_sleep_of_no_length_does_no_harm() -> None:
    empty = session("phone", "06-01T03:00", "06-01T03:00")
    assert one(SLEEP, sessions=[empty, NIGHT]).value == 440


def test_seconds_are_not_lost() -> None:
    sleep = Session("watch", "wrist", "n", at("05-31T23:00"), at("06-01T07:00") + 30 * SECOND)
    assert one(SLEEP, sessions=[sleep]).value == 480.5
