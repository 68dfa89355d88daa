"""A door of OAuth: what its endpoints do. Loaded with the first request; see `http.oauth`."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal
from urllib.parse import parse_qsl, unquote

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from diurnal import http
from diurnal.auth import signing
from diurnal.auth.oauth2.face import DEVICE, Face
from diurnal.auth.oauth2.records import Reply
from diurnal.errors import InvalidInput, TooMany, Unauthenticated
from diurnal.http import doing
from diurnal.http.issuers import ANYWHERE, NO_STORE, issuer, json_of
from diurnal.model.time import SECOND
from diurnal.services import (
    audit,
    clients,
    consents,
    devices,
    documents,
    oauth2,
    registrations,
    sign_outs,
)
from diurnal.services.consents import AppAsk
from diurnal.services.context import Context
from diurnal.store.clients import Client
from diurnal.store.database import WriteTx

BODY_MAX = 64 << 10
FIELDS_MAX = 200
Form = dict[str, list[str]]


class Door:
    """The endpoints of one face."""

    def __init__(self, ctx: Context, face: Face) -> None:
        self.ctx, self.face = ctx, face

    async def authorize(self, request: Request) -> Response:
        """Check the request, and lead the browser to the page that shows it to its owner."""
        _only(request, "GET", "POST")
        form = _pairs(request.url.query)
        if request.method == "POST":
            form = _pairs((await http.body(request, BODY_MAX)).decode("latin-1"))
        ctx, face = self.ctx, self.face
        ids = form.get("client_id", [])
        if len(ids) == 1 and face.register is not None and documents.is_address(ids[0]):
            try:
                await self._document(request, ids[0])
            except (InvalidInput, TooMany) as error:
                return page_of_problem(error.message)
        found = await self._known(ids) if len(ids) == 1 else {}
        client = found.get(ids[0]) if ids else None
        if client is None:
            return page_of_problem("There is no such application.", missing=True)
        named = issuer(ctx, face, request)
        base = http.base_url(request, ctx.settings.public_url)
        checked = oauth2.check(ctx, face, named, base, client, form)
        if checked.problem is not None:
            return page_of_problem(checked.problem)
        if checked.location is not None:
            return _away(checked.location)
        ask = AppAsk(face=face, issuer=named, client_id=client.id, params=_kept(form), at=ctx.now())
        return RedirectResponse(consents.page(ctx, ask), 302, NO_STORE)

    async def _document(self, request: Request, id_: str) -> None:
        """Fetch what an application says of itself at the address that is its id."""
        ctx = self.ctx
        if await http.read(ctx, lambda tx: documents.wanted(tx, ctx, id_), quick=True):
            body = await http.blocking(lambda: documents.fetch(ctx, id_))
            where = http.address(request)
            await http.write(ctx, lambda tx: documents.keep(tx, ctx, self.face, id_, body, where))

    async def token(self, request: Request) -> Response:
        """Exchange a code, refresh, or answer a device that waits."""
        form = await self._form(request)
        named = issuer(self.ctx, self.face, request)
        headers = _authorization(request)
        found = await self._known(_ids(form, headers))
        first = {name: values[0] for name, values in form.items() if values}
        if first.get("grant_type") == DEVICE and DEVICE in self.face.grants:
            return await self._device_token(form, headers, named, found)
        held = first.get("code") or first.get("refresh_token")
        reply = await self._step(oauth2.token, form, headers, named, found, held)
        await self._used(found, reply)
        return _answer(reply)

    async def _device_token(
        self, form: Form, headers: Mapping[str, str], named: str, found: Mapping[str, Client]
    ) -> Response:
        ctx = self.ctx
        code = next(iter(form.get("device_code", [])), "")
        owner = oauth2.account_of(code)
        device = None
        if owner is not None and any(c.account_id == owner for c in found.values()):
            device = await http.write(ctx, lambda tx: devices.poll(tx, ctx, owner, code))
        account_id = oauth2.account_of(device.code) if device is not None else None
        reply = await self._in_account(
            account_id,
            lambda tx: oauth2.token(
                tx,
                ctx,
                self.face,
                named,
                form,
                headers,
                found,
                account_id=account_id,
                device=device,
            ),
        )
        await self._used(found, reply)
        return _answer(reply)

    async def revoke(self, request: Request) -> Response:
        """Revoke a token of the application that asks."""
        return await self._about_token("revocation", request)

    async def introspect(self, request: Request) -> Response:
        """Tell an application what its token is worth."""
        return await self._about_token("introspection", request)

    async def _about_token(
        self, endpoint: Literal["introspection", "revocation"], request: Request
    ) -> Response:
        form = await self._form(request)
        headers = _authorization(request)
        found = await self._known(_ids(form, headers))
        held = next(iter(form.get("token", [])), None)
        named = issuer(self.ctx, self.face, request)
        step = partial(oauth2.about_token, endpoint=endpoint)
        return _answer(await self._step(step, form, headers, named, found, held))

    async def userinfo(self, request: Request) -> Response:
        """Tell who the owner of a token is."""
        _only(request, "GET", "POST")
        token = http.bearer(request)
        if token is None:
            raise Unauthenticated("a token is needed", missing=True)
        # Whatever it is for, it was this door that gave it.
        access = await http.resolve(self.ctx, token, anywhere=True)
        told = await http.read(self.ctx, lambda tx: oauth2.userinfo(tx, access))
        return json_of(told, headers={**NO_STORE, **ANYWHERE})

    async def keys(self, request: Request) -> Response:
        """Show the public half of the keys that sign; with `ever`, of those that did, too."""
        _only(request, "GET")
        ctx = self.ctx
        signer = await http.blocking(
            lambda: signing.load(ctx.settings.data_dir, ctx.now() // SECOND)
        )
        headers = {"Cache-Control": f"public, max-age={signing.CACHED_S}", **ANYWHERE}
        return json_of(signer.public(ever="ever" in request.query_params), headers=headers)

    async def device(self, request: Request) -> Response:
        """Begin the way in for a device without a browser (RFC 8628)."""
        ctx = self.ctx
        form = await self._form(request)
        headers = _authorization(request)
        found = await self._known(_ids(form, headers))
        base = http.base_url(request, ctx.settings.public_url)
        named = issuer(ctx, self.face, request)
        client = devices.who(ctx, self.face, named, form, headers, found)
        if isinstance(client, Reply):
            return _answer(client)
        scope = devices.scope(self.face, client, form)
        if isinstance(scope, Reply):
            return _answer(scope)
        told = await http.write(
            ctx, lambda tx: devices.start(tx, ctx, self.face, named, client, scope, base)
        )
        return json_of(told, headers={**NO_STORE, **ANYWHERE})

    async def logout(self, request: Request) -> Response:
        """Check an application's wish to sign its user out, and lead to the page that does."""
        _only(request, "GET", "POST")
        form = _pairs(request.url.query)
        if request.method == "POST":
            form = _pairs((await http.body(request, BODY_MAX)).decode("latin-1"))
        ctx, face = self.ctx, self.face
        named = issuer(ctx, face, request)
        try:
            asked = await http.read(ctx, lambda tx: sign_outs.wish(tx, ctx, face, named, form))
        except InvalidInput as error:
            return page_of_problem(error.message)
        # 303: what was posted is not posted again.
        return RedirectResponse(sign_outs.page(ctx, asked), 303, NO_STORE)

    async def register(self, request: Request) -> Response:
        """Register an application that asks for it itself (RFC 7591)."""
        _only(request, "POST")
        ctx = self.ctx
        raw = await http.body(request, BODY_MAX)
        address = http.address(request)
        status, told = await http.write(
            ctx, lambda tx: registrations.register(tx, ctx, self.face, raw, address)
        )
        return json_of(told, status, {**NO_STORE, **ANYWHERE})

    async def _known(self, ids: list[str]) -> dict[str, Client]:
        return await http.read(
            self.ctx, lambda tx: oauth2.known(tx, self.ctx, self.face, ids), quick=True
        )

    async def _form(self, request: Request) -> Form:
        """Return the posted form; what stands in the URL is not read: URLs are kept in logs."""
        _only(request, "POST")
        raw = await http.body(request, BODY_MAX)
        if request.headers.get("content-type", "").startswith("application/json"):
            return _of_json(raw)
        return _pairs(raw.decode("latin-1"))

    async def _step(
        self,
        step: Callable[..., Reply],
        form: Form,
        headers: Mapping[str, str],
        named: str,
        found: Mapping[str, Client],
        held: str | None,
    ) -> Reply:
        account_id = oauth2.account_of(held) if found else None
        return await self._in_account(
            account_id,
            lambda tx: step(
                tx, self.ctx, self.face, named, form, headers, found, account_id=account_id
            ),
        )

    async def _in_account(
        self, account_id: int | None, step: Callable[[WriteTx | None], Reply]
    ) -> Reply:
        if account_id is None:
            return step(None)
        ctx, one, owner = self.ctx, doing.current(), account_id

        def turn(tx: WriteTx) -> Reply:
            reply = step(tx)
            # Only what is about an access of theirs: strangers write into nobody's log.
            if one is not None and reply.access_id:
                one.access, one.error = reply.access_id, str(reply.body.get("error", ""))
                audit.append(tx, ctx, owner, [one.line(ctx.now(), tx)])
            return reply

        reply = await http.write(ctx, turn)
        if one is not None:
            one.recorded = True
        return reply

    async def _used(self, found: Mapping[str, Client], reply: Reply) -> None:
        """Remember that an application was granted something: those that never are, go."""
        fresh = [c for c in found.values() if c.used is None]
        if reply.status == 200:
            for client in fresh:
                await http.write(self.ctx, partial(clients.mark_used, ctx=self.ctx, client=client))


