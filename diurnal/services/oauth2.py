"""OAuth steps: check a request, decide it, redeem, refresh, revoke, tell.

Each step that writes is one transaction in the account that granted; the application, which may
be another account's, is read before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import OAuth2Error

from diurnal.auth import signing, tokens
from diurnal.auth.oauth2 import redirects
from diurnal.auth.oauth2.face import Face
from diurnal.auth.oauth2.records import Form, Granted, Reply
from diurnal.auth.oauth2.server import Device, Request, Server
from diurnal.errors import Forbidden, InvalidInput
from diurnal.model.access import Access
from diurnal.model.time import SECOND
from diurnal.services import accesses, clients, consents, legacy, receipts, subjects
from diurnal.services.consents import AppAsk, Choice
from diurnal.services.context import Context
from diurnal.services.steps import Nothing, Steps
from diurnal.services.steps import storage as storage_of
from diurnal.store import accesses as access_rows
from diurnal.store import changes, grants
from diurnal.store.clients import Client
from diurnal.store.database import Tx, WriteTx

REFUSED = "The request did not say where to send you back to, so you stay here."


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a request to authorize comes to.

    Attributes:
        problem: why the browser must not be sent anywhere.
        location: where the browser is sent with an error.
        redirect_uri, scope: of a request that may be shown to the owner.
    """

    problem: str | None = None
    location: str | None = None
    redirect_uri: str = ""
    scope: tuple[str, ...] = ()


def known(tx: Tx, ctx: Context, face: Face, ids: Sequence[str]) -> dict[str, Client]:
    """Return the applications of these ids that may come by this door."""
    found = (clients.find(tx, ctx, id_) for id_ in dict.fromkeys(ids))
    return {c.id: c for c in found if c is not None and c.api in face.clients}


def check(
    ctx: Context, face: Face, issuer: str, base: str, client: Client | None, form: Form
) -> Checked:
    """Check a request to authorize, before its owner is known.

    Args:
        base: scheme and host of this server; a resource is below it.
    """
    request = Request("GET", form, {})
    try:
        server = rules(ctx, face, issuer, Nothing(client))
        server.refuse_repeated(request)
        asked = request.payload.redirect_uri
        # Before the library looks: it would put the address into a message that takes no backslash.
        if client is not None and asked and not redirects.matching(client.redirect_uris, asked):
            return Checked(problem="This application has not registered where to send you back to.")
        # Whoever is signed in is looked at on the page; here the request is what counts.
        grant = server.get_consent_grant(request, end_user="owner")
        try:
            _refuse_objects(request)
            _check_resource(request, base)
        except OAuth2Error as error:
            error.redirect_uri = grant.redirect_uri
            raise
    except OAuth2Error as error:
        error.state = request.payload.state
        if not error.redirect_uri:
            return Checked(problem=error.get_error_description() or REFUSED)
        location = answer_of(error).location or ""
        return Checked(location=_with_issuer(face, issuer, location, error.redirect_fragment))
    return Checked(
        redirect_uri=grant.redirect_uri, scope=tuple((grant.request.scope or "").split())
    )


def decide(
    tx: WriteTx, ctx: Context, caller: Access, ask: AppAsk, client: Client, choice: Choice
) -> str:
    """Grant what the owner chose of an ask, and return where to send the browser.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: the application has changed meanwhile, or nothing was chosen.
    """
    accesses.must_own(caller)
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    if closed(tx, ctx, caller, ask):
        return refuse_way(ctx, ask, client)
    if _in_fragment(ask) and ask.face.implicit_way is not None:
        legacy.used(ctx, caller.account_id, ask.face.implicit_way)
    given = allowed(tx, ctx, caller, ask, client, choice)
    form = {**ask.params, "scope": [" ".join(given.scope)]}
    request = Request("GET", form, {})
    steps = Steps(tx, ctx, ask.face, caller.account_id, caller.username, client)
    server = rules(ctx, ask.face, ask.issuer, steps, granted=given)
    try:
        grant = server.get_consent_grant(request, end_user=given)
        reply = server.create_authorization_response(request, grant_user=given, grant=grant)
    except OAuth2Error as error:
        raise InvalidInput("This application has changed; go back and begin again.") from error
    location = _with_issuer(ask.face, ask.issuer, reply.location or "", _in_fragment(ask))
    if not location:
        raise InvalidInput("This application has changed; go back and begin again.")
    return location


