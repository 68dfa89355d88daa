"""Followed slices: what an owner follows of other accounts; Pryv's methods up to 1.9."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diurnal.dialects.pryv.checks import (
    TEXT,
    Kinds,
    Params,
    ProtectedFields,
    check,
)
from diurnal.dialects.pryv.methods.accesses import nothing
from diurnal.dialects.pryv.methods.table import Call, Method, Result, Table
from diurnal.errors import Conflict, InvalidInput, NotFound
from diurnal.services import accesses, records
from diurnal.services.context import Context
from diurnal.services.records import Record
from diurnal.store.database import Tx, WriteTx

COLLECTION = "followed_slices"
SLICES_MAX = 1_000
_SLICE: Mapping[str, Kinds] = {"name": TEXT, "url": TEXT, "accessToken": TEXT}


def _written(record: Record) -> dict[str, Any]:
    return {"id": record.id} | {name: record.values[name] for name in _SLICE}


def get(tx: Tx, _ctx: Context, call: Call, _asked: None) -> Result:
    """Return the slices by name; https://api.pryv.com/reference/#get-followed-slices."""
    accesses.must_own(call.access)
    known = records.listed(tx, call.access, COLLECTION)
    return {"followedSlices": [_written(r) for r in sorted(known, key=lambda r: r.values["name"])]}


def _take(params: Params, _now: int) -> Params:
    check(params, _SLICE, required=tuple(_SLICE))
    return params


def _refuse_known(known: list[Record], given: Params, but: str | None = None) -> None:
    for record in known:
        if record.id == but:
            continue
        if record.values["name"] == given["name"]:
            message = f'A followed slice with name "{given["name"]}" already exists'
            raise Conflict(message, data={"name": given["name"]})
        both = ("url", "accessToken")
        if all(record.values[n] == given.get(n) for n in both):
            message = "This slice is followed already"
            raise Conflict(message, data={n: given[n] for n in both})


def create(tx: WriteTx, ctx: Context, call: Call, asked: Params) -> Result:
    """Follow a slice; https://api.pryv.com/reference/#create-followed-slice."""
    accesses.must_own(call.access)
    records.hold(tx, ctx, call.access)
    known = records.listed(tx, call.access, COLLECTION)
    if len(known) >= SLICES_MAX:
        raise InvalidInput(f"at most {SLICES_MAX} followed slices")
    _refuse_known(known, asked)
    [made] = records.create(tx, ctx, call.access, COLLECTION, [asked])
    return {"followedSlice": _written(made)}


def _take_update(params: Params, _now: int) -> Params:
    kinds = {"id": TEXT, "update": Kinds("object", lambda v: isinstance(v, dict))}
    check(params, kinds, required=("id", "update"))
    protected = [n for n in ("id", "url", "accessToken") if n in params["update"]]
    if protected:
        raise ProtectedFields(protected)
    check(params["update"], _SLICE)
    return params


def _known(tx: Tx, call: Call, id_: str) -> tuple[Record, list[Record]]:
    known = records.listed(tx, call.access, COLLECTION)
    for record in known:
        if record.id == id_:
            return record, known
    raise NotFound(f'Unknown followed slice "{id_}"')


def update(tx: WriteTx, ctx: Context, call: Call, asked: Params) -> Result:
    """Rename a slice; https://api.pryv.com/reference/#update-followed-slice."""
    accesses.must_own(call.access)
    records.hold(tx, ctx, call.access)
    record, known = _known(tx, call, asked["id"])
    if "name" in asked["update"]:
        name = asked["update"]["name"]
        _refuse_known(known, {**record.values, "name": name}, but=record.id)
        [record] = records.update(tx, ctx, call.access, COLLECTION, [(record, {"name": name})])
    return {"followedSlice": _written(record)}


def _take_id(params: Params, _now: int) -> str:
    check(params, {"id": TEXT}, required=("id",))
    return str(params["id"])


def delete(tx: WriteTx, ctx: Context, call: Call, asked: str) -> Result:
    """Follow a slice no more; https://api.pryv.com/reference/#delete-followed-slice."""
    accesses.must_own(call.access)
    records.hold(tx, ctx, call.access)
    record, _ = _known(tx, call, asked)
    records.delete(tx, ctx, call.access, COLLECTION, [record.id])
    return {"followedSliceDeletion": {"id": asked}}


METHODS: Table = {
    "followedSlices.get": Method(nothing, get),
    "followedSlices.create": Method(_take, create, writes=True, status=201),
    "followedSlices.update": Method(_take_update, update, writes=True),
    "followedSlices.delete": Method(_take_id, delete, writes=True),
}
