"""Day values as a person meets them."""

from __future__ import annotations

import threading
from concurrent.futures import TimeoutError as Late
from functools import partial
from typing import Any

import pytest

from diurnal.errors import Forbidden, InvalidInput, UnknownReference
from diurnal.model import time
from diurnal.model.access import Access, Level, Permission
from diurnal.model.records import OwnMeasure
from diurnal.model.series import columns
from diurnal.services import accounts, days, events, measures, series, zones
from diurnal.services.context import Context
from diurnal.services.days import Counts, Day, NewDay
from diurnal.store import days as store
from tests import cases
from tests.cases import note, weigh
from tests.clock import DAY, HOUR, MINUTE, START

TODAY = 20513
MIDNIGHT = TODAY * DAY - HOUR  # in Berlin, in winter


def whole(ctx: Context, who: Access, measure: str, first: int, last: int) -> list[Day]:
    read: dict[str, list[Day]] = cases.read(
        ctx, days.values, who, [measure], first, last, lineage=True
    )
    return read[measure]


def values(ctx: Context, who: Access, measure: str, first: int = TODAY, n: int = 1) -> list[Any]:
    """Read twice: as computed, and as kept."""
    listed = [[d.value for d in whole(ctx, who, measure, first, first + n - 1)] for _ in range(2)]
    ctx.store.write(lambda tx: None).result(20)
    listed.append([d.value for d in whole(ctx, who, measure, first, first + n - 1)])
    assert listed[0] == listed[1] == listed[2]
    return listed[0]


def steps(ctx: Context, who: Access, source: str, *told: Any, **more: Any) -> Any:
    given = columns([t[0] for t in told], [t[2] for t in told], [t[1] for t in told])
    return cases.write(ctx, series.write, who, "steps", source, given, **more)


def row(ctx: Context, who: Access, *given: NewDay, **more: Any) -> Counts:
    counts: Counts = cases.write(ctx, days.write_rows, who, given, **more)
    return counts


# Reading


def test_a_read_sees_the_last_write(ctx: Context, alice: Access) -> None:
    app = cases.share(ctx, alice, Permission(Level.READ))
    assert values(ctx, alice, "weight") == values(ctx, app, "weight") == [None]
    [made] = cases.add(ctx, alice, weigh(70, START))
    acts: list[tuple[Any, Any]] = [
        (lambda: cases.add(ctx, alice, weigh(71, START + HOUR)), 71),
        (lambda: cases.add(ctx, alice, weigh(72, START - HOUR)), 71),
        (lambda: cases.write(ctx, events.update, alice, made.id, {"time": START + 2 * HOUR}), 70),
        (lambda: cases.write(ctx, events.update, alice, made.id, {"content": 69}), 69),
        (lambda: cases.write(ctx, events.update, alice, made.id, {"time": START + DAY}), 71),
        (lambda: cases.write(ctx, events.update, alice, made.id, {"time": START + 3 * HOUR}), 69),
        (lambda: cases.write(ctx, events.set_trashed, alice, made.id, trashed=True), 71),
        (lambda: cases.write(ctx, events.set_trashed, alice, made.id, trashed=False), 69),
        (lambda: cases.write(ctx, events.delete, alice, made.id), 71),
    ]
    for act, expected in acts:
        act()
        assert values(ctx, alice, "weight") == [expected]
        assert values(ctx, app, "weight") == [expected]


def test_every_day_of_a_window_is_told(ctx: Context, alice: Access) -> None:
    cases.add(ctx, alice, weigh(70, START), weigh(71, START + 2 * DAY))
    told = whole(ctx, alice, "weight", TODAY - 1, TODAY + 2)
    assert [(d.day, d.value) for d in told] == [
        (TODAY - 1, None),
        (TODAY, 70),
        (TODAY + 1, None),
        (TODAY + 2, 71),
    ]
    assert cases.read(ctx, days.extent, alice) == {"weight": (TODAY, TODAY + 2)}
    for first, last in ((1, 0), (0, days.WINDOW_MAX)):
        with pytest.raises(InvalidInput, match="window"):
            cases.read(ctx, days.values, alice, ["weight"], first, last)
    with pytest.raises(UnknownReference):
        cases.read(ctx, days.values, alice, ["weight", "wait"], 0, 1)


