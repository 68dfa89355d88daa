"""Accounts from outside: registering, looking up who and where they are, leaving."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.pryv import checks, grants, service, wire, words
from diurnal.dialects.pryv.checks import TEXT, BadFields, Params
from diurnal.dialects.pryv.door import APP_ID, session_of
from diurnal.dialects.pryv.methods.account import RULE
from diurnal.errors import Conflict, Forbidden, InvalidInput, NotFound
from diurnal.services import (
    accesses,
    accounts,
    passwords,
    sign_up,
)
from diurnal.services.context import Context
from diurnal.services.sign_in import Proof
from diurnal.store import accounts as account_rows
from diurnal.store.accounts import Account
from diurnal.store.database import Tx

USERNAME = re.compile(r"[a-z0-9][a-z0-9-]{3,58}[a-z0-9]")
LANGUAGE = re.compile(r"[a-zA-Z-]{1,5}")


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
    _, token = await session_of(ctx, request, Proof(account, "password"), app_id)
    return token


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
