"""Legacy ways in: each account may switch each of them off, and sees whether it is used.

They are on until switched off, for the clients that they exist for know no other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from diurnal.errors import InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.services import accesses
from diurnal.services.context import Context
from diurnal.store import accounts, changes, legacy
from diurnal.store.database import Tx, WriteTx

SETTING = "legacy"
"""Where the account's settings keep what is switched off: way -> false."""


class Way(NamedTuple):
    """One way in of a dialect.

    Attributes:
        key: "dialect.way".
        title: what a person reads, and `risk` why one would do without.
    """

    key: str
    dialect: str
    title: str
    risk: str


_IN_URL = "Addresses end up in logs, histories and referrers, and the token with them."
_KNOWS_IT = "An app that knows the password can do all that you can."
_FRAGMENT = "The token travels in an address, and nothing proves which app asked for it."

WAYS = (
    Way("exist.simple_token", "exist", "Simple token for name and password", _KNOWS_IT),
    Way("personal.token_in_url", "personal", "Token in the address", _IN_URL),
    Way("personicle.implicit", "personicle", "Implicit grant", _FRAGMENT),
    Way("personicle.token_in_url", "personicle", "Token in the address", _IN_URL),
    Way("pryv.password_login", "pryv", "Sign-in with name and password by an app", _KNOWS_IT),
    Way("pryv.token_in_url", "pryv", "Token in the address (auth=…)", _IN_URL),
    Way("pryv0.password_login", "pryv0", "Sign-in with name and password by an app", _KNOWS_IT),
    Way("pryv0.token_in_url", "pryv0", "Token in the address (auth=…)", _IN_URL),
)
_KNOWN = {way.key: way for way in WAYS}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A way as its owner sees it; `used` is the last use, microseconds."""

    way: Way
    on: bool
    uses: int
    used: int | None


def allowed(tx: Tx, ctx: Context, account_id: int, way: str) -> bool:
    """Return whether an account lets this way in; from what is kept in memory.

    Raises:
        NotFound: no such account.
    """
    _check(way)
    return _on(ctx.state(tx, account_id).settings, way)


def used(ctx: Context, account_id: int, way: str) -> None:
    """Count a use; stored with the next flush."""
    _check(way)
    key = (account_id, way)
    ctx.ways[key] = ctx.ways.get(key, 0) + 1


def flush(tx: WriteTx, ctx: Context, counted: dict[tuple[int, str], int]) -> None:
    """Store uses that were counted in memory."""
    now = ctx.now()
    there = changes.revs_of(tx, {account_id for account_id, _ in counted})
    rows = [(a, way, n, now) for (a, way), n in sorted(counted.items()) if a in there]
    legacy.add(tx, rows)


def listed(tx: Tx, ctx: Context, caller: Access) -> list[Told]:
    """Return every way, whether it is on, and its use.

    Raises:
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    settings = ctx.state(tx, caller.account_id).settings
    uses = legacy.all_of(tx, caller.account_id)
    told = []
    for way in WAYS:
        n, at = uses.get(way.key, (0, None))
        waiting = ctx.ways.get((caller.account_id, way.key), 0)
        told.append(
            Told(
                way=way,
                on=_on(settings, way.key),
                uses=n + waiting,
                used=ctx.now() if waiting else at,
            )
        )
    return told


def switch(tx: WriteTx, ctx: Context, caller: Access, way: str, *, on: bool) -> None:
    """Switch a way on or off.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: no such way.
    """
    accesses.must_own(caller)
    if way not in _KNOWN:
        raise NotFound(f"no way {way!r}")
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    account = accounts.get(tx, caller.account_id)
    if account is None:
        raise NotFound("no such account")
    off = {k: v for k, v in _switches(account.settings).items() if k != way}
    if not on:
        off[way] = False
    settings = {k: v for k, v in account.settings.items() if k != SETTING}
    if off:
        settings[SETTING] = off
    accounts.save(tx, msgspec.structs.replace(account, settings=settings))
    what = [("account", "update", str(caller.account_id))]
    changes.append(tx, caller.account_id, stamp, caller.id, what)


def _switches(settings: Any) -> dict[str, Any]:
    found = settings.get(SETTING)
    return found if isinstance(found, dict) else {}


def _on(settings: Any, way: str) -> bool:
    return _switches(settings).get(way) is not False


def _check(way: str) -> None:
    if way not in _KNOWN:
        raise InvalidInput(f"no way {way!r}", field="way")