def test_a_value_tells_where_it_came_from(ctx: Context, alice: Access) -> None:
    _, second = cases.add(
        ctx, alice, weigh(70, START, source="My scale"), weigh(71, START + 1, source="My scale")
    )
    cases.add(ctx, alice, weigh(80, START + 2, source="iPhone"))
    [told] = whole(ctx, alice, "weight", TODAY, TODAY)
    assert (told.value, told.source) == (71, "My scale")
    assert told.lineage is not None
    assert told.lineage["by"] == "data"
    assert told.lineage["parts"] == [["My scale", 71, 2]]
    assert told.lineage["rows"] == [second.id]
    assert ["iPhone", 80, "better", 1] in told.lineage["rejected"]
    ctx.store.write(lambda tx: None).result(20)
    assert whole(ctx, alice, "weight", TODAY, TODAY) == [told]
    [plain] = cases.read(ctx, days.values, alice, ["weight"], TODAY, TODAY)["weight"]
    assert plain == told._replace(lineage=None)
    # A day of which nothing counts tells why, at once and later.
    row(ctx, alice, NewDay("weight", TODAY + 1, 900, "scale"))
    for _ in range(2):
        [none] = whole(ctx, alice, "weight", TODAY + 1, TODAY + 1)
        assert none.value is None
        assert none.lineage is not None
        assert none.lineage["rejected"] == [["scale", 900, "range", 1]]
        ctx.store.write(lambda tx: None).result(20)


# Day rows


def test_a_person_counts_before_a_service_before_any_source(ctx: Context, alice: Access) -> None:
    steps(ctx, alice, "watch", (START, START + HOUR, 500))
    assert values(ctx, alice, "steps") == [500]
    row(ctx, alice, NewDay("steps", TODAY, 7_000, "Fitbit"))
    assert values(ctx, alice, "steps") == [7_000]  # a daily total where little is covered
    row(ctx, alice, NewDay("steps", TODAY, 3_000, "Exist", written_by="service"))
    assert values(ctx, alice, "steps") == [3_000]
    row(ctx, alice, NewDay("steps", TODAY, 1, "manual", kind="manual", written_by="person"))
    assert values(ctx, alice, "steps") == [1]
    [told] = whole(ctx, alice, "steps", TODAY, TODAY)
    assert told.lineage is not None
    assert (told.source, told.lineage["by"]) == ("manual", "person")
    assert {r[0] for r in told.lineage["rejected"]} >= {"Exist"}
    for source, expected in (("manual", 3_000), ("Exist", 7_000), ("Fitbit", 500)):
        assert cases.write(ctx, days.remove_row, alice, "steps", TODAY, source)
        assert values(ctx, alice, "steps") == [expected]
    assert not cases.write(ctx, days.remove_row, alice, "steps", TODAY, "Fitbit")


def test_the_newest_row_of_a_source_stands_until_it_is_undone(ctx: Context, alice: Access) -> None:
    given = [NewDay("weight", TODAY + i, 70 + i, "scale") for i in range(3)]
    assert row(ctx, alice, *given, batch_id=1) == Counts(3, 0, 0)
    log = cases.log(ctx, alice)
    assert row(ctx, alice, *given, batch_id=2) == Counts(0, 3, 0)
    assert cases.log(ctx, alice) == log
    changed = [given[0]._replace(value=80), given[1], NewDay("weight", TODAY + 9, 90, "scale")]
    assert row(ctx, alice, *changed, batch_id=2) == Counts(1, 1, 1)
    assert values(ctx, alice, "weight", n=3) == [80, 71, 72]
    twice = [given[0]._replace(value=81), given[0]._replace(value=82)]
    assert row(ctx, alice, *twice, batch_id=3) == Counts(0, 1, 1)
    assert values(ctx, alice, "weight") == [82]
    for batch, expected in ((3, [80, 71, 72]), (2, [70, 71, 72]), (1, [None] * 3)):
        while cases.write(ctx, days.drop_batch, alice, batch, 1):
            pass
        assert values(ctx, alice, "weight", n=3) == expected
    assert values(ctx, alice, "weight", TODAY + 9) == [None]