def allowed(
    tx: WriteTx, ctx: Context, caller: Access, ask: AppAsk, client: Client, choice: Choice
) -> Granted:
    """Return what is granted of a browser's ask, with its receipt kept.

    Raises:
        InvalidInput: the application has changed meanwhile, or nothing was chosen.
    """
    found = check(ctx, ask.face, ask.issuer, "", client, _without(ask.params, "resource"))
    if found.problem is not None or found.location is not None:
        raise InvalidInput("This application has changed; go back and begin again.")
    made = granted(
        tx, ctx, caller, ask, client, choice, scope=found.scope, redirect_uri=found.redirect_uri
    )
    first = {name: values[0] for name, values in ask.params.items() if values}
    return msgspec.structs.replace(
        made,
        redirect_sent=bool(first.get("redirect_uri")) and not ask.face.tolerant,
        challenge=first.get("code_challenge") or None,
        nonce=first.get("nonce") or None,
        resource=first.get("resource") or None,
    )


def granted(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    ask: AppAsk,
    client: Client,
    choice: Choice,
    *,
    scope: Sequence[str],
    redirect_uri: str,
) -> Granted:
    """Return what is granted of `scope`, with its receipt kept.

    Raises:
        InvalidInput: nothing was chosen.
    """
    known_scopes = ask.face.scopes.known
    kept = tuple(
        name
        for name in scope
        if choice.keys is None or name in choice.keys or known_scopes[name].always
    )
    opens = [name for name in kept if known_scopes[name].opens]
    if not opens and any(known_scopes[name].opens for name in scope):
        raise InvalidInput("Choose at least one line, or refuse all.")
    frame = msgspec.structs.replace(choice.frame, writable=clients.writable(client))
    consent_id = receipts.record(
        tx,
        ctx,
        caller,
        name=client.name,
        client_id=client.id,
        url=client.home,
        permissions=consents.of_scopes(opens, ask.face.api, frame),
        until=choice.until,
        scope=kept,
        identity=[name for name in kept if name not in opens],
    )
    return Granted(
        client_id=client.id,
        face=ask.face.name,
        scope=kept,
        frame=frame,
        authenticated=signed_in_at(tx, caller) // SECOND,
        redirect_uri=redirect_uri,
        until=choice.until,
        consent_id=consent_id,
        name=client.name,
        device=ask.user_code is not None,
    )


def closed(tx: Tx, ctx: Context, caller: Access, ask: AppAsk) -> bool:
    """Return whether the owner has switched off the legacy way that an ask wants to go."""
    way = ask.face.implicit_way
    return (
        way is not None
        and _in_fragment(ask)
        and not legacy.allowed(tx, ctx, caller.account_id, way)
    )


def refuse_way(ctx: Context, ask: AppAsk, client: Client | None) -> str:
    """Return where to send the browser of an owner who has switched off the way it comes."""
    told = "The owner has switched off tokens in addresses; use response_type=code."
    return error_location(ctx, ask, client, "unsupported_response_type", told) or "/"


def refuse(ctx: Context, ask: AppAsk, client: Client | None) -> str | None:
    """Return where to send the browser of an owner who refuses; None where nowhere."""
    return error_location(ctx, ask, client, "access_denied", "The owner refused.")


def error_location(
    ctx: Context, ask: AppAsk, client: Client | None, error: str, description: str
) -> str | None:
    """Return where to send the browser with an error; None where the request says no place."""
    found = check(ctx, ask.face, ask.issuer, "", client, _without(ask.params, "resource"))
    if not found.redirect_uri:
        return None
    params = [("error", error), ("error_description", description)]
    state = ask.params.get("state")
    if state:
        params.append(("state", state[0]))
    fragment = _in_fragment(ask)
    location = add_params_to_uri(found.redirect_uri, params, fragment=fragment)
    return _with_issuer(ask.face, ask.issuer, location, fragment)


def standing(tx: Tx, caller: Access, client: Client, face: Face, scope: Sequence[str]) -> bool:
    """Return whether the owner has granted an application all of these scopes already."""
    for id_ in grants.of_client(tx, caller.account_id, client.id):
        stored = access_rows.by_id(tx, caller.account_id, id_)
        grant = grants.get(tx, caller.account_id, id_)
        if stored is not None and grant is not None and grant.face == face.name:
            given = msgspec.json.decode(grant.given, type=Granted)
            if set(scope) <= set(given.scope):
                return True
    return False


def silent(
    tx: Tx, caller: Access, client: Client, face: Face, scope: Sequence[str]
) -> Choice | None:
    """Return the choice of a grant that stands, for an application that asks nothing new.

    None for one that registered itself or has no secret: others can pass for it.
    """
    if client.dynamic or not client.confidential:
        return None
    for id_ in grants.of_client(tx, caller.account_id, client.id):
        grant = grants.get(tx, caller.account_id, id_)
        if grant is None or grant.face != face.name:
            continue
        given = msgspec.json.decode(grant.given, type=Granted)
        if set(scope) <= set(given.scope):
            return Choice(keys=frozenset(scope), frame=given.frame, until=given.until)
    return None


