"""The second factor (TOTP): set up, confirmed, taken away; and its recovery codes."""

from __future__ import annotations

import msgspec

from diurnal.auth import one_time_codes, tokens
from diurnal.errors import Conflict, InvalidInput, Unauthenticated
from diurnal.model.access import Access
from diurnal.services import accesses, sign_in
from diurnal.services.context import Context
from diurnal.store import changes, totp
from diurnal.store.database import Tx, WriteTx


class State(msgspec.Struct, frozen=True):
    """Whether a second factor is asked for, since when, and how many recovery codes are left."""

    since: int | None
    recovery_codes: int


class Setup(msgspec.Struct, frozen=True):
    """What an authenticator app needs: the secret, and the same as address and picture (SVG)."""

    secret: str
    uri: str
    picture: bytes


def state(tx: Tx, caller: Access) -> State:
    """Return how the account's second factor stands.

    Raises:
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    known = totp.get(tx, caller.account_id)
    since = known.confirmed if known is not None else None
    return State(since, totp.codes_left(tx, caller.account_id) if since is not None else 0)


def begin(ctx: Context, caller: Access, *, password: str, address: str) -> Setup:
    """Begin to set one up; nothing is asked for until `confirm`. Blocks for the password hash.

    Raises:
        Conflict: there is one already.
        InvalidInput, Forbidden, TooMany: as `sign_in.confirm`.
    """
    sign_in.confirm(ctx, caller, password=password, address=address)
    secret = one_time_codes.make_secret()
    sealed = ctx.keys.seal(secret, caller.account_id)

    def put(tx: WriteTx) -> None:
        changes.reserve(tx, caller.account_id, 0, ctx.now())
        if sign_in.asked_for(tx, caller.account_id):
            raise Conflict("there is a second factor already; take it away first")
        totp.put(tx, caller.account_id, sealed, ctx.now())

    ctx.store.write(put).result()
    return _setup(secret, caller)


def pending(tx: Tx, ctx: Context, caller: Access) -> Setup | None:
    """Return what is being set up, None for nothing; for a page that is shown again.

    Raises:
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    known = totp.get(tx, caller.account_id)
    if known is None or known.confirmed is not None:
        return None
    secret = ctx.keys.open(known.sealed, caller.account_id)
    return None if secret is None else _setup(secret, caller)


def _setup(secret: str, caller: Access) -> Setup:
    uri = one_time_codes.uri(secret, caller.username)
    return Setup(secret, uri, one_time_codes.picture(uri))


def confirm(tx: WriteTx, ctx: Context, caller: Access, code: str) -> list[str]:
    """Ask for codes from now on, once the app shows the right one; return the recovery codes.

    They are shown this once; only their hashes are kept.

    Raises:
        Conflict: none is being set up.
        InvalidInput: the code is wrong.
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    known = totp.get(tx, caller.account_id)
    if known is None or known.confirmed is not None:
        raise Conflict("no second factor is being set up")
    try:
        sign_in.spend_code(tx, ctx, caller.account_id, code)
    except Unauthenticated:
        raise InvalidInput("this is not the code that the app shows now", field="code") from None
    totp.confirm(tx, caller.account_id, stamp.at)
    _log(tx, caller, stamp)
    return _new_codes(tx, caller, stamp.at)


def renew_codes(
    ctx: Context, caller: Access, *, password: str, code: str, address: str
) -> list[str]:
    """Return new recovery codes in place of the old ones; blocks for the password hash.

    Raises:
        Conflict: there is no second factor.
        InvalidInput, Forbidden, TooMany: as `sign_in.confirm`.
    """
    sign_in.confirm(ctx, caller, password=password, code=code, address=address)

    def put(tx: WriteTx) -> list[str]:
        stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
        if not sign_in.asked_for(tx, caller.account_id):
            raise Conflict("there is no second factor")
        _log(tx, caller, stamp)
        return _new_codes(tx, caller, stamp.at)

    return ctx.store.write(put).result()


def remove(ctx: Context, caller: Access, *, password: str, code: str, address: str) -> None:
    """Take the second factor away, or what is half set up; blocks for the password hash.

    Args:
        code: of it, or a recovery code; not looked at while it is being set up.

    Raises:
        InvalidInput, Forbidden, TooMany: as `sign_in.confirm`.
    """
    sign_in.confirm(ctx, caller, password=password, code=code, address=address)
    ctx.store.write(lambda tx: drop(tx, ctx, caller)).result()


def drop(tx: WriteTx, ctx: Context, caller: Access) -> None:
    """Take the second factor away; for the operator, whose word is enough."""
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    totp.remove(tx, caller.account_id)
    _log(tx, caller, stamp)


def _new_codes(tx: WriteTx, caller: Access, now: int) -> list[str]:
    codes = one_time_codes.make_recovery_codes()
    plain = [one_time_codes.plain_recovery_code(code) for code in codes]
    totp.set_codes(tx, caller.account_id, [tokens.digest(p) for p in plain if p], now)
    return codes


def _log(tx: WriteTx, caller: Access, stamp: changes.Stamp) -> None:
    what = [("account", "update", str(caller.account_id))]
    changes.append(tx, caller.account_id, stamp, caller.id, what)
