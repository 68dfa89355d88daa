"""Physicians: accounts that offer to look after others, and whom they may look after.

Only who says so of themselves is listed; a physician sees an account's data once its owner has
added them, and until the owner removes them.
"""

from __future__ import annotations

from typing import Any

from diurnal.errors import Forbidden, InvalidInput, NotFound
from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.services import accesses, records, subjects
from diurnal.services.context import Context
from diurnal.store import accounts
from diurnal.store.database import Tx, WriteTx

OFFERED, PATIENT = "physician", "patient"
"""Kinds of entries in the directory: subject -> account."""
RELATION, INFO = "personicle_physicians", "personicle_info"
OWN = "info"
PHYSICIANS_MAX = 100
FLAG = "is_physician"


def info(tx: Tx, caller: Access) -> dict[str, Any]:
    """Return what the owner has told of themselves.

    Raises:
        Forbidden: the caller is not the owner's own.
    """
    found = records.numbered(tx, caller, INFO, [1])
    return dict(found[0].values) if found else {}


def tell(tx: WriteTx, ctx: Context, caller: Access, said: dict[str, Any]) -> dict[str, Any]:
    """Add to what the owner has told; who says to be a physician is listed as one."""
    records.hold(tx, ctx, caller)
    told = {**info(tx, caller), **{k: v for k, v in said.items() if v not in (None, "")}}
    records.put(tx, ctx, caller, INFO, OWN, told, seq=1)
    subject = subjects.of(tx, caller.account_id)
    if told.get(FLAG) in (True, "true", 1):
        accounts.claim(tx, OFFERED, subject, caller.account_id, ctx.now())
    else:
        accounts.release(tx, OFFERED, subject, caller.account_id)
    return told


def listed(tx: Tx) -> list[tuple[str, str]]:
    """Return (name, subject) of all who offer to look after others."""
    found = []
    for subject, account_id in accounts.entries(tx, OFFERED):
        account = accounts.get(tx, account_id)
        if account is not None and account.disabled is None:
            found.append((account.username, subject))
    return sorted(found)


def of(tx: Tx, caller: Access) -> list[tuple[str, str]]:
    """Return (name, subject) of the physicians that the owner has added."""
    return [
        (str(r.values["name"]), str(r.values["subject"]))
        for r in records.listed(tx, caller, RELATION)
    ]


def add(tx: WriteTx, ctx: Context, caller: Access, chosen: list[str]) -> None:
    """Let physicians see the account's data.

    Raises:
        NotFound: one does not offer that.
    """
    accesses.must_own(caller)
    records.hold(tx, ctx, caller)
    offered = {subject: name for name, subject in listed(tx)}
    there = {subject for _, subject in of(tx, caller)}
    fresh = [s for s in dict.fromkeys(chosen) if s not in there]
    if len(there) + len(fresh) > PHYSICIANS_MAX:
        raise InvalidInput(f"at most {PHYSICIANS_MAX} physicians", field="physicians")
    for subject in fresh:
        if subject not in offered:
            raise NotFound("Requested physician does not exist for this user")
    if fresh:
        given = [{"subject": s, "name": offered[s]} for s in fresh]
        records.create(tx, ctx, caller, RELATION, given, keys=("subject",))
        mine = subjects.of(tx, caller.account_id)
        accounts.claim(tx, PATIENT, mine, caller.account_id, ctx.now())


def remove(tx: WriteTx, ctx: Context, caller: Access, chosen: list[str]) -> None:
    """Let physicians see nothing any more."""
    accesses.must_own(caller)
    records.hold(tx, ctx, caller)
    gone = [r.id for r in records.listed(tx, caller, RELATION) if r.values["subject"] in chosen]
    if gone:
        records.delete(tx, ctx, caller, RELATION, gone)


def acting(tx: Tx, caller: Access, patient: str) -> Access:
    """Return the access by which a physician reads a patient's data; the caller's for oneself.

    Raises:
        Forbidden: the patient has not added the caller.
    """
    mine = subjects.of(tx, caller.account_id)
    if patient == mine:
        return caller
    account_id = accounts.look_up(tx, PATIENT, patient)
    account = accounts.get(tx, account_id) if account_id is not None else None
    refused = Forbidden("Not authorized to view patient data")
    if account is None or account.disabled is not None or not caller.owner:
        raise refused
    owner = accesses.personal(account.account_id, account.username)
    if not records.keyed(tx, owner, RELATION, "subject", [mine]):
        raise refused
    return Access(
        id=f"physician:{mine}",
        account_id=account.account_id,
        username=account.username,
        kind=Kind.SHARED,
        name=f"Physician {caller.username}",
        permissions=(Permission(Level.READ),),
        api="personicle",
    )
