"""Streams: the tree as a caller sees it, and its changes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec

from diurnal import catalog
from diurnal.errors import Conflict, Forbidden, InvalidInput, NotFound, UnknownReference
from diurnal.model.access import Access
from diurnal.model.events import TEXT_MAX, Event
from diurnal.model.streams import DEPTH_MAX, ROOT, STREAMS_MAX, Stream, Tree
from diurnal.services import audit, events, marks
from diurnal.services.context import AccountState, Context
from diurnal.store import changes
from diurnal.store import events as event_store
from diurnal.store import streams as store
from diurnal.store.database import Tx, WriteTx

ID = re.compile(r"[a-zA-Z0-9._-][a-zA-Z0-9._:-]{0,99}")
"""What begins with a colon is shown by an API and is no row: `:_audit:`, `:_days:weight`."""
REFUSED_IDS = frozenset({"null", "undefined", "*"})


def slug(text: str) -> str:
    """Return an id made of a name: case kept, accents stripped, blanks to dashes."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.sub(r"[^a-zA-Z0-9._:-]", "", re.sub(r"\s+", "-", plain.strip()))


def visible(tx: Tx, ctx: Context, caller: Access, *, trashed: bool = False) -> Tree:
    """Return the tree that the caller may list; a node whose parent is hidden becomes a root.

    Args:
        trashed: also those in the trash.
    """
    tree = ctx.state(tx, caller.account_id).tree
    if caller.owner:
        shown = {s.id for s in tree}
    else:
        shown = {s.id for s in tree if listable(tree, caller, s.id)}
    kept = [s for s in tree if s.id in shown and (trashed or not tree.trashed(s.id))]
    audit.tell(tx, len(kept))
    ids = {s.id for s in kept}
    return Tree(
        s
        if s.parent_id is None or s.parent_id in ids
        else msgspec.structs.replace(s, parent_id=None)
        for s in kept
    )


def deletions(tx: Tx, caller: Access, since: int) -> list[tuple[str, int]]:
    """Return (id, deleted at) of streams deleted after an instant; to the owner only."""
    if not caller.owner:
        return []
    rev = changes.rev_at(tx, caller.account_id, since)
    return [(r[0], r[1]) for r in event_store.dead(tx, caller.account_id, "stream", rev)]


def listable(tree: Tree, caller: Access, stream: str) -> bool:
    """Return whether the caller may know of the stream."""
    return caller.rights_on_stream(tree, stream).knows


