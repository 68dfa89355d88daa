"""Sessions: what signing in opens; listed with where they came from, and ended."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from diurnal.errors import NotFound
from diurnal.model import time
from diurnal.model.access import Access, Kind
from diurnal.services import accesses, audit, authentication
from diurnal.services.audit import Doing
from diurnal.services.context import Context
from diurnal.services.sign_in import DOOR, Pending, Proof, refuse_disabled
from diurnal.services.sign_in import begin as show_password
from diurnal.store import accesses as access_rows
from diurnal.store import changes
from diurnal.store import sessions as store
from diurnal.store.accesses import Stored
from diurnal.store.database import Tx, WriteTx

LASTS_US = 30 * time.DAY
API = "session"
NAME = "Session"
DEVICE_MAX = 200


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session as its owner sees it.

    Attributes:
        device: what the client called itself.
        address: from where it was opened; empty where that is not known.
        method: how: "password", "code", "recovery", "passkey", "link".
        used: the last use, None for not since it was opened.
    """

    id: str
    api: str
    name: str
    device: str
    address: str
    method: str
    created: int
    used: int | None
    expires: int | None


def sign_in(
    ctx: Context, *, name: str, password: str, address: str, device: str = ""
) -> tuple[Stored, str] | Pending:
    """Return a new session and its token, or what is to be done yet; blocks for the hash.

    Raises:
        Unauthenticated, TooMany, Forbidden: as `sign_in.begin`.
    """
    found = show_password(ctx, name=name, password=password, address=address)
    if isinstance(found, Pending):
        return found
    return begin(ctx, found, address=address, device=device)


def ids(tx: Tx, account_id: int) -> frozenset[str]:
    """Return the ids of the account's sessions, ended ones too."""
    found = access_rows.all_of(tx, account_id)
    return frozenset(s.access.id for s in found if s.access.api == API)


def begin(ctx: Context, proof: Proof, *, address: str = "", device: str = "") -> tuple[Stored, str]:
    """Return a new session of somebody who has shown who they are; waits for the store."""
    return ctx.store.write(
        lambda tx: open_session(tx, ctx, proof, address=address, device=device)
    ).result()


def open_session(
    tx: WriteTx,
    ctx: Context,
    proof: Proof,
    *,
    address: str = "",
    device: str = "",
    api: str = API,
    name: str = NAME,
    client_id: str | None = None,
    lasts: int = LASTS_US,
    seal: bool = False,
) -> tuple[Stored, str]:
    """Make a new personal access and its token; a dialect names its own `api` and `name`.

    The token is always a new one: nothing that was known before signing in opens it.
    """
    account = proof.account
    refuse_disabled(account)
    made = accesses.issue(
        tx,
        ctx,
        account_id=account.account_id,
        username=account.username,
        kind=Kind.PERSONAL,
        name=name,
        api=api,
        client_id=client_id,
        device="".join(c for c in device if c.isprintable())[:DEVICE_MAX] or None,
        expires=ctx.now() + lasts,
        seal=seal,
    )
    store.add(tx, account.account_id, made[0].access.id, address[:64], proof.method)
    doing = Doing(DOOR, "session.begin", address)
    doing.by(made[0].access)
    doing.about(proof.method)
    audit.append(tx, ctx, account.account_id, [doing.line(ctx.now())])
    return made


def of_app(tx: Tx, ctx: Context, account_id: int, api: str, name: str) -> Stored | None:
    """Return the session of an app that still opens something, where its token can be shown."""
    for stored in access_rows.all_of(tx, account_id):
        a = stored.access
        if not a.owner or (a.api, a.name) != (api, name) or stored.sealed is None:
            continue
        if stored.deleted is None and not authentication.expired(ctx, a):
            return stored
    return None


def extend(tx: WriteTx, ctx: Context, access: Access, lasts: int) -> None:
    """Let a session that was used last on."""
    stamp = changes.reserve(tx, access.account_id, 1, ctx.now(), meta=True)
    stored = access_rows.by_id(tx, access.account_id, access.id)
    if stored is None or stored.deleted is not None:
        return
    longer = msgspec.structs.replace(stored.access, expires=ctx.now() + lasts)
    access_rows.prolong(tx, longer)
    what = [("access", "update", access.id)]
    changes.append(tx, access.account_id, stamp, access.id, what)


def listed(tx: Tx, ctx: Context, caller: Access) -> list[Session]:
    """Return the account's sessions that still open something, last used first.

    Raises:
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    known = store.all_of(tx, caller.account_id)
    found = [
        _session(s, *known.get(s.access.id, ("", "")))
        for s in access_rows.all_of(tx, caller.account_id)
        if _is_session(s, known) and s.deleted is None and not authentication.expired(ctx, s.access)
    ]
    return sorted(found, key=lambda s: (s.used or s.created, s.id), reverse=True)


def end(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> None:
    """End one session.

    Raises:
        NotFound: no such session.
        Forbidden: the caller is not the owner.
    """
    if id_ not in {s.id for s in listed(tx, ctx, caller)}:
        raise NotFound(f"no session {id_!r}")
    _revoke(tx, ctx, caller, [id_])


def end_others(tx: WriteTx, ctx: Context, caller: Access, *, apps: bool = False) -> int:
    """End all sessions but the caller's own; return how many accesses that were.

    Args:
        apps: every other token too, of apps, shares and commands.

    Raises:
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    known = store.all_of(tx, caller.account_id)
    ended = [
        s.access.id
        for s in access_rows.all_of(tx, caller.account_id)
        if s.deleted is None and s.access.id != caller.id and (apps or _is_session(s, known))
    ]
    return _revoke(tx, ctx, caller, ended)


def _revoke(tx: WriteTx, ctx: Context, caller: Access, ids: Iterable[str]) -> int:
    """Revoke accesses, each with those it made; return how many that were."""
    gone: set[str] = set()
    for id_ in ids:
        if id_ not in gone:
            gone |= {id_, *accesses.revoke(tx, ctx, caller, id_)}
            store.remove(tx, caller.account_id, id_)
    return len(gone)


def _is_session(stored: Stored, known: Iterable[str]) -> bool:
    return stored.access.api == API or stored.access.id in known


def _session(stored: Stored, address: str, method: str) -> Session:
    return Session(
        id=stored.access.id,
        api=stored.access.api,
        name=stored.access.name,
        device=stored.device or "",
        address=address,
        method=method,
        created=stored.created,
        used=stored.used,
        expires=stored.access.expires,
    )
