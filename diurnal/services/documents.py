"""Applications whose id is the address of a document about themselves.

Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document-00): the document is
fetched when somebody comes with such an application, and kept for an hour.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec

from diurnal.auth.oauth2.face import Face
from diurnal.errors import AppError, Conflict, InvalidInput
from diurnal.model.time import HOUR
from diurnal.services import clients, registrations
from diurnal.services.context import Context
from diurnal.store import clients as rows
from diurnal.store.clients import NOBODY, Client
from diurnal.store.database import Tx, WriteTx

FRESH_US = HOUR
BYTES_MAX = 16 << 10
SECONDS_MAX = 5.0
LENGTH_MAX = 200
PUBLIC = "none"


class Document(msgspec.Struct, frozen=True):
    """What an application says of itself; further members mean nothing to us."""

    client_id: str
    redirect_uris: list[str]
    client_name: str = ""
    client_uri: str | None = None
    token_endpoint_auth_method: str = PUBLIC
    scope: str = ""
    client_secret: str | None = None


def is_address(id_: str) -> bool:
    """Return whether an id is the address of a document: https, with a path, and nothing odd."""
    if len(id_) > LENGTH_MAX or not re.fullmatch(r"https://[\x21-\x7e]+", id_):
        return False
    try:
        parts = urlsplit(id_)
        _ = parts.port
    except ValueError:
        return False
    segments = parts.path.split("/")
    plain = parts.path not in ("", "/") and not {".", ".."} & set(segments)
    return bool(plain and parts.hostname) and "@" not in parts.netloc and "#" not in id_


def wanted(tx: Tx, ctx: Context, id_: str) -> bool:
    """Return whether the document is to be fetched: it is not known, or was read long ago."""
    known = clients.find(tx, ctx, id_)
    return known is None or not 0 <= ctx.now() - known.modified < FRESH_US


def fetch(ctx: Context, id_: str) -> bytes:
    """Fetch a document; blocks. Private networks are not asked but where settings allow it.

    Raises:
        InvalidInput: there is none to be had.
    """
    try:
        from diurnal.outbound.client import Client

        with Client(ctx.settings.outbound_allow) as client:
            answer = client.request(
                "GET",
                id_,
                headers={"Accept": "application/json"},
                bytes_max=BYTES_MAX,
                seconds_max=SECONDS_MAX,
            )
    except AppError as error:
        raise InvalidInput(f"The application's document cannot be read: {error}.") from error
    if answer.status != 200:
        raise InvalidInput(f"The application's document is not there (status {answer.status}).")
    return answer.body


def keep(tx: WriteTx, ctx: Context, face: Face, id_: str, body: bytes, address: str) -> Client:
    """Keep what a document says; return the application.

    Raises:
        InvalidInput: the document is not about this id, or cannot be right.
        TooMany: so many came from this address.
    """
    said = _read(id_, body)
    known = rows.by_id(tx, NOBODY, id_)
    if known is None:
        registrations.count(tx, ctx, address)
    used = known.used if known is not None else None
    if known is not None and clients.find(tx, ctx, id_) is None:
        rows.remove(tx, NOBODY, id_)  # forgotten; it begins anew
        known = None
    scope = [s for s in face.scopes.split(said.scope) if face.scopes.find(s) is not None]
    try:
        return clients.describe(
            tx,
            ctx,
            known,
            id_=id_,
            api=face.clients[0],
            name=said.client_name.strip() or urlsplit(id_).hostname or id_,
            redirect_uris=said.redirect_uris,
            scope=scope,
            home=said.client_uri,
            used=used,
        )
    except (InvalidInput, Conflict) as error:
        raise InvalidInput(f"The application's document cannot be right: {error}.") from error


def _read(id_: str, body: bytes) -> Document:
    try:
        said = msgspec.json.decode(body, type=Document)
    except msgspec.DecodeError as error:
        raise InvalidInput("The application's document is not one.") from error
    if said.client_id != id_:
        raise InvalidInput("The application's document is about another one.")
    if said.client_secret is not None or said.token_endpoint_auth_method != PUBLIC:
        raise InvalidInput("An application with a document has no secret here; it uses PKCE.")
    return said
