"""Accounts from outside: registration, look-ups, signing in and out, second step, passwords."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.pryv import checks, grants, service, wire, words
from diurnal.dialects.pryv.checks import TEXT, BadFields, Kinds, Params
from diurnal.dialects.pryv.methods.account import RULE
from diurnal.dialects.pryv.methods.pseudo import language_of
from diurnal.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from diurnal.model import time
from diurnal.model.access import Access
from diurnal.model.events import seconds
from diurnal.services import (
    accesses,
    accounts,
    mail_links,
    one_time,
    passwords,
    second_factor,
    sessions,
    sign_in,
    sign_up,
)
from diurnal.services.context import Context
from diurnal.services.sign_in import Pending, Proof
from diurnal.store import accounts as account_rows
from diurnal.store.accesses import Stored
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx

API = "pryv"
LASTS_US = 14 * time.DAY
"""A session, after its last use."""
COOKIE = "sso"
USERNAME = re.compile(r"[a-z0-9][a-z0-9-]{3,58}[a-z0-9]")
APP_ID = re.compile(r"[^\s\0]{1,99}")
LANGUAGE = re.compile(r"[a-zA-Z-]{1,5}")
_PAIR = "The given username/password pair is invalid."
_ANY = Kinds("any", lambda _v: True)


# Registration


async def register(ctx: Context, request: Request) -> Response:
    """Make an account; https://api.pryv.com/reference/#create-user."""
    given = checks.params_of(checks.parse(await wire.body(request)))
    fields = _fields(given, ("username", "password", "email", "appId"))
    account = await _registered(ctx, request, fields, given.get("invitationToken"))
    token = await _opened(ctx, request, account, fields["appId"])
    base = wire.base_of(request)
    told = {
        "username": account.username,
        "apiEndpoint": grants.endpoint(base, account.username, token),
    }
    return wire.answer(ctx, told, 201)


async def register_old(ctx: Context, request: Request) -> Response:
    """Make an account as clients up to 1.5 ask for it."""
    given = checks.params_of(checks.parse(await wire.body(request)))
    names = {"appid": "appId", "languageCode": "language", "invitationtoken": "invitationToken"}
    given = {names.get(k, k): v for k, v in given.items()}
    fields = _fields(given, ("username", "password", "email"))
    account = await _registered(ctx, request, fields, given.get("invitationToken"))
    token = await _opened(ctx, request, account, fields.get("appId") or "registration")
    base = wire.base_of(request)
    endpoint = grants.endpoint(base, account.username, token)
    told = {"username": account.username, "server": urlsplit(base).netloc, "apiEndpoint": endpoint}
    return wire.answer(ctx, told)


def _fields(given: Params, required: tuple[str, ...]) -> dict[str, str]:
    """Return the fields of a registration.

    Raises:
        BadFields: with everything that is wrong.
    """
    problems: list[tuple[str, str, str]] = []
    found: dict[str, str] = {}
    for name in ("username", "password", "email", "appId", "language"):
        value = given.get(name)
        if value is None:
            if name in required:
                problems.append((f"{name.lower()}-required", f"{name} is required", name))
        elif not isinstance(value, str) or not _fits(name, value):
            problems.append((f"{name.lower()}-invalid", f"{name} is not valid", name))
        else:
            found[name] = value.lower() if name == "username" else value
    if problems:
        raise BadFields(problems)
    return found


def _fits(name: str, value: str) -> bool:
    if name == "username":
        return USERNAME.fullmatch(value.lower()) is not None
    if name == "password":
        return RULE.length_min <= len(value) <= RULE.length_max
    if name == "appId":
        return APP_ID.fullmatch(value) is not None
    if name == "language":
        return LANGUAGE.fullmatch(value) is not None
    try:
        accounts.check_email(value)
    except InvalidInput:
        return False
    return True


async def _registered(
    ctx: Context, request: Request, fields: Mapping[str, str], invitation: Any
) -> Account:
    username, email = fields["username"], fields["email"]

    def taken(tx: Tx) -> dict[str, str]:
        found = {}
        if account_rows.look_up(tx, "username", username) is not None:
            found["username"] = username
        if not sign_up.free(tx, email=email):
            found["email"] = email
        return found

    clash = await http.read(ctx, taken, quick=True)
    if clash:
        raise Conflict("The account is there already.", data=clash)
    address = http.address(request)

    def make() -> Account:
        return sign_up.register(
            ctx,
            username=username,
            password=fields["password"],
            email=email,
            invitation=invitation if isinstance(invitation, str) else None,
            rule=RULE,
            address=address,
        )

    try:
        account = await http.blocking(make)
    except InvalidInput as error:
        name = error.field or "username"
        raise BadFields([(f"{name}-invalid", error.message, name)]) from None
    except Forbidden as error:
        raise words.RefusedRegistration(error.message) from None
    told = fields.get("language")
    if told:
        owner = accesses.personal(account.account_id, account.username)
        await http.write(
            ctx, lambda tx: accounts.update(tx, ctx, owner, settings={"language": told})
        )
    return account


