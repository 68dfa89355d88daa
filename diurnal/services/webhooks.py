"""Webhooks: addresses that are told of changes, in order, until they have heard.

One outbox for every API. What an address is told is made of the change log from where it was told
last (`Webhook.told`), put down as a delivery, and sent until it is taken; the next is made after
that. So nothing is lost or overtakes, and a repeat has the same id. What is sent is the word of
each API (`Form`); `services.webhook_calls` sends.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence

import msgspec

from diurnal import outbound
from diurnal.errors import Conflict, Forbidden, InvalidInput, NotFound, TooMany
from diurnal.model.access import Access, Kind
from diurnal.model.time import DAY, SECOND
from diurnal.services import accesses, audit, authentication, changelog, sight, webhook_messages
from diurnal.services.context import Context
from diurnal.store import changes
from diurnal.store import webhooks as store
from diurnal.store.database import Tx, WriteTx
from diurnal.store.webhooks import ACTIVE, INACTIVE, WAITING, Delivery, Webhook

PER_ACCESS_MAX = 20
PER_ACCOUNT_MAX = 100
NAME_MAX = 200
KEPT = 100
"""Deliveries of a webhook that are remembered."""
RUNS_MAX = 20
LEASE = 60 * SECOND
"""How long a call is its maker's; longer than any takes."""
OLD_SECRET = DAY
"""How long a secret that was replaced signs beside the new one."""
KINDS = ("day", "event", "measure", "series", "stream")
OWNERS_KINDS = changelog.KINDS


class Secrets(msgspec.Struct, frozen=True):
    """What signs; `before` still does until `until`."""

    now: str
    before: str | None = None
    until: int = 0


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that is ours to make."""

    account_id: int
    username: str
    webhook: Webhook
    delivery: Delivery
    secrets: Secrets


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a call; `gone` where it never will be taken, `after` when to try again."""

    status: int | None = None
    error: str | None = None
    gone: bool = False
    after: int | None = None

    @property
    def taken(self) -> bool:
        """Whether the address took it."""
        return self.error is None


# What people do with them


def check(ctx: Context, url: str) -> None:
    """Refuse an address that this server may not reach; asks the DNS.

    Raises:
        InvalidInput: it may not, or it is none.
    """
    outbound.check_url(url, ctx.settings.outbound_allow)


def refuse_deaf(caller: Access) -> None:
    """Refuse who may hear of no changes.

    Raises:
        Forbidden: the caller reads nothing, or reads some of it later.
    """
    sight.refuse_delayed(caller)
    if not caller.owner and not any(p.allows.reads for p in caller.permissions):
        raise Forbidden("who reads nothing hears of no changes")


def create(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    *,
    url: str,
    name: str = "",
    kinds: Sequence[str] = (),
    api: str = "native",
) -> tuple[Webhook, str]:
    """Add a webhook, told of what changes from now on; return it with the secret that signs.

    Args:
        url: one that `check` has let pass.

    Raises:
        Forbidden: the caller reads nothing, or reads some of it later.
        Conflict: it has one with this address.
        TooMany: it has enough of them.
        InvalidInput: a kind that there is not, or that is not the caller's to hear of.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    refuse_deaf(caller)
    _check(caller, name, kinds)
    by = _by(caller)
    known = store.all_of(tx, caller.account_id)
    mine = [w for w in known if w.access_id == by]
    if any(w.url == url and w.api == api for w in mine):
        raise Conflict("there is a webhook with this address", data={"url": url})
    if len(mine) >= PER_ACCESS_MAX or len(known) >= PER_ACCOUNT_MAX:
        raise TooMany(f"at most {PER_ACCESS_MAX} webhooks", retry_after_s=3_600)
    secret = _secret()
    now = ctx.now()
    made = Webhook(
        id=ctx.new_id(),
        access_id=by,
        api=api,
        name=name,
        url=url,
        kinds=tuple(dict.fromkeys(kinds)),
        state=ACTIVE,
        problem=None,
        sealed=_sealed(ctx, caller.account_id, Secrets(secret)),
        told=changelog.rev(tx, caller),
        retries=0,
        run_count=0,
        fail_count=0,
        runs="[]",
        waits=False,
        next=0,
        claim=None,
        created=now,
        created_by=caller.id,
        modified=now,
        modified_by=caller.id,
    )
    store.add(tx, caller.account_id, made)
    audit.tell(tx, 1, made.id)
    return made, secret


def listed(tx: Tx, ctx: Context, caller: Access, *, api: str | None = None) -> list[Webhook]:
    """Return the webhooks that the caller manages: its own, to the owner all."""
    found = [
        w
        for w in store.all_of(tx, caller.account_id)
        if api in (None, w.api) and (caller.owner or w.access_id == caller.id)
    ]
    living = [w for w in found if _speaker(tx, ctx, caller.account_id, w) is not None]
    audit.tell(tx, len(living))
    return living


def get(tx: Tx, caller: Access, id_: str, *, api: str | None = None) -> Webhook:
    """Return one webhook.

    Raises:
        NotFound: it is not there, or not the caller's to manage.
    """
    found = store.get(tx, caller.account_id, id_)
    mine = found is not None and (caller.owner or found.access_id == caller.id)
    if found is None or not mine or api not in (None, found.api):
        raise NotFound(f"no webhook {id_!r}")
    audit.tell(tx, 1, id_)
    return found


def update(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    id_: str,
    *,
    name: str | None = None,
    kinds: Sequence[str] | None = None,
    url: str | None = None,
    active: bool | None = None,
    api: str | None = None,
) -> Webhook:
    """Change a webhook; what it was not told while it stood still, it is told when it goes on.

    Raises:
        NotFound, InvalidInput: as `get`, `create`.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    old = get(tx, caller, id_, api=api)
    _check(caller, name or "", kinds or ())
    new = msgspec.structs.replace(
        old,
        name=old.name if name is None else name,
        kinds=old.kinds if kinds is None else tuple(dict.fromkeys(kinds)),
        url=old.url if url is None else url,
        state=old.state if active is None else ACTIVE if active else INACTIVE,
        modified=ctx.now(),
        modified_by=caller.id,
    )
    if active or url is not None:
        new = msgspec.structs.replace(new, retries=0, next=0, problem=None, claim=None)
    store.save(tx, caller.account_id, new)
    return new


