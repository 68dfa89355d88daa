"""Series against sets of points."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import func, select

from diurnal.model.access import Access
from diurnal.model.series import SLOT, SPAN, columns
from diurnal.services import series
from diurnal.services.context import Context
from diurnal.store.sql import Sql
from diurnal.store.tables import chunk
from tests import cases
from tests.clock import DAY, HOUR, MINUTE, START
from tests.properties.sizes import forall, owner, sized

MEASURE = "heart_rate"
BATCHES = [0, 1, 2]
LOW, HIGH = START - 2 * DAY, START + 3 * DAY
starts = st.integers(-30, 60).map(lambda n: START + n * 37 * MINUTE)
lengths = st.sampled_from([0, 0, MINUTE, 3 * HOUR, 26 * HOUR])
times = st.tuples(starts, lengths).map(lambda t: (t[0], t[0] + t[1]))
values = st.sampled_from([50.0, 60.0, 61.5, 70.0])
Point = tuple[int, int, float]


class Model:
    """The points of each (source, batch)."""

    def __init__(self, ctx: Context, who: Access) -> None:
        self.ctx, self.who = ctx, who
        self.points: dict[tuple[str, int], set[Point]] = defaultdict(set)

    def write(self, source: str, batch: int, new: list[Point], replace: bool) -> None:
        given = columns(
            [p[0] for p in new], [p[2] for p in new], [p[1] for p in new], last_wins=replace
        )
        counts = cases.write(
            self.ctx,
            series.write,
            self.who,
            MEASURE,
            source,
            given,
            batch_id=batch,
            replace=replace,
        )
        last = list({p[:2]: p for p in new}.values()) if replace else list(dict.fromkeys(new))
        expected = {"new": 0, "same": len(given) - len(last), "changed": 0}
        elsewhere = [b for (s, b) in self.points if s == source and b != batch]
        before = {b: set(self.points[source, b]) for b in [*elsewhere, batch]}
        for point in last:
            expected[self._say(source, batch, point, replace, before)] += 1
        assert counts._asdict() == expected

    def _say(
        self, source: str, batch: int, point: Point, replace: bool, before: dict[int, set[Point]]
    ) -> str:
        if any(point in points for b, points in before.items() if b != batch):
            return "same"
        there = {b: {p for p in points if p[:2] == point[:2]} for b, points in before.items()}
        if there[batch] == {point} or (not replace and point in there[batch]):
            return "same"
        if replace:
            for b, points in there.items():
                self.points[source, b] -= points
        self.points[source, batch].add(point)
        return "changed" if replace and any(there.values()) else "new"

    def undo(self, batch: int) -> None:
        while cases.write(self.ctx, series.drop_batch, self.who, batch, 2):
            pass
        for key in self.points:
            if key[1] == batch:
                self.points[key] = set()

    def of(self, source: str) -> list[Point]:
        return sorted(set().union(*(p for (s, _), p in self.points.items() if s == source)))

    def check(self) -> None:
        found = dict(cases.read(self.ctx, series.read, self.who, MEASURE, LOW, HIGH))
        told = {
            source: list(
                zip(cols.start.tolist(), cols.end.tolist(), cols.value.tolist(), strict=True)
            )
            for source, cols in found.items()
        }
        sources = {s for s, _ in self.points}
        assert told == {s: self.of(s) for s in sources if self.of(s)}
        listed = cases.read(self.ctx, series.listed, self.who)
        assert {row.source: row.n for row in listed} == {
            s: sum(len(p) for (of, _), p in self.points.items() if of == s)
            for s in sources
            if self.of(s)
        }
        spans = {
            (source, batch, p[0] // SPAN)
            for (source, batch), points in self.points.items()
            for p in points
        }
        count = Sql(
            select(func.count()).select_from(chunk).where(chunk.c.account_id == self.who.account_id)
        )
        assert self.ctx.store.read(lambda tx: tx.one(count, {}))[0] == len(spans)

    def check_buckets(self, start: int, end: int, width: int) -> None:
        found = dict(cases.read(self.ctx, series.buckets, self.who, MEASURE, start, end, width))
        for source in {s for s, _ in self.points}:
            points = [p for p in self.of(source) if start <= p[0] < end]
            if source not in found:
                assert not points
                continue
            told = found[source]
            for i in range(width):
                low, high = told.edges[i], told.edges[i + 1]
                inside = [v for at, _, v in points if low <= at < high]
                assert told.n[i] == len(inside)
                if inside:
                    assert (told.low[i], told.high[i]) == (min(inside), max(inside))
                    assert abs(told.mean[i] - sum(inside) / len(inside)) < 1e-9


@sized(20, 300)
def test_points_are_what_was_written_last(ctx: Context, examples: int) -> None:
    def check(data: st.DataObject) -> None:
        model = Model(ctx, owner(ctx))
        for _ in range(data.draw(st.integers(1, 6))):
            if data.draw(st.integers(0, 5)) == 5:
                model.undo(data.draw(st.sampled_from(BATCHES)))
                continue
            replace = data.draw(st.booleans())
            unique = (lambda p: p[0]) if replace else None
            drawn = data.draw(
                st.lists(st.tuples(times, values), min_size=1, max_size=12, unique_by=unique)
                if unique
                else st.lists(st.tuples(times, values), min_size=1, max_size=12)
            )
            points = [(*t, v) for t, v in drawn]
            source = data.draw(st.sampled_from(["watch", "watch", "phone"]))
            model.write(source, data.draw(st.sampled_from(BATCHES)), points, replace)
        model.check()
        first = LOW // SLOT * SLOT
        for width, slots in ((1, 500), (10, 50), (24, 20), (7, 3)):
            model.check_buckets(first, first + width * slots * SLOT, width)
        model.check_buckets(LOW + 1, HIGH - MINUTE, 1_000)

    forall(examples, check)


@sized(8, 60)
def test_the_same_points_again_change_nothing(ctx: Context, examples: int) -> None:
    def check(data: st.DataObject) -> None:
        who = owner(ctx)
        model = Model(ctx, who)
        drawn = data.draw(st.lists(st.tuples(times, values), min_size=1, unique_by=lambda p: p[0]))
        points: list[Any] = [(*t, v) for t, v in drawn]
        model.write("watch", 1, points, True)
        log = cases.log(ctx, who)
        for batch in (1, 2, 0):
            model.write("watch", batch, points, data.draw(st.booleans()))
        half = points[: len(points) // 2]
        if half:
            model.write("watch", 3, half, True)
        model.check()
        assert cases.log(ctx, who) == log

    forall(examples, check)
