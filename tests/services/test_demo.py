"""Demo data: the same life from the same seed, plausible, findable, and gone when undone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from scipy import stats

from diurnal import catalog, demo
from diurnal.auth import keys
from diurnal.demo.life import DAYS, OWN
from diurnal.errors import Conflict, Forbidden
from diurnal.model.access import Access, Level, Permission
from diurnal.model.records import Datum, DayDatum, Points
from diurnal.model.time import DAY, HOUR, day_from_text, day_text, micros, to_datetime, weekday
from diurnal.services import accesses, accounts, attachments, days, imports, series, zones
from diurnal.services import demo as cases
from diurnal.services.context import Context, Ids
from diurnal.services.context import clock as machine_clock
from diurnal.settings import load
from diurnal.store.blobs import Blobs
from diurnal.store.database import open_store
from tests.cases import found, read, share, write
from tests.clock import Clock
from tests.conftest import PASSWORD

EVENING = micros(to_datetime(day_from_text("2026-11-21") * DAY + 22 * HOUR))
ALWAYS = ("steps", "heart_rate", "sleep", "hrv_rmssd", "mood", "coffees", "weather_summary")

LARGE = pytest.mark.parametrize(
    "engine",
    ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])],
    indirect=True,
)
"""A whole year each time: on PostgreSQL in `make test-full`."""


def life(seed: int = 1, now: int = EVENING) -> demo.Life:
    return demo.Life(seed, demo.HOME_ZONE, now)


def told(lived: demo.Life) -> dict[str, str]:
    """Return all that is told, by what and whose it is."""
    return {
        f"{item.source.name}|{item.source_id}": msgspec.json.encode(item).decode()
        for item in demo.items(lived)
        if isinstance(item, Datum)
    }


def points(lived: demo.Life) -> set[tuple[str, str, int, int, float]]:
    return {
        (item.measure, item.source.name, *row)
        for item in demo.items(lived)
        if isinstance(item, Points)
        for row in zip(item.start, item.end, item.value, strict=True)
    }


@pytest.fixture(scope="module")
def loaded(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Context, Access, imports.Result]]:
    """An account with demo data, for tests that only look at it."""
    home = tmp_path_factory.mktemp("demo")
    clock = Clock(EVENING)
    store = open_store(f"sqlite:///{home / 'diurnal.db'}")
    ctx = Context(
        store=store,
        settings=load(data_dir=home, environ={}),
        keys=keys.load(home),
        blobs=Blobs(home),
        now=clock.now,
        new_id=Ids(clock.now).new,
    )
    made = accounts.create(ctx, username="demo", password=PASSWORD)
    owner = accesses.personal(made.account_id, "demo")
    yield ctx, owner, load_demo(ctx, owner)
    store.close()


def load_demo(ctx: Context, owner: Access) -> imports.Result:
    return imports.run(ctx, owner.account_id, write(ctx, cases.start, owner), bulk=False)


def values(ctx: Context, owner: Access, measure: str) -> np.ndarray:
    last = life().last
    known = read(ctx, days.values, owner, [measure], last - DAYS + 1, last)[measure]
    return np.array([np.nan if d.value is None else d.value for d in known], np.float64)


def test_one_seed_tells_one_life() -> None:
    assert told(life()) == told(life())
    assert points(life()) == points(life())
    assert told(life()) != told(life(2))


def test_tomorrow_adds_a_day_and_changes_none() -> None:
    before, after = life(), life(now=EVENING + DAY)
    first = before.first + 2
    kept = {k: v for k, v in told(before).items() if msgspec.json.decode(v)["start"] > first * DAY}
    later = told(after)
    assert {k: later.get(k) for k in kept} == kept
    assert len(later) > len(kept)
    old = {p for p in points(before) if p[2] > first * DAY}
    assert old <= points(after)


def test_nothing_is_told_of_later_than_now() -> None:
    early = life(now=EVENING - 13 * HOUR)
    assert all(p[3] <= early.now for p in points(early))
    for item in demo.items(early):
        if isinstance(item, Datum):
            assert item.start + (item.duration or 0) <= early.now
        if isinstance(item, DayDatum):
            assert early.first <= item.day <= early.last


@pytest.mark.parametrize("now", ["2026-03-29", "2026-05-10", "2027-01-01", "2028-02-29"])
def test_every_day_has_its_night_on_clock_changes_and_trips_too(now: str) -> None:
    lived = life(now=day_from_text(now) * DAY + 20 * HOUR)
    nights = [i for i in demo.items(lived) if isinstance(i, Datum) and i.measure == "sleep"]
    ends = sorted(n.start + (n.duration or 0) for n in nights)
    assert [lived.zones.day_at(end) for end in ends] == list(range(lived.first, lived.last + 1))
    ordered = sorted(nights, key=lambda n: n.start)
    for a, b in pairwise(ordered):
        assert a.start + (a.duration or 0) < b.start
    assert len(lived.away) in (10, 20)


def test_all_of_it_is_written_and_nothing_twice(
    loaded: tuple[Context, Access, imports.Result],
) -> None:
    ctx, owner, result = loaded
    assert result.set_aside == result.same == result.changed == 0
    assert result.new == result.read > 150_000
    assert list(result.kinds) == ["demo"]
    measures = {key for key, _ in read(ctx, days.extent, owner).items()}
    assert len(measures) > 40
    assert set(OWN) <= measures
    assert {m for m in measures if catalog.find(m) is None} == set(OWN)


def test_today_is_never_empty_and_the_year_is_whole(
    loaded: tuple[Context, Access, imports.Result],
) -> None:
    ctx, owner, _ = loaded
    last = life().last
    got = read(ctx, days.values, owner, ALWAYS, last - DAYS + 1, last)
    for measure in ALWAYS:
        assert all(d.value is not None for d in got[measure]), measure


def test_watch_and_phone_are_not_added_up(loaded: tuple[Context, Access, imports.Result]) -> None:
    ctx, owner, _ = loaded
    day = day_from_text("2026-06-10")
    start, end = life().zones.day_bounds(day)
    by_source = dict(read(ctx, series.read, owner, "steps", start, end))
    assert len(by_source) == 2
    each = {name: float(cols.value.sum()) for name, cols in by_source.items()}
    [value] = read(ctx, days.values, owner, ["steps"], day, day)["steps"]
    assert max(each.values()) <= value.value < 0.9 * sum(each.values())


def test_days_are_plausible(loaded: tuple[Context, Access, imports.Result]) -> None:
    ctx, owner, _ = loaded
    for measure, low, high in (
        ("steps", 900, 30_000),
        ("heart_rate", 55, 95),
        ("heart_rate_resting", 50, 75),
        ("sleep", 240, 620),
        ("mood", 1, 9),
        ("weight", 70, 80),
        ("screen_mobile", 20, 300),
        ("weather_temp_max", -12, 36),
        ("workouts_min", 30, 120),
        ("coffees", 1, 12),
        ("awakenings", 0, 4),
    ):
        column = values(ctx, owner, measure)
        known = column[~np.isnan(column)]
        assert len(known) > 40, measure
        assert low <= known.min(), measure
        assert known.max() <= high, measure


def test_what_was_planted_can_be_found(loaded: tuple[Context, Access, imports.Result]) -> None:
    ctx, owner, _ = loaded
    last = life().last
    away = np.array([d in life().away for d in range(last - DAYS + 1, last + 1)])
    week = np.array([weekday(d) for d in range(last - DAYS + 1, last + 1)])
    drinks = np.nan_to_num(values(ctx, owner, "alcoholic_drinks"))
    steps, hrv = values(ctx, owner, "steps"), values(ctx, owner, "hrv_rmssd")
    gap = steps[~away & (week == 5)].mean() - steps[~away & (week < 5)].mean()
    assert 1_500 < gap < 3_500
    assert -9 < stats.linregress(drinks[:-1], hrv[1:]).slope < -5
    resting = values(ctx, owner, "heart_rate_resting")
    assert 1 < stats.linregress(drinks[:-1], resting[1:]).slope < 3.5
    link = stats.spearmanr(values(ctx, owner, "sleep"), values(ctx, owner, "mood"))
    assert link.statistic > 0.3
    moved = np.nan_to_num(values(ctx, owner, "workout")) > 0
    deep = values(ctx, owner, "sleep_deep")
    assert deep[1:][moved[:-1]].mean() - deep[1:][~moved[:-1]].mean() > 10
    worked = ~np.isnan(values(ctx, owner, "productive_time"))
    cups = values(ctx, owner, "coffees")[worked]
    busy = values(ctx, owner, "productive_time")[worked]
    assert 10 < stats.linregress(cups, busy).slope < 22
    cold = [
        d - (last - DAYS + 1)
        for d in range(day_from_text("2026-02-08"), day_from_text("2026-02-13"))
    ]
    assert resting[cold].mean() > np.nanmean(resting) + 5
    assert steps[cold].mean() < 0.6 * steps.mean()
    songs = stats.spearmanr(np.nan_to_num(values(ctx, owner, "track_played")), steps)
    assert abs(songs.statistic) < 0.15


def test_photos_have_their_bytes(loaded: tuple[Context, Access, imports.Result]) -> None:
    ctx, owner, _ = loaded
    photos = found(ctx, owner, types=("picture/attached",))
    assert len(photos) > 20
    files = read(ctx, lambda tx, _ctx: attachments.of(tx, owner, [p["id"] for p in photos]))
    assert len(files) == len(photos)
    for [file] in files.values():
        with ctx.blobs.open(owner.account_id, file.hash) as stream:
            data = stream.read()
        assert data.startswith(b"\x89PNG")
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (file.hash, file.size)


def test_the_zone_history_tells_the_trips(loaded: tuple[Context, Access, imports.Result]) -> None:
    ctx, owner, result = loaded
    home, changed = read(ctx, zones.listed, owner)
    assert home == demo.HOME_ZONE
    names = [name for _, name, batch in changed if batch == result.batch]
    assert names == [
        demo.HOME_ZONE,
        "Asia/Tokyo",
        demo.HOME_ZONE,
        "America/Halifax",
        demo.HOME_ZONE,
    ]


@LARGE
def test_undone_it_leaves_nothing(ctx: Context, alice: Access, clock: Clock) -> None:
    result = load_demo(ctx, alice)
    with pytest.raises(Conflict):
        write(ctx, cases.start, alice)
    imports.undo(ctx, alice, result.batch)
    assert found(ctx, alice, limit=10) == []
    assert read(ctx, series.listed, alice) == []
    assert read(ctx, zones.listed, alice) == ("Europe/Berlin", [])
    assert ctx.state(*_tx(ctx, alice)).measures == {}
    last = clock.now() // DAY
    for measure in ("steps", "mood", "weather_summary", "sleep"):
        got = read(ctx, days.values, alice, [measure], last - DAYS, last)[measure]
        assert all(d.value is None for d in got), measure
    clock.tick(2 * DAY)
    assert attachments.sweep(ctx, alice.account_id, before=machine_clock() + DAY) == 12
    again = load_demo(ctx, alice)
    assert again.set_aside == 0
    assert again.new == again.read


def _tx(ctx: Context, who: Access) -> tuple[object, int]:
    return ctx.store.read(lambda tx: (tx, who.account_id))


def test_only_the_owner_loads_it_and_reads_it(ctx: Context, alice: Access, charlie: Access) -> None:
    app = share(ctx, alice, Permission(Level.MANAGE))
    with pytest.raises(Forbidden):
        write(ctx, cases.start, app)
    batch = write(ctx, cases.start, alice)
    assert read(ctx, lambda tx, _ctx: imports.listed(tx, charlie)) == []
    assert [b.id for b in read(ctx, lambda tx, _ctx: imports.listed(tx, alice))] == [batch]


@LARGE
def test_begun_again_after_a_break_it_is_the_same(
    ctx: Context, alice: Access, clock: Clock
) -> None:
    from diurnal.services.jobs import Stopped

    batch = write(ctx, cases.start, alice)
    turns = iter(range(60))
    with pytest.raises(Stopped):
        imports.run(ctx, alice.account_id, batch, stopping=lambda: next(turns, None) is None)
    clock.tick(DAY)
    result = imports.run(ctx, alice.account_id, batch, bulk=False)
    assert result.set_aside == result.changed == 0
    assert result.new == result.read
    fresh = replace(ctx, states={})
    assert day_text(max(last for _, last in read(fresh, days.extent, alice).values())) >= "2026"