def page_of_problem(text: str, *, missing: bool = False) -> Response:
    """Return a page that leads nowhere: the request names no place that may be trusted."""
    hint = (
        "Its registration may have been deleted."
        if missing
        else "Nothing was sent to the application."
    )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<title>This request cannot be right · Diurnal</title><link rel="stylesheet" '
        'href="/static/tokens.css"><link rel="stylesheet" href="/static/pages.css"></head><body>'
        '<main><div class="card narrow"><h1>This request cannot be right</h1>'
        f'<p role="alert">{html.escape(text)}</p><p class="muted">{hint}</p></div></main>'
        "</body></html>"
    )
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'none'",
        **NO_STORE,
    }
    return HTMLResponse(page, 400, headers)


def _away(location: str) -> Response:
    return RedirectResponse(location, 302, NO_STORE)


def _answer(reply: Reply) -> Response:
    headers = {k: v for k, v in reply.headers.items() if k.lower() != "content-type"}
    return json_of(reply.body, reply.status, {**headers, **NO_STORE, **ANYWHERE})


class WrongMethod(Exception):
    """An endpoint was asked by a method it does not know."""

    def __init__(self, allow: str) -> None:
        super().__init__(allow)
        self.allow = allow


def _only(request: Request, *methods: str) -> None:
    method = "GET" if request.method == "HEAD" else request.method
    if method not in methods:
        raise WrongMethod(", ".join(methods))