async def _opened(ctx: Context, request: Request, account: Account, app_id: str) -> str:
    _, token = await _session(ctx, request, Proof(account, "password"), app_id)
    return token


async def _session(ctx: Context, request: Request, proof: Proof, app_id: str) -> tuple[Stored, str]:
    """Return the session of an app and its token: the same one while it lives."""
    account_id = proof.account.account_id
    where, device = http.address(request), request.headers.get("user-agent", "")

    def do(tx: WriteTx) -> tuple[Stored, str]:
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
    http.doing.done_by(made.access)
    return made, token


async def prolong(ctx: Context, access: Access) -> None:
    """Let a session that is used last on, at most once a day."""
    if not access.owner or access.api != API or access.expires is None:
        return
    if access.expires - ctx.now() < LASTS_US - time.DAY:
        await ctx.store.submit(lambda tx: sessions.extend(tx, ctx, access, LASTS_US))


async def check_username(ctx: Context, request: Request) -> Response:
    """Tell whether a name is taken, or could be nobody's."""
    name = request.path_params["name"].lower()
    free = await http.read(ctx, lambda tx: sign_up.free(tx, username=name), quick=True)
    return wire.answer(ctx, {"reserved": not (free and USERNAME.fullmatch(name) is not None)})


async def check_email(ctx: Context, request: Request) -> Response:
    """Tell whether an e-mail address is an account's."""
    email = request.path_params["name"]
    free = await http.read(ctx, lambda tx: sign_up.free(tx, email=email), quick=True)
    return wire.answer(ctx, {"exists": not free})


async def server(ctx: Context, request: Request) -> Response:
    """Tell where an account lives, or lead there."""
    name = request.path_params["name"].lower()
    known = await http.read(ctx, lambda tx: account_rows.look_up(tx, "username", name), quick=True)
    if known is None:
        raise words.UnknownUser(f'Unknown user "{name}"')
    base = wire.base_of(request)
    if request.method in ("GET", "HEAD"):
        return Response(status_code=302, headers={"Location": f"{base}/{name}/"})
    host = urlsplit(base).netloc
    return wire.answer(ctx, {"server": host, "alias": host})


async def by_email(ctx: Context, request: Request) -> Response:
    """Tell whose an e-mail address is."""
    email = request.path_params["name"]

    def look(tx: Tx) -> str | None:
        account_id = accounts.named(tx, email) if "@" in email else None
        account = None if account_id is None else account_rows.get(tx, account_id)
        return None if account is None else account.username

    username = await http.read(ctx, look, quick=True)
    if username is None:
        raise words.UnknownEmail(f'Unknown e-mail "{email}"')
    which = "uid" if request.url.path.rstrip("/").endswith("/uid") else "username"
    return wire.answer(ctx, {which: username})


async def hostings(ctx: Context, request: Request) -> Response:
    """Tell where accounts may live."""
    return wire.answer(ctx, service.hostings(wire.base_of(request)))


async def cores(ctx: Context, request: Request) -> Response:
    """Tell which server an account lives on: this one."""
    query = request.query_params
    name = query.get("username") or query.get("email") or ""
    known = await http.read(ctx, lambda tx: accounts.named(tx, name), quick=True)
    if known is None:
        raise words.UnknownUser(f'Unknown user "{name}"')
    return wire.answer(ctx, {"core": {"url": f"{wire.base_of(request)}/"}})


async def check_invitation(ctx: Context, request: Request) -> Response:
    """Tell whether an invitation is good: `true` or `false` as text."""
    given = checks.params_of(checks.parse(await wire.body(request)))
    token = given.get("invitationtoken") or given.get("invitationToken") or ""
    good = ctx.settings.sign_up == "open"
    if ctx.settings.sign_up == "invite" and isinstance(token, str):
        where = http.address(request)
        good = await http.blocking(lambda: sign_up.check_invitation(ctx, token, where))
    return Response("true" if good else "false", media_type="text/plain")


async def apps(ctx: Context, _request: Request) -> Response:
    """Tell which apps are listed: none, any may ask."""
    return wire.answer(ctx, {"apps": []})


async def app(_ctx: Context, request: Request) -> Response:
    """Tell of one app: none is listed."""
    raise NotFound(f'Unknown app "{request.path_params["name"]}"')


async def delete_user(ctx: Context, request: Request) -> Response:
    """Delete the caller's own account; asks for the password, for a token may be a stolen one."""
    username = request.path_params["username"]
    call = await wire.caller(ctx, request)
    given = checks.params_of(checks.parse(await wire.body(request) or b"{}"))
    checks.check(given, {"password": TEXT, "code": TEXT}, required=("password",))
    where = http.address(request)

    def do() -> None:
        passwords.delete_account(
            ctx,
            call.access,
            password=given["password"],
            code=given.get("code", ""),
            address=where,
        )

    await http.blocking(do)
    return wire.answer(ctx, {"userDeletion": {"username": username}})


# Signing in


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
    made, token = await _session(ctx, request, proof, app_id)
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
    codes = await http.write(
        ctx, lambda tx: second_factor.confirm(tx, ctx, call.access, given["code"])
    )
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
