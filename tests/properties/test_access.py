"""What an access shows is what its permissions say, through every way of asking."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import strategies as st

from diurnal.errors import AppError, Forbidden, NotFound, UnknownReference
from diurnal.model.access import Access, Kind, Level, Permission, Place
from diurnal.model.events import EventQuery
from diurnal.services import days, events, series, streams
from diurnal.services.context import Context
from tests import cases
from tests.clock import DAY, HOUR, START
from tests.model.test_access import allowed, expected, fits, governing
from tests.properties.sizes import forall, owner, sized

HOME = "diurnal-weight"
OTHER = "diurnal-steps"
IDS = ["a", "b", "c", "d"]
TODAY = 20513
TAGS = ["x", "y"]
SPOT = {"latitude": 52.520008, "longitude": 13.404954}
COARSE = {
    "exact": SPOT,
    "near": {"latitude": 52.52, "longitude": 13.4},
    "area": {"latitude": 52.5, "longitude": 13.4},
    "none": {},
}
BERLIN = ZoneInfo("Europe/Berlin")
edges = st.none() | st.integers(-1, 4).map(lambda n: START - 13 * HOUR + n * DAY)
permissions = st.lists(
    st.builds(
        Permission,
        level=st.sampled_from(list(Level)),
        stream=st.sampled_from([*IDS, HOME, "diurnal-body", "*"]),
        measures=st.none() | st.sampled_from([("weight",), ("steps",), ("steps", "weight")]),
        tags=st.none() | st.none() | st.sampled_from([("x",), ("x", "y")]),
        start=edges,
        end=edges,
        rights=st.none() | st.none() | st.sampled_from([("read",), ("create", "update"), ()]),
        days_only=st.sampled_from([False, False, True]),
        place=st.sampled_from([Place.EXACT, *Place]),
        delay=st.sampled_from([0, 0, 1, 2]),
    ).filter(lambda p: p.start is None or p.end is None or p.start < p.end),
    min_size=1,
    max_size=4,
)
at_once = permissions.map(
    lambda given: [msgspec.structs.replace(p, delay=0, days_only=False) for p in given]
)
written = st.lists(
    st.fixed_dictionaries(
        {
            "stream_ids": st.lists(
                st.sampled_from([*IDS, HOME]), min_size=1, max_size=2, unique=True
            ).map(tuple),
            "type": st.sampled_from(["mass/kg", "mass/kg", "note/txt", "position/wgs84"]),
            "time": st.integers(-24, 24).map(lambda n: START + n * 2 * HOUR),
            "content": st.integers(40, 90),
            "tags": st.lists(st.sampled_from(TAGS), max_size=2).map(tuple),
        }
    ).map(lambda e: {**e, "content": SPOT} if e["type"] == "position/wgs84" else e),
    min_size=1,
    max_size=10,
)


def grow(data: st.DataObject, ctx: Context, who: Access) -> None:
    for i, id_ in enumerate(IDS):
        parent = data.draw(st.sampled_from([None, HOME, *IDS[:i]]))
        measure = data.draw(st.sampled_from([None, None, "weight"]))
        cases.plant(ctx, who, id_, parent=parent, measure=measure)


def move(data: st.DataObject, ctx: Context, who: Access) -> None:
    id_, parent = data.draw(st.sampled_from(IDS)), data.draw(st.sampled_from([None, HOME, *IDS]))
    tree = cases.read(ctx, streams.visible, who)
    if parent is None or id_ not in tree.path(parent):
        cases.write(ctx, streams.update, who, id_, {"parent_id": parent})


@sized(15, 400)
def test_what_is_shown_is_what_is_granted(ctx: Context, examples: int) -> None:
    def check(data: st.DataObject) -> None:
        who = owner(ctx)
        grow(data, ctx, who)
        batch = [cases.note(**given) for given in data.draw(written)]
        cases.add(ctx, who, *batch)
        given = tuple(data.draw(permissions))
        caller = cases.share(ctx, who, *given)
        for _ in range(data.draw(st.integers(0, 2))):
            move(data, ctx, who)
        _events(ctx, who, caller, given)
        _tree(ctx, who, caller, given)
        _days(ctx, who, caller, given)

    forall(examples, check)


def _datum(e: Any) -> dict[str, Any]:
    return {"measure": e.measure, "tags": e.tags, "at": e.time}


def _reads(rights: set[str]) -> bool:
    return "read" in rights


def bound(delay: int) -> int:
    """Tell from when on nothing is shown to one who sees it later."""
    today = datetime.fromtimestamp(START / 1e6, BERLIN).date()
    begun = datetime.combine(today - timedelta(days=delay - 1), time(), BERLIN)
    return round(begun.timestamp() * 1e6)


def spot(tree: Any, given: tuple[Permission, ...], stream: str, e: Any) -> list[str]:
    """Tell in which exactness an instant is shown by each permission that shows it."""
    return [
        p.place.value
        for p in governing(tree, given, stream)
        if fits(p, _datum(e)) and "read" in allowed(p)
        if not p.days_only and (not p.delay or e.time < bound(p.delay))
    ]


def _events(ctx: Context, who: Access, caller: Access, given: tuple[Permission, ...]) -> None:
    tree = cases.read(ctx, streams.visible, who)
    shown = {e["id"]: e for e in cases.found(ctx, caller)}
    wide = tuple(Permission(p.level, p.stream, rights=p.rights) for p in given)
    nothing = {"measure": None, "tags": (), "at": 0}
    for id_ in cases.ids(ctx, who):
        e = cases.read(ctx, events.get, who, id_)
        levels = [expected(tree, given, s, _datum(e)) for s in e.stream_ids]
        seen = [place for s in e.stream_ids for place in spot(tree, given, s, e)]
        readable = bool(seen)
        assert (id_ in shown) == readable
        if readable:
            # Of its streams only those are named that the caller may know of.
            named = tuple(s for s in e.stream_ids if expected(tree, wide, s, nothing))
            told = cases.read(ctx, events.get, caller, id_)
            content = e.content
            if e.type == "position/wgs84":
                content = COARSE[min(seen, key=list(COARSE).index)]
            assert told == msgspec.structs.replace(e, stream_ids=named, content=content)
            assert shown[id_].get("content") == content
            assert shown[id_]["streamIds"] == list(named)
            assert shown[id_]["streamId"] == named[0]
        else:
            for ask in (
                lambda id_=id_: cases.read(ctx, events.get, caller, id_),
                lambda id_=id_: cases.write(ctx, events.update, caller, id_, {"content": 1}),
                lambda id_=id_: cases.write(ctx, events.delete, caller, id_),
            ):
                with pytest.raises(NotFound):
                    ask()
        if readable and "update" not in set().union(*levels):
            with pytest.raises(Forbidden):
                cases.write(ctx, events.update, caller, id_, {"content": 1})


def _tree(ctx: Context, who: Access, caller: Access, given: tuple[Permission, ...]) -> None:
    tree = cases.read(ctx, streams.visible, who)
    wide = tuple(Permission(p.level, p.stream, rights=p.rights) for p in given)
    nothing = {"measure": None, "tags": (), "at": 0}
    listed = {s.id for s in tree if expected(tree, wide, s.id, nothing)}
    seen = cases.read(ctx, streams.visible, caller)
    assert {s.id for s in seen} == listed
    for s in seen:
        assert s.parent_id is None or s.parent_id in listed


def _days(ctx: Context, who: Access, caller: Access, given: tuple[Permission, ...]) -> None:
    """Day values are those of an account that holds only what the caller may read."""
    first, last = TODAY - 3, TODAY + 3
    state = cases.read(ctx, lambda tx, ctx: ctx.state(tx, who.account_id))
    tree = state.tree

    def counts(stream: str, at: int, tags: tuple[str, ...] = (), on: int | None = None) -> bool:
        datum = {"measure": "weight", "tags": tags, "at": at}
        return any(
            fits(p, datum) and "read" in allowed(p)
            for p in governing(tree, given, stream)
            if (at < bound(p.delay) if on is None else on <= TODAY - p.delay) or not p.delay
        )

    shadow = owner(ctx)
    for id_ in cases.ids(ctx, who, measures=("weight",), ascending=True):
        e = cases.read(ctx, events.get, who, id_)
        if any(counts(s, e.time, e.tags) for s in e.stream_ids):
            cases.add(ctx, shadow, cases.weigh(e.content, e.time, source="command"))
    try:
        told = cases.read(ctx, days.values, caller, ["weight"], first, last)["weight"]
    except UnknownReference:
        told = None
    whole = cases.read(ctx, days.values, shadow, ["weight"], first, last)["weight"]
    for i, day in enumerate(range(first, last + 1)):
        start, end = state.zones.day_bounds(day)
        open_ = counts(HOME, start, on=day) and counts(HOME, end - 1, on=day)
        if told is not None:
            assert told[i].value == (whole[i].value if open_ else None)
        else:
            assert not open_


@sized(10, 200)
def test_series_show_their_open_stretches_and_no_more(ctx: Context, examples: int) -> None:
    from diurnal.model.series import columns

    def check(data: st.DataObject) -> None:
        who = owner(ctx)
        times = [START - 13 * HOUR + n * 6 * HOUR for n in range(-4, 20)]
        cases.write(ctx, series.write, who, "heart_rate", "watch", columns(times, [60.0] * 24))
        given = tuple(
            p
            if p.stream in ("*", "a")
            else msgspec.structs.replace(p, stream="diurnal-heart-rate", start=None, tags=None)
            for p in data.draw(permissions)
            if p.stream in ("*", HOME) and p.measures is None
        )
        caller = cases.share(ctx, who, *given) if given else None
        if caller is None:
            return
        tree = cases.read(ctx, streams.visible, who)

        def open_(at: int) -> bool:
            datum = {"measure": "heart_rate", "tags": (), "at": at}
            return any(
                fits(p, datum) and "read" in allowed(p) and not p.days_only
                for p in governing(tree, given, "diurnal-heart-rate")
                if not p.delay or at < bound(p.delay)
            )

        start, end = times[0] - DAY, times[-1] + DAY
        wanted = [at for at in times if open_(at)]
        for ask in (series.read, series.buckets):
            width = (120,) if ask is series.buckets else ()
            try:
                found = cases.read(ctx, ask, caller, "heart_rate", start, end, *width)
            except UnknownReference:
                assert not wanted
                continue
            if ask is series.read:
                assert [int(t) for _, cols in found for t in cols.start] == wanted
            else:
                assert sum(int(b.n.sum()) for _, b in found) == len(wanted)
        listed = cases.read(ctx, series.listed, caller)
        assert bool(listed) >= bool(wanted)

    forall(examples, check)


@sized(10, 100)
def test_what_an_access_may_add_is_what_is_granted(ctx: Context, examples: int) -> None:
    def check(data: st.DataObject) -> None:
        who = owner(ctx)
        grow(data, ctx, who)
        given = tuple(data.draw(permissions))
        caller = cases.share(ctx, who, *given)
        tree = cases.read(ctx, streams.visible, who)
        state = cases.read(ctx, lambda tx, ctx: ctx.state(tx, who.account_id))
        for new in data.draw(written):
            allowed = True
            for s in new["stream_ids"]:
                meaning = state.meaning(s, new["type"])
                datum = {
                    "measure": meaning[0].key if meaning else None,
                    "tags": new["tags"],
                    "at": new["time"],
                }
                level = expected(tree, given, s, datum)
                allowed = allowed and "create" in level
            if allowed:
                [made] = cases.add(ctx, caller, cases.note(**new))
                assert made.created_by == caller.id
            else:
                with pytest.raises(AppError) as refused:
                    cases.add(ctx, caller, cases.note(**new))
                assert isinstance(refused.value, Forbidden | UnknownReference)

    forall(examples, check)


@sized(10, 100)
def test_no_change_carries_a_datum_out_of_reach(ctx: Context, examples: int) -> None:
    """An app that changes what it may change can still read it, and nothing else has moved."""

    def check(data: st.DataObject) -> None:
        who = owner(ctx)
        grow(data, ctx, who)
        cases.add(ctx, who, *[cases.note(**given) for given in data.draw(written)])
        caller = cases.share(ctx, who, *data.draw(at_once), kind=Kind.SHARED)
        for id_ in cases.ids(ctx, caller):  # those it may read
            before = set(cases.ids(ctx, caller))
            changed = data.draw(written)[0]
            try:
                cases.write(ctx, events.update, caller, id_, changed)
            except (Forbidden, UnknownReference):
                assert set(cases.ids(ctx, caller)) == before
            else:
                assert set(cases.ids(ctx, caller)) == before
        assert len(cases.ids(ctx, who, state="all")) == len(
            cases.read(ctx, events.find, who, EventQuery(state="all"))
        )

    forall(examples, check)
