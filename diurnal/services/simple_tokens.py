"""The account's one simple token for Exist's API."""

from __future__ import annotations

from diurnal.auth import tokens
from diurnal.errors import Forbidden
from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.services.accesses import issue
from diurnal.services.context import Context
from diurnal.store import accesses, changes
from diurnal.store.database import WriteTx

SIMPLE_API = "exist"
SIMPLE_NAME = "Simple token"


def is_simple(access: Access) -> bool:
    """Return whether this is an account's simple token: read only, for Exist's API."""
    return access.api == SIMPLE_API and access.client_id is None


def simple_token(tx: WriteTx, ctx: Context, caller: Access) -> str:
    """Return the account's one simple token for Exist's API, making it on first use.

    Raises:
        Forbidden: the caller is not the owner.
    """
    if not caller.owner:
        raise Forbidden("only the account's owner makes tokens")
    # Locks the account's clock first, so that two who ask at once do not make two tokens.
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    for stored in accesses.all_of(tx, caller.account_id):
        if is_simple(stored.access) and stored.deleted is None and stored.sealed is not None:
            known = ctx.keys.open(stored.sealed, caller.account_id)
            if known is not None:
                return known
    _, token = issue(
        tx,
        ctx,
        account_id=caller.account_id,
        username=caller.username,
        kind=Kind.APP,
        name=SIMPLE_NAME,
        permissions=(Permission(Level.READ),),
        api=SIMPLE_API,
        token=tokens.make_hex(caller.account_id),
        seal=True,
        made_by=caller.id,
    )
    return token
