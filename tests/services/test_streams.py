"""Streams: the tree grows, moves, is put away and deleted; its events follow."""

from __future__ import annotations

from typing import Any

import pytest

from diurnal.errors import AppError, Conflict, Forbidden, InvalidInput, NotFound, UnknownReference
from diurnal.model.access import Access, Level, Permission
from diurnal.model.streams import DEPTH_MAX, Stream
from diurnal.services import days, events, streams
from diurnal.services.context import Context
from tests import cases
from tests.cases import note, weigh
from tests.clock import START

TODAY = 20513


def plant(ctx: Context, who: Access, name: str, **more: Any) -> Stream:
    given = {"id_": name, **more, "name": more.get("called", name)}
    given.pop("called", None)
    made: Stream = cases.write(ctx, streams.create, who, **given)
    return made


def change(ctx: Context, who: Access, id_: str, **fields: Any) -> Stream:
    changed: Stream = cases.write(ctx, streams.update, who, id_, fields)
    return changed


def weight(ctx: Context, who: Access) -> Any:
    [day] = cases.read(ctx, days.values, who, ["weight"], TODAY, TODAY)["weight"]
    return day.value


def visible(ctx: Context, who: Access, **more: Any) -> set[str]:
    return {s.id for s in cases.read(ctx, streams.visible, who, **more)}


def test_a_new_stream_is_there_at_once(ctx: Context, alice: Access) -> None:
    made = plant(ctx, alice, "dogs", client_data={"color": "brown"})
    assert cases.read(ctx, streams.visible, alice).get("dogs") == made
    [e] = cases.add(ctx, alice, note("dogs"))
    assert e.stream_ids == ("dogs",)
    assert (made.created, made.created_by) == (made.modified, alice.id)
    unnamed = cases.write(ctx, streams.create, alice, name="Dogs")
    assert unnamed.id.startswith("c")
    assert plant(ctx, alice, "Mer", id_="Mes été à la Mer").id == "Mes-ete-a-la-Mer"


def test_what_cannot_be_a_stream(ctx: Context, alice: Access) -> None:
    plant(ctx, alice, "dogs")
    plant(ctx, alice, "old", trashed=True)
    wrong: list[tuple[dict[str, Any], type[AppError], str | None]] = [
        ({"id_": "dogs"}, Conflict, None),
        ({"id_": "diurnal"}, Conflict, None),
        ({"called": "dogs"}, Conflict, None),
        ({"id_": "diurnal-weight"}, Conflict, None),
        ({"id_": "diurnal-mine"}, InvalidInput, "id"),
        ({"id_": ""}, InvalidInput, "id"),
        ({"id_": "日本"}, InvalidInput, "id"),
        ({"id_": "null"}, InvalidInput, "id"),
        ({"id_": "*"}, InvalidInput, "id"),
        ({"id_": "x" * 101}, InvalidInput, "id"),
        ({"called": ""}, InvalidInput, "name"),
        ({"called": " \n"}, InvalidInput, "name"),
        ({"called": "x" * 501}, InvalidInput, "name"),
        ({"called": "a\0"}, InvalidInput, "name"),
        ({"client_data": {"a": "\0"}}, InvalidInput, "clientData"),
        ({"measure": "none"}, UnknownReference, "measure"),
        ({"parent_id": "none"}, UnknownReference, "parentId"),
        ({"parent_id": "old"}, InvalidInput, "parentId"),
    ]
    before = visible(ctx, alice, trashed=True)
    log = len(cases.log(ctx, alice))
    for given, error, field in wrong:
        with pytest.raises(error) as refused:
            plant(ctx, alice, "fresh", **given)
        assert getattr(refused.value, "field", None) == field, given
    assert visible(ctx, alice, trashed=True) == before
    assert len(cases.log(ctx, alice)) == log


def test_names_differ_among_siblings_alone(ctx: Context, alice: Access) -> None:
    plant(ctx, alice, "a")
    plant(ctx, alice, "b")
    plant(ctx, alice, "same", id_="a1", parent_id="a")
    plant(ctx, alice, "same", id_="b1", parent_id="b")
    for fields in ({"name": "b"}, {"parent_id": "b", "name": "same"}):
        with pytest.raises(Conflict):
            change(ctx, alice, "a", **fields)
    with pytest.raises(Conflict):
        change(ctx, alice, "a1", parent_id="b")
    assert change(ctx, alice, "a", name="a").name == "a"
    assert change(ctx, alice, "a1", parent_id="b", name="other").parent_id == "b"