def test_what_cannot_be_a_day(ctx: Context, alice: Access) -> None:
    good = NewDay("weight", TODAY, 70, "scale")
    wrong: list[tuple[str, dict[str, Any], type[Exception]]] = [
        ("measure", {"measure": "wait"}, UnknownReference),
        ("value", {"value": "heavy"}, InvalidInput),
        ("value", {"value": float("nan")}, InvalidInput),
        ("value", {"value": float("-inf")}, InvalidInput),
        ("value", {"value": 10**400}, InvalidInput),
        ("value", {"measure": "note", "value": 7}, InvalidInput),
        ("value", {"measure": "note", "value": "x" * 10_001}, InvalidInput),
        ("value", {"measure": "note", "value": "\0"}, InvalidInput),
        ("date", {"day": 10**7}, InvalidInput),
        ("date", {"day": -(10**7)}, InvalidInput),
        ("source", {"source": ""}, InvalidInput),
        ("source", {"source": "x" * 201}, InvalidInput),
        ("source", {"source": "\0"}, InvalidInput),
        ("source", {"raw": "\0"}, InvalidInput),
    ]
    for field, given, error in wrong:
        with pytest.raises(error) as refused:
            row(ctx, alice, good._replace(**given))
        assert getattr(refused.value, "field", None) == field, given
        with pytest.raises(error) as refused:
            row(ctx, alice, good, good._replace(**given))
        assert getattr(refused.value, "field", None) == f"days[1].{field}", given
    with pytest.raises(InvalidInput, match="at most"):
        row(ctx, alice, *[good] * (days.ROWS_MAX + 1))
    assert values(ctx, alice, "weight") == [None]
    assert row(ctx, alice, NewDay("note", TODAY, "text 𝄞", "diary")) == Counts(1, 0, 0)
    assert values(ctx, alice, "note") == ["text 𝄞"]


def test_an_app_writes_what_it_may_when_it_may(ctx: Context, alice: Access) -> None:
    app = cases.share(
        ctx, alice, Permission(Level.CONTRIBUTE, measures=("weight",), start=MIDNIGHT)
    )
    row(ctx, app, NewDay("weight", TODAY, 70, "app"))
    for given in (NewDay("weight", TODAY - 1, 70, "app"), NewDay("steps", TODAY, 70, "app")):
        with pytest.raises(Forbidden):
            row(ctx, app, given)
    assert cases.write(ctx, days.remove_row, app, "weight", TODAY, "app")


# Which source counts


def test_of_equal_sources_the_one_with_more_days_counts_on_all(ctx: Context, alice: Access) -> None:
    def both(day: int) -> None:
        at = START + day * DAY
        steps(ctx, alice, "A watch", (at, at + HOUR, 100), batch_id=1)
        steps(ctx, alice, "B watch", (at, at + HOUR, 200), batch_id=2)

    both(0)
    assert values(ctx, alice, "steps", n=2) == [100, None]  # by name, as nothing else tells
    steps(ctx, alice, "B watch", (START + 5 * DAY, START + 5 * DAY + 1, 1), batch_id=3)
    assert values(ctx, alice, "steps") == [200]
    both(1)
    assert values(ctx, alice, "steps", n=2) == [200, 200]
    for day in (7, 8):
        more = note(
            "diurnal-steps",
            5,
            type="count/steps",
            time=START + day * DAY,
            source="A watch",
            id=f"more{day}",
        )
        cases.add(ctx, alice, more)
    assert values(ctx, alice, "steps", n=2) == [100, 100]
    cases.write(ctx, events.set_trashed, alice, "more7", trashed=True)
    cases.write(ctx, events.delete, alice, "more8")
    assert values(ctx, alice, "steps", n=2) == [200, 200]
    while cases.write(ctx, series.drop_batch, alice, 3, 10):
        pass
    assert values(ctx, alice, "steps", n=2) == [100, 100]
    row(ctx, alice, *(NewDay("steps", TODAY + 20 + i, 9, "B watch") for i in range(2)))
    assert values(ctx, alice, "steps", n=2) == [200, 200]


