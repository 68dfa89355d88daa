"""The Personal API's tokens, and what the public one may read: the resources that are published.

A resource is a name for measures, or a stream of the owner's own; each is open or not as the
public access's permissions say, and nothing else says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from diurnal import catalog
from diurnal.errors import Conflict, InvalidInput, NotFound
from diurnal.model.access import EVERY, RIGHTS, Access, Kind, Level, Permission
from diurnal.services import accesses as tokens_of
from diurnal.services import streams
from diurnal.services.context import AccountState, Context
from diurnal.store import accesses, changes
from diurnal.store.accesses import Stored
from diurnal.store.database import Tx, WriteTx

API = "personal"
MASTER, PUBLIC = "master", "public"
STREAM = "personal"
"""Prefix of the streams of user-defined resources, and the member of their `clientData`."""
AUTHOR_MAX = 32
COLUMNS_MAX = 40
STANDARD: Mapping[str, tuple[str, ...]] = {
    "statuses": tuple(
        m.key
        for m in catalog.MEASURES.values()
        if any(n.name == "statuses.status" for n in m.names.get(API, ()))
    ),
    "places": ("checkin",),
    "steps": ("steps",),
    "bookmarks": ("bookmark",),
    "weight": ("weight", "body_fat"),
    "sleep": ("sleep", "sleep_start", "sleep_end"),
    "heartrate": ("heart_rate",),
    "tracks": ("track_played",),
    "commits": ("commit",),
    "mood": ("mood",),
}
"""Resources that there always are, with the measures whose data they show."""


def own_resources(state: AccountState) -> dict[str, str]:
    """Return the streams of the resources that the owner made, by the resource's name."""
    return {
        s.id.removeprefix(f"{STREAM}-"): s.id
        for s in state.tree
        if s.id.startswith(f"{STREAM}-")
        and isinstance(s.client_data, dict)
        and isinstance(s.client_data.get(STREAM), dict)
        and not state.tree.trashed(s.id)
    }


def define(
    tx: WriteTx, ctx: Context, caller: Access, name: str, columns: Mapping[str, str]
) -> None:
    """Make a resource of the owner's own, kept as events in a stream of its own.

    Args:
        columns: name -> type of each: datetime, date, int, decimal or text.

    Raises:
        Conflict: there is one of that name.
        InvalidInput: a name or type that cannot be.
    """
    plain = name.isascii() and name.isalnum() and name == name.lower() and 2 <= len(name) <= 40
    if not plain or name.isdigit():
        raise InvalidInput("a resource's name has 2 to 40 of a-z 0-9", field="name")
    if not 1 <= len(columns) <= COLUMNS_MAX:
        raise InvalidInput(f"a resource has 1 to {COLUMNS_MAX} columns", field="columns")
    for column, type_ in columns.items():
        if not column.isidentifier() or not column.isascii() or column in ("id", "date"):
            raise InvalidInput(f"no column can be called {column!r}", field="columns")
        if type_ not in ("datetime", "date", "int", "decimal", "text"):
            raise InvalidInput(f"{column}: no type is called {type_!r}", field="columns")
    state = ctx.state(tx, caller.account_id)
    if name in STANDARD or name in own_resources(state):
        raise Conflict(f"there is a resource {name!r}")
    streams.create(
        tx,
        ctx,
        caller,
        id_=f"{STREAM}-{name}",
        name=name,
        client_data={STREAM: {"columns": dict(columns)}},
    )


def master_and_public(tx: WriteTx, ctx: Context, owner: Access) -> tuple[Stored, Stored]:
    """Return the account's two first tokens, making what is not there.

    Raises:
        Forbidden: the caller is not the owner.
    """
    tokens_of.must_own(owner)
    changes.reserve(tx, owner.account_id, 0, ctx.now())
    known = {s.access.name: s for s in listed(tx, owner) if s.access.name in (MASTER, PUBLIC)}
    if MASTER not in known:
        known[MASTER] = make(tx, ctx, owner, MASTER, RIGHTS)
    if PUBLIC not in known:
        known[PUBLIC] = _issue(tx, ctx, owner, PUBLIC, Kind.PUBLIC, ())
    return known[MASTER], known[PUBLIC]


def lacks_first(tx: Tx, owner: Access) -> bool:
    """Return whether the account never had its two first tokens; one that was revoked counts."""
    known = {s.access.name for s in accesses.all_of(tx, owner.account_id) if s.access.api == API}
    return not {MASTER, PUBLIC} <= known