def _pairs(text: str) -> Form:
    """Return the fields of a form or a query.

    Raises:
        InvalidInput: too many, or NUL in one.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise InvalidInput("the form has too many fields") from None
    form: Form = {}
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise InvalidInput("the form has a NUL character")
        form.setdefault(name, []).append(value)
    return form


def _of_json(raw: bytes) -> Form:
    """Return the members of a JSON object as a form has them; some clients send that."""
    try:
        members = msgspec.json.decode(raw, type=dict[str, str])
    except msgspec.DecodeError:
        raise InvalidInput("the body is a form") from None
    if any("\0" in text for pair in members.items() for text in pair):
        raise InvalidInput("the form has a NUL character")
    return {name: [value] for name, value in members.items()}


_ASKED = frozenset(
    [
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "login_hint",
        "max_age",
        "nonce",
        "prompt",
        "redirect_uri",
        "resource",
        "response_mode",
        "response_type",
        "scope",
        "state",
    ]
)


def _kept(form: Form) -> Form:
    """Return the parameters that mean something to us."""
    return {name: values for name, values in form.items() if name in _ASKED}


def _authorization(request: Request) -> dict[str, str]:
    return {"authorization": request.headers.get("authorization", "")}


def _ids(form: Form, headers: Mapping[str, str]) -> list[str]:
    """Return the ids of the applications that a request may mean."""
    found = list(form.get("client_id", []))[:2]
    scheme, _, rest = headers["authorization"].partition(" ")
    user = http.basic_of(scheme, rest)
    if user is not None:
        found.append(unquote(user[0]))
    return found
