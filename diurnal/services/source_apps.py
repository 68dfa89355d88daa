"""The applications that everybody on this server signs in with at sources, one for each source.

Vendors want a registered application before anybody may sign in. An admin registers one and gives
its identifier and secret here; the secret is sealed, and no call returns it.
"""

from __future__ import annotations

import msgspec

from diurnal.errors import Conflict, InvalidInput
from diurnal.model.access import Access
from diurnal.services import upstreams
from diurnal.services.context import Context
from diurnal.services.sign_up import must_administer
from diurnal.services.sources import Declared
from diurnal.services.upstreams import AppKeys
from diurnal.store.database import Tx, WriteTx

OAUTH2 = "oauth2"


class SourceApp(msgspec.Struct, frozen=True, kw_only=True):
    """A source that is signed in to, and the application that this server has there.

    Attributes:
        client_id: None where there is none yet.
        has_secret: whether a secret is kept with it.
        fixed: the settings name it; it cannot be changed here.
    """

    source: Declared
    client_id: str | None = None
    has_secret: bool = False
    fixed: bool = False


def listed(tx: Tx, ctx: Context, caller: Access, known: list[Declared]) -> list[SourceApp]:
    """Return every source that is signed in to, by title.

    Args:
        known: every source there is; made outside of the turn (`sources.listed`).

    Raises:
        Forbidden: the caller is no admin.
    """
    must_administer(tx, caller)
    wanted = sorted((d for d in known if d.auth == OAUTH2), key=lambda d: d.title.casefold())
    return [_seen(tx, ctx, d) for d in wanted]


def put(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    source: Declared,
    client_id: str,
    client_secret: str | None,
) -> SourceApp:
    """Store the application of a source.

    Args:
        client_secret: None keeps the one that is there.

    Raises:
        Forbidden: the caller is no admin.
        InvalidInput: the source needs none, or the identifier or the secret is past its size.
        Conflict: the settings name it.
    """
    _must_change(tx, ctx, caller, source)
    known = upstreams.app(tx, ctx, source.name)
    kept = known.client_secret if known is not None else ""
    secret = kept if client_secret is None else client_secret
    upstreams.set_app(tx, ctx, source.name, AppKeys(client_id, secret))
    return _seen(tx, ctx, source)


def forget(tx: WriteTx, ctx: Context, caller: Access, source: Declared) -> SourceApp:
    """Forget the application of a source; connections that use it have to sign in again.

    Raises:
        Forbidden: the caller is no admin.
        InvalidInput: the source needs none.
        Conflict: the settings name it.
    """
    _must_change(tx, ctx, caller, source)
    upstreams.set_app(tx, ctx, source.name, None)
    return _seen(tx, ctx, source)


def must_sign_in(source: Declared) -> None:
    """Refuse a source that is not signed in to.

    Raises:
        InvalidInput: it needs no application.
    """
    if source.auth != OAUTH2:
        raise InvalidInput(f"{source.title} needs no application", field="connector")


def _must_change(tx: Tx, ctx: Context, caller: Access, source: Declared) -> None:
    must_administer(tx, caller)
    must_sign_in(source)
    if upstreams.app_is_set(ctx, source.name):
        raise Conflict(f"the settings name the application of {source.title}; change it there")


def _seen(tx: Tx, ctx: Context, source: Declared) -> SourceApp:
    keys = upstreams.app(tx, ctx, source.name)
    return SourceApp(
        source=source,
        client_id=None if keys is None else keys.client_id,
        has_secret=keys is not None and bool(keys.client_secret),
        fixed=upstreams.app_is_set(ctx, source.name),
    )