def make(tx: WriteTx, ctx: Context, owner: Access, author: str, rights: Sequence[str]) -> Stored:
    """Make a token with some of the four rights on everything.

    Raises:
        InvalidInput: no author, or none of the rights.
    """
    if not author.strip() or len(author) > AUTHOR_MAX:
        raise InvalidInput(f"an author has 1 to {AUTHOR_MAX} characters", field="author")
    if not rights or any(r not in RIGHTS for r in rights):
        raise InvalidInput("rights are of create, read, update and delete", field="permissions")
    whole = set(rights) == set(RIGHTS)
    chosen = tuple(r for r in RIGHTS if r in rights)
    permission = Permission(Level.MANAGE, rights=None if whole else chosen)
    return _issue(tx, ctx, owner, author.strip(), Kind.APP, (permission,))


def _issue(
    tx: WriteTx,
    ctx: Context,
    owner: Access,
    name: str,
    kind: Kind,
    permissions: tuple[Permission, ...],
) -> Stored:
    stored, _ = tokens_of.issue(
        tx,
        ctx,
        account_id=owner.account_id,
        username=owner.username,
        kind=kind,
        name=name,
        permissions=permissions,
        api=API,
        seal=True,
        made_by=owner.id,
    )
    return stored


def listed(tx: Tx, owner: Access) -> list[Stored]:
    """Return the live tokens of this API, newest first."""
    found = [
        s
        for s in accesses.all_of(tx, owner.account_id)
        if s.access.api == API and s.deleted is None
    ]
    return sorted(found, key=lambda s: s.created, reverse=True)


def secret(ctx: Context, stored: Stored) -> str:
    """Return a token's text, which this API may show again."""
    if stored.sealed is None:
        return ""
    return ctx.keys.open(stored.sealed, stored.access.account_id) or ""


def rights_of(stored: Stored) -> tuple[str, ...]:
    """Return which of the four rights a token has on anything."""
    found: set[str] = set()
    for p in stored.access.permissions:
        allowed = p.allows
        given = (allowed.creates, allowed.reads, allowed.changes, allowed.deletes)
        found |= {name for name, has in zip(RIGHTS, given, strict=True) if has}
    return tuple(r for r in RIGHTS if r in found)


def published(state: AccountState, public: Access) -> list[str]:
    """Return the resources that the public token may read."""
    open_measures = {m for p in public.permissions for m in p.measures or ()}
    open_streams = {p.stream for p in public.permissions if p.stream != EVERY}
    return [
        *(name for name, keys in STANDARD.items() if set(keys) <= open_measures),
        *(name for name, stream in own_resources(state).items() if stream in open_streams),
    ]


def publish(
    tx: WriteTx,
    ctx: Context,
    owner: Access,
    names: Iterable[str],
    *,
    take_back: bool = False,
) -> list[str]:
    """Let the public token read resources, or no longer; return what it may read now.

    Raises:
        NotFound: no such resource.
    """
    _, public = master_and_public(tx, ctx, owner)
    state = ctx.state(tx, owner.account_id)
    own = own_resources(state)
    open_ = set(published(state, public.access))
    for name in names:
        if name not in STANDARD and name not in own:
            there = ", ".join((*STANDARD, *own))
            raise NotFound(f"no resource is called {name!r} (there are {there})")
        (open_.discard if take_back else open_.add)(name)
    # Measures of two resources stay open while one of them is.
    measures = tuple(
        dict.fromkeys(k for name, keys in STANDARD.items() if name in open_ for k in keys)
    )
    permissions = tuple(Permission(Level.READ, stream=own[n]) for n in own if n in open_)
    if measures:
        permissions = (Permission(Level.READ, measures=measures), *permissions)
    if permissions != public.access.permissions:
        stamp = changes.reserve(tx, owner.account_id, 1, ctx.now(), meta=True)
        accesses.change(
            tx,
            public,
            msgspec.structs.replace(
                public,
                access=msgspec.structs.replace(public.access, permissions=permissions),
                modified=stamp.at,
                modified_by=owner.id,
                serial=public.serial + 1,
            ),
        )
        log = [("access", "update", public.access.id)]
        changes.append(tx, owner.account_id, stamp, owner.id, log)
    return [n for n in (*STANDARD, *own) if n in open_]
