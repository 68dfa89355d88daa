"""Events: what is refused, what is answered, what a source says twice."""

from __future__ import annotations

import math
from typing import Any

import pytest

from diurnal.errors import Conflict, InvalidInput, NotFound, UnknownReference
from diurnal.model.access import Access
from diurnal.model.events import CONTENT_BYTES_MAX, DEPTH_MAX, NewEvent
from diurnal.services import events, streams
from diurnal.services.context import Context
from diurnal.store import events as store
from tests import cases
from tests.cases import note, weigh
from tests.clock import DAY, HOUR, MINUTE, SECOND, START

YEAR_10000 = 253_402_300_800 * SECOND


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


# What cannot be right


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("streamIds", {"stream_ids": ()}),
    ("streamIds", {"stream_ids": ("diurnal-note", "diurnal-note")}),
    ("streamIds", {"stream_ids": ("diurnal-note", "no-such")}),
    ("streamIds", {"stream_ids": tuple(f"s{i}" for i in range(101))}),
    ("type", {"type": "x" * 501}),
    ("type", {"type": "note/\0"}),
    ("time", {"time": YEAR_10000}),
    ("time", {"time": -YEAR_10000}),
    ("time", {"time": 2**63}),
    ("duration", {"time": YEAR_10000 - 3 * DAY, "duration": 2 * DAY}),
    ("duration", {"duration": 201 * 365 * DAY}),
    ("offset", {"offset": 18 * 60 + 1}),
    ("timezone", {"zone": "Europe/Atlantis"}),
    ("timezone", {"zone": "../../etc/passwd"}),
    ("timezone", {"zone": "UTC+19:00"}),
    ("id", {"id": ""}),
    ("id", {"id": "x" * 101}),
    ("id", {"id": "a\0b"}),
    ("tags", {"tags": tuple(f"t{i}" for i in range(101))}),
    ("tags", {"tags": ("x" * 501,)}),
    ("tags", {"tags": ("a\0",)}),
    ("tags", {"tags": ("\ud800",)}),
    ("description", {"description": "a\0"}),
    ("source", {"source": "\udfff"}),
    ("source", {"source": "x" * 201}),
    ("sourceId", {"source_id": "a\0"}),
    ("sourceId", {"source_id": "x" * 401}),
    ("content", {"content": "a\0b"}),
    ("content", {"content": {"k": ["\ud83d"]}}),
    ("content", {"content": {"\0": 1}}),
    ("content", {"content": "x" * CONTENT_BYTES_MAX}),
    ("content", {"content": nested(DEPTH_MAX + 1)}),
    ("content", {"content": nested(5_000)}),
    ("content", {"content": math.nan}),
    ("content", {"content": [math.inf]}),
    ("clientData", {"client_data": {"k": "\0"}}),
]


def test_what_cannot_be_right_is_refused_with_its_field(ctx: Context, alice: Access) -> None:
    [made] = cases.add(ctx, alice, note())
    for field, given in WRONG:
        with pytest.raises(InvalidInput) as refused:
            cases.add(ctx, alice, note(**given))
        assert refused.value.field == field, given
        with pytest.raises(InvalidInput) as refused:
            cases.add(ctx, alice, note(), note(**given))
        assert refused.value.field in (f"events[1].{field}", field), given
        if given.keys() <= events.CHANGEABLE:
            with pytest.raises(InvalidInput) as refused:
                cases.write(ctx, events.update, alice, made.id, given)
            assert refused.value.field == field, given
    assert cases.ids(ctx, alice, state="all") == [made.id]