def test_the_owners_order_of_sources_counts_at_once(ctx: Context, alice: Access) -> None:
    for source, kg in (("A scale", 70), ("B scale", 80)):
        cases.add(ctx, alice, weigh(kg, START, source=source))
    assert values(ctx, alice, "weight") == [70]
    settings: list[tuple[Any, int]] = [
        ({"sources": {"weight": ["B scale"]}}, 80),
        ({"sources": {"weight": ["A scale", "B scale"]}}, 70),
        ({"sources": {"weight": ["B scale", 7, None]}}, 80),
        ({"sources": {"steps": ["B scale"]}}, 70),
        ({"sources": {"weight": ["none", "B scale"]}}, 80),
        ({"sources": ["B scale"]}, 70),
        ({"sources": {"weight": ["B scale"]}}, 80),
        ({"sources": None}, 70),
    ]
    for given, expected in settings:
        cases.write(ctx, accounts.update, alice, settings=given)
        assert values(ctx, alice, "weight") == [expected]


def test_a_source_that_turns_out_to_be_better_counts(ctx: Context, alice: Access) -> None:
    cases.add(ctx, alice, weigh(70, START, source="iPhone"), weigh(80, START, source="Thing"))
    assert values(ctx, alice, "weight") == [70]
    row(ctx, alice, NewDay("steps", TODAY + 30, 1, "Thing", kind="dedicated"))
    assert values(ctx, alice, "weight") == [80]


# Time


def test_a_long_event_counts_on_each_of_its_days(ctx: Context, alice: Access) -> None:
    tea = OwnMeasure(key="ill", label="ill", value="boolean")
    cases.write(ctx, measures.ensure_own, alice, tea)
    cases.add(ctx, alice, note("own-ill", 1, type="x/y", time=START, duration=100 * DAY, id="e"))
    for day in (TODAY + 99, TODAY, TODAY + 40, TODAY + 100, TODAY + 70):
        assert values(ctx, alice, "ill", day) == [1], day
    assert values(ctx, alice, "ill", TODAY - 1) == values(ctx, alice, "ill", TODAY + 101) == [None]
    cases.write(ctx, events.update, alice, "e", {"duration": DAY})
    assert values(ctx, alice, "ill", TODAY + 70) == [None]
    cases.write(ctx, events.update, alice, "e", {"duration": None})
    assert values(ctx, alice, "ill", TODAY + 70) == [None]  # it still runs
    cases.write(ctx, events.update, alice, "e", {"duration": 600 * DAY})
    spread = values(ctx, alice, "ill", TODAY, 600)
    assert spread[:401] == [1] * 401
    assert set(spread[401:]) == {None}
    assert values(ctx, alice, "ill", TODAY + 390) == [1]


def test_the_days_the_clock_changes_have_23_and_25_hours(ctx: Context, alice: Access) -> None:
    spring = time.day_from_text("2026-03-29")
    begin = spring * DAY - HOUR
    per_hour = [(begin + i * HOUR, begin + (i + 1) * HOUR, 100.0) for i in range(-24, 48)]
    steps(ctx, alice, "watch", *per_hour)
    assert values(ctx, alice, "steps", spring - 1, 3) == [2_400, 2_300, 2_400]
    autumn = time.day_from_text("2026-10-25")
    begin = autumn * DAY - 2 * HOUR
    steps(ctx, alice, "watch", (begin, begin + 50 * HOUR, 5_000))
    assert values(ctx, alice, "steps", autumn, 2) == [2_500, 2_400]


