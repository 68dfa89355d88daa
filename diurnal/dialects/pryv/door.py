"""Signing in and out, with a second step; passwords that were forgotten."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any
from urllib.parse import urlsplit

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.pryv import checks, grants, wire, words
from diurnal.dialects.pryv.checks import TEXT, Kinds
from diurnal.dialects.pryv.methods.account import RULE
from diurnal.dialects.pryv.methods.pseudo import language_of
from diurnal.errors import Conflict, Forbidden, InvalidInput, Unauthenticated
from diurnal.model import time
from diurnal.model.access import Access
from diurnal.model.events import seconds
from diurnal.services import (
    accesses,
    legacy,
    mail_links,
    one_time,
    second_factor,
    sessions,
    sign_in,
)
from diurnal.services.context import Context
from diurnal.services.sign_in import Pending, Proof
from diurnal.store.accesses import Stored
from diurnal.store.database import WriteTx

API = "pryv"
LOGIN_WAY = "pryv.password_login"
LASTS_US = 14 * time.DAY
"""A session, after its last use."""
APP_ID = re.compile(r"[^\s\0]{1,99}")
_PAIR = "The given username/password pair is invalid."
_ANY = Kinds("any", lambda _v: True)


async def session_of(
    ctx: Context, request: Request, proof: Proof, app_id: str
) -> tuple[Stored, str]:
    """Return the session of an app and its token: the same one while it lives.

    Raises:
        Forbidden: the account takes no passwords from apps.
    """
    account_id = proof.account.account_id
    where, device = http.address(request), request.headers.get("user-agent", "")

    def do(tx: WriteTx) -> tuple[Stored, str]:
        if not legacy.allowed(tx, ctx, account_id, LOGIN_WAY):
            raise checks.WordedForbidden(
                "The owner of this account does not take passwords from apps."
            )
        known = sessions.of_app(tx, ctx, account_id, API, app_id)
        token = None if known is None else accesses.shown_token(ctx, known)
        if known is not None and token is not None:
            sessions.extend(tx, ctx, known.access, LASTS_US)
            return known, token
        return sessions.open_session(
            tx,
            ctx,
            proof,
            address=where,
            device=device,
            api=API,
            name=app_id,
            lasts=LASTS_US,
            seal=True,
        )

    made, token = await http.write(ctx, do)
    legacy.used(ctx, account_id, LOGIN_WAY)
    http.doing.done_by(made.access)
    return made, token


async def prolong(ctx: Context, access: Access) -> None:
    """Let a session that is used last on, at most once a day."""
    if not access.owner or access.api != API or access.expires is None:
        return
    if access.expires - ctx.now() < LASTS_US - time.DAY:
        await ctx.store.submit(lambda tx: sessions.extend(tx, ctx, access, LASTS_US))


def trusted(request: Request, app_id: Any) -> str:
    """Return the id of an app whose pages may ask for a password.

    Those of this server and of the machine that the browser is on.

    Raises:
        Untrusted: it is another's, or says nothing of itself.
    """
    origin = request.headers.get("origin") or request.headers.get("referer") or ""
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        host = ""
    own = urlsplit(f"//{request.headers.get('host', '')}").hostname
    near = host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
    known = isinstance(app_id, str) and APP_ID.fullmatch(app_id) is not None
    if not known or not host or not (near or host == own):
        raise words.BadCredentials('The app id ("appId") is either missing or not trusted.')
    return str(app_id)


async def login(ctx: Context, request: Request) -> Response:
    """Sign in; https://api.pryv.com/reference/#login-user."""
    username = await wire.account_name(ctx, request)
    given = checks.params_of(checks.parse(await wire.body(request)))
    checks.check(
        {k: v for k, v in given.items() if k in ("username", "password", "appId")},
        {"username": TEXT, "password": TEXT, "appId": _ANY},
        required=("username", "password"),
    )
    app_id = trusted(request, given.get("appId"))
    where = http.address(request)
    if given["username"].lower() != username:
        raise words.BadCredentials(_PAIR)

    def begin() -> Proof | Pending:
        return sign_in.begin(ctx, name=username, password=given["password"], address=where)

    try:
        found = await http.blocking(begin)
    except Unauthenticated:
        raise words.BadCredentials(_PAIR) from None
    if isinstance(found, Pending):
        return wire.answer(ctx, {"mfaToken": _ticket(found.ticket, app_id)})
    return await _signed_in(ctx, request, found, app_id)


