"""Sharing: part of an account for whoever has a link, or for another account on this server.

A share is an access of its own; this module adds who gets it and how. Where the access ends,
by whatever door, so does the share.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from diurnal.auth import one_time_codes, passwords, tokens
from diurnal.auth.passwords import Rule
from diurnal.errors import InvalidInput, NotFound, Unauthenticated
from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.model.time import DAY
from diurnal.services import accesses, accounts, audit, authentication, mail, own_address
from diurnal.services.audit import Doing
from diurnal.services.context import Context
from diurnal.services.permission_words import words
from diurnal.store import accounts as account_rows
from diurnal.store import changes
from diurnal.store import shares as store
from diurnal.store.accesses import Stored
from diurnal.store.database import Tx, WriteTx
from diurnal.store.shares import Share

DOOR = "share"
LASTS_US = 30 * DAY
"""Life of a share whose maker names no end."""
SHARES_MAX = 200
PASSWORD = Rule(4)
OPEN, OFFERED, ACCEPTED, DECLINED = "open", "offered", "accepted", "declined"
_GONE = "this share has ended, or never was"
_OFFER_TEXT = """{giver} offers to share something with you: {name}

See what it is, and accept or decline it, here:

{link}
"""


class Given(NamedTuple):
    """A share of the caller's with its access; `words` say what it opens."""

    share: Share
    stored: Stored
    words: list[str]
    link: str | None


class Received(NamedTuple):
    """A share that another account offers to the caller."""

    share: Share
    access: Access
    words: list[str]


def create(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    *,
    name: str,
    permissions: Sequence[Permission],
    expires: int | None,
    recipient: str | None = None,
    password_hash: str | None = None,
) -> Given:
    """Make a share: a link, or an offer to the account called `recipient`.

    A recipient whom nobody knows is taken like any other, so that this tells no names.

    Args:
        password_hash: asked of whoever opens the link.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: a permission names what is not there; a share with oneself; too many.
    """
    accesses.must_own(caller)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    if len(_live(tx, ctx, caller.account_id)) >= SHARES_MAX:
        raise InvalidInput(f"at most {SHARES_MAX} shares at a time")
    if not any(p.level is not Level.NONE for p in permissions):
        raise InvalidInput("a share opens something", field="permissions")
    to = None if recipient is None else account_rows.look_up(tx, "username", recipient)
    if to == caller.account_id:
        raise InvalidInput("this is your own account", field="recipient")
    stored, _ = accesses.create(
        tx,
        ctx,
        caller,
        name=name,
        permissions=permissions,
        kind=Kind.SHARED,
        expires=expires,
        device=None if recipient is None else f"for {recipient}",
        seal=True,
    )
    link = tokens.make(caller.account_id) if recipient is None else None
    made = Share(
        id=ctx.new_id(),
        access_id=stored.access.id,
        state=OPEN if recipient is None else OFFERED,
        recipient=recipient,
        recipient_id=to,
        link_hash=None if link is None else tokens.digest(link),
        link_sealed=None if link is None else ctx.keys.seal(link, caller.account_id),
        password_hash=password_hash,
        created=stamp.at,
        modified=stamp.at,
    )
    store.add(tx, caller.account_id, made)
    changes.append(tx, caller.account_id, stamp, caller.id, [("share", "create", made.id)])
    audit.tell(tx, 1, made.id)
    return _given(tx, ctx, caller.account_id, made, stored)


def hashed(password: str) -> str:
    """Return the hash of a share's new password; computes long.

    Raises:
        InvalidInput: too short or too long.
    """
    passwords.check_new(password, PASSWORD)
    return passwords.hashed(password)


