"""Applications: register, change, give a new secret, delete; they belong to an account."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

from diurnal import catalog
from diurnal.auth import tokens
from diurnal.auth.oauth2 import redirects
from diurnal.catalog import scopes
from diurnal.errors import Conflict, InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.model.time import DAY
from diurnal.services import accesses, events
from diurnal.services.context import Context
from diurnal.store import accounts, changes, clients, grants
from diurnal.store.clients import NOBODY, Client
from diurnal.store.database import Tx, WriteTx

APIS = ("exist", "mcp", "native", "personicle", "pryv")
"""Whose applications may be registered."""
UNIQUE = frozenset({"personicle"})
"""APIs in which name and address of an application are nobody else's."""
NAME_MAX = 100
HOME_MAX = 500
CLIENTS_MAX = 200
"""Applications of one account."""
REDIRECTS_MAX = 20
ATTRIBUTES_MAX = 500
UNUSED_US = 7 * DAY
"""An application that registered itself and is granted nothing in this time is forgotten."""
SELF_REGISTERED_MAX = 1_000
"""Of those at a time."""
_NAME, _HOME = "client-name:", "client-home:"


def find(tx: Tx, ctx: Context, id_: str) -> Client | None:
    """Return an application of any account, None where there is none of this id."""
    if not re.fullmatch(r"[\x21-\x7e]{1,200}", id_):
        return None
    account_id = clients.owner(tx, id_)
    found = clients.by_id(tx, account_id, id_) if account_id is not None else None
    if found is not None and found.dynamic and found.used is None:
        return found if ctx.now() - found.created < UNUSED_US else None
    return found


def listed(tx: Tx, caller: Access) -> list[Client]:
    """Return the account's applications.

    Raises:
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    return clients.all_of(tx, caller.account_id)


def own(tx: Tx, caller: Access, id_: str) -> Client:
    """Return one of the account's applications.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: the account has no such application.
    """
    accesses.must_own(caller)
    found = clients.by_id(tx, caller.account_id, id_)
    if found is None:
        raise NotFound("no such application")
    return found


def create(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    *,
    api: str,
    name: str,
    redirect_uris: Sequence[str],
    scope: Sequence[str] = (),
    attributes: Sequence[str] | None = None,
    home: str | None = None,
    confidential: bool = True,
) -> tuple[Client, str | None]:
    """Register an application; return it with its secret, which is shown this once.

    Args:
        scope: the most that it may ask for; none stands for all of its dialect.
        attributes: names that it may write; None for all.
        confidential: whether it can keep a secret; without one it must use PKCE.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: a field cannot be right.
        Conflict: name or address is another's, where the dialect minds.
    """
    accesses.must_own(caller)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    if clients.count(tx, caller.account_id) >= CLIENTS_MAX:
        raise InvalidInput(f"at most {CLIENTS_MAX} applications")
    new = _checked(
        Client(
            account_id=caller.account_id,
            id=secrets.token_hex(10),
            secret_hash=None,
            api=api,
            name=name,
            home=home or None,
            redirect_uris=tuple(redirect_uris),
            scopes=tuple(scope),
            attributes=None if attributes is None else tuple(attributes),
            dynamic=False,
            used=None,
            created=stamp.at,
            modified=stamp.at,
        )
    )
    secret = secrets.token_hex(20) if confidential else None
    if secret is not None:
        new = msgspec.structs.replace(new, secret_hash=tokens.digest(secret))
    _claim(tx, ctx, new, None)
    clients.insert_one(tx, new)
    changes.append(tx, caller.account_id, stamp, caller.id, [("client", "create", new.id)])
    return new, secret


def update(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    id_: str,
    *,
    name: str | None = None,
    home: str | None = None,
    redirect_uris: Sequence[str] | None = None,
    scope: Sequence[str] | None = None,
    attributes: Sequence[str] | None = None,
    all_attributes: bool = False,
) -> Client:
    """Change an application; what is None stays.

    What was granted stays granted.

    Raises:
        NotFound: the account has no such application.
        InvalidInput, Conflict: as of `create`.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    known = own(tx, caller, id_)
    written = known.attributes if attributes is None else tuple(attributes)
    changed = _checked(
        msgspec.structs.replace(
            known,
            name=known.name if name is None else name,
            home=known.home if home is None else home or None,
            redirect_uris=known.redirect_uris if redirect_uris is None else tuple(redirect_uris),
            scopes=known.scopes if scope is None else tuple(scope),
            attributes=None if all_attributes else written,
            modified=stamp.at,
        )
    )
    _claim(tx, ctx, changed, known)
    clients.save(tx, changed)
    changes.append(tx, caller.account_id, stamp, caller.id, [("client", "update", id_)])
    return changed


