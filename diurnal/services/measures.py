"""Own measures: what an account counts that the catalog has no word for."""

from __future__ import annotations

from diurnal.errors import Forbidden, InvalidInput
from diurnal.model.access import EVERY, Access
from diurnal.model.measures import Daily, Measure, ValueKind
from diurnal.model.records import OwnMeasure
from diurnal.model.streams import ROOT, Stream, Tree
from diurnal.services import streams as streams_service
from diurnal.services.context import Context
from diurnal.services.streams import slug
from diurnal.store import accounts, batches, changes, streams
from diurnal.store.database import Tx, WriteTx

PARENT = "own"
"""Stream above those of own measures; outside the standard set, which has its own ids."""
GROUP = "custom"
OWN_MAX = 2_000
LABEL_MAX = 200

_DAILY = {
    ValueKind.BOOLEAN: Daily.ANY,
    ValueKind.INTEGER: Daily.LAST,
    ValueKind.NUMBER: Daily.LAST,
    ValueKind.TEXT: Daily.JOIN,
}
_WIDTH = {ValueKind.BOOLEAN: 0, ValueKind.INTEGER: 1, ValueKind.NUMBER: 2}


def ensure_own(
    tx: WriteTx, ctx: Context, caller: Access, wanted: OwnMeasure, batch_id: int = 0
) -> bool:
    """Make an own measure and its stream unless it is there; return whether anything changed.

    A measure of whole numbers that meets fractions, or a tag that meets counts, becomes wider;
    numbers and text stay what they are.

    Raises:
        Forbidden: the caller may not add to own measures.
        InvalidInput: no such kind of value, or too many measures.
    """
    if not may_make(caller):
        raise Forbidden("no right to make measures")
    try:
        kind = ValueKind(wanted.value)
        daily = _DAILY[kind]
    except (ValueError, KeyError):
        raise InvalidInput(f"no kind of value is called {wanted.value!r}", field="value") from None
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    state = ctx.state(tx, caller.account_id)
    known = state.measures.get(wanted.key)
    if known is not None:
        if not _WIDTH.get(known.value, 9) < _WIDTH.get(kind, -1):
            return False
        stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
        batches.widen_own(tx, caller.account_id, wanted.key, kind.value, daily.value)
        changes.append(tx, caller.account_id, stamp, caller.id, [("measure", "update", wanted.key)])
        ctx.states.pop(caller.account_id, None)
        return True
    if len(state.measures) >= OWN_MAX:
        raise InvalidInput(f"at most {OWN_MAX} own measures", field="key")
    label = wanted.label.strip()[:LABEL_MAX] or wanted.key
    made = _streams(state.tree, wanted.key, label)
    stamp = changes.reserve(tx, caller.account_id, 1 + len(made), ctx.now(), meta=True)
    streams.insert_all(
        tx,
        caller.account_id,
        [
            Stream(
                id=s.id,
                name=s.name,
                parent_id=s.parent_id,
                measure=s.measure,
                created=stamp.at,
                created_by=caller.id,
                modified=stamp.at,
                modified_by=caller.id,
            )
            for s in made
        ],
    )
    home = next(s.id for s in made if s.measure == wanted.key)
    accounts.add_own_measure(
        tx,
        caller.account_id,
        (
            wanted.key,
            label,
            GROUP,
            "1",
            kind.value,
            daily.value,
            home,
            batch_id or None,
            stamp.at,
        ),
    )
    changes.append(
        tx,
        caller.account_id,
        stamp,
        caller.id,
        [("measure", "create", wanted.key), *(("stream", "create", s.id) for s in made)],
    )
    ctx.states.pop(caller.account_id, None)
    return True


def may_make(caller: Access) -> bool:
    """Return whether the caller may make own measures: who may add to all of them."""
    return caller.owner or any(
        p.stream in (PARENT, EVERY) and p.measures is None and p.tags is None and p.allows.creates
        for p in caller.permissions
    )


def visible(tx: Tx, ctx: Context, caller: Access) -> list[Measure]:
    """Return the own measures whose stream the caller may know of, by key."""
    state = ctx.state(tx, caller.account_id)
    return [
        m
        for m in state.measures.values()
        if caller.owner or streams_service.listable(state.tree, caller, m.stream)
    ]


def _streams(tree: Tree, key: str, label: str) -> list[Stream]:
    """Return the streams that are missing for a measure: its own, and the one above."""
    made = []
    if PARENT not in tree:
        made.append(Stream(id=PARENT, name=_free_name(tree, None, "Own measures")))
    id_ = f"{PARENT}-{slug(key)}"[:100]
    while id_ in tree or id_.startswith(f"{ROOT}-"):
        id_ = f"{id_[:97]}-x"
    made.append(Stream(id=id_, name=_free_name(tree, PARENT, label), parent_id=PARENT, measure=key))
    return made


def _free_name(tree: Tree, parent: str | None, name: str) -> str:
    taken = {s.name for s in tree.children(parent)}
    fresh, n = name, 2
    while fresh in taken:
        fresh, n = f"{name} ({n})", n + 1
    return fresh


def drop_empty(tx: WriteTx, ctx: Context, caller: Access, batch_id: int) -> int:
    """Remove the own measures that an undone batch made and that nothing else uses."""
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    empty = batches.empty_own(tx, caller.account_id, batch_id)
    if not empty:
        return 0
    what = [("measure", "delete", key) for key, _ in empty]
    what += [("stream", "delete", stream) for _, stream in empty]
    stamp = changes.reserve(tx, caller.account_id, len(what), ctx.now(), meta=True)
    batches.drop_own(tx, caller.account_id, [key for key, _ in empty])
    streams.remove(tx, caller.account_id, [stream for _, stream in empty])
    changes.append(tx, caller.account_id, stamp, caller.id, what)
    ctx.states.pop(caller.account_id, None)
    return len(empty)
