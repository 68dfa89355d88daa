"""Making an account by oneself: what every registration door asks, and invitations.

`sign_up` in the settings says who may: nobody, whoever has an invitation of an admin, anybody.
"""

from __future__ import annotations

from diurnal.auth import tokens
from diurnal.auth.passwords import OURS, Rule
from diurnal.errors import Conflict, Forbidden, InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.model.time import DAY
from diurnal.services import accounts, events, own_address
from diurnal.services.context import Context
from diurnal.store import accounts as account_rows
from diurnal.store import changes, invitations
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx
from diurnal.store.invitations import Invitation

INVITATION_LASTS_US = 14 * DAY
INVITATIONS_MAX = 500
NOTE_MAX = 200
_GUESS = "invitation"
_UNKNOWN = "this invitation has been used, or is too old"


def register(
    ctx: Context,
    *,
    username: str,
    password: str,
    email: str | None = None,
    timezone: str | None = None,
    invitation: str | None = None,
    rule: Rule = OURS,
    address: str,
) -> Account:
    """Make an account for whoever asks, where the settings let them; blocks for the hash.

    Never an admin's: those are made on the server's machine, or by an admin.

    Args:
        invitation: what an admin's link holds; looked at only where one is needed.
        rule: for the password, where a dialect's contract has its own.
        address: of the client; wrong invitations are counted by it.

    Raises:
        Forbidden: this server takes no new accounts, or not without an invitation.
        InvalidInput: a field cannot be right.
        Conflict: the name or the e-mail is taken.
        TooMany: too many wrong invitations.
    """
    mode = ctx.settings.sign_up
    if mode == "closed":
        raise Forbidden("this server takes no new accounts")
    accounts.check_username(username)
    accounts.check_email(email)

    def make() -> Account:
        return accounts.create(
            ctx,
            username=username,
            password=password,
            email=email or None,
            timezone=timezone,
            rule=rule,
            admin=False,
        )

    if mode == "open":
        return make()
    token = _spend(ctx, invitation, address)
    try:
        return make()
    except BaseException:
        _give_back(ctx, token)
        raise


def _spend(ctx: Context, invitation: str | None, address: str) -> str:
    token = (invitation or "").strip()
    if not token:
        raise Forbidden("an invitation is needed to make an account here")
    ctx.attempts.check(_GUESS, address)
    inviter = tokens.account_of(token)

    def do(tx: WriteTx) -> bool:
        if inviter is None:
            return False
        changes.reserve(tx, inviter, 0, ctx.now())
        return _open(tx, inviter) and invitations.spend(
            tx, inviter, tokens.digest(token), ctx.now()
        )

    try:
        good = ctx.store.write(do).result()
    except NotFound:
        good = False
    if not good:
        ctx.attempts.failed(_GUESS, address)
        raise Forbidden(_UNKNOWN)
    return token


def _give_back(ctx: Context, token: str) -> None:
    inviter = tokens.account_of(token)

    def do(tx: WriteTx) -> None:
        if inviter is not None:
            invitations.give_back(tx, inviter, tokens.digest(token))

    ctx.store.write(do).result()


def _open(tx: Tx, inviter: int) -> bool:
    """Whoever is no admin any more invites nobody."""
    account = account_rows.get(tx, inviter)
    return account is not None and account.admin and account.disabled is None


def check_invitation(ctx: Context, invitation: str, address: str) -> bool:
    """Return whether an invitation is good, without using it up; wrong ones are counted.

    Raises:
        TooMany: too many wrong ones.
    """
    ctx.attempts.check(_GUESS, address)
    inviter = tokens.account_of(invitation)

    def look(tx: Tx) -> bool:
        if inviter is None or not _open(tx, inviter):
            return False
        found = invitations.by_token(tx, inviter, tokens.digest(invitation))
        return found is not None and found.used is None and found.expires > ctx.now()

    good = ctx.store.read(look)
    if not good:
        ctx.attempts.failed(_GUESS, address)
    return good


def free(tx: Tx, *, username: str | None = None, email: str | None = None) -> bool:
    """Return whether a name or an address could be a new account's."""
    if username is not None:
        try:
            accounts.check_username(username)
        except InvalidInput:
            return False
        return account_rows.look_up(tx, "username", username) is None
    return account_rows.look_up(tx, "email", (email or "").strip().casefold()) is None


def invite(
    tx: WriteTx, ctx: Context, caller: Access, *, note: str = "", lasts: int = INVITATION_LASTS_US
) -> tuple[Invitation, str]:
    """Make an invitation; return it and its token, which is not shown again.

    Raises:
        Forbidden: the caller is no admin.
        InvalidInput: the note is too long.
        Conflict: too many are open.
    """
    must_administer(tx, caller)
    if len(note) > NOTE_MAX:
        raise InvalidInput(f"a note has at most {NOTE_MAX} characters", field="note")
    events.check_json(note, "note")
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    now = ctx.now()
    if len(invitations.all_of(tx, caller.account_id)) >= INVITATIONS_MAX:
        raise Conflict(f"at most {INVITATIONS_MAX} invitations; take some back first")
    new = Invitation(id=ctx.new_id(), note=note.strip(), created=now, expires=now + lasts)
    token = tokens.make(caller.account_id)
    invitations.add(tx, caller.account_id, tokens.digest(token), new)
    return new, token


def link(ctx: Context, token: str) -> str:
    """Return the address that an invitation is sent as."""
    return f"{own_address.of(ctx)}/sign-up?invitation={token}"


def listed(tx: Tx, caller: Access) -> list[Invitation]:
    """Return what the caller has sent out, oldest first.

    Raises:
        Forbidden: the caller is no admin.
    """
    must_administer(tx, caller)
    return invitations.all_of(tx, caller.account_id)


def take_back(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> None:
    """Delete an invitation; its link leads nowhere.

    Raises:
        Forbidden: the caller is no admin.
        NotFound: no such invitation.
    """
    must_administer(tx, caller)
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    if not invitations.remove(tx, caller.account_id, id_):
        raise NotFound(f"no invitation {id_!r}")


def must_administer(tx: Tx, caller: Access) -> Account:
    """Refuse everybody but the owner of an admin's account; return it.

    Raises:
        Forbidden: the caller is no admin.
    """
    account = account_rows.get(tx, caller.account_id) if caller.owner else None
    if account is None or not account.admin:
        raise Forbidden("only an admin of this server may")
    return account
