"""Profile sets: a JSON object that all may read, one of the owner's, one of each app's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from diurnal.errors import InvalidInput
from diurnal.model.access import Access, Kind
from diurnal.services import accesses, records
from diurnal.services.context import Context
from diurnal.store.database import Tx, WriteTx

COLLECTION = "profile_sets"
PUBLIC, PRIVATE, APP = "public", "private", "app"


def get(tx: Tx, caller: Access, which: str) -> dict[str, Any]:
    """Return a set; empty where nothing was put into it.

    Raises:
        Forbidden: the private one, of a caller that is not the owner.
        InvalidInput: an app's, of a caller that is no app.
    """
    found = records.keyed(tx, _keeper(caller), COLLECTION, "set", [_name(caller, which)])
    return dict(found[0].values["data"]) if found else {}


def update(
    tx: WriteTx, ctx: Context, caller: Access, which: str, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """Put members into a set, null drops one; return the whole.

    Raises:
        Forbidden: the public or the private one, of a caller that is not the owner.
        InvalidInput: an app's, of a caller that is no app; or what no JSON object can hold.
        TooLarge: past a record's size.
    """
    name = _name(caller, which)
    if which == PUBLIC:
        accesses.must_own(caller)
    keeper = _keeper(caller)
    records.hold(tx, ctx, keeper)
    found = records.keyed(tx, keeper, COLLECTION, "set", [name])
    before = found[0].values["data"] if found else {}
    data = {k: v for k, v in {**before, **fields}.items() if v is not None}
    values = {"set": name, "data": data}
    if found:
        records.update(tx, ctx, keeper, COLLECTION, [(found[0], values)], keys=("set",))
    else:
        records.create(tx, ctx, keeper, COLLECTION, [values], keys=("set",))
    return data


def _name(caller: Access, which: str) -> str:
    if which == PRIVATE:
        accesses.must_own(caller)
    if which == APP:
        if caller.kind is not Kind.APP:
            raise InvalidInput("only an app has a set of its own")
        return f"app:{caller.name}"
    return which


def _keeper(caller: Access) -> Access:
    """Return who keeps the sets: what they hold is no data that permissions are about."""
    return msgspec.structs.replace(caller, kind=Kind.PERSONAL)