def remove(tx: WriteTx, ctx: Context, caller: Access, id_: str, *, api: str | None = None) -> None:
    """Delete a webhook with what it was told.

    Raises:
        NotFound: as `get`.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    store.remove(tx, caller.account_id, get(tx, caller, id_, api=api).id)


def rotate(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> str:
    """Give a webhook another secret; the one before signs beside it for a day.

    Raises:
        NotFound: as `get`.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    old = get(tx, caller, id_)
    before = _open(ctx, caller.account_id, old).now
    new = Secrets(_secret(), before, ctx.now() + OLD_SECRET)
    sealed = _sealed(ctx, caller.account_id, new)
    store.save(tx, caller.account_id, msgspec.structs.replace(old, sealed=sealed))
    return new.now


def deliveries(
    tx: Tx, caller: Access, id_: str, *, before: int = store.NEWEST, most: int = KEPT
) -> list[Delivery]:
    """Return what a webhook was told, newest first.

    Raises:
        NotFound: as `get`.
    """
    hook = get(tx, caller, id_)
    return store.deliveries(tx, caller.account_id, hook.id, before=before, most=most)


def resend(tx: WriteTx, ctx: Context, caller: Access, id_: str, delivery_id: str) -> Delivery:
    """Have a message sent again, with the id it had.

    Raises:
        NotFound: there is no such webhook, or it was never told that.
        Conflict: the webhook stands still.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    hook = get(tx, caller, id_)
    found = store.delivery(tx, caller.account_id, id_, delivery_id)
    if found is None:
        raise NotFound(f"no delivery {delivery_id!r}")
    if hook.state != ACTIVE:
        raise Conflict("this webhook stands still")
    again = msgspec.structs.replace(found, state=WAITING)
    store.tried(tx, caller.account_id, again)
    store.save(tx, caller.account_id, msgspec.structs.replace(hook, waits=True, next=0, retries=0))
    return again


def trial(tx: Tx, ctx: Context, caller: Access, id_: str, *, api: str | None = None) -> Call:
    """Return a call that only tries whether the address hears; `webhook_calls.send` makes it.

    Raises:
        NotFound: as `get`.
    """
    hook = get(tx, caller, id_, api=api)
    now = ctx.now()
    made = Delivery(
        webhook_id=id_,
        n=0,
        id=f"msg_{ctx.new_id()}",
        body=webhook_messages.body(hook.api, caller.username, None, now),
        state=WAITING,
        tries=0,
        status=None,
        error=None,
        created=now,
        tried=None,
    )
    return Call(
        account_id=caller.account_id,
        username=caller.username,
        webhook=hook,
        delivery=made,
        secrets=_open(ctx, caller.account_id, hook),
    )


def _by(caller: Access) -> str:
    """Return in whose name a webhook is: what the owner sets up outlives the session."""
    return authentication.SYSTEM if caller.owner else caller.id


def _check(caller: Access, name: str, kinds: Sequence[str]) -> None:
    if len(name) > NAME_MAX:
        raise InvalidInput(f"at most {NAME_MAX} characters", field="name")
    known = OWNERS_KINDS if caller.owner else KINDS
    for kind in kinds:
        if kind not in known:
            raise InvalidInput(f"one of {', '.join(known)}", field="kinds")


def _secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def _sealed(ctx: Context, account_id: int, held: Secrets) -> bytes:
    return ctx.keys.seal(msgspec.json.encode(held).decode(), account_id)


def _open(ctx: Context, account_id: int, hook: Webhook) -> Secrets:
    plain = ctx.keys.open(hook.sealed, account_id)
    if plain is None:
        raise Conflict("the secret was sealed with a key that is gone; give it another")
    return msgspec.json.decode(plain, type=Secrets)


# What the worker does with them


def claim(tx: WriteTx, ctx: Context, account_id: int, id_: str, token: str) -> Call | None:
    """Take what a webhook is to be told next; None where there is nothing, or it is not its time.

    Args:
        token: whoever calls; nobody else does until `LEASE` has passed.
    """
    now = ctx.now()
    if changes.revs(tx, account_id) is None:
        return None
    changes.reserve(tx, account_id, 0, now)
    hook = store.get(tx, account_id, id_)
    if hook is None or hook.state != ACTIVE or hook.next > now:
        return None
    speaker = _speaker(tx, ctx, account_id, hook)
    if speaker is None:  # what it was made with has been revoked, or has ended
        store.remove(tx, account_id, id_)
        return None
    found = next(iter(store.waiting(tx, account_id, id_)), None)
    told = hook.told
    if found is None:
        message, told = webhook_messages.news(tx, ctx, speaker, hook)
        if message is not None:
            body = webhook_messages.body(hook.api, speaker.username, message, now)
            found = store.push(tx, account_id, id_, f"msg_{ctx.new_id()}", body, now)
    ours = msgspec.structs.replace(
        hook,
        told=told,
        waits=found is not None,
        claim=None if found is None else token,
        next=0 if found is None else now + LEASE,
    )
    store.save(tx, account_id, ours)
    if found is None:
        return None
    return Call(
        account_id=account_id,
        username=speaker.username,
        webhook=ours,
        delivery=found,
        secrets=_open(ctx, account_id, hook),
    )


def settle(tx: WriteTx, ctx: Context, call: Call, outcome: Outcome) -> None:
    """Put down what came of a call, unless it is another's by now."""
    account_id, now = call.account_id, ctx.now()
    if changes.revs(tx, account_id) is None:
        return
    changes.reserve(tx, account_id, 0, now)
    hook = store.get(tx, account_id, call.webhook.id)
    if hook is None or hook.claim != call.webhook.claim:
        return
    done = msgspec.structs.replace(
        call.delivery,
        state=store.SENT if outcome.taken else WAITING,
        tries=call.delivery.tries + 1,
        status=outcome.status,
        error=outcome.error,
        tried=now,
    )
    store.tried(tx, account_id, done)
    store.trim(tx, account_id, hook.id, done.n - KEPT)
    form = webhook_messages.FORMS[hook.api]
    runs = [(outcome.status or 0, now), *msgspec.json.decode(hook.runs)][:RUNS_MAX]
    retries = 0 if outcome.taken else hook.retries + 1
    over = not outcome.taken and (outcome.gone or retries > len(form.waits))
    wait = form.pace if outcome.taken else form.waits[min(retries, len(form.waits)) - 1]
    store.save(
        tx,
        account_id,
        msgspec.structs.replace(
            hook,
            state=INACTIVE if over else hook.state,
            problem=outcome.error,
            retries=retries,
            run_count=hook.run_count + 1,
            fail_count=hook.fail_count + (not outcome.taken),
            runs=msgspec.json.encode(runs).decode(),
            waits=bool(store.waiting(tx, account_id, hook.id)),
            next=now + max(wait, outcome.after or 0),
            claim=None,
        ),
    )


def _speaker(tx: Tx, ctx: Context, account_id: int, hook: Webhook) -> Access | None:
    """Return in whose name a webhook is told, None where that has ended."""
    username = ctx.state(tx, account_id).username
    if hook.access_id == authentication.SYSTEM:
        return authentication.current(tx, ctx, accesses.personal(account_id, username))
    asked = Access(
        id=hook.access_id, account_id=account_id, username=username, kind=Kind.APP, name=""
    )
    return authentication.current(tx, ctx, asked)