def signed_in_at(tx: Tx, caller: Access) -> int:
    """Return when the owner showed who they are, for this session; microseconds."""
    stored = access_rows.by_id(tx, caller.account_id, caller.id)
    return stored.created if stored is not None else 0


def account_of(token: str | None) -> int | None:
    """Return the account that a code or a token carries."""
    return tokens.account_of(token) if token else None


def token(
    tx: WriteTx | None,
    ctx: Context,
    face: Face,
    issuer: str,
    form: Form,
    headers: Mapping[str, str],
    found: Mapping[str, Client],
    *,
    account_id: int | None,
    device: Device | None = None,
) -> Reply:
    """Answer a request to the token endpoint.

    Never raises what a client may cause: what it did wrong is an answer too, and what was found
    out by it (a code used again) must be kept.

    Args:
        tx: in the account of the code or token; None where it carries none.
        found: the applications that the request may mean, by id.
    """
    request = Request("POST", form, headers)
    storage = storage_of(tx, ctx, face, account_id, found)
    server = rules(ctx, face, issuer, storage, device=device)
    try:
        server.refuse_repeated(request)
    except OAuth2Error as error:
        return answer_of(error)
    reply: Reply = server.create_token_response(request)
    reply.access_id = storage.touched
    return reply


def about_token(
    tx: WriteTx | None,
    ctx: Context,
    face: Face,
    issuer: str,
    form: Form,
    headers: Mapping[str, str],
    found: Mapping[str, Client],
    *,
    account_id: int | None,
    endpoint: Literal["introspection", "revocation"],
) -> Reply:
    """Answer an application about its token: revoke it (RFC 7009), or tell its worth (RFC 7662)."""
    request = Request("POST", form, headers)
    storage = storage_of(tx, ctx, face, account_id, found)
    server = rules(ctx, face, issuer, storage)
    try:
        server.refuse_repeated(request)
    except OAuth2Error as error:
        return answer_of(error)
    reply: Reply = server.create_endpoint_response(endpoint, request)
    reply.access_id = storage.touched
    return reply


def userinfo(tx: Tx, access: Access) -> dict[str, Any]:
    """Return what a token's scopes tell of its owner.

    Raises:
        Forbidden: it was not granted `openid`.
    """
    if "openid" not in access.scopes and not access.owner:
        raise Forbidden("this token was not granted openid")
    names = ("openid", "profile", "email") if access.owner else access.scopes
    return subjects.claims(tx, access.account_id, names)


def rules(ctx: Context, face: Face, issuer: str, storage: Nothing, **given: Any) -> Server:
    """Return the library's server for one step."""
    return Server(
        face,
        issuer,
        storage,
        now_s=ctx.now() // SECOND,
        signer=lambda: signing.load(ctx.settings.data_dir, ctx.now() // SECOND),
        **given,
    )


def _without(params: Form, name: str) -> dict[str, list[str]]:
    return {key: values for key, values in params.items() if key != name}


def _in_fragment(ask: AppAsk) -> bool:
    return bool({"token", "id_token"} & set(" ".join(ask.params.get("response_type", [])).split()))


def _refuse_objects(request: Request) -> None:
    """Refuse a request that stands in another document (OpenID Connect Core, 6): none is read.

    Raises:
        OAuth2Error: `request_not_supported`, `request_uri_not_supported`.
    """
    for name in ("request", "request_uri"):
        if name in request.payload.data:
            told = f"The parameter '{name}' is not supported."
            raise OAuth2Error(told, error=f"{name}_not_supported")


def _check_resource(request: Request, base: str) -> None:
    """Refuse a resource that is not on this server (RFC 8707).

    Raises:
        OAuth2Error: `invalid_target`.
    """
    asked = set(request.payload.datalist.get("resource", []))
    for resource in asked:
        here = resource == base or resource.startswith(f"{base}/")
        if len(asked) > 1 or not here or {"#", "?"} & set(resource):
            raise OAuth2Error("The resource is one address on this server.", error="invalid_target")


def answer_of(error: OAuth2Error) -> Reply:
    """Return an error as an answer."""
    status, body, headers = error()
    return Reply(status=status, body=dict(body) if body else {}, headers=dict(headers))


def _with_issuer(face: Face, issuer: str, location: str, fragment: bool) -> str:
    """Return a location that names who answers (RFC 9207), where the door says so."""
    if not face.iss or not location:
        return location
    return str(add_params_to_uri(location, [("iss", issuer)], fragment=fragment))
