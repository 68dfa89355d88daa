"""Scoped notifications of 2.0: a socket that names what it shows hears of nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from diurnal import http
from diurnal.dialects.pryv.checks import (
    TEXT,
    BadOperation,
    BadParameters,
    Kinds,
    Problem,
    check,
    params_of,
)
from diurnal.dialects.pryv.methods import METHODS, Call
from diurnal.errors import AppError
from diurnal.live import Changed
from diurnal.model.events import seconds
from diurnal.services import changelog
from diurnal.services.context import Context
from diurnal.store.database import Tx

SCOPES_MAX = 100
"""Of one socket."""
KEY_MAX = 200
NOTICES: Mapping[str, frozenset[str]] = {
    "eventsChanged": frozenset({"event", "series"}),
    "streamsChanged": frozenset({"stream"}),
    "accessesChanged": frozenset({"access"}),
}
"""Message -> the changes after which it is sent."""
_KINDS = {name.removesuffix("Changed"): kinds for name, kinds in NOTICES.items()}
CALLS = frozenset({"getSubscriptions", "subscribe", "unsubscribe"})
_OBJECT = Kinds("object", lambda v: isinstance(v, dict))
_KEYS = Kinds("array", lambda v: isinstance(v, list))


class _Scope(NamedTuple):
    kind: str
    query: dict[str, Any]


class Scopes:
    """What one socket has subscribed to, by the keys that it chose."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, _Scope] = {}

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._known)

    def call(self, ctx: Context, name: str, given: Any) -> dict[str, Any]:
        """Do one of `CALLS`.

        Raises:
            BadParameters: a scope cannot be read.
            BadOperation: there would be too many.
        """
        params = params_of(given)
        if name == "subscribe":
            return self._subscribe(ctx, params)
        if name == "unsubscribe":
            return self._unsubscribe(params)
        return {"scopes": {k: {"kind": s.kind, "query": s.query} for k, s in self._known.items()}}

    def _subscribe(self, ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
        if "scopes" in params:
            check(params, {"scopes": _OBJECT})
            asked = {key: params_of(one) for key, one in params["scopes"].items()}
        else:
            check(params, {"key": TEXT, "kind": TEXT, "query": _OBJECT}, required=("key",))
            asked = {params["key"]: {k: v for k, v in params.items() if k != "key"}}
        found = {key: _read(ctx, key, one) for key, one in asked.items()}
        if len({*self._known, *found}) > SCOPES_MAX:
            raise BadOperation(f"A socket has at most {SCOPES_MAX} scopes.")
        self._known.update(found)
        return {"ok": True, "keys": sorted(found)}

    def _unsubscribe(self, params: dict[str, Any]) -> dict[str, Any]:
        check(params, {"key": TEXT, "keys": _KEYS})
        named = [*params.get("keys", ()), *([params["key"]] if "key" in params else ())]
        gone = [k for k in named if isinstance(k, str)] if params else [*self._known]
        keys = sorted(key for key in set(gone) if self._known.pop(key, None) is not None)
        return {"ok": True, "keys": keys}

    async def matching(self, ctx: Context, call: Call, changed: Changed) -> list[str]:
        """Return the keys of the scopes in which something has changed."""
        near = {k: s for k, s in self._known.items() if _KINDS[s.kind] & changed.kinds}
        queries = {k: s.query for k, s in near.items() if s.kind == "events"}
        fits = await http.read(ctx, lambda tx: _fitting(tx, ctx, call, queries, changed))
        return sorted(key for key in near if key not in queries or key in fits)


def _read(ctx: Context, key: str, given: dict[str, Any]) -> _Scope:
    check(given, {"kind": TEXT, "query": _OBJECT}, required=("kind",))
    kind, query = given["kind"], given.get("query", {})
    if kind not in _KINDS:
        raise BadParameters([Problem("ENUM_MISMATCH", f"No enum match for: {kind}", "#/kind")])
    if len(key) > KEY_MAX:
        raise BadParameters([Problem("MAX_LENGTH", "The key is too long.", "#/key")])
    if kind == "events":
        METHODS["events.get"].take(_since(query, 0.0), ctx.now())
    return _Scope(kind, query)


def _since(query: dict[str, Any], instant: float) -> dict[str, Any]:
    more = {"modifiedSince": instant, "includeDeletions": True, "state": "all", "limit": 1}
    return query | more


def _fitting(
    tx: Tx, ctx: Context, call: Call, queries: Mapping[str, dict[str, Any]], changed: Changed
) -> set[str]:
    """Return the keys of the queries that find something of what has changed."""
    at = changelog.begun(tx, call.access, changed.after) if queries else None
    if at is None:  # the log does not reach back: anything may have
        return {*queries}
    method = METHODS["events.get"]
    found = set()
    for key, query in queries.items():
        try:
            asked = method.take(_since(query, seconds(at - 1)), ctx.now())
            result = method.run(tx, ctx, call, asked)
        except AppError:  # its streams have gone, or are the caller's no more
            continue
        if any(msgspec.json.encode(value) != b"[]" for value in result.values()):
            found.add(key)
    return found
