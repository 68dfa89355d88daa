"""Who may do what: one rule, asked of one datum or of all at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diurnal.model.access import (
    ALL_DATA,
    ALL_RIGHTS,
    EVERYTHING,
    NO_RIGHTS,
    Access,
    Kind,
    Level,
    Permission,
    Place,
    Reach,
    Rights,
)
from diurnal.model.streams import Stream, Tree

IDS = ["a", "b", "c", "d", "e", "f"]
MEASURES = ["weight", "steps"]
TAGS = ["x", "y"]
ALLOWED = {
    "none": set(),
    "create-only": {"create"},
    "read": {"read"},
    "contribute": {"read", "create", "update", "delete"},
    "manage": {"read", "create", "update", "delete", "manage"},
}
NAMES = ("read", "create", "update", "delete", "manage")

levels = st.sampled_from(list(Level))
some = st.none() | st.integers(0, 4)


def _forest(parents: list[int]) -> Tree:
    """Each stream hangs on an earlier one, or is a root."""
    return Tree(
        Stream(id=IDS[i], name=IDS[i], parent_id=IDS[p] if p < i else None)
        for i, p in enumerate(parents)
    )


trees = st.tuples(*(st.integers(0, i) for i in range(len(IDS)))).map(list).map(_forest)
permissions = st.lists(
    st.builds(
        Permission,
        level=levels,
        stream=st.sampled_from([*IDS, "*", "gone"]),
        measures=st.none() | st.lists(st.sampled_from(MEASURES), max_size=2).map(tuple),
        tags=st.none() | st.lists(st.sampled_from(TAGS), max_size=2).map(tuple),
        start=some,
        end=some,
        rights=st.none() | st.lists(st.sampled_from(NAMES[:4]), max_size=4).map(tuple),
        days_only=st.booleans(),
        place=st.sampled_from(list(Place)),
        delay=st.integers(0, 2),
    ),
    max_size=6,
).map(tuple)
data_ = st.fixed_dictionaries(
    {
        "measure": st.none() | st.sampled_from(MEASURES),
        "tags": st.lists(st.sampled_from(TAGS), max_size=2).map(tuple),
        "at": st.integers(0, 4),
    }
)


def app(permissions: tuple[Permission, ...], kind: Kind = Kind.APP) -> Access:
    return Access(
        id="c", account_id=1, username="u", kind=kind, name="app", permissions=permissions
    )


def governing(tree: Tree, given: tuple[Permission, ...], stream: str) -> list[Permission]:
    """Tell which permissions count for a stream in the plainest way."""
    node: str | None = stream
    while node is not None and tree.get(node):
        here = [p for p in given if p.stream == node]
        if here:
            return here
        node = tree.get(node).parent_id
    return [p for p in given if p.stream == "*"]


def fits(p: Permission, datum: dict[str, Any]) -> bool:
    return not (
        (p.measures is not None and datum["measure"] not in p.measures)
        or (p.tags is not None and not set(p.tags) & set(datum["tags"]))
        or (p.start is not None and datum["at"] < p.start)
        or (p.end is not None and datum["at"] >= p.end)
    )


def allowed(p: Permission) -> set[str]:
    rights = set(ALLOWED[p.level.value])
    if p.rights is not None:
        rights &= {*p.rights} | ({"manage"} if len(p.rights) == 4 else set())
    return rights


def expected(
    tree: Tree, given: tuple[Permission, ...], stream: str, datum: dict[str, Any]
) -> set[str]:
    """Tell the rights in the plainest way."""
    found: set[str] = set()
    for p in governing(tree, given, stream):
        if fits(p, datum):
            found |= allowed(p)
    return found


def sighted(
    tree: Tree,
    given: tuple[Permission, ...],
    stream: str,
    datum: dict[str, Any],
    *,
    end: int | None,
    now: int,
) -> str | None:
    """Tell how exactly a datum is shown; a day is one long here."""
    found: list[str] = []
    for p in governing(tree, given, stream):
        gone = end is not None and max(datum["at"] + 1, end) <= now - p.delay + 1
        if fits(p, datum) and "read" in allowed(p) and not p.days_only and (not p.delay or gone):
            found.append(p.place.value)
    return min(found, key=["exact", "near", "area", "none"].index, default=None)


def names(rights: Rights) -> set[str]:
    return {name for name, has in zip(NAMES, rights, strict=True) if has}


def inside(reach: Reach, streams: set[str], datum: dict[str, Any]) -> bool:
    return any(
        (c.streams is None or bool(c.streams & streams))
        and (c.measures is None or datum["measure"] in c.measures)
        and (c.tags is None or bool(set(c.tags) & set(datum["tags"])))
        and (c.start is None or datum["at"] >= c.start)
        and (c.end is None or datum["at"] < c.end)
        and (c.until is None or (datum["at"] < c.until and datum["at"] <= c.until))
        for c in reach.clauses
    )


NOW = 3
"""A day is one long."""


def until(delay: int) -> int:
    return NOW - delay + 1


@given(trees, permissions, data_)
def test_what_the_nearest_permissions_that_fit_allow_adds_up(
    tree: Tree, given: tuple[Permission, ...], datum: dict[str, Any]
) -> None:
    caller = app(given)
    for stream in (*IDS, "unknown"):
        told = names(caller.rights_on(tree, stream, **datum))
        assert told == expected(tree, given, stream, datum)


@given(trees, permissions, data_, st.none() | st.integers(0, 3))
def test_a_datum_is_shown_as_exactly_as_any_permission_shows_it(
    tree: Tree, given: tuple[Permission, ...], datum: dict[str, Any], lasts: int | None
) -> None:
    caller = app(given)
    end = None if lasts is None else datum["at"] + lasts
    for stream in (*IDS, "unknown"):
        told = caller.sight(tree, [stream], **datum, end=end, until=until)
        assert told == sighted(tree, given, stream, datum, end=end, now=NOW)


@given(trees, permissions, data_, st.sets(st.sampled_from(IDS), min_size=1))
def test_the_reach_and_the_sight_agree_on_every_datum(
    tree: Tree, given: tuple[Permission, ...], datum: dict[str, Any], streams: set[str]
) -> None:
    caller = app(given)
    one_by_one = caller.sight(tree, streams, **datum, end=datum["at"], until=until) is not None
    reach = caller.reach(tree, until)
    assert inside(reach, streams, datum) == one_by_one
    if reach.everything:
        assert one_by_one
    # One who does not know the time shows nothing that is delayed.
    early = tuple(p for p in given if not p.delay)
    if {p.stream for p in early} == {p.stream for p in given}:
        assert inside(caller.reach(tree), streams, datum) == inside(
            app(early).reach(tree), streams, datum
        )


@given(trees, permissions)
def test_a_node_is_known_by_its_widest_permission(
    tree: Tree, given: tuple[Permission, ...]
) -> None:
    caller = app(given)
    for stream in IDS:
        wide = tuple(Permission(p.level, p.stream, rights=p.rights) for p in given)
        datum = {"measure": None, "tags": (), "at": 0}
        told = names(caller.rights_on_stream(tree, stream))
        assert told == expected(tree, wide, stream, datum)


@given(trees, permissions, permissions, data_, st.none() | st.integers(0, 3))
def test_what_is_covered_never_reaches_further(
    tree: Tree,
    mine: tuple[Permission, ...],
    theirs: tuple[Permission, ...],
    datum: dict[str, Any],
    lasts: int | None,
) -> None:
    maker, made = app(mine), app(theirs)
    if not maker.covers(tree, theirs):
        return
    end = None if lasts is None else datum["at"] + lasts
    blur = ["exact", "near", "area", "none", None].index
    for stream in IDS:
        more = made.rights_on(tree, stream, **datum)
        assert names(more) <= names(maker.rights_on(tree, stream, **datum))
        there = made.sight(tree, [stream], **datum, end=end, until=until)
        here = maker.sight(tree, [stream], **datum, end=end, until=until)
        assert blur(here) <= blur(there)


def test_a_fence_stops_what_is_given_above_it_wherever_it_is_moved() -> None:
    given = (Permission(Level.READ, "a"),)
    made = Access(
        id="c",
        account_id=1,
        username="u",
        kind=Kind.SHARED,
        name="s",
        permissions=given,
        fences=frozenset({"b"}),
    )
    apart = Tree([Stream(id="a", name="a"), Stream(id="b", name="b")])
    below = Tree([Stream(id="a", name="a"), Stream(id="b", name="b", parent_id="a")])
    for tree in (apart, below):
        assert made.rights_on(tree, "a").reads
        assert made.rights_on(tree, "b") == NO_RIGHTS
        assert made.reach(tree).clauses[0].streams == {"a"}


@given(trees, permissions, st.frozensets(st.sampled_from(IDS)), data_)
def test_narrowing_to_streams_never_widens(
    tree: Tree, given: tuple[Permission, ...], streams: frozenset[str], datum: dict[str, Any]
) -> None:
    reach = app(given).reach(tree, until)
    for s in IDS:
        assert inside(reach.narrowed(streams), {s}, datum) == (
            s in streams and inside(reach, {s}, datum)
        )


def test_the_owner_may_everything() -> None:
    tree = Tree([Stream(id="a", name="a")])
    me = app((Permission(Level.NONE),), Kind.PERSONAL)
    assert me.rights_on(tree, "a") is me.rights_on_stream(tree, "none") is ALL_RIGHTS
    assert me.reach(tree) is EVERYTHING
    assert me.reach(tree).clauses == (ALL_DATA,)
    assert not me.delayed


@pytest.mark.parametrize("level", Level)
def test_what_each_level_allows(level: Level) -> None:
    assert names(level.rights) == ALLOWED[level.value]
    assert level.reads == level.rights.reads
    assert names(Permission(level, rights=("read", "create")).allows) <= {"read", "create"}


def test_no_permission_is_no_reach() -> None:
    tree = Tree([Stream(id="a", name="a")])
    assert app(()).reach(tree).clauses == ()
    assert not app((Permission(Level.CREATE_ONLY),)).reach(tree).clauses
    assert app(()).rights_on(tree, "a") == NO_RIGHTS