async def _signed_in(ctx: Context, request: Request, proof: Proof, app_id: str) -> Response:
    made, token = await session_of(ctx, request, proof, app_id)
    base = wire.base_of(request)
    told: dict[str, Any] = {
        "token": token,
        "apiEndpoint": grants.endpoint(base, proof.account.username, token),
        "preferredLanguage": language_of(proof.account),
    }
    if made.access.expires is not None:
        told["expires"] = seconds(made.access.expires)
    return wire.answer(ctx, told)


def _ticket(ticket: str, app_id: str) -> str:
    return f"{ticket}.{base64.urlsafe_b64encode(app_id.encode()).rstrip(b'=').decode()}"


def _of_ticket(request: Request) -> tuple[str, str]:
    """Return the ticket of a sign-in that waits for its second step, and its app."""
    ticket, _, packed = request.headers.get("authorization", "").partition(".")
    try:
        app_id = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    except (binascii.Error, ValueError):
        app_id = ""
    if not ticket or not APP_ID.fullmatch(app_id):
        raise words.UnknownToken("The MFA session token is invalid or has expired.")
    return ticket, app_id


async def challenge(ctx: Context, request: Request) -> Response:
    """Answer whether a sign-in waits; an authenticator needs no message to show its code."""
    await wire.account_name(ctx, request)
    ticket, _ = _of_ticket(request)
    try:
        await http.read(ctx, lambda tx: one_time.look(tx, ctx, ticket, sign_in.TICKET), quick=True)
    except Forbidden:
        raise words.UnknownToken("The MFA session token is invalid or has expired.") from None
    return wire.answer(ctx, {"message": "Please verify with the code of your authenticator."})


async def verify(ctx: Context, request: Request) -> Response:
    """Take the code of the second step."""
    username = await wire.account_name(ctx, request)
    ticket, app_id = _of_ticket(request)
    given = checks.params_of(checks.parse(await wire.body(request)))
    code, where = str(given.get("code", "")), http.address(request)
    try:
        proof = await http.blocking(
            lambda: sign_in.finish(ctx, ticket=ticket, code=code, address=where)
        )
    except Unauthenticated as error:
        raise words.BadCredentials(error.message) from None
    except Forbidden:
        raise words.UnknownToken("The MFA session token is invalid or has expired.") from None
    if proof.account.username != username:
        raise words.UnknownToken("The MFA session token is invalid or has expired.")
    return await _signed_in(ctx, request, proof, app_id)


async def activate(ctx: Context, request: Request) -> Response:
    """Begin to set a second step up: the secret is for an authenticator."""
    call = await wire.caller(ctx, request)
    given = checks.params_of(checks.parse(await wire.body(request)))
    checks.check(given, {"password": TEXT}, required=("password",))
    where = http.address(request)
    setup = await http.blocking(
        lambda: second_factor.begin(ctx, call.access, password=given["password"], address=where)
    )
    told = {"mfaToken": call.token, "secret": setup.secret, "uri": setup.uri}
    return wire.answer(ctx, told, 302)


async def confirm(ctx: Context, request: Request) -> Response:
    """Ask for codes from now on, once the authenticator shows the right one."""
    call = await wire.caller(ctx, request)
    given = checks.params_of(checks.parse(await wire.body(request)))
    checks.check(given, {"code": TEXT}, required=("code",))
    try:
        codes = await http.write(
            ctx, lambda tx: second_factor.confirm(tx, ctx, call.access, given["code"])
        )
    except Conflict as error:
        raise checks.BadOperation(error.message) from None
    return wire.answer(ctx, {"recoveryCodes": codes})


