"""Passkeys of an account: made, listed, renamed, removed, signed in with.

A passkey is something one has and is: no password and no code are asked for beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from diurnal.auth import passkeys as answers
from diurnal.auth import tokens
from diurnal.auth.passkeys import Origin
from diurnal.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from diurnal.model.access import Access
from diurnal.model.time import SECOND
from diurnal.services import accesses, events, sign_in
from diurnal.services.context import Context
from diurnal.services.sign_in import Proof
from diurnal.store import accounts, changes, one_time
from diurnal.store import passkeys as store
from diurnal.store.database import Tx, WriteTx
from diurnal.store.passkeys import Passkey

PASSKEYS_MAX = 20
NAME_MAX = 100
DIRECTORY = "passkey"
_SPENT = "spent-challenge"
_GUESS = "passkey"
_SIGN_IN = "sign in"
_UNKNOWN = "this passkey does not open an account here"


def begin(
    ctx: Context, caller: Access, where: Origin, *, password: str, address: str
) -> dict[str, Any]:
    """Return what the browser needs to make a passkey; blocks for the password hash.

    Raises:
        InvalidInput: the password is another, or this address can have no passkeys.
        Forbidden, TooMany: as `sign_in.confirm`.
        Conflict: the account has many already.
    """
    sign_in.confirm(ctx, caller, password=password, address=address)
    known = ctx.store.read(lambda tx: store.all_of(tx, caller.account_id))
    if len(known) >= PASSKEYS_MAX:
        raise Conflict(f"at most {PASSKEYS_MAX} passkeys")
    key = _key(ctx)
    return answers.registration_options(
        where,
        user=answers.handle(key, caller.account_id),
        username=caller.username,
        fresh=answers.challenge(key, _making(caller), ctx.now() // SECOND),
        known=[p.credential for p in known],
    )


def finish(
    ctx: Context, caller: Access, where: Origin, *, credential: Mapping[str, Any], name: str
) -> Passkey:
    """Keep the passkey that the browser has made; waits for the store.

    Raises:
        InvalidInput: the answer is not to our question, or the name cannot be.
        Conflict: it is there already.
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    named = _check_name(name)
    try:
        expected = answers.challenge_of(credential, _key(ctx), _making(caller), ctx.now() // SECOND)
    except Unauthenticated as error:
        raise InvalidInput(error.message, field="credential") from None
    made = answers.registered(where, credential, expected)

    def keep(tx: WriteTx) -> Passkey:
        stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
        if len(store.all_of(tx, caller.account_id)) >= PASSKEYS_MAX:
            raise Conflict(f"at most {PASSKEYS_MAX} passkeys")
        _spend(tx, ctx, caller.account_id, expected)
        if not accounts.claim(tx, DIRECTORY, made.credential, caller.account_id, stamp.at):
            raise Conflict("this passkey is here already")
        new = Passkey(
            id=ctx.new_id(),
            credential=made.credential,
            public_key=made.public_key,
            sign_count=made.sign_count,
            transports=made.transports,
            backed_up=made.backed_up,
            name=named,
            created=stamp.at,
        )
        store.add(tx, caller.account_id, new)
        _log(tx, caller, stamp)
        return new

    return ctx.store.write(keep).result()


def listed(tx: Tx, caller: Access) -> list[Passkey]:
    """Return the account's passkeys, oldest first.

    Raises:
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    return store.all_of(tx, caller.account_id)


def rename(tx: WriteTx, ctx: Context, caller: Access, id_: str, name: str) -> Passkey:
    """Give a passkey another name.

    Raises:
        NotFound: no such passkey.
        InvalidInput: the name cannot be.
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    named = _check_name(name)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    known = _find(tx, caller, id_)
    store.rename(tx, caller.account_id, id_, named)
    _log(tx, caller, stamp)
    return msgspec.structs.replace(known, name=named)


def remove(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> None:
    """Delete a passkey; it opens nothing from this commit on.

    Raises:
        NotFound: no such passkey.
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    known = _find(tx, caller, id_)
    store.remove(tx, caller.account_id, id_)
    accounts.release(tx, DIRECTORY, known.credential, caller.account_id)
    _log(tx, caller, stamp)


def ask(ctx: Context, where: Origin) -> dict[str, Any]:
    """Return what the browser needs to ask for a passkey; the same to everybody."""
    fresh = answers.challenge(_key(ctx), _SIGN_IN, ctx.now() // SECOND)
    return answers.sign_in_options(where, fresh=fresh)


def show(ctx: Context, where: Origin, *, credential: Mapping[str, Any], address: str) -> Proof:
    """Take the answer of a passkey as proof; waits for the store.

    Raises:
        Unauthenticated: it opens no account here, or was used before.
        Forbidden: the account is disabled.
        TooMany: too many failures from this address.
    """
    ctx.attempts.check(_GUESS, address)
    try:
        return _show(ctx, where, credential)
    except Unauthenticated:
        ctx.attempts.failed(_GUESS, address)
        raise


def _show(ctx: Context, where: Origin, credential: Mapping[str, Any]) -> Proof:
    expected = answers.challenge_of(credential, _key(ctx), _SIGN_IN, ctx.now() // SECOND)
    id_ = answers.credential_of(credential)

    def do(tx: WriteTx) -> Proof:
        account_id = accounts.look_up(tx, DIRECTORY, id_)
        if account_id is None:
            raise Unauthenticated(_UNKNOWN)
        changes.reserve(tx, account_id, 0, ctx.now())
        account = accounts.get(tx, account_id)
        known = next((p for p in store.all_of(tx, account_id) if p.credential == id_), None)
        if account is None or known is None:
            raise Unauthenticated(_UNKNOWN)
        count = answers.check_answer(
            where,
            credential,
            expected=expected,
            public_key=known.public_key,
            sign_count=known.sign_count,
        )
        _spend(tx, ctx, account_id, expected)
        store.used(tx, account_id, known.id, count, ctx.now())
        sign_in.refuse_disabled(account)
        return Proof(account, "passkey")

    try:
        return ctx.store.write(do).result()
    except NotFound:
        raise Unauthenticated(_UNKNOWN) from None


def _spend(tx: WriteTx, ctx: Context, account_id: int, challenge: bytes) -> None:
    now = ctx.now()
    end = now + 2 * answers.CHALLENGE_LASTS_S * SECOND
    digest = tokens.digest(challenge.hex())
    if not one_time.add(tx, account_id, digest, _SPENT, "null", now=now, expires=end):
        raise Unauthenticated("this answer was used before")


def _find(tx: Tx, caller: Access, id_: str) -> Passkey:
    for known in store.all_of(tx, caller.account_id):
        if known.id == id_:
            return known
    raise NotFound(f"no passkey {id_!r}")


def _check_name(name: str) -> str:
    plain = name.strip()
    if not plain or len(plain) > NAME_MAX:
        raise InvalidInput(f"a name has 1 to {NAME_MAX} characters", field="name")
    events.check_json(plain, "name")
    return plain


def _log(tx: WriteTx, caller: Access, stamp: changes.Stamp) -> None:
    what = [("account", "update", str(caller.account_id))]
    changes.append(tx, caller.account_id, stamp, caller.id, what)


def _key(ctx: Context) -> bytes:
    return ctx.keys.derive("passkeys")


def _making(caller: Access) -> str:
    return f"make {caller.account_id}"
