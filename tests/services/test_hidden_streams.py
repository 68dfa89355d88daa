"""An event in several streams names to a limited token only those that it may know of."""

from __future__ import annotations

import msgspec
import pytest

from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.model.events import NewEvent
from diurnal.services import accesses, events, streams
from diurnal.services.context import Context


@pytest.fixture
def reader(ctx: Context, alice: Access) -> Access:
    def make(tx: object) -> Access:
        for name in ("open", "secret"):
            streams.create(tx, ctx, alice, id_=name, name=name)  # type: ignore[arg-type]
        stored, _ = accesses.create(
            tx,  # type: ignore[arg-type]
            ctx,
            alice,
            name="reader",
            kind=Kind.SHARED,
            permissions=[Permission(level=Level.CONTRIBUTE, stream="open")],
        )
        return stored.access

    return ctx.store.write(make).result()


def test_a_limited_token_never_sees_the_name_of_another_stream(
    ctx: Context, alice: Access, reader: Access
) -> None:
    both = NewEvent(stream_ids=("secret", "open"), type="note/txt", time=1, content="x")
    [made] = ctx.store.write(lambda tx: events.create(tx, ctx, alice, [both])).result()
    id_ = made.event.id
    [row] = ctx.store.read(lambda tx: events.find(tx, ctx, reader))
    assert msgspec.json.decode(row.body)["streamIds"] == ["open"]
    assert "secret" not in row.body + row.tail
    one = ctx.store.read(lambda tx: events.get(tx, ctx, reader, id_))
    assert one.stream_ids == ("open",)
    changed = ctx.store.write(
        lambda tx: events.update(tx, ctx, reader, id_, {"content": "y"})
    ).result()
    assert changed.stream_ids == ("open",)
    trashed = ctx.store.write(
        lambda tx: events.set_trashed(tx, ctx, reader, id_, trashed=True)
    ).result()
    assert trashed.stream_ids == ("open",)
    kept = ctx.store.read(lambda tx: events.get(tx, ctx, alice, id_))
    assert kept.stream_ids == ("secret", "open")
    assert kept.content == "y"
