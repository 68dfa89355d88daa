"""Applications that register themselves (RFC 7591): bounded, and forgotten when never used."""

from __future__ import annotations

from typing import Any

import msgspec

from diurnal.auth.oauth2.face import Face
from diurnal.errors import Conflict, InvalidInput, TooMany
from diurnal.model.time import SECOND
from diurnal.services import clients
from diurnal.services.attempts import SLOT_S, WINDOW_S
from diurnal.services.context import Context
from diurnal.store import attempts
from diurnal.store.database import WriteTx

SHARE_MAX = 20
"""Registrations of one address in a window of `attempts`."""


class Metadata(msgspec.Struct, frozen=True):
    """What an application says of itself; further members mean nothing to us."""

    redirect_uris: list[str]
    client_name: str = ""
    client_uri: str | None = None
    token_endpoint_auth_method: str = "client_secret_basic"  # noqa: S105 - a method's name
    grant_types: tuple[str, ...] = ("authorization_code",)
    response_types: tuple[str, ...] = ("code",)
    scope: str = ""
    application_type: str | None = None


METHODS = ("none", "client_secret_basic", "client_secret_post")


def count(tx: WriteTx, ctx: Context, address: str) -> None:
    """Count a registration of an address.

    Raises:
        TooMany: it has had its share of them.
    """
    key = ctx.attempts.key("register", address)
    slot = ctx.now() // SECOND // SLOT_S
    found = attempts.count(tx, {key: SHARE_MAX}, slot - WINDOW_S // SLOT_S)
    if found.get(key, (0, 0))[0] >= SHARE_MAX:
        raise TooMany("too many applications were registered from here", retry_after_s=WINDOW_S)
    attempts.add(tx, [key], slot)


def register(
    tx: WriteTx, ctx: Context, face: Face, raw: bytes, address: str
) -> tuple[int, dict[str, Any]]:
    """Register an application that asks for it itself; return status and answer.

    Raises:
        TooMany: so many came from this address.
    """
    count(tx, ctx, address)
    try:
        said = msgspec.json.decode(raw, type=Metadata)
    except msgspec.DecodeError as error:
        return _refused("invalid_client_metadata", str(error))
    wrong = _wrong(face, said)
    if wrong is not None:
        return _refused("invalid_client_metadata", wrong)
    known = face.scopes
    scope = [s for s in known.split(said.scope) if known.find(s) is not None]
    method = said.token_endpoint_auth_method
    try:
        client, secret = clients.register(
            tx,
            ctx,
            api=face.clients[0],
            name=said.client_name.strip() or "An application",
            redirect_uris=said.redirect_uris,
            scope=scope,
            home=said.client_uri,
            confidential=method != "none",
        )
    except (InvalidInput, Conflict) as error:
        field = getattr(error, "field", None)
        uri = field == "redirect_uris"
        return _refused("invalid_redirect_uri" if uri else "invalid_client_metadata", str(error))
    told: dict[str, Any] = {
        "client_id": client.id,
        "client_id_issued_at": client.created // SECOND,
        "client_name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "token_endpoint_auth_method": method,
        "grant_types": list(said.grant_types),
        "response_types": list(said.response_types),
        "scope": " ".join(client.scopes),
    }
    if client.home is not None:
        told["client_uri"] = client.home
    if secret is not None:
        told |= {"client_secret": secret, "client_secret_expires_at": 0}
    return 201, told


def _wrong(face: Face, said: Metadata) -> str | None:
    if said.token_endpoint_auth_method not in METHODS:
        return f"token_endpoint_auth_method is one of {', '.join(METHODS)}"
    offered = {*face.grants, *(["implicit"] if "token" in face.response_types else [])}
    if not set(said.grant_types) & offered:
        return f"grant_types are of {', '.join(sorted(offered))}"
    if not set(said.response_types) <= set(face.response_types):
        return f"response_types are of {', '.join(face.response_types)}"
    return None


def _refused(error: str, description: str) -> tuple[int, dict[str, Any]]:
    return 400, {"error": error, "error_description": description}
