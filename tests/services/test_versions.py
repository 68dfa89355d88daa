"""What events were before they were changed: kept, shown to who may see it, and gone with them."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from diurnal.errors import NotFound
from diurnal.model.access import Access, Level, Permission
from diurnal.model.events import Event
from diurnal.services import accounts, attachments, events, exports, streams
from diurnal.services.context import Context
from diurnal.store import dump, tables
from tests import cases
from tests.cases import note


def versions(ctx: Context, who: Access, id_: str) -> list[Event]:
    return [v.event for v in cases.read(ctx, events.versions, who, id_)]


def contents(ctx: Context, who: Access, id_: str) -> list[Any]:
    return [e.content for e in versions(ctx, who, id_)]


def stored(ctx: Context, who: Access) -> int:
    return ctx.store.read(lambda tx: dump.count(tx, tables.event_version, who.account_id))


def limited(ctx: Context, most: int) -> Context:
    settings = msgspec.structs.replace(ctx.settings, event_versions=most)
    return dataclasses.replace(ctx, settings=settings)


def change(ctx: Context, who: Access, id_: str, **fields: Any) -> Event:
    changed: Event = cases.write(ctx, events.update, who, id_, fields)
    return changed


def test_a_version_is_the_event_as_it_was(ctx: Context, alice: Access) -> None:
    """Every field, and so the hash that is made of them."""
    cases.plant(ctx, alice, "a", "b")
    [made] = cases.add(
        ctx,
        alice,
        note(
            stream_ids=("a", "b"),
            content={"n": 1, "f": 2.0, "t": "ü"},
            time=1_500_000_000_123_457,
            duration=None,
            tags=("x", "y"),
            description="d",
            client_data={"k": [None]},
            zone="Asia/Kolkata",
            source="pen",
            source_id="1",
        ),
    )
    digest, size = ctx.blobs.put(alice.account_id, [b"bytes"], limit=1 << 20)
    given = [("letter.txt", "text/plain", digest, size)]
    with_file = cases.write(ctx, attachments.add, alice, made.id, given)
    trashed = cases.write(ctx, events.set_trashed, alice, made.id, trashed=True)
    change(ctx, alice, made.id, duration=5, content=None, type="activity/plain", tags=())
    assert versions(ctx, alice, made.id) == [made, with_file, trashed]


def test_what_says_the_same_is_no_version(ctx: Context, alice: Access) -> None:
    [made] = cases.add(ctx, alice, note())
    change(ctx, alice, made.id, content="hello")
    change(ctx, alice, made.id)
    assert versions(ctx, alice, made.id) == []


def test_what_a_source_says_again_is_no_version(ctx: Context, alice: Access) -> None:
    """Else a step count that is fetched every hour would keep each of its hours."""
    [made] = cases.add(ctx, alice, note(source="pen", source_id="1"))
    cases.add(ctx, alice, note(source="pen", source_id="1", content="again"))
    assert versions(ctx, alice, made.id) == []


def test_the_newest_are_kept(ctx: Context, alice: Access) -> None:
    ctx = limited(ctx, 3)
    [made, other] = cases.add(ctx, alice, note(content=0), note(content="other"))
    change(ctx, alice, other.id, content="changed")
    for n in range(1, 7):
        change(ctx, alice, made.id, content=n)
    assert contents(ctx, alice, made.id) == [3, 4, 5]
    assert contents(ctx, alice, other.id) == ["other"]


def test_none_are_kept_where_that_is_set(ctx: Context, alice: Access) -> None:
    ctx = limited(ctx, 0)
    [made] = cases.add(ctx, alice, note())
    change(ctx, alice, made.id, content=1)
    assert versions(ctx, alice, made.id) == []


def test_a_refused_change_leaves_no_version(ctx: Context, alice: Access) -> None:
    [made] = cases.add(ctx, alice, note())

    def torn(tx: Any) -> None:
        events.update(tx, ctx, alice, made.id, {"content": "torn"})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ctx.store.write(torn).result()
    assert versions(ctx, alice, made.id) == []


def test_nothing_is_left_of_what_is_deleted_for_good(ctx: Context, alice: Access) -> None:
    one, other = cases.add(ctx, alice, note(), note())
    for e in (one, other):
        change(ctx, alice, e.id, content="changed")
    cases.write(ctx, events.delete, alice, one.id)
    assert stored(ctx, alice) == 1
    with pytest.raises(NotFound):
        versions(ctx, alice, one.id)
    cases.write(ctx, events.delete, alice, other.id)
    assert stored(ctx, alice) == 0


def test_nothing_is_left_of_a_deleted_account(ctx: Context, alice: Access, charlie: Access) -> None:
    for who in (alice, charlie):
        [made] = cases.add(ctx, who, note())
        change(ctx, who, made.id, content="changed")
    accounts.delete(ctx, alice.account_id)
    assert stored(ctx, alice) == 0
    assert stored(ctx, charlie) == 1


def test_merging_a_stream_into_its_parent_keeps_where_events_were(
    ctx: Context, alice: Access
) -> None:
    cases.plant(ctx, alice, "up")
    cases.plant(ctx, alice, "low", parent="up")
    ids = [e.id for e in cases.add(ctx, alice, note("low"), note("low"))]
    cases.write(ctx, streams.update, alice, "low", {"trashed": True})
    cases.write(ctx, streams.delete, alice, "low", merge=True)
    for id_ in ids:
        assert [e.stream_ids for e in versions(ctx, alice, id_)] == [("low",)]


def test_who_could_not_read_a_version_is_not_shown_it(ctx: Context, alice: Access) -> None:
    cases.plant(ctx, alice, "open", "closed")
    [made] = cases.add(ctx, alice, note("closed", content="secret"))
    change(ctx, alice, made.id, stream_ids=("open", "closed"), content="half")
    change(ctx, alice, made.id, stream_ids=("open",), content="public")
    change(ctx, alice, made.id, content="last")
    app = cases.share(ctx, alice, Permission(Level.READ, "open"))
    assert contents(ctx, alice, made.id) == ["secret", "half", "public"]
    assert contents(ctx, app, made.id) == ["half", "public"]
    assert versions(ctx, app, made.id)[0].stream_ids == ("open",)
    other = cases.share(ctx, alice, Permission(Level.READ, "closed"), name="other")
    with pytest.raises(NotFound):
        versions(ctx, other, made.id)


def test_an_export_holds_them(ctx: Context, alice: Access, tmp_path: Any) -> None:
    [made] = cases.add(ctx, alice, note(content="first"))
    change(ctx, alice, made.id, content="second")
    told = exports.write(ctx, alice, "jsonl", tmp_path / "out")
    assert told.rows["versions"] == 1
    said = (tmp_path / "out" / exports.FILE).read_bytes().splitlines()
    lines = [msgspec.json.decode(line) for line in said]
    [line] = [line for line in lines if line["kind"] == "version"]
    assert (line["id"], line["content"]) == (made.id, "first")
    assert line["modified"] == made.modified
