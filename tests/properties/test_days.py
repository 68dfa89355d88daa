"""Day values: what is kept of them is what they would be, were they all computed now."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import delete, select

from diurnal.errors import AppError
from diurnal.model.access import Access
from diurnal.model.measures import Daily
from diurnal.model.records import OwnMeasure
from diurnal.model.series import NO_OFFSET, columns
from diurnal.services import accounts, days, events, measures, series, streams, zones
from diurnal.services.context import Context
from diurnal.services.days import Day, NewDay
from diurnal.store import days as store
from diurnal.store import source_days
from diurnal.store.sql import Sql
from diurnal.store.tables import day_value, source_day
from tests import cases
from tests.clock import DAY, HOUR, MINUTE, START
from tests.properties.sizes import forall, owner, sized

TODAY = 20513
FIRST, LAST = TODAY - 8, TODAY + 60
SOURCES = ["Watch A", "Watch B", "iPhone", "My scale", "x"]
ZONES = ["Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata"]
MEASURES = [
    *("steps", "weight", "note", "heart_rate", "heart_rate_max", "calendar_event"),
    *("events_duration", "sleep", "sleep_start", "sleep_end", "sleep_deep", "awakenings", "tea"),
]

sources = st.sampled_from(SOURCES)
times = st.integers(-25, 45).map(lambda n: START + n * 5 * HOUR)
spans = st.sampled_from([0, 0, HOUR, 9 * HOUR, 30 * HOUR, 4 * DAY, 40 * DAY, None])
weights = st.sampled_from([60, 70.5, 700, "heavy"])
nights = st.sampled_from(
    [
        {},
        {"asleep": 400},
        {"stages": [{"stage": "deep", "start": 600, "duration": 3_600}]},
        {"stages": [{"stage": "in_bed", "start": 0, "duration": 7 * 3_600}]},
    ]
)
given_events = st.one_of(
    st.fixed_dictionaries(
        {
            "stream_ids": st.sampled_from([("diurnal-weight",), ("scales",), ("scales", "other")]),
            "type": st.just("mass/kg"),
            "content": weights,
        }
    ),
    st.fixed_dictionaries(
        {
            "stream_ids": st.just(("diurnal-steps",)),
            "type": st.just("count/steps"),
            "content": st.sampled_from([10, 1_000, 0]),
            "duration": spans,
        }
    ),
    st.fixed_dictionaries(
        {
            "stream_ids": st.just(("diurnal-note",)),
            "type": st.just("note/txt"),
            "content": st.sampled_from(["a", "b", ""]),
        }
    ),
    st.fixed_dictionaries(
        {
            "stream_ids": st.just(("diurnal-calendar-event",)),
            "type": st.just("activity/plain"),
            "duration": spans,
        }
    ),
    st.fixed_dictionaries(
        {
            "stream_ids": st.just(("diurnal-sleep",)),
            "type": st.just("diurnal/sleep"),
            "content": nights,
            "duration": st.sampled_from([HOUR, 7 * HOUR, 9 * HOUR]),
        }
    ),
    st.fixed_dictionaries(
        {
            "stream_ids": st.just(("own-tea",)),
            "type": st.just("diurnal/tea"),
            "content": st.sampled_from([0, 1, True]),
            "duration": st.sampled_from([0, 3 * DAY]),
        }
    ),
)
extras = st.fixed_dictionaries(
    {"time": times, "source": sources},
    optional={
        "zone": st.sampled_from(ZONES),
        "offset": st.sampled_from([-600, 0, 840]),
        "trashed": st.just(True),
    },
)
rows = st.builds(
    NewDay,
    measure=st.sampled_from(["steps", "weight", "sleep", "sleep_start"]),
    day=st.integers(TODAY - 3, TODAY + 6),
    value=st.sampled_from([0, 75.0, 420.0, 100_000.0]),
    source=sources,
    kind=st.sampled_from([None, None, "manual", "dedicated", "wrist"]),
    written_by=st.sampled_from(["source", "source", "service", "person"]),
)


class Life:
    """An account to which things happen."""

    def __init__(self, ctx: Context, data: st.DataObject) -> None:
        self.ctx, self.data = ctx, data
        self.who: Access = owner(ctx)
        tea = OwnMeasure(key="tea", label="tea", value="boolean")
        cases.write(ctx, measures.ensure_own, self.who, tea)
        cases.plant(ctx, self.who, "scales", measure="weight")
        cases.plant(ctx, self.who, "other")

    def event(self) -> None:
        new = {**self.data.draw(given_events), **self.data.draw(extras)}
        cases.add(self.ctx, self.who, cases.note(**new), batch_id=self.data.draw(st.integers(1, 2)))

    def _some(self) -> str | None:
        known = sorted(cases.ids(self.ctx, self.who, state="all"))
        return self.data.draw(st.sampled_from(known)) if known else None

    def change(self) -> None:
        id_ = self._some()
        if id_ is not None:
            fields = {"time": times, "content": weights, "duration": spans}
            given = self.data.draw(st.fixed_dictionaries({}, optional=fields))
            cases.write(self.ctx, events.update, self.who, id_, given)

    def trash(self) -> None:
        id_ = self._some()
        if id_ is not None:
            trashed = self.data.draw(st.booleans())
            cases.write(self.ctx, events.set_trashed, self.who, id_, trashed=trashed)

    def delete(self) -> None:
        id_ = self._some()
        if id_ is not None:
            cases.write(self.ctx, events.delete, self.who, id_)

    def points(self) -> None:
        n = self.data.draw(st.integers(1, 6))
        begins = sorted(self.data.draw(st.lists(times, min_size=n, max_size=n, unique=True)))
        lasts = self.data.draw(st.sampled_from([0, MINUTE, 3 * HOUR, 28 * HOUR]))
        offset = self.data.draw(st.sampled_from([None, [NO_OFFSET] * n, [-600] * n, [60] * n]))
        given = columns(begins, [80.0] * n, [b + lasts for b in begins], offset)
        cases.write(
            self.ctx,
            series.write,
            self.who,
            self.data.draw(st.sampled_from(["steps", "heart_rate"])),
            self.data.draw(sources),
            given,
            batch_id=self.data.draw(st.integers(1, 2)),
            replace=self.data.draw(st.booleans()),
            kind=self.data.draw(st.sampled_from([None, "phone"])),
        )

    def row(self) -> None:
        given = self.data.draw(st.lists(rows, min_size=1, max_size=3))
        batch = self.data.draw(st.integers(0, 2))
        cases.write(self.ctx, days.write_rows, self.who, given, batch_id=batch)

    def take_back(self) -> None:
        given = self.data.draw(rows)
        what = (given.measure, given.day, given.source)
        cases.write(self.ctx, days.remove_row, self.who, *what)

    def undo(self) -> None:
        batch = self.data.draw(st.integers(1, 2))
        for drop in (series.drop_batch, days.drop_batch):
            while cases.write(self.ctx, drop, self.who, batch, 3):
                pass

    def put_away(self) -> None:
        fields = {"trashed": self.data.draw(st.booleans())}
        id_ = self.data.draw(st.sampled_from(["scales", "other", "diurnal-steps"]))
        cases.write(self.ctx, streams.update, self.who, id_, fields)

    def mean(self) -> None:
        fields = {"measure": self.data.draw(st.sampled_from([None, "weight", "steps"]))}
        cases.write(self.ctx, streams.update, self.who, "scales", fields)

    def prefer(self) -> None:
        listed = self.data.draw(st.lists(sources, max_size=3, unique=True))
        key = self.data.draw(st.sampled_from(["steps", "weight", "sleep"]))
        settings = {"sources": {key: listed}}
        cases.write(self.ctx, accounts.update, self.who, settings=settings)

    def travel(self) -> None:
        trips = self.data.draw(
            st.lists(st.tuples(times, st.sampled_from(ZONES)), max_size=2, unique_by=lambda t: t[0])
        )
        cases.write(self.ctx, zones.replace, self.who, self.data.draw(st.integers(0, 1)), trips)

    def move_home(self) -> None:
        timezone = self.data.draw(st.sampled_from(ZONES))
        cases.write(self.ctx, accounts.update, self.who, timezone=timezone)

    def look(self) -> None:
        first = self.data.draw(st.integers(FIRST, LAST))
        last = self.data.draw(st.integers(first, LAST))
        some = self.data.draw(st.lists(st.sampled_from(MEASURES), min_size=1, unique=True))
        cases.read(self.ctx, days.values, self.who, some, first, last)
        if self.data.draw(st.booleans()):
            settle(self.ctx)

    def act(self) -> None:
        acts = [
            *(self.event, self.event, self.event, self.points, self.points, self.row, self.row),
            *(self.change, self.trash, self.delete, self.take_back, self.undo, self.look),
            *(self.look, self.put_away, self.mean, self.prefer, self.travel, self.move_home),
        ]
        try:
            self.data.draw(st.sampled_from(acts))()
        except AppError:
            return  # into a stream in the trash, or the like

    def all_days(self) -> dict[str, list[Day]]:
        read: dict[str, list[Day]] = cases.read(
            self.ctx, days.values, self.who, MEASURES, FIRST, LAST, lineage=True
        )
        return read

    def forget(self) -> None:
        """Throw away what is kept, and mark everything."""
        wipe = Sql(delete(day_value).where(day_value.c.account_id == self.who.account_id))
        cells = {(key, day) for key in MEASURES for day in range(FIRST, LAST + 1)}

        def run(tx: Any) -> None:
            tx.execute(wipe, {})
            store.mark(tx, self.who.account_id, cells, 10**9)

        self.ctx.store.write(run).result(60)


def settle(ctx: Context) -> None:
    """Wait until everything computed is kept."""
    ctx.store.write(lambda tx: None).result(60)
    deadline = time.monotonic() + 30
    while ctx.store.backlog() and time.monotonic() < deadline:
        time.sleep(0.002)


def seen(ctx: Context, who: Access) -> set[tuple[str, str, int]]:
    sql = Sql(
        select(source_day.c.measure, source_day.c.source, source_day.c.day).where(
            source_day.c.account_id == who.account_id
        )
    )
    found = set(ctx.store.read(lambda tx: tx.execute(sql, {})))
    for measure in {key for key, _, _ in found} | {*MEASURES, "weight", "steps"}:
        of_source: dict[str, list[int]] = {}
        for key, source, day in found:
            if key == measure:
                of_source.setdefault(source, []).append(day)
        facts = ctx.store.read(
            lambda tx, measure=measure: source_days.facts(tx, who.account_id, measure)
        )
        assert sorted(facts) == sorted((s, len(d), min(d)) for s, d in of_source.items())
    return found


def present(ctx: Context, who: Access) -> set[tuple[str, str, int]]:
    """Return what a look at all data says of which source has what when."""

    def look(tx: Any, ctx: Context) -> set[tuple[str, str, int]]:
        state = ctx.state(tx, who.account_id)
        span = range(FIRST - 100, LAST + 100)
        dead = state.trashed_streams
        return {
            (key, source, day)
            for key in {*MEASURES, "weight", "steps"}
            for source, day in source_days.sources_on(
                tx, who.account_id, key, span, state.zones.day_at, dead
            )
        }

    found: set[tuple[str, str, int]] = cases.read(ctx, look)
    return found


@sized(25, 600)
def test_what_is_kept_is_what_would_be_computed_now(ctx: Context, examples: int) -> None:
    def check(data: st.DataObject) -> None:
        life = Life(ctx, data)
        for _ in range(data.draw(st.integers(1, 12))):
            life.act()
        kept = life.all_days()
        settle(ctx)
        again = life.all_days()
        life.forget()
        fresh = life.all_days()
        for key in MEASURES:
            assert kept[key] == fresh[key], key
            assert again[key] == fresh[key], key
        assert seen(ctx, life.who) == present(ctx, life.who)

    forall(examples, check)


@sized(6, 100)
def test_days_are_the_same_computed_alone_or_together(ctx: Context, examples: int) -> None:
    def check(data: st.DataObject) -> None:
        life = Life(ctx, data)
        for _ in range(data.draw(st.integers(1, 6))):
            life.act()
        life.forget()
        together = life.all_days()
        settle(ctx)
        life.forget()
        for day in (*range(TODAY - 3, TODAY + 6), TODAY + 34, TODAY + 38, LAST):
            one = cases.read(ctx, days.values, life.who, MEASURES, day, day, lineage=True)
            for key in MEASURES:
                assert one[key] == [together[key][day - FIRST]], (key, day)

    forall(examples, check)


def test_the_measures_here_are_of_every_rule(ctx: Context, alice: Access) -> None:
    tea = OwnMeasure(key="tea", label="tea", value="boolean")
    cases.write(ctx, measures.ensure_own, alice, tea)
    state = cases.read(ctx, lambda tx, ctx: ctx.state(tx, alice.account_id))
    rules = {m.derived.daily if m.derived else m.daily for m in map(state.measure, MEASURES) if m}
    assert rules >= set(Daily) - {Daily.NONE, Daily.MIN}
    assert all(state.measure(key) for key in MEASURES)