def test_a_day_of_travel_is_longer_or_shorter(ctx: Context, alice: Access) -> None:
    at = MIDNIGHT + 10 * HOUR
    steps(ctx, alice, "watch", (MIDNIGHT, MIDNIGHT + 4 * DAY, 96_000))
    assert values(ctx, alice, "steps", n=3) == [24_000] * 3
    cases.write(ctx, zones.replace, alice, 0, [(at, "America/New_York")])
    assert values(ctx, alice, "steps", n=3) == [30_000, 24_000, 24_000]
    cases.write(
        ctx, zones.replace, alice, 0, [(at, "America/New_York"), (at + 2 * DAY, "Europe/Berlin")]
    )
    assert values(ctx, alice, "steps", n=4) == [30_000, 24_000, 18_000, 24_000]
    cases.write(ctx, zones.replace, alice, 0, [])
    assert values(ctx, alice, "steps", n=3) == [24_000] * 3


def test_what_is_noted_after_a_flight_back_over_midnight_is_not_lost(
    ctx: Context, alice: Access
) -> None:
    leap = MIDNIGHT + HOUR  # from 01:00 back to 19:00 of the day before
    cases.write(ctx, zones.replace, alice, 0, [(leap, "America/New_York")])
    assert values(ctx, alice, "note", TODAY - 1, 2) == [None, None]
    told = {"type": "note/txt", "source": "app"}
    cases.add(ctx, alice, note("diurnal-note", "landed", time=leap + HOUR, **told))
    assert values(ctx, alice, "note", TODAY - 1, 2) == [None, "landed"]