def test_a_stream_does_not_move_below_itself(ctx: Context, alice: Access) -> None:
    for id_, parent in (("a", None), ("b", "a"), ("c", "b")):
        plant(ctx, alice, id_, parent_id=parent)
    for parent in ("a", "b", "c"):
        with pytest.raises(InvalidInput, match="below itself"):
            change(ctx, alice, "a", parent_id=parent)
    change(ctx, alice, "b", parent_id=None)
    change(ctx, alice, "a", parent_id="c")
    assert cases.read(ctx, streams.visible, alice).path("a") == ("a", "c", "b")


def test_a_tree_has_a_greatest_depth_however_it_is_made(ctx: Context, alice: Access) -> None:
    """Deeper down a permission of an ancestor would be out of sight."""
    for i in range(DEPTH_MAX - 1):
        plant(ctx, alice, f"d{i}", parent_id=f"d{i - 1}" if i else None)
    with pytest.raises(InvalidInput, match="levels"):
        plant(ctx, alice, "deeper", parent_id=f"d{DEPTH_MAX - 2}")
    for i in range(3):
        plant(ctx, alice, f"e{i}", parent_id=f"e{i - 1}" if i else None)
    with pytest.raises(InvalidInput, match="levels"):
        change(ctx, alice, "e0", parent_id=f"d{DEPTH_MAX - 4}")
    change(ctx, alice, "e0", parent_id=f"d{DEPTH_MAX - 5}")
    tree = cases.read(ctx, streams.visible, alice)
    assert tree.path("e2")[-1] == "d0"
    app = cases.share(ctx, alice, Permission(Level.READ, "d0"))
    [e] = cases.add(ctx, alice, note("e2"))
    assert cases.ids(ctx, app) == [e.id]


def test_client_data_merge_and_a_null_takes_a_key_away(ctx: Context, alice: Access) -> None:
    plant(ctx, alice, "a", client_data={"x": 1, "y": 2})
    assert change(ctx, alice, "a", client_data={"x": None, "z": 3}).client_data == {"y": 2, "z": 3}
    assert change(ctx, alice, "a", name="b").client_data == {"y": 2, "z": 3}


# The trash


def test_what_lies_in_a_stream_in_the_trash_shows_and_counts_nowhere(
    ctx: Context, alice: Access
) -> None:
    plant(ctx, alice, "scales", measure="weight")
    plant(ctx, alice, "old", parent_id="scales")
    cases.add(ctx, alice, weigh(70, START))
    [hidden] = cases.add(ctx, alice, note("old", 90, type="mass/kg", time=START + 1))
    both = note(stream_ids=("old", "diurnal-weight"), content=80, type="mass/kg", time=START - 1)
    cases.add(ctx, alice, both)
    app = cases.share(ctx, alice, Permission(Level.READ))
    assert weight(ctx, alice) == weight(ctx, app) == 90
    for id_ in ("scales", "old"):
        change(ctx, alice, id_, trashed=True)
        assert weight(ctx, alice) == weight(ctx, app) == 70
        assert hidden.id not in cases.ids(ctx, alice)
        assert len(cases.ids(ctx, alice)) == 2
        assert hidden.id in cases.ids(ctx, alice, state="all")
        assert "old" not in visible(ctx, alice)
        assert "old" in visible(ctx, alice, trashed=True)
        change(ctx, alice, id_, trashed=False)
        assert weight(ctx, alice) == 90
        assert hidden.id in cases.ids(ctx, alice)
    change(ctx, alice, "scales", trashed=True)
    change(ctx, alice, "old", parent_id=None, measure="weight")
    assert weight(ctx, alice) == 90
    cases.write(ctx, streams.delete, alice, "scales", merge=False)
    assert weight(ctx, alice) == 90


def test_nothing_moves_into_the_trash(ctx: Context, alice: Access) -> None:
    plant(ctx, alice, "old", trashed=True)
    plant(ctx, alice, "a")
    with pytest.raises(InvalidInput, match="in the trash"):
        change(ctx, alice, "a", parent_id="old")


# For good


def test_only_what_is_in_the_trash_is_deleted_for_good(ctx: Context, alice: Access) -> None:
    plant(ctx, alice, "a")
    with pytest.raises(InvalidInput, match="in the trash"):
        cases.write(ctx, streams.delete, alice, "a", merge=None)
    change(ctx, alice, "a", trashed=True)
    since = cases.log(ctx, alice)[-1][5]
    assert cases.write(ctx, streams.delete, alice, "a", merge=None) == []
    assert "a" not in visible(ctx, alice, trashed=True)
    with pytest.raises(NotFound):
        cases.write(ctx, streams.delete, alice, "a", merge=None)
    told = ctx.store.read(lambda tx: streams.deletions(tx, alice, since))
    assert [id_ for id_, _ in told] == ["a"]
    plant(ctx, alice, "a")
    assert "a" in visible(ctx, alice)


