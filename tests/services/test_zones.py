"""Zone history: what carries no zone of its own is dated anew; what does, never moves."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from diurnal.model import time
from diurnal.model.access import Access
from diurnal.model.time import ZoneHistory
from diurnal.services import accounts, days, events, zones
from diurnal.services.context import Context
from tests import cases
from tests.cases import note, weigh
from tests.clock import DAY, HOUR, START

TODAY = 20513
NAMES = ["Europe/Berlin", "America/New_York", "Asia/Tokyo"]


def day_of(ctx: Context, who: Access, id_: str) -> tuple[int, int]:
    e = cases.read(ctx, events.get, who, id_)
    return e.offset, e.day


def weights(ctx: Context, who: Access) -> list[Any]:
    told = cases.read(ctx, days.values, who, ["weight"], TODAY - 1, TODAY + 1)["weight"]
    return [d.value for d in told]


def travel(ctx: Context, who: Access, *trips: tuple[int, str], batch: int = 0) -> Any:
    return cases.write(ctx, zones.replace, who, batch, trips)


def test_a_trip_told_later_dates_anew(ctx: Context, alice: Access) -> None:
    late = START + 11 * HOUR + HOUR // 2  # half past midnight of the next day in Berlin
    cases.add(ctx, alice, weigh(70, late, id="free"))
    cases.add(ctx, alice, weigh(71, late, id="zone", zone="Europe/Berlin"))
    cases.add(ctx, alice, weigh(72, late, id="offset", offset=60))
    cases.add(ctx, alice, weigh(60, START - 2 * DAY, id="before"))
    assert weights(ctx, alice) == [None, None, 72]
    log = len(cases.log(ctx, alice))
    travel(ctx, alice, (START - DAY, "America/New_York"))
    assert day_of(ctx, alice, "free") == (-300, TODAY)
    assert day_of(ctx, alice, "zone") == day_of(ctx, alice, "offset") == (60, TODAY + 1)
    assert weights(ctx, alice) == [None, 70, 72]
    [moved] = [row for row in cases.log(ctx, alice)[log:] if row[1] == "event"]
    assert moved[2:4] == ("update", "free")
    assert cases.read(ctx, events.get, alice, "free").modified == moved[5]
    travel(ctx, alice)
    assert day_of(ctx, alice, "free") == (60, TODAY + 1)
    assert weights(ctx, alice) == [None, None, 72]


def test_only_what_lies_in_the_changed_stretch_moves(ctx: Context, alice: Access) -> None:
    inside = (START, START + DAY)
    for i, at in enumerate((START - 1, START, START + DAY - 1, START + DAY)):
        cases.add(ctx, alice, note(time=at, id=f"e{i}"))
    travel(ctx, alice, (inside[0], "Asia/Tokyo"), (inside[1], "Europe/Berlin"))
    assert [day_of(ctx, alice, f"e{i}")[0] for i in range(4)] == [60, 540, 540, 60]
    touched = {row[3] for row in cases.log(ctx, alice) if row[1:3] == ("event", "update")}
    assert touched == {"e1", "e2"}


def test_a_night_that_began_before_the_change_is_dated_by_its_end(
    ctx: Context, alice: Access
) -> None:
    begin = START + 3 * HOUR
    night = note(
        "diurnal-sleep", {}, type="diurnal/sleep", time=begin, duration=8 * HOUR, id="night"
    )
    cases.add(ctx, alice, night)
    assert day_of(ctx, alice, "night") == (60, TODAY + 1)
    travel(ctx, alice, (begin + HOUR, "America/New_York"))
    assert day_of(ctx, alice, "night") == (60, TODAY)
    travel(ctx, alice)
    assert day_of(ctx, alice, "night") == (60, TODAY + 1)


def test_several_tell_of_trips_and_each_takes_back_its_own(ctx: Context, alice: Access) -> None:
    cases.add(ctx, alice, note(time=START, id="e"))
    travel(ctx, alice, (START - DAY, "Asia/Tokyo"), batch=1)
    assert day_of(ctx, alice, "e")[0] == 540
    travel(ctx, alice, (START - HOUR, "America/New_York"), batch=2)
    assert day_of(ctx, alice, "e")[0] == -300
    travel(ctx, alice, batch=2)
    assert day_of(ctx, alice, "e")[0] == 540
    travel(ctx, alice, batch=1)
    assert day_of(ctx, alice, "e")[0] == 60


def test_moving_home_dates_anew(ctx: Context, alice: Access) -> None:
    cases.add(ctx, alice, note(time=START, id="e"), note(time=START, id="own", zone="Asia/Tokyo"))
    cases.write(ctx, accounts.update, alice, timezone="America/New_York")
    assert day_of(ctx, alice, "e") == (-300, TODAY)
    assert day_of(ctx, alice, "own") == (540, TODAY)
    log = len(cases.log(ctx, alice))
    cases.write(ctx, accounts.update, alice, timezone="America/New_York")
    assert len(cases.log(ctx, alice)) == log + 1


histories = st.builds(
    lambda home, trips: ZoneHistory(
        home, tuple(at for at, _ in sorted(trips)), tuple(z for _, z in sorted(trips))
    ),
    st.sampled_from(NAMES),
    st.lists(
        st.tuples(st.integers(0, 20), st.sampled_from(NAMES)), max_size=4, unique_by=lambda t: t[0]
    ),
)


@given(histories, histories)
def test_the_changed_stretches_are_where_two_histories_differ(
    before: ZoneHistory, after: ZoneHistory
) -> None:
    spans = zones.changed_spans(before, after)
    for at in (time.TIME_MIN, *range(-1, 22)):
        inside = any(start <= at < end for start, end in spans)
        assert inside == (before.zone_at(at) != after.zone_at(at))
    assert spans == sorted(spans)
    assert all(a[1] < b[0] for a, b in pairwise(spans))