def create(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    *,
    name: str,
    id_: str | None = None,
    parent_id: str | None = None,
    measure: str | None = None,
    client_data: dict[str, Any] | None = None,
    trashed: bool = False,
) -> Stream:
    """Make a stream.

    Raises:
        Forbidden: no manage right on the parent (on everything, for a root).
        Conflict: the id is taken, or the name among its siblings.
        UnknownReference: no such parent or measure.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    state = ctx.state(tx, caller.account_id)
    _check_name(name)
    id_ = ctx.new_id() if id_ is None else slug(id_)
    audit.tell(tx, 1, id_)
    if not ID.fullmatch(id_) or id_ in REFUSED_IDS:
        raise InvalidInput("not an id that a stream can have", field="id")
    if parent_id is not None:
        _parent(state, caller, parent_id)
    elif not caller.owner and not caller.rights_on_stream(state.tree, "*").manages:
        raise Forbidden("no right to make a root stream")
    standard = catalog.standard_stream(id_)
    if id_ in state.tree:
        raise Conflict(f'A stream with id "{id_}" already exists', data={"id": id_})
    if standard is not None:  # deleted once; it means again what it meant
        if measure not in (None, standard.measure):
            raise InvalidInput(f"{id_} holds {standard.measure}", field="measure")
        measure = standard.measure
    elif id_.startswith(f"{ROOT}-"):
        raise InvalidInput(f"ids that begin with {ROOT}- are the standard set's", field="id")
    if len(state.tree) >= STREAMS_MAX:
        raise InvalidInput(f"at most {STREAMS_MAX} streams", field="id")
    _refuse_name(state.tree, name, parent_id, None)
    _check_measure(state, measure)
    if client_data is not None:
        events.check_json(client_data, "clientData")
    made = Stream(
        id=id_,
        name=name,
        parent_id=parent_id,
        measure=measure,
        client_data=client_data,
        trashed=trashed,
        created=stamp.at,
        created_by=caller.id,
        modified=stamp.at,
        modified_by=caller.id,
    )
    store.insert_all(tx, caller.account_id, [made])
    changes.append(tx, caller.account_id, stamp, caller.id, [("stream", "create", id_)])
    return made


def update(
    tx: WriteTx, ctx: Context, caller: Access, id_: str, fields: Mapping[str, Any]
) -> Stream:
    """Rename, move, trash, restore or annotate a stream.

    Args:
        fields: of `name`, `parent_id`, `measure`, `client_data`, `trashed`.

    Raises:
        NotFound: not there, or not the caller's to know of.
        Forbidden: no manage right on it, or on where it goes.
        Conflict: a sibling has this name.
        InvalidInput: it would lie below itself.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    state = ctx.state(tx, caller.account_id)
    old = _managed(tx, state, caller, id_)
    given = dict(fields)
    if given.get("client_data") is not None:
        events.check_json(given["client_data"], "clientData")
        merged = {**(old.client_data or {}), **given["client_data"]}
        given["client_data"] = {k: v for k, v in merged.items() if v is not None} or None
    new = msgspec.structs.replace(old, **given, modified=stamp.at, modified_by=caller.id)
    _check_name(new.name)
    if new.parent_id != old.parent_id:
        _may_move(state, caller, new)
    _refuse_name(state.tree, new.name, new.parent_id, id_)
    if new.measure != old.measure:
        _check_measure(state, new.measure)
    store.save(tx, caller.account_id, new)
    changes.append(tx, caller.account_id, stamp, caller.id, [("stream", "update", id_)])
    after = ctx.state(tx, caller.account_id)
    if new.measure != old.measure or new.parent_id != old.parent_id:
        _mean_anew(tx, ctx, caller, after, id_)
    elif new.trashed != old.trashed:
        _touch_below(tx, ctx, caller, after, id_)
    return new