def test_deleted_with_its_events_or_without(ctx: Context, alice: Access) -> None:
    plant(ctx, alice, "top", measure="weight")
    plant(ctx, alice, "a", parent_id="top", measure="height")
    plant(ctx, alice, "b", parent_id="a")
    kept = weigh(70, START)
    alone = note("b", 71, type="mass/kg", time=START + 1)
    both = note(stream_ids=("b", "diurnal-weight"), content=72, type="mass/kg", time=START + 2)
    made = cases.add(ctx, alice, kept, alone, both, note("b", trashed=True))
    assert weight(ctx, alice) == 72
    change(ctx, alice, "a", trashed=True)
    with pytest.raises(InvalidInput, match="say whether"):
        cases.write(ctx, streams.delete, alice, "a", merge=None)
    outcome = dict(cases.write(ctx, streams.delete, alice, "a", merge=True))
    assert outcome == dict.fromkeys([e.id for e in made[1:]], "mergedToParent")
    found = {e["id"]: e["streamIds"] for e in cases.found(ctx, alice, state="all")}
    assert found == {
        made[0].id: ["diurnal-weight"],
        made[1].id: ["top"],
        made[2].id: ["diurnal-weight", "top"],
        made[3].id: ["top"],
    }
    assert not {"a", "b"} & visible(ctx, alice, trashed=True)
    # Merged into a stream of weights, it is one.
    assert cases.read(ctx, events.get, alice, made[1].id).measure == "weight"
    change(ctx, alice, "top", trashed=True)
    assert weight(ctx, alice) == 72
    outcome = dict(cases.write(ctx, streams.delete, alice, "top", merge=False))
    assert outcome == {
        made[1].id: "deleted",
        made[2].id: "updatedStreamIds",
        made[3].id: "deleted",
    }
    assert set(cases.ids(ctx, alice, state="all")) == {made[0].id, made[2].id}
    cases.write(ctx, events.delete, alice, made[2].id)
    assert weight(ctx, alice) == 70
    log = cases.log(ctx, alice)
    assert [row[0] for row in log] == list(range(1, len(log) + 1))


def test_a_root_has_nothing_to_merge_into(ctx: Context, alice: Access) -> None:
    plant(ctx, alice, "a", trashed=True)
    with pytest.raises(InvalidInput, match="no parent"):
        cases.write(ctx, streams.delete, alice, "a", merge=True)


# Others


def test_an_app_shapes_what_it_manages(ctx: Context, alice: Access) -> None:
    for id_, parent in (("mine", None), ("theirs", None), ("below", "theirs")):
        plant(ctx, alice, id_, parent_id=parent)
    permissions = [Permission(Level.MANAGE, "mine"), Permission(Level.CONTRIBUTE, "below")]
    app = cases.share(ctx, alice, *permissions)
    seen = cases.read(ctx, streams.visible, app)
    assert {s.id: s.parent_id for s in seen} == {"mine": None, "below": None}
    made = plant(ctx, app, "fresh", parent_id="mine")
    assert made.created_by == app.id
    change(ctx, app, "fresh", name="other", trashed=True)
    cases.write(ctx, streams.delete, app, "fresh", merge=None)
    refused: list[tuple[type[AppError], Any]] = [
        (Forbidden, lambda: plant(ctx, app, "root")),
        (Forbidden, lambda: plant(ctx, app, "x", parent_id="below")),
        (UnknownReference, lambda: plant(ctx, app, "x", parent_id="theirs")),
        (Forbidden, lambda: change(ctx, app, "below", name="x")),
        (Forbidden, lambda: change(ctx, app, "mine", parent_id="below")),
        (NotFound, lambda: change(ctx, app, "theirs", name="x")),
        (NotFound, lambda: cases.write(ctx, streams.delete, app, "theirs", merge=None)),
    ]
    for error, ask in refused:
        with pytest.raises(error):
            ask()
    root = cases.share(ctx, alice, Permission(Level.MANAGE))
    plant(ctx, root, "root")


def test_who_may_know_of_one_stream_may_ask_for_it(ctx: Context, alice: Access) -> None:
    for id_, parent in (("a", None), ("b", "a"), ("c", None)):
        plant(ctx, alice, id_, parent_id=parent)
    app = cases.share(ctx, alice, Permission(Level.READ, "b"))
    assert cases.read(ctx, events.subtree, alice, ["a"]) == {"a", "b"}
    assert cases.read(ctx, events.subtree, app, ["b"]) == {"b"}
    assert cases.read(ctx, events.subtree, app, ["a"]) == {"a", "b"}
    with pytest.raises(UnknownReference):
        cases.read(ctx, events.subtree, app, ["c"])
