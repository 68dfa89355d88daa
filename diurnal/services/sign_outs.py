"""Signing out at the wish of an application (OpenID Connect RP-Initiated Logout 1.0).

An application leads the browser here, and may be led back to one of its redirect URIs: a list of
its own for this it does not register.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import msgspec
from authlib.common.urls import add_params_to_uri

from diurnal.auth import signed, signing
from diurnal.auth.oauth2 import redirects
from diurnal.auth.oauth2.face import Face
from diurnal.errors import InvalidInput
from diurnal.model.time import HOUR, SECOND
from diurnal.services import clients
from diurnal.services.context import Context
from diurnal.store.clients import Client
from diurnal.store.database import Tx

PAGE = "/sign-out"
WISH_US = HOUR
"""A wish is answered within this time."""
_PURPOSE = "sign out"
_SINGLE = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What an application asks.

    Attributes:
        at: when, microseconds.
        name: the application's, "" where it did not say who it is.
        subject: whom its ID token names; they need not be asked again.
        target: where the browser goes afterwards.
    """

    at: int
    name: str = ""
    subject: str | None = None
    target: str | None = None


def wish(tx: Tx, ctx: Context, face: Face, issuer: str, form: Mapping[str, Sequence[str]]) -> Wish:
    """Return what a request wishes.

    Args:
        issuer: the door's name, which its ID tokens carry.

    Raises:
        InvalidInput: a parameter twice, a token that this door did not give, an application that
            is not the token's, or a place that it may not lead to.
    """
    for name in _SINGLE:
        if len(form.get(name, ())) > 1:
            raise InvalidInput(f"{name} is given twice.", field=name)
    given = {name: form[name][0] for name in _SINGLE if form.get(name)}
    subject, client = _who(tx, ctx, face, issuer, given)
    target = given.get("post_logout_redirect_uri")
    if target is not None:
        if client is None or redirects.matching(client.redirect_uris, target) is None:
            raise InvalidInput(
                "post_logout_redirect_uri is not an address that the application registered.",
                field="post_logout_redirect_uri",
            )
        if "state" in given:
            target = add_params_to_uri(target, [("state", given["state"])])
    name = "" if client is None else client.name
    return Wish(at=ctx.now(), name=name, subject=subject, target=target)


def _who(
    tx: Tx, ctx: Context, face: Face, issuer: str, given: Mapping[str, str]
) -> tuple[str | None, Client | None]:
    """Return whom the ID token names, and the application that asks."""
    id_, subject = given.get("client_id"), None
    hint = given.get("id_token_hint")
    if hint is not None:
        # One that is past its time still says who it was for.
        claims = signing.load(ctx.settings.data_dir, ctx.now() // SECOND).read(hint) or {}
        audience, subject = claims.get("aud"), claims.get("sub")
        if claims.get("iss") != issuer or not isinstance(subject, str):
            raise InvalidInput("id_token_hint is no ID token of ours.", field="id_token_hint")
        known = audience if isinstance(audience, list) else [audience]
        if id_ is not None and id_ not in known:
            raise InvalidInput("client_id is not whom the ID token is for.", field="client_id")
        id_ = id_ or next((a for a in known if isinstance(a, str)), None)
    client = None if id_ is None else clients.find(tx, ctx, id_)
    if client is not None and client.api not in face.clients:
        client = None
    return subject, client


def page(ctx: Context, asked: Wish) -> str:
    """Return the path of the page that answers a wish; what it carries cannot be changed."""
    text = signed.sign(ctx.keys, _PURPOSE, msgspec.json.encode(asked))
    return f"{PAGE}?{urlencode({'request': text})}"


def opened(ctx: Context, text: str) -> Wish:
    """Return the wish that a browser brought.

    Raises:
        InvalidInput: not ours, or too old.
    """
    raw = signed.read(ctx.keys, _PURPOSE, text)
    found = None if raw is None else msgspec.json.decode(raw, type=Wish)
    if found is None or not 0 <= ctx.now() - found.at <= WISH_US:
        raise InvalidInput(
            "This page is too old, or its address is not whole. Go back to the application and"
            " sign out there again."
        )
    return found