def told(tx: WriteTx, ctx: Context, made: Share, giver: str, name: str) -> None:
    """Tell the recipient of an offer, in their own account: at once, and by mail."""
    to = made.recipient_id
    account = None if to is None else account_rows.get(tx, to)
    if account is None or account.disabled is not None:
        return
    _notify(tx, ctx, account.account_id, made.id)
    if account.email is not None:
        mail.queue(
            tx,
            ctx,
            account.account_id,
            to=account.email,
            subject=f"{giver} shares something with you",
            text=_OFFER_TEXT.format(giver=giver, name=name, link=f"{own_address.of(ctx)}/sharing"),
        )


def _notify(tx: WriteTx, ctx: Context, account_id: int, id_: str) -> None:
    stamp = changes.reserve(tx, account_id, 1, ctx.now(), meta=True)
    changes.append(tx, account_id, stamp, authentication.SYSTEM, [("share", "update", id_)])


def listed(tx: Tx, ctx: Context, caller: Access) -> list[Given]:
    """Return the caller's live shares, oldest first.

    Raises:
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    found = _live(tx, ctx, caller.account_id)
    audit.tell(tx, len(found))
    return [_given(tx, ctx, caller.account_id, s, a) for s, a in found]


def get(tx: Tx, ctx: Context, caller: Access, id_: str) -> Given:
    """Return one live share of the caller's.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: no such share.
    """
    accesses.must_own(caller)
    audit.tell(tx, 1, id_)
    share = store.get(tx, caller.account_id, id_)
    stored = None if share is None else _standing(tx, ctx, caller.account_id, share)
    if share is None or stored is None:
        raise NotFound(f"no share {id_!r}")
    return _given(tx, ctx, caller.account_id, share, stored)


def picture(given: Given, url: Callable[[str], str]) -> bytes:
    """Return the QR code of a link, SVG.

    Raises:
        NotFound: it is no link.
    """
    if given.link is None:
        raise NotFound("this share has no link")
    return one_time_codes.picture(url(given.link))


def update(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    id_: str,
    fields: Mapping[str, Any],
    *,
    password: bool = False,
    password_hash: str | None = None,
) -> Given:
    """Change a share; its link stays.

    Another password shows out who came in by the one before: the share goes on with an access
    of its own, and the old one ends with all that was opened by it.

    Args:
        fields: name, permissions or expires.
        password: whether to put `password_hash` in place of the one it has; None for none.

    Raises:
        Forbidden, NotFound: as `get`.
        InvalidInput: a field cannot be right.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now(), meta=True)
    known = get(tx, ctx, caller, id_)
    share = known.share
    if password:
        if share.link_hash is None:
            raise InvalidInput("an account signs in; no password is asked", field="password")
        share = msgspec.structs.replace(share, password_hash=password_hash)
    stored = known.stored
    if fields:
        stored = accesses.update(tx, ctx, caller, stored.access.id, fields)
    if password and password_hash is not None:
        stored = _replaced(tx, ctx, caller, stored)
        share = msgspec.structs.replace(share, access_id=stored.access.id)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    store.save(tx, caller.account_id, share, stamp.at)
    changes.append(tx, caller.account_id, stamp, caller.id, [("share", "update", id_)])
    return _given(tx, ctx, caller.account_id, share, stored)


def _replaced(tx: WriteTx, ctx: Context, caller: Access, old: Stored) -> Stored:
    """End an access and return another that opens the same."""
    accesses.revoke(tx, ctx, caller, old.access.id)
    was = old.access
    stored, _ = accesses.issue(
        tx,
        ctx,
        account_id=was.account_id,
        username=was.username,
        kind=was.kind,
        name=was.name,
        permissions=was.permissions,
        api=was.api,
        device=old.device,
        expires=was.expires,
        seal=True,
        made_by=old.created_by,
        client_data=old.client_data,
        fences=was.fences,
        features=was.features,
    )
    return stored


