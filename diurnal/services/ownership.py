"""Ownership: one application fills a measure, as Exist's API has it; others may wait to.

An owned day value wins its day before every other source, but the person's own word. Nothing is
deleted by it, and it refuses no write that comes another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from diurnal.errors import InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.services import accesses, clients
from diurnal.services.context import Context
from diurnal.store import changes
from diurnal.store import ownership as store
from diurnal.store.database import Tx, WriteTx
from diurnal.store.ownership import Attribute as Attribute

CHANGED = "attribute"
"""The kind of change that ownership is in the change log."""


class Service(NamedTuple):
    """An application as a source of values."""

    client_id: str
    name: str


def all_of(tx: Tx, caller: Access) -> dict[str, Attribute]:
    """Return what is said of the account's measures, by measure."""
    return store.all_of(tx, caller.account_id)


def offers(tx: Tx, caller: Access) -> dict[str, list[str]]:
    """Return the applications that can fill each measure, the longest waiting first."""
    return store.offers(tx, caller.account_id)


def services(tx: Tx, ctx: Context, ids: set[str]) -> dict[str, str]:
    """Return the names of applications that there still are, by id."""
    found = {id_: clients.find(tx, ctx, id_) for id_ in sorted(ids)}
    return {id_: client.name for id_, client in found.items() if client is not None}


def owned_by(known: Mapping[str, Attribute], client_id: str) -> list[str]:
    """Return the measures that an application owns."""
    return [key for key, a in known.items() if a.client_id == client_id]


def acquire(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    measure: str,
    *,
    active: bool = True,
    private: bool | None = None,
    manual: bool | None = None,
) -> Attribute:
    """Give a measure to the caller's application, from whomever has it.

    Raises:
        InvalidInput: the caller is no application.
    """
    client_id = _application(caller)
    stamp = changes.reserve(tx, caller.account_id, 0, ctx.now())
    known = store.all_of(tx, caller.account_id).get(measure) or Attribute(measure=measure)
    new = msgspec.structs.replace(
        known,
        client_id=client_id,
        active=active,
        private=known.private if private is None else private,
        manual=known.manual if manual is None else manual,
    )
    store.offer(tx, caller.account_id, measure, client_id, stamp.at)
    return _save(tx, ctx, caller, known, new)


def release(tx: WriteTx, ctx: Context, caller: Access, measure: str) -> Attribute:
    """Take a measure from the caller's application; it passes to the next that offered, if any.

    Raises:
        NotFound: the application does not own it.
    """
    client_id = _application(caller)
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    known = store.all_of(tx, caller.account_id).get(measure)
    if known is None or known.client_id != client_id:
        raise NotFound(f"{measure} does not belong to this service")
    store.withdraw(tx, caller.account_id, measure, client_id)
    waiting = store.offers(tx, caller.account_id).get(measure, [])
    there = services(tx, ctx, set(waiting))
    heir = next((id_ for id_ in waiting if id_ in there), None)
    new = msgspec.structs.replace(known, client_id=heir, active=heir is not None)
    return _save(tx, ctx, caller, known, new)


def choose(
    tx: WriteTx, ctx: Context, caller: Access, measure: str, client_id: str | None
) -> Attribute:
    """Have the account's owner say which application fills a measure; None for none.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: that application has not offered to.
    """
    accesses.must_own(caller)
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    if client_id is not None and client_id not in offers(tx, caller).get(measure, []):
        raise NotFound(f"no application {client_id!r} has offered to fill {measure}")
    known = store.all_of(tx, caller.account_id).get(measure) or Attribute(measure=measure)
    new = msgspec.structs.replace(known, client_id=client_id, active=True)
    return _save(tx, ctx, caller, known, new)


def describe(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    measure: str,
    *,
    value_type: int,
    group: str,
    manual: bool,
    active: bool = True,
) -> Attribute:
    """Say of which type an own measure is, and whether somebody types it."""
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    known = store.all_of(tx, caller.account_id).get(measure) or Attribute(measure=measure)
    new = msgspec.structs.replace(
        known, value_type=value_type, group=group, manual=manual, active=active
    )
    return _save(tx, ctx, caller, known, new)


def _application(caller: Access) -> str:
    if caller.client_id is None:
        raise InvalidInput("only an application owns attributes")
    return caller.client_id


def _save(tx: WriteTx, ctx: Context, caller: Access, known: Attribute, new: Attribute) -> Attribute:
    if new == known and known.modified:
        return known
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    made = msgspec.structs.replace(new, modified=stamp.at)
    store.save(tx, caller.account_id, made)
    changes.append(tx, caller.account_id, stamp, caller.id, [(CHANGED, "update", new.measure)])
    return made