@pytest.mark.parametrize(
    "engine", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
def test_a_write_that_looks_while_a_day_is_being_kept_sees_no_older_value(
    ctx: Context, alice: Access
) -> None:
    def put(value: float) -> None:
        given = NewDay("steps", TODAY, value, "watch")
        cases.write(ctx, days.write_rows, alice, [given])

    put(100)
    assert values(ctx, alice, "steps") == [100]
    put(200)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("cached", "dirty"):

            def look(*args: Any, real: Any, **more: Any) -> Any:
                found = real(*args, **more)
                patch.undo()
                assert values(ctx, alice, "steps") == [200]  # and keeps it
                return found

            patch.setattr(store, name, partial(look, real=getattr(store, name)))
        seen = cases.write(ctx, days.values, alice, ["steps"], TODAY, TODAY)
    assert [day.value for day in seen["steps"]] == [200]


def test_a_night_is_told_in_minutes(ctx: Context, alice: Access) -> None:
    begin = MIDNIGHT - 30 * MINUTE
    stages = [
        {"stage": "light", "start": 0, "duration": 3 * 3_600},
        {"stage": "deep", "start": 3 * 3_600, "duration": 3_600},
        {"stage": "awake", "start": 4 * 3_600, "duration": 600},
        {"stage": "rem", "start": 4 * 3_600 + 600, "duration": 7_200},
    ]
    night = {"stages": stages}
    told = {"type": "diurnal/sleep", "time": begin, "duration": 7 * HOUR, "source": "Oura"}
    cases.add(ctx, alice, note("diurnal-sleep", night, **told, id="n"))
    expected = {
        "sleep": 360,
        "sleep_deep": 60,
        "sleep_light": 180,
        "sleep_rem": 120,
        "awakenings": 1,
        "sleep_start": 690,
        "sleep_end": 390,
    }
    for measure, value in expected.items():
        assert values(ctx, alice, measure) == [value], measure
        assert values(ctx, alice, measure, TODAY - 1) == [None], measure
    nap = {**told, "time": MIDNIGHT + 14 * HOUR, "duration": HOUR}
    cases.add(ctx, alice, note("diurnal-sleep", {}, **nap))
    assert values(ctx, alice, "sleep") == [420]
    assert values(ctx, alice, "sleep_end") == [390]
    cases.write(ctx, events.delete, alice, "n")
    assert values(ctx, alice, "sleep") == [60]
    assert values(ctx, alice, "sleep_deep") == [None]


def test_a_session_counts_by_its_own_clock(ctx: Context, alice: Access) -> None:
    told = {"type": "activity/plain", "content": None, "time": START, "duration": HOUR}
    cases.add(ctx, alice, note("diurnal-calendar-event", zone="Pacific/Auckland", **told))
    assert values(ctx, alice, "calendar_event", n=2) == [None, 1]
    assert values(ctx, alice, "events_duration", n=2) == [None, 60]


def test_a_stage_that_cannot_be_is_none(ctx: Context, alice: Access) -> None:
    stages = [
        {"stage": "deep", "start": 0, "duration": 3_600},
        {"stage": "deep", "start": 0, "duration": 1e305},
        {"stage": "deep", "start": -1e305, "duration": 60},
        {"stage": "deep", "start": "soon", "duration": 60},
        {"stage": 5},
        "deep",
    ]
    told = {"type": "diurnal/sleep", "time": MIDNIGHT, "duration": 7 * HOUR}
    cases.add(ctx, alice, note("diurnal-sleep", {"stages": stages, "asleep": "long"}, **told))
    assert values(ctx, alice, "sleep_deep") == [60]


def test_what_is_derived_follows_its_data(ctx: Context, alice: Access) -> None:
    given = columns([START + i * MINUTE for i in range(3)], [60.0, 100.0, 80.0])
    cases.write(ctx, series.write, alice, "heart_rate", "watch", given, batch_id=4)
    assert values(ctx, alice, "heart_rate_max") == [100]
    cases.write(ctx, series.drop_batch, alice, 4, 100)
    assert values(ctx, alice, "heart_rate_max") == [None]


# What is kept


def test_a_write_between_computing_and_keeping_is_not_lost(
    ctx: Context, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases.add(ctx, alice, weigh(70, START))
    kept: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(ctx.store, "write", lambda fn, **_: kept.append(fn))
        assert [d.value for d in whole(ctx, alice, "weight", TODAY, TODAY)] == [70]
    cases.add(ctx, alice, weigh(71, START + 1))
    [keep] = kept
    ctx.store.write(keep).result(20)
    assert values(ctx, alice, "weight") == [71]


def test_a_late_keeper_does_not_write_over_a_newer_one(
    ctx: Context, alice: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases.add(ctx, alice, weigh(70, START))
    kept: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(ctx.store, "write", lambda fn, **_: kept.append(fn))
        whole(ctx, alice, "weight", TODAY, TODAY)
    looked, go_on = threading.Event(), threading.Event()

    class Slow:
        """Stops between looking at the marks and what follows."""

        def __init__(self, tx: Any) -> None:
            self._tx = tx

        def __getattr__(self, name: str) -> Any:
            return getattr(self._tx, name)

        def execute(self, sql: Any, given: Any) -> Any:
            rows = self._tx.execute(sql, given)
            if sql is store._MARKED:
                looked.set()
                go_on.wait(20)
            return rows

    slow = ctx.store.write(lambda tx: kept[0](Slow(tx)))
    assert looked.wait(20)
    new = ctx.store.write(lambda tx: events.create(tx, ctx, alice, [weigh(71, START + 1)]))
    try:
        new.result(0.5)
    except Late:
        pass  # it waits for the keeper; as good
    else:
        assert values(ctx, alice, "weight") == [71]
    go_on.set()
    slow.result(20)
    new.result(20)
    assert values(ctx, alice, "weight") == [71]


def test_all_that_is_marked_can_be_computed_ahead(ctx: Context, alice: Access) -> None:
    cases.add(ctx, alice, weigh(70, START), note(time=START))
    assert ctx.store.read(lambda tx: days.refresh(tx, ctx, alice.account_id)) == 2
    ctx.store.write(lambda tx: None).result(20)
    while ctx.store.backlog():
        pass
    assert ctx.store.read(lambda tx: days.refresh(tx, ctx, alice.account_id)) == 0
    rows = ctx.store.read(
        lambda tx: store.cached(tx, alice.account_id, ["weight"], TODAY, TODAY, lineage=False)
    )
    assert [tuple(r)[:3] for r in rows] == [("weight", TODAY, 70)]


def test_near_days_are_computed_together() -> None:
    assert days.runs([]) == []
    assert days.runs([5, 1, 19, 40]) == [(1, 19), (40, 40)]