def new_secret(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> tuple[Client, str]:
    """Give an application another secret, shown this once; the one before is good no more.

    Raises:
        NotFound: the account has no such application.
        InvalidInput: it is one without a secret.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    known = own(tx, caller, id_)
    if not known.confidential:
        raise InvalidInput("this application has no secret")
    secret = secrets.token_hex(20)
    changed = msgspec.structs.replace(known, secret_hash=tokens.digest(secret), modified=stamp.at)
    clients.save(tx, changed)
    changes.append(tx, caller.account_id, stamp, caller.id, [("client", "update", id_)])
    return changed, secret


def delete(ctx: Context, caller: Access, id_: str) -> None:
    """Delete an application and revoke all that it was granted; waits for the store.

    Raises:
        NotFound: the account has no such application.
    """

    def remove(tx: WriteTx) -> list[int]:
        stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
        known = own(tx, caller, id_)
        clients.remove(tx, caller.account_id, id_)
        _release(tx, known)
        changes.append(tx, caller.account_id, stamp, caller.id, [("client", "delete", id_)])
        return clients.users(tx, id_)

    _withdraw_all(ctx, id_, ctx.store.write(remove).result())


def end_all(ctx: Context, account_id: int) -> None:
    """Revoke all that an account's applications were granted, before the account goes."""
    for client in ctx.store.read(lambda tx: clients.all_of(tx, account_id)):
        _withdraw_all(ctx, client.id, ctx.store.read(partial(clients.users, id_=client.id)))


def _withdraw_all(ctx: Context, id_: str, users: Iterable[int]) -> None:
    for account_id in users:
        # One account at a time: they may live in different databases.
        ctx.store.write(_withdrawing(ctx, account_id, id_)).result()


def _withdrawing(ctx: Context, account_id: int, id_: str) -> Callable[[WriteTx], int]:
    return lambda tx: withdraw(tx, ctx, account_id, id_)


def withdraw(tx: WriteTx, ctx: Context, account_id: int, id_: str) -> int:
    """Revoke what an account granted an application; return how many accesses that were."""
    changes.reserve(tx, account_id, 0, ctx.now())
    account = accounts.get(tx, account_id)
    if account is None:
        return 0
    caller = accesses.personal(account_id, account.username)
    found = grants.of_client(tx, account_id, id_)
    for access_id in found:
        accesses.revoke(tx, ctx, caller, access_id)
    clients.drop_user(tx, id_, account_id)
    return len(found)


def register(
    tx: WriteTx,
    ctx: Context,
    *,
    api: str,
    name: str,
    redirect_uris: Sequence[str],
    scope: Sequence[str] = (),
    home: str | None = None,
    confidential: bool = False,
) -> tuple[Client, str | None]:
    """Register an application that asks for it itself; it belongs to nobody.

    Raises:
        InvalidInput: a field cannot be right.
        Conflict: too many have, and none was granted anything.
    """
    now = ctx.now()
    _make_room(tx, now)
    secret = secrets.token_hex(20) if confidential else None
    new = _checked(
        Client(
            account_id=NOBODY,
            id=secrets.token_hex(10),
            secret_hash=tokens.digest(secret) if secret else None,
            api=api,
            name=name,
            home=home or None,
            redirect_uris=tuple(redirect_uris),
            scopes=tuple(scope),
            attributes=None,
            dynamic=True,
            used=None,
            created=now,
            modified=now,
        )
    )
    clients.insert_one(tx, new)
    return new, secret


def describe(
    tx: WriteTx,
    ctx: Context,
    known: Client | None,
    *,
    id_: str,
    api: str,
    name: str,
    redirect_uris: Sequence[str],
    scope: Sequence[str],
    home: str | None,
    used: int | None,
) -> Client:
    """Keep an application as it describes itself elsewhere; it belongs to nobody.

    Raises:
        InvalidInput: a field cannot be right.
        Conflict: too many have come, and none was granted anything.
    """
    now = ctx.now()
    new = _checked(
        Client(
            account_id=NOBODY,
            id=id_,
            secret_hash=None,
            api=api,
            name=name[:NAME_MAX],
            home=home or None,
            redirect_uris=tuple(redirect_uris),
            scopes=tuple(scope),
            attributes=None,
            dynamic=True,
            used=used,
            created=now if known is None else known.created,
            modified=now,
        )
    )
    if known is not None:
        clients.save(tx, new)
    else:
        _make_room(tx, now)
        clients.insert_one(tx, new)
    return new


def _make_room(tx: WriteTx, now: int) -> None:
    for old in clients.unused(tx, now - UNUSED_US + 1):
        clients.remove(tx, NOBODY, old)
    if len(clients.unused(tx, now)) >= SELF_REGISTERED_MAX:
        raise Conflict("too many applications have registered themselves of late")


def mark_used(tx: WriteTx, ctx: Context, client: Client) -> None:
    """Remember that an application was granted something: those that never are, are forgotten."""
    clients.mark_used(tx, client.account_id, client.id, ctx.now())


def writable(client: Client) -> tuple[str, ...] | None:
    """Return the measures that an application is held to when it writes, None for all."""
    if client.attributes is None:
        return None
    found = (catalog.by_name(client.api, name) for name in client.attributes)
    named = zip(client.attributes, found, strict=True)
    # A name that the catalog does not know is one of the account's own.
    return tuple(dict.fromkeys(name if m is None else m.key for name, m in named))


def _checked(client: Client) -> Client:
    """Return an application that can be right, its fields tidied.

    Raises:
        InvalidInput: one cannot be right.
    """
    if client.api not in APIS:
        raise InvalidInput(f"applications speak one of {', '.join(APIS)}", field="api")
    name = client.name.strip()
    events.check_json(name, "name")
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        raise InvalidInput(f"a name has 1 to {NAME_MAX} characters", field="name")
    if client.home is not None:
        _check_home(client.home)
    if not 0 < len(client.redirect_uris) <= REDIRECTS_MAX:
        raise InvalidInput(f"1 to {REDIRECTS_MAX} redirect URIs", field="redirect_uris")
    for uri in client.redirect_uris:
        redirects.check(uri)
    known = scopes.of(client.api)
    asked = list(dict.fromkeys(known.aliases.get(s, s) for s in client.scopes))
    unknown = [s for s in asked if s not in known.known]
    if unknown:
        raise InvalidInput(f"no scope is called {unknown[0][:100]!r}", field="scopes")
    attributes = client.attributes
    if attributes is not None:
        events.check_json(list(attributes), "attributes")
        if len(attributes) > ATTRIBUTES_MAX:
            raise InvalidInput(f"at most {ATTRIBUTES_MAX} attributes", field="attributes")
        attributes = tuple(dict.fromkeys(attributes))
    return msgspec.structs.replace(
        client,
        name=name,
        redirect_uris=tuple(dict.fromkeys(client.redirect_uris)),
        scopes=tuple(asked),
        attributes=attributes,
    )


def _check_home(home: str) -> None:
    try:
        redirects.check(home.partition("#")[0], field="home")
    except InvalidInput:
        raise InvalidInput("not the address of a web page", field="home") from None
    if len(home) > HOME_MAX or not home.startswith(("http://", "https://")):
        raise InvalidInput("not the address of a web page", field="home")


def _unique(client: Client) -> list[tuple[str, str, str]]:
    """Return (field, kind, key) of what nobody else may have."""
    if client.api not in UNIQUE:
        return []
    found = [("name", _NAME + client.api, client.name.casefold())]
    if client.home:
        found.append(("home", _HOME + client.api, client.home.rstrip("/").casefold()))
    # A directory's keys are short; names are not.
    return [(f, kind, hashlib.sha256(key.encode()).hexdigest()) for f, kind, key in found]


def _claim(tx: WriteTx, ctx: Context, new: Client, old: Client | None) -> None:
    had = set(_unique(old)) if old is not None else set()
    wanted = _unique(new)
    for _, kind, key in had - set(wanted):
        accounts.release(tx, kind, key, new.account_id)
    for field, kind, key in wanted:
        if (field, kind, key) not in had and not accounts.claim(
            tx, kind, key, new.account_id, ctx.now()
        ):
            raise Conflict(f"another application has this {field}", data={"field": field})


def _release(tx: WriteTx, client: Client) -> None:
    for _, kind, key in _unique(client):
        accounts.release(tx, kind, key, client.account_id)
