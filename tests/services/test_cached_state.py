"""What is remembered of an account is never older than its last change, nor half done."""

from __future__ import annotations

import pytest

from diurnal.errors import Conflict
from diurnal.model.access import Access
from diurnal.services import streams
from diurnal.services.context import Context


def _make(ctx: Context, caller: Access, id_: str, name: str) -> None:
    ctx.store.write(lambda tx: streams.create(tx, ctx, caller, name=name, id_=id_)).result()


def _names(ctx: Context, caller: Access) -> dict[str, str]:
    tree = ctx.store.read(lambda tx: streams.visible(tx, ctx, caller))
    return {s.id: s.name for s in tree}


def test_a_new_stream_is_there_at_once(ctx: Context, alice: Access) -> None:
    _names(ctx, alice)
    _make(ctx, alice, "parcels", "Parcels")
    assert _names(ctx, alice)["parcels"] == "Parcels"
    ctx.store.write(lambda tx: streams.update(tx, ctx, alice, "parcels", {"name": "Post"})).result()
    assert _names(ctx, alice)["parcels"] == "Post"


def test_a_refused_change_leaves_nothing_behind(ctx: Context, alice: Access) -> None:
    _make(ctx, alice, "a", "A")
    with pytest.raises(Conflict):
        _make(ctx, alice, "b", "A")
    _make(ctx, alice, "c", "C")
    assert {"a", "c"} <= _names(ctx, alice).keys()
    assert "b" not in _names(ctx, alice)