def end(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> None:
    """End a share: it opens nothing from this commit on.

    Raises:
        Forbidden, NotFound: as `get`.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now(), meta=True)
    known = get(tx, ctx, caller, id_)
    accesses.revoke(tx, ctx, caller, known.stored.access.id)
    store.drop(tx, caller.account_id, known.share)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    changes.append(tx, caller.account_id, stamp, caller.id, [("share", "delete", id_)])


class Landing(NamedTuple):
    """What a link leads to, before anybody has opened it."""

    share: Share
    access: Access
    words: list[str]

    @property
    def locked(self) -> bool:
        """Whether a password is asked."""
        return self.share.password_hash is not None


def look(tx: Tx, ctx: Context, link: str) -> Landing:
    """Return what a link leads to.

    Raises:
        NotFound: it has ended, or is none of ours.
    """
    account_id = tokens.account_of(link)
    share = None if account_id is None else store.by_link(tx, account_id, tokens.digest(link))
    if account_id is None or share is None:
        raise NotFound(_GONE)
    stored = _standing(tx, ctx, account_id, share)
    if stored is None:
        raise NotFound(_GONE)
    state = ctx.state(tx, account_id)
    return Landing(share, stored.access, words(state, stored.access.permissions))


def open_link(ctx: Context, link: str, password: str, address: str) -> tuple[Access, str]:
    """Return the access of a link and its token, to whoever knows its password; blocks.

    Raises:
        NotFound: it has ended, or is none of ours.
        Unauthenticated: another password.
        TooMany: too many wrong ones.
    """
    found = ctx.store.read(lambda tx: look(tx, ctx, link))
    share, account_id = found.share, found.access.account_id
    if share.password_hash is not None:
        name = f"share {share.id}"
        ctx.attempts.check(name, address)
        if not passwords.fits(password, share.password_hash):
            ctx.attempts.failed(name, address)
            raise Unauthenticated("this is not the password of this share")

    def do(tx: WriteTx) -> str:
        now = changes.reserve(tx, account_id, 0, ctx.now()).at
        again = look(tx, ctx, link)
        if not _same(again.share.password_hash, share.password_hash):
            raise Unauthenticated("the password of this share has changed")
        stored = accesses.get(tx, _owner(again.access), share.access_id)
        opened = msgspec.structs.replace(again.share, opens=again.share.opens + 1, opened=ctx.now())
        store.save(tx, account_id, opened, max(now, again.share.modified))
        token = accesses.shown_token(ctx, stored)
        if token is None:
            raise NotFound(_GONE)
        doing = Doing(DOOR, "share.open", address)
        doing.by(again.access)
        audit.append(tx, ctx, account_id, [doing.line(ctx.now())])
        return token

    return found.access, ctx.store.write(do).result()


def _same(a: str | None, b: str | None) -> bool:
    return hmac.compare_digest(a or "", b or "")


def _owner(access: Access) -> Access:
    return accesses.personal(access.account_id, access.username)


def received(tx: Tx, ctx: Context, caller: Access) -> list[Received]:
    """Return what other accounts offer to the caller, or the caller has accepted.

    Raises:
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    found = [
        _received(tx, ctx, caller, id_, giver)
        for id_, giver in store.received(tx, caller.account_id)
    ]
    shown = [r for r in found if r is not None and r.share.state != DECLINED]
    audit.tell(tx, len(shown))
    return sorted(shown, key=lambda r: r.share.created)


def _received(tx: Tx, ctx: Context, caller: Access, id_: str, giver: int) -> Received | None:
    share = store.get(tx, giver, id_)
    if share is None or share.recipient_id != caller.account_id:
        return None
    stored = _standing(tx, ctx, giver, share)
    if stored is None:
        return None
    told_of = words(ctx.state(tx, giver), stored.access.permissions)
    return Received(share, stored.access, told_of)


def find_received(tx: Tx, ctx: Context, caller: Access, id_: str) -> Received:
    """Return one share that is offered to the caller.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: nobody offers it.
    """
    accesses.must_own(caller)
    audit.tell(tx, 1, id_)
    giver = store.giver(tx, caller.account_id, id_)
    found = None if giver is None else _received(tx, ctx, caller, id_, giver)
    if found is None:
        raise NotFound(f"no share {id_!r}")
    return found


def answer(ctx: Context, caller: Access, id_: str, *, accept: bool, address: str) -> Received:
    """Accept or decline what is offered to the caller; waits for the store.

    What was accepted may be declined later, and the other way round while it stands.

    Raises:
        Forbidden, NotFound: as `find_received`.
    """
    found = ctx.store.read(lambda tx: find_received(tx, ctx, caller, id_))
    giver = found.access.account_id

    def do(tx: WriteTx) -> Received:
        stamp = changes.reserve(tx, giver, 1, ctx.now())
        now = find_received(tx, ctx, caller, id_)
        state = ACCEPTED if accept else DECLINED
        changed = msgspec.structs.replace(now.share, state=state)
        store.save(tx, giver, changed, stamp.at)
        changes.append(tx, giver, stamp, authentication.SYSTEM, [("share", "update", id_)])
        doing = Doing(DOOR, f"share.{'accept' if accept else 'decline'}", address)
        doing.by(now.access)
        doing.targets = (id_,)
        audit.append(tx, ctx, giver, [doing.line(ctx.now())])
        return now._replace(share=changed)

    answered = ctx.store.write(do).result()
    ctx.store.write(lambda tx: _notify(tx, ctx, caller.account_id, id_)).result()
    return answered


def token_of(tx: Tx, ctx: Context, caller: Access, id_: str) -> tuple[Received, str]:
    """Return an accepted share and the token that opens it.

    Raises:
        Forbidden, NotFound: as `find_received`; or it is not accepted.
    """
    found = find_received(tx, ctx, caller, id_)
    stored = accesses.get(tx, _owner(found.access), found.access.id)
    token = accesses.shown_token(ctx, stored)
    if found.share.state != ACCEPTED or token is None:
        raise NotFound(f"no accepted share {id_!r}")
    return found, token


def end_all(ctx: Context, account_id: int) -> None:
    """End what an account that goes was offered, and tell those it shares with; waits."""
    given = ctx.store.read(lambda tx: store.all_of(tx, account_id))
    there = ctx.store.read(lambda tx: store.received(tx, account_id))
    for share in given:
        _drop(ctx, account_id, share)
    for id_, giver in there:
        taken = ctx.store.read(lambda tx, g=giver, i=id_: store.get(tx, g, i))  # type: ignore[misc]
        if taken is not None:
            _drop(ctx, giver, taken)


def _drop(ctx: Context, giver: int, share: Share) -> None:
    def do(tx: WriteTx) -> None:
        changes.reserve(tx, giver, 0, ctx.now(), meta=True)
        account = account_rows.get(tx, giver)
        if account is None:
            return
        if _standing(tx, ctx, giver, share) is not None:
            owner = accesses.personal(giver, account.username)
            accesses.revoke(tx, ctx, owner, share.access_id)
        store.drop(tx, giver, share)

    ctx.store.write(do).result()


def _standing(tx: Tx, ctx: Context, account_id: int, share: Share) -> Stored | None:
    return authentication.standing(tx, ctx, account_id, share.access_id)


def _live(tx: Tx, ctx: Context, account_id: int) -> list[tuple[Share, Stored]]:
    found = [(s, _standing(tx, ctx, account_id, s)) for s in store.all_of(tx, account_id)]
    return [(s, stored) for s, stored in found if stored is not None]


def _given(tx: Tx, ctx: Context, account_id: int, share: Share, stored: Stored) -> Given:
    link = None
    if share.link_sealed is not None:
        link = ctx.keys.open(share.link_sealed, account_id)
    state = ctx.state(tx, account_id)
    return Given(share, stored, words(state, stored.access.permissions), link)


def check_recipient(name: str) -> str:
    """Return the user name of a recipient as it is kept.

    Raises:
        InvalidInput: it cannot be one.
    """
    known = name.strip().casefold()
    if not accounts.USERNAME.fullmatch(known):
        raise InvalidInput("a username has 3 to 60 of a-z 0-9 _ -", field="recipient")
    return known
