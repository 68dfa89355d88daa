"""Who may do what: one rule, asked of one datum or of all at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diurnal.model.access import ALL_DATA, EVERYTHING, Access, Kind, Level, Permission, Reach
from diurnal.model.streams import Stream, Tree

IDS = ["a", "b", "c", "d", "e", "f"]
MEASURES = ["weight", "steps"]
TAGS = ["x", "y"]
ORDER = ["none", "create-only", "read", "contribute", "manage"]

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


def expected(tree: Tree, given: tuple[Permission, ...], stream: str, datum: dict[str, Any]) -> str:
    """Tell the level in the plainest way."""
    node: str | None = stream
    governing = [p for p in given if p.stream == "*"]
    while node is not None and tree.get(node):
        here = [p for p in given if p.stream == node]
        if here:
            governing = here
            break
        node = tree.get(node).parent_id
    best = "none"
    for p in governing:
        if p.measures is not None and datum["measure"] not in p.measures:
            continue
        if p.tags is not None and not set(p.tags) & set(datum["tags"]):
            continue
        if p.start is not None and datum["at"] < p.start:
            continue
        if p.end is not None and datum["at"] >= p.end:
            continue
        best = max(best, p.level.value, key=ORDER.index)
    return best


def inside(reach: Reach, streams: set[str], datum: dict[str, Any]) -> bool:
    return any(
        (c.streams is None or bool(c.streams & streams))
        and (c.measures is None or datum["measure"] in c.measures)
        and (c.tags is None or bool(set(c.tags) & set(datum["tags"])))
        and (c.start is None or datum["at"] >= c.start)
        and (c.end is None or datum["at"] < c.end)
        for c in reach.clauses
    )


@given(trees, permissions, data_)
def test_the_nearest_permission_that_fits_decides(
    tree: Tree, given: tuple[Permission, ...], datum: dict[str, Any]
) -> None:
    caller = app(given)
    for stream in (*IDS, "unknown"):
        assert caller.level_on(tree, stream, **datum) == expected(tree, given, stream, datum)


@given(trees, permissions, data_, st.sets(st.sampled_from(IDS), min_size=1))
def test_the_reach_and_the_level_agree_on_every_datum(
    tree: Tree, given: tuple[Permission, ...], datum: dict[str, Any], streams: set[str]
) -> None:
    caller = app(given)
    one_by_one = any(caller.level_on(tree, s, **datum).reads for s in streams)
    assert inside(caller.reach(tree), streams, datum) == one_by_one
    if caller.reach(tree).everything:
        assert one_by_one


@given(trees, permissions)
def test_a_node_is_known_by_its_widest_permission(
    tree: Tree, given: tuple[Permission, ...]
) -> None:
    caller = app(given)
    for stream in IDS:
        wide = tuple(Permission(p.level, p.stream) for p in given)
        datum = {"measure": None, "tags": (), "at": 0}
        assert caller.level_on_stream(tree, stream) == expected(tree, wide, stream, datum)


@given(trees, permissions, st.frozensets(st.sampled_from(IDS)), data_)
def test_narrowing_to_streams_never_widens(
    tree: Tree, given: tuple[Permission, ...], streams: frozenset[str], datum: dict[str, Any]
) -> None:
    reach = app(given).reach(tree)
    for s in IDS:
        assert inside(reach.narrowed(streams), {s}, datum) == (
            s in streams and inside(reach, {s}, datum)
        )


def test_the_owner_may_everything() -> None:
    tree = Tree([Stream(id="a", name="a")])
    me = app((Permission(Level.NONE),), Kind.PERSONAL)
    assert me.level_on(tree, "a") is me.level_on_stream(tree, "none") is Level.MANAGE
    assert me.reach(tree) is EVERYTHING
    assert me.reach(tree).clauses == (ALL_DATA,)


@pytest.mark.parametrize(
    ("level", "reads", "creates", "changes", "manages"),
    [
        (Level.NONE, False, False, False, False),
        (Level.CREATE_ONLY, False, True, False, False),
        (Level.READ, True, False, False, False),
        (Level.CONTRIBUTE, True, True, True, False),
        (Level.MANAGE, True, True, True, True),
    ],
)
def test_what_each_level_allows(
    level: Level, reads: bool, creates: bool, changes: bool, manages: bool
) -> None:
    told = (level.reads, level.creates, level.changes, level.manages)
    assert told == (reads, creates, changes, manages)


def test_no_permission_is_no_reach() -> None:
    tree = Tree([Stream(id="a", name="a")])
    assert app(()).reach(tree).clauses == ()
    assert not app((Permission(Level.CREATE_ONLY),)).reach(tree).clauses
    assert app(()).level_on(tree, "a") is Level.NONE