async def deactivate(ctx: Context, request: Request) -> Response:
    """Ask for no codes any more."""
    call = await wire.caller(ctx, request)
    given = checks.params_of(checks.parse(await wire.body(request)))
    checks.check(given, {"password": TEXT, "code": TEXT}, required=("password", "code"))
    where = http.address(request)
    await http.blocking(
        lambda: second_factor.remove(
            ctx, call.access, password=given["password"], code=given["code"], address=where
        )
    )
    return wire.answer(ctx, {"message": "MFA deactivated."})


async def recover(ctx: Context, request: Request) -> Response:
    """Take the second step away with a recovery code, where the authenticator is lost."""
    username = await wire.account_name(ctx, request)
    given = checks.params_of(checks.parse(await wire.body(request)))
    kinds = {"username": TEXT, "password": TEXT, "recoveryCode": TEXT, "appId": _ANY}
    checks.check(given, kinds, required=("username", "password", "recoveryCode"))
    trusted(request, given.get("appId"))
    where = http.address(request)
    if given["username"].lower() != username:
        raise words.BadCredentials(_PAIR)

    def do() -> None:
        found = sign_in.begin(ctx, name=username, password=given["password"], address=where)
        if isinstance(found, Pending):
            found = sign_in.finish(
                ctx, ticket=found.ticket, code=given["recoveryCode"], address=where
            )
            owner = accesses.personal(found.account.account_id, found.account.username)
            ctx.store.write(lambda tx: second_factor.drop(tx, ctx, owner)).result()

    try:
        await http.blocking(do)
    except Unauthenticated:
        raise words.BadCredentials(_PAIR) from None
    return wire.answer(ctx, {"message": "MFA deactivated."})


async def logout(ctx: Context, request: Request) -> Response:
    """End the session that calls."""
    call = await wire.caller(ctx, request)
    accesses.must_own(call.access)
    own = call.access.id
    await http.write(ctx, lambda tx: accesses.revoke(tx, ctx, call.access, own))
    return wire.answer(ctx, {})


async def who_am_i(_ctx: Context, _request: Request) -> Response:
    """Answer that this is no more: it lived on a cookie of the whole service."""
    raise checks.RemovedMethod("auth.whoAmI was removed in 1.7.")


# Passwords


async def request_reset(ctx: Context, request: Request) -> Response:
    """Mail a link to set a new password; says nothing about whether there is such an account."""
    username = await wire.account_name(ctx, request)
    given = checks.params_of(checks.parse(await wire.body(request)))
    trusted(request, given.get("appId"))

    async def ask() -> None:
        await http.blocking(lambda: mail_links.ask_reset(ctx, username))

    answer = wire.answer(ctx, {})
    answer.background = BackgroundTask(ask)
    return answer


async def reset(ctx: Context, request: Request) -> Response:
    """Set a new password by what the mailed link holds."""
    await wire.account_name(ctx, request)
    given = checks.params_of(checks.parse(await wire.body(request)))
    kinds = {"resetToken": TEXT, "newPassword": TEXT, "appId": _ANY}
    checks.check(given, kinds, required=("resetToken", "newPassword"))
    trusted(request, given.get("appId"))
    where = http.address(request)
    try:
        await http.blocking(
            lambda: mail_links.reset(
                ctx,
                token=given["resetToken"],
                password=given["newPassword"],
                address=where,
                rule=RULE,
            )
        )
    except Forbidden:
        raise words.UnknownToken("The reset token is invalid or expired") from None
    except InvalidInput as error:
        raise InvalidInput(error.message, field="newPassword") from None
    return wire.answer(ctx, {})