def delete(
    tx: WriteTx, ctx: Context, caller: Access, id_: str, *, merge: bool | None
) -> list[tuple[str, str]]:
    """Delete a trashed stream for good, with all below it.

    Args:
        merge: True moves its events to the parent, False deletes those left without a stream;
            None is refused while there are events.

    Returns:
        (event id, "mergedToParent" | "deleted" | "updatedStreamIds") of events it touched.

    Raises:
        InvalidInput: events and no `merge`, or `merge` on a root; or not in the trash yet.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    state = ctx.state(tx, caller.account_id)
    old = _managed(tx, state, caller, id_)
    if not old.trashed:
        raise InvalidInput("only a stream in the trash is deleted for good", field="id")
    if merge and old.parent_id is None:
        raise InvalidInput("a root has no parent to merge into", field="mergeEventsWithParent")
    doomed = state.tree.below(id_)
    held = event_store.in_streams(tx, caller.account_id, doomed)
    if held and merge is None:
        raise InvalidInput(
            "the stream has events: say whether they go to its parent",
            field="mergeEventsWithParent",
        )
    outcome: list[tuple[str, str]] = []
    moves: list[tuple[Event, tuple[str, ...]]] = []
    for e in held:
        kept = [s for s in e.stream_ids if s not in doomed]
        if merge and old.parent_id not in kept:
            kept.append(old.parent_id or "")
        if kept:
            moves.append((e, tuple(kept)))
            outcome.append((e.id, "mergedToParent" if merge else "updatedStreamIds"))
        else:
            events.delete(tx, ctx, caller, e.id)
            outcome.append((e.id, "deleted"))
    if moves:
        events.rehang(tx, ctx, caller, state, moves)
    stamp = changes.reserve(tx, caller.account_id, len(doomed), ctx.now(), meta=True)
    store.remove(tx, caller.account_id, doomed)
    event_store.bury(
        tx,
        caller.account_id,
        "stream",
        [(s, None, None, stamp.at + i, stamp.rev + i) for i, s in enumerate(doomed)],
    )
    changes.append(
        tx, caller.account_id, stamp, caller.id, [("stream", "delete", s) for s in doomed]
    )
    return outcome


def manageable(tx: Tx, ctx: Context, caller: Access, id_: str) -> Stream:
    """Return a stream that the caller may rename, move, trash and delete.

    Raises:
        NotFound: not there, or not the caller's to know of.
        Forbidden: no manage right on it.
    """
    return _managed(tx, ctx.state(tx, caller.account_id), caller, id_)


def _managed(tx: Tx, state: AccountState, caller: Access, id_: str) -> Stream:
    audit.tell(tx, 1, id_)
    stream = state.tree.get(id_)
    if stream is None or not (caller.owner or listable(state.tree, caller, id_)):
        raise NotFound(f"no stream {id_!r}")
    if not caller.owner and not caller.rights_on_stream(state.tree, id_).manages:
        raise Forbidden(f"no right to manage stream {id_!r}")
    return stream


def _parent(state: AccountState, caller: Access, parent_id: str) -> None:
    parent = state.tree.get(parent_id)
    if parent is None or not (caller.owner or listable(state.tree, caller, parent_id)):
        raise UnknownReference(
            f"unknown parent stream {parent_id!r}",
            field="parentId",
            data={"parentId": parent_id},
        )
    if not caller.owner and not caller.rights_on_stream(state.tree, parent_id).manages:
        raise Forbidden(f"no right to manage stream {parent_id!r}")
    if state.tree.trashed(parent_id):
        raise InvalidInput(
            f"parent stream {parent_id!r} is in the trash",
            field="parentId",
            data={"trashedReference": "parentId"},
        )
    if len(state.tree.path(parent_id)) >= DEPTH_MAX - 1:
        raise InvalidInput(f"at most {DEPTH_MAX} levels", field="parentId")


def _may_move(state: AccountState, caller: Access, new: Stream) -> None:
    if new.parent_id is None:
        if not caller.owner and not caller.rights_on_stream(state.tree, "*").manages:
            raise Forbidden("no right to make a root stream")
        return
    if new.parent_id == new.id or new.id in state.tree.path(new.parent_id):
        raise InvalidInput("a stream cannot lie below itself", field="parentId")
    _parent(state, caller, new.parent_id)
    if len(state.tree.path(new.parent_id)) + state.tree.height(new.id) > DEPTH_MAX - 1:
        raise InvalidInput(f"at most {DEPTH_MAX} levels", field="parentId")


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > TEXT_MAX:
        raise InvalidInput(f"a name has 1 to {TEXT_MAX} characters", field="name")
    events.check_json(name, "name")


def _refuse_name(tree: Tree, name: str, parent_id: str | None, but: str | None) -> None:
    if any(s.name == name and s.id != but for s in tree.children(parent_id)):
        raise Conflict(f'A stream with name "{name}" already exists', data={"name": name})


def _check_measure(state: AccountState, measure: str | None) -> None:
    if measure is not None and state.measure(measure) is None:
        raise UnknownReference(f"unknown measure {measure!r}", field="measure")


def _mean_anew(tx: WriteTx, ctx: Context, caller: Access, state: AccountState, id_: str) -> None:
    """Select the measure of every event below a stream anew."""
    held = event_store.in_streams(tx, caller.account_id, state.tree.below(id_))
    events.rehang(tx, ctx, caller, state, [(e, e.stream_ids) for e in held])


def _touch_below(tx: WriteTx, ctx: Context, caller: Access, state: AccountState, id_: str) -> None:
    """Mark the days of events below a stream that went into the trash or came back."""
    below = state.tree.below(id_)
    held = event_store.in_streams(tx, caller.account_id, below)
    revs = changes.revs(tx, caller.account_id)
    rev = revs[0] if revs else 0
    events.touch(tx, state, held, rev)
    marks.mark_homes(tx, state, below, rev)