STRANGE: list[dict[str, Any]] = [
    {"content": "x" * (CONTENT_BYTES_MAX - 2)},
    {"content": nested(DEPTH_MAX)},
    {"content": 2**80},
    {"content": "𝄞 naïve 日本 \u2028"},
    {"content": {"": {"a.b": [None, False, 0, -0.0, 1e308]}}},
    {"time": -YEAR_10000 // 5, "duration": None},
    {"zone": "Asia/Kathmandu"},
    {"zone": "UTC-03:30"},
    {"offset": -18 * 60},
    {"tags": ("a", "a", "b")},
    {"type": "made-up/thing", "description": ""},
    {"id": "my own id", "source": "x" * 200, "source_id": "日" * 400},
    {"duration": -MINUTE},
]


def test_what_is_strange_but_possible_comes_back_as_it_was(ctx: Context, alice: Access) -> None:
    for given in STRANGE:
        [made] = cases.add(ctx, alice, note(**given))
        got = cases.read(ctx, events.get, alice, made.id)
        assert got == made
        for name, value in given.items():
            if name not in ("offset", "zone"):
                assert getattr(got, name) == value, given
        [told] = [e for e in cases.found(ctx, alice) if e["id"] == made.id]
        assert told.get("content") == got.content


def test_a_call_is_stored_whole_or_not_at_all(ctx: Context, alice: Access) -> None:
    before = cases.log(ctx, alice)
    for bad in (note("no-such"), note(content="\0"), note(id="taken")):
        cases.add(ctx, alice, note(id="taken")) if not cases.found(ctx, alice) else None
        with pytest.raises((InvalidInput, Conflict)):
            cases.add(ctx, alice, note(), note(source_id="s"), bad)
    assert len(cases.found(ctx, alice)) == 1
    assert len(cases.log(ctx, alice)) == len(before) + 1
    with pytest.raises(InvalidInput, match="at most"):
        cases.add(ctx, alice, *[note()] * (events.BATCH_MAX + 1))


def test_an_unknown_stream_is_named(ctx: Context, alice: Access) -> None:
    with pytest.raises(UnknownReference) as refused:
        cases.add(ctx, alice, note(stream_ids=("diurnal-note", "x", "y")))
    assert refused.value.data == {"streamIds": ["x", "y"]}


def test_a_taken_id_is_refused_and_named(ctx: Context, alice: Access, charlie: Access) -> None:
    cases.add(ctx, alice, note(id="mine"))
    for batch in ([note(id="mine")], [note(id="new"), note(id="new")]):
        with pytest.raises(Conflict) as refused:
            cases.add(ctx, alice, *batch)
        assert refused.value.data == {"id": batch[0].id}
    [theirs] = cases.add(ctx, charlie, note(id="mine"))
    assert theirs.id == "mine"


# What a source says again


def statuses(ctx: Context, who: Access, *batch: NewEvent, **more: Any) -> list[str]:
    return [w.status for w in cases.write(ctx, events.create, who, batch, **more)]


def test_the_same_again_is_the_same_datum(ctx: Context, alice: Access) -> None:
    first = weigh(70.5, START, source="scale", source_id="w1")
    assert statuses(ctx, alice, first) == ["created"]
    before = len(cases.log(ctx, alice))
    assert statuses(ctx, alice, first, first) == ["same", "same"]
    assert len(cases.log(ctx, alice)) == before
    other = [weigh(70.5, START, source="other", source_id="w1"), weigh(70.5, START)]
    assert statuses(ctx, alice, *other) == ["created", "created"]
    assert len(cases.found(ctx, alice)) == 3


def test_what_a_source_corrects_is_changed_and_keeps_its_id(ctx: Context, alice: Access) -> None:
    [made] = cases.add(ctx, alice, weigh(70.5, START, source_id="w1", id="mine"))
    for content in (71, 71.0, "a lot"):
        again = weigh(content, START, source_id="w1")
        assert statuses(ctx, alice, again, update_known=False) == ["same"]
        assert statuses(ctx, alice, again) == ["changed"]
        got = cases.read(ctx, events.get, alice, "mine")
        assert (got.content, type(got.content)) == (content, type(content))
        assert (got.seq, got.created) == (made.seq, made.created)
        assert got.modified > made.modified
    zoned = weigh("a lot", START, source_id="w1", zone="Asia/Tokyo")
    assert statuses(ctx, alice, zoned, zoned) == ["changed", "same"]


def test_what_comes_twice_in_one_call_ends_as_in_two(ctx: Context, alice: Access) -> None:
    first, last = weigh(70, START, source_id="w"), weigh(72, START, source_id="w")
    assert statuses(ctx, alice, first, note(), last) == ["created", "created", "same"]
    assert [e["content"] for e in cases.found(ctx, alice, types=("mass/kg",))] == [72]
    assert statuses(ctx, alice, last, first) == ["changed", "same"]
    assert [e["content"] for e in cases.found(ctx, alice, types=("mass/kg",))] == [70]


def test_what_was_deleted_for_good_is_not_brought_back(ctx: Context, alice: Access) -> None:
    [made] = cases.add(ctx, alice, weigh(70, START, source="scale", source_id="w"))
    cases.write(ctx, events.delete, alice, made.id)
    again = [weigh(70, START, source="scale", source_id="w"), weigh(1, 0, source_id="w")]
    assert statuses(ctx, alice, again[0], *again, again[0]) == [
        *("deleted", "deleted"),
        *("created", "deleted"),
    ]
    assert len(cases.found(ctx, alice, state="all")) == 1


def test_trash_is_not_emptied_or_taken_out_by_its_source(ctx: Context, alice: Access) -> None:
    [made] = cases.add(ctx, alice, weigh(70, START, source_id="w"))
    cases.write(ctx, events.set_trashed, alice, made.id, trashed=True)
    assert statuses(ctx, alice, weigh(70, START, source_id="w")) == ["same"]
    assert statuses(ctx, alice, weigh(71, START, source_id="w")) == ["changed"]
    assert cases.read(ctx, events.get, alice, made.id).trashed
    assert cases.found(ctx, alice) == []


# Meaning


def test_stream_and_type_say_what_is_meant(ctx: Context, alice: Access) -> None:
    cases.plant(ctx, alice, "parcels")
    cases.plant(ctx, alice, "scale", measure="weight")
    cases.plant(ctx, alice, "bathroom", parent="scale")
    pounds = note("bathroom", 154.3, type="mass/lb")
    made = cases.add(
        ctx,
        alice,
        weigh(70, START),
        note("parcels", 2, type="mass/kg"),
        note("diurnal-weight", 20, type="temperature/c"),
        pounds,
        note("parcels", 70, type="diurnal/weight"),
        note(stream_ids=("parcels", "scale"), content=3, type="mass/kg"),
        weigh("seventy", START),
    )
    assert [e.measure for e in made] == [
        *("weight", None, None, "weight"),
        *("weight", "weight", "weight"),
    ]
    assert [e.value for e in made][:3] == [70, None, None]
    assert made[3].value == pytest.approx(69.99, abs=0.01)
    assert (made[3].content, made[3].type) == (154.3, "mass/lb")
    assert made[6].value is None


def test_a_moved_event_means_what_its_new_stream_says(ctx: Context, alice: Access) -> None:
    cases.plant(ctx, alice, "parcels")
    [made] = cases.add(ctx, alice, weigh(70, START))
    moved = cases.write(ctx, events.update, alice, made.id, {"stream_ids": ("parcels",)})
    assert (moved.measure, moved.value) == (None, None)
    back = {"stream_ids": ("diurnal-weight",), "content": 71}
    moved = cases.write(ctx, events.update, alice, made.id, back)
    assert (moved.measure, moved.value) == ("weight", 71)
    cases.write(ctx, streams.update, alice, "parcels", {"measure": "weight"})
    [parcel] = cases.add(ctx, alice, note("parcels", 3, type="mass/kg"))
    assert parcel.measure == "weight"
    cases.write(ctx, streams.update, alice, "parcels", {"measure": None})
    assert cases.read(ctx, events.get, alice, parcel.id).measure is None
    cases.plant(ctx, alice, "scale", measure="weight")
    log = len(cases.log(ctx, alice))
    cases.write(ctx, streams.update, alice, "parcels", {"parent_id": "scale"})
    assert cases.read(ctx, events.get, alice, parcel.id).measure == "weight"
    # One change for the stream and one for the event; what stays as it was is not changed.
    assert len(cases.log(ctx, alice)) == log + 2
    cases.write(ctx, streams.update, alice, "parcels", {"parent_id": None, "measure": "weight"})
    assert len(cases.log(ctx, alice)) == log + 3


DATED: list[tuple[dict[str, Any], int, int]] = [
    ({"time": START}, 60, 20513),
    ({"time": START + 11 * HOUR}, 60, 20514),
    ({"time": START, "zone": "Pacific/Auckland"}, 780, 20514),
    ({"time": START, "offset": -13 * 60}, -780, 20512),
    ({"time": START, "zone": "UTC-13:00"}, -780, 20512),
    ({"time": START + 120 * DAY}, 120, 20633),
]


def test_a_datum_counts_for_the_day_where_it_was(ctx: Context, alice: Access) -> None:
    for given, offset, day in DATED:
        [made] = cases.add(ctx, alice, note(**given))
        assert (made.offset, made.day) == (offset, day), given
        later = cases.write(ctx, events.update, alice, made.id, {"time": given["time"] + DAY})
        assert (later.offset, later.day) == (offset, day + 1), given
        assert later.zone == made.zone


def test_a_night_counts_for_the_day_of_waking(ctx: Context, alice: Access) -> None:
    night = note(
        "diurnal-sleep",
        {"stages": []},
        type="diurnal/sleep",
        time=START + 9 * HOUR + 30 * MINUTE,
        duration=8 * HOUR,
    )
    [made] = cases.add(ctx, alice, night)
    assert (made.measure, made.day) == ("sleep", 20514)


# Changing


def test_client_data_merge_and_a_null_takes_a_key_away(ctx: Context, alice: Access) -> None:
    [made] = cases.add(ctx, alice, note(client_data={"a": {"x": 1}, "b": 2}))

    def say(data: Any) -> Any:
        return cases.write(ctx, events.update, alice, made.id, {"client_data": data}).client_data

    assert say({"a": {"y": 2}, "c": 3}) == {"a": {"y": 2}, "b": 2, "c": 3}
    assert say({"b": None, "none": None}) == {"a": {"y": 2}, "c": 3}
    assert say({"a": None, "c": None}) is None
    assert say({"d": 1}) == {"d": 1}
    assert say(None) is None


def test_what_we_say_ourselves_is_not_to_be_changed(ctx: Context, alice: Access) -> None:
    [made] = cases.add(ctx, alice, note())
    for field in set(made.__struct_fields__) - events.CHANGEABLE:
        with pytest.raises(InvalidInput) as refused:
            cases.write(ctx, events.update, alice, made.id, {field: getattr(made, field)})
        assert refused.value.field == field


def test_an_event_is_not_put_into_a_stream_in_the_trash(ctx: Context, alice: Access) -> None:
    cases.plant(ctx, alice, "old")
    cases.plant(ctx, alice, "older", parent="old")
    [inside] = cases.add(ctx, alice, note("older"))
    cases.write(ctx, streams.update, alice, "old", {"trashed": True})
    [made] = cases.add(ctx, alice, note())
    for stream in ("old", "older"):
        with pytest.raises(InvalidInput, match="in the trash"):
            cases.add(ctx, alice, note(stream))
        with pytest.raises(InvalidInput, match="in the trash"):
            cases.write(ctx, events.update, alice, made.id, {"stream_ids": (stream,)})
    assert cases.ids(ctx, alice) == [made.id]
    changed = cases.write(ctx, events.update, alice, inside.id, {"content": "still mine"})
    assert changed.content == "still mine"


def test_what_is_deleted_is_gone_and_its_tombstone_tells(ctx: Context, alice: Access) -> None:
    gone, stays = cases.add(ctx, alice, note(tags=("x",)), note())
    since = stays.created
    cases.write(ctx, events.delete, alice, gone.id)
    with pytest.raises(NotFound):
        cases.write(ctx, events.delete, alice, gone.id)
    assert cases.ids(ctx, alice, state="all") == [stays.id]
    assert cases.ids(ctx, alice, tags=("x",)) == []
    told = ctx.store.read(lambda tx: events.deletions(tx, alice, since))
    assert [id_ for id_, _ in told] == [gone.id]
    assert ctx.store.read(lambda tx: events.deletions(tx, alice, told[0][1])) == []
    # An id is free again, and may be deleted again.
    cases.add(ctx, alice, note(id=gone.id))
    cases.write(ctx, events.delete, alice, gone.id)
    assert len(ctx.store.read(lambda tx: events.deletions(tx, alice, since))) == 1


def test_every_change_is_logged_with_who_made_it(ctx: Context, alice: Access) -> None:
    before = len(cases.log(ctx, alice))
    [made] = cases.add(ctx, alice, note())
    cases.write(ctx, events.update, alice, made.id, {"content": "x"})
    cases.write(ctx, events.set_trashed, alice, made.id, trashed=True)
    cases.write(ctx, events.set_trashed, alice, made.id, trashed=False)
    cases.write(ctx, events.delete, alice, made.id)
    log = cases.log(ctx, alice)[before:]
    ops = ("create", "update", "trash", "restore", "delete")
    assert [row[1:5] for row in log] == [("event", op, made.id, alice.id) for op in ops]
    assert made.seq == log[0][0]
    assert (made.created, made.modified) == (log[0][5], log[0][5])


def test_the_modified_are_found_by_when(ctx: Context, alice: Access, clock: Any) -> None:
    first, second = cases.add(ctx, alice, note(), note())
    clock.tick()
    changed = cases.write(ctx, events.update, alice, first.id, {"content": "x"})
    assert cases.ids(ctx, alice, modified_since=second.modified) == [first.id]
    assert cases.ids(ctx, alice, modified_since=changed.modified) == []
    assert cases.ids(ctx, alice, modified_since=first.modified) == [first.id, second.id][::-1] or (
        set(cases.ids(ctx, alice, modified_since=first.modified)) == {first.id, second.id}
    )


def test_an_event_is_found_by_its_number(ctx: Context, alice: Access, charlie: Access) -> None:
    [made] = cases.add(ctx, alice, note())
    cases.write(ctx, events.update, alice, made.id, {"content": "x"})

    def by_seq(who: Access) -> Any:
        return ctx.store.read(lambda tx: store.by_seq(tx, who.account_id, made.seq))

    assert by_seq(alice).id == made.id
    assert by_seq(charlie) is None
