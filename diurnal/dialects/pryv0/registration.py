"""The registration service of 2012: names, new accounts, and access for apps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.pryv0 import admin, checks
from diurnal.dialects.pryv0.wire import BODY_MAX, base_of, json_answer
from diurnal.errors import Conflict, Forbidden, InvalidInput, NotFound
from diurnal.services import access_requests, accesses, accounts, one_time, sign_up
from diurnal.services.context import Context
from diurnal.store import accounts as account_rows
from diurnal.store.database import Tx, WriteTx

USERNAME = re.compile(r"[a-zA-Z0-9]{5,21}")
CHALLENGE = "pryv0-registration"
CONFIRM_US = 24 * 3600 * 1_000_000
POLL_MS = 1_000
SAID = "saidPermissions"
"""Where an access request keeps what was asked in the app's own words, channels and folders."""
_SAID = {
    "userName": "INVALID_USER_NAME",
    "password": "INVALID_PASSWORD",
    "email": "INVALID_EMAIL",
}


def _error(id_: str, message: str, status: int) -> Response:
    return json_answer({"id": id_, "message": message}, status)


async def server(ctx: Context, request: Request) -> Response:
    """Tell where an account lives, or lead there."""
    name = request.path_params["name"].lower()
    if not accounts.USERNAME.fullmatch(name):
        return _error("INVALID_USER_NAME", "No account can be called so.", 400)
    if await _look_up(ctx, name) is None:
        return _error("UNKOWN_USER_NAME", "Nobody is called so.", 404)  # sic
    base = base_of(request)
    if request.method != "POST":
        return Response(status_code=302, headers={"Location": f"{base}/{name}/"})
    return json_answer({"server": urlsplit(base).netloc, "alias": urlsplit(base).netloc})


async def _look_up(ctx: Context, name: str) -> int | None:
    return await http.read(ctx, lambda tx: account_rows.look_up(tx, "username", name), quick=True)


async def check(ctx: Context, request: Request) -> Response:
    """Tell whether a name is taken; the answer is a text."""
    name = request.path_params["name"].lower()
    if not accounts.USERNAME.fullmatch(name):
        return _error("INVALID_USER_NAME", "No account can be called so.", 400)
    free = await http.read(ctx, lambda tx: sign_up.free(tx, username=name), quick=True)
    return json_answer({"exists": "false" if free else "true"})


async def init(ctx: Context, request: Request) -> Response:
    """Make an account, where this server lets anybody."""
    given = checks.params_of(checks.parse(await http.body(request, BODY_MAX)))
    wrong = _wrong(given)
    if not wrong:
        name = given["userName"].lower()
        email = given["email"]
        if not await http.read(ctx, lambda tx: sign_up.free(tx, username=name), quick=True):
            wrong.append("EXISTING_USER_NAME")
        if not await http.read(ctx, lambda tx: sign_up.free(tx, email=email), quick=True):
            wrong.append("INVALID_EMAIL")
    if wrong:
        return _refused(wrong)
    address = http.address(request)

    def make() -> str:
        account = sign_up.register(
            ctx,
            username=name,
            password=given["password"],
            email=given["email"],
            rule=admin.RULE,
            address=address,
        )
        owner = accesses.personal(account.account_id, account.username)

        def note(tx: WriteTx) -> str:
            language = given.get("languageCode")
            if isinstance(language, str) and 0 < len(language) <= 5:
                accounts.update(tx, ctx, owner, settings={"language": language})
            return one_time.issue(tx, ctx, account.account_id, CHALLENGE, None, lasts=CONFIRM_US)

        return ctx.store.write(note).result()

    try:
        challenge = await http.blocking(make)
    except (InvalidInput, Conflict) as error:
        field = getattr(error, "field", None) or "username"
        return _refused([_SAID.get(field, "EXISTING_USER_NAME")])
    except Forbidden as error:
        return _error("INVALID_DATA", error.message, 400)
    detail = f"{base_of(request)}/reg/{challenge}/confirm"
    return json_answer({"id": "INIT_DONE", "message": "The account is there.", "detail": detail})


def _wrong(given: Mapping[str, Any]) -> list[str]:
    found = []
    for name, id_ in _SAID.items():
        value = given.get(name)
        fits = isinstance(value, str)
        if isinstance(value, str) and name == "userName":
            fits = USERNAME.fullmatch(value) is not None
        elif isinstance(value, str) and name == "password":
            fits = admin.RULE.length_min <= len(value) <= admin.RULE.length_max
        elif isinstance(value, str):
            try:
                accounts.check_email(value)
            except InvalidInput:
                fits = False
        if not fits:
            found.append(id_)
    return found


def _refused(ids: list[str]) -> Response:
    errors = [{"id": i, "message": i.replace("_", " ").capitalize(), "detail": ""} for i in ids]
    told = {"id": "INVALID_DATA", "message": "The data are not valid.", "errors": errors}
    return json_answer(told, 400)


async def confirm(ctx: Context, request: Request) -> Response:
    """Take the challenge of a registration, once."""
    challenge = request.path_params["name"]
    try:
        await http.read(ctx, lambda tx: one_time.look(tx, ctx, challenge, CHALLENGE), quick=True)
        await http.write(ctx, lambda tx: one_time.spend(tx, ctx, challenge, CHALLENGE))
    except (Forbidden, NotFound, InvalidInput):
        return _error("INVALID_CHALLENGE", "This challenge opens nothing.", 400)
    host = urlsplit(base_of(request)).netloc
    return json_answer({"server": host, "alias": host})


# Access for apps


async def ask(ctx: Context, request: Request) -> Response:
    """Begin: keep what an app asks, and tell where its person is to go."""
    given = checks.params_of(checks.parse(await http.body(request, BODY_MAX)))
    app_id = checks.text(given, "requestingAppId", required=True) or ""
    permissions = _as_streams(given.get("requestedPermissions"))
    language = checks.text(given, "languageCode") or admin.LANGUAGE
    back = given.get("returnURL")
    if back is not None and not (isinstance(back, str) and _may_return(back)):
        raise InvalidInput("returnURL is no address that ends in ?, # or &", field="returnURL")
    asked: dict[str, Any] = {
        "requestingAppId": app_id,
        "requestedPermissions": permissions,
        SAID: given["requestedPermissions"],
        "languageCode": language,
    }
    if back is not None:
        asked["returnURL"] = back
    key = await http.write(ctx, lambda tx: access_requests.start(tx, ctx, asked))
    return json_answer(_waiting(request, key, asked), 201)


def _may_return(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and address.endswith(("?", "#", "&"))


def _as_streams(given: Any) -> list[dict[str, Any]]:
    """Return permissions on channels and folders as ones on streams: the consent page's words."""
    if not isinstance(given, list) or not given or not all(isinstance(p, dict) for p in given):
        raise InvalidInput("permissions are a list of objects", field="requestedPermissions")
    found = []
    for p in given:
        for one in p.get("folderPermissions") or [p]:
            id_ = (one.get("folderId") if isinstance(one, dict) else None) or p.get("channelId")
            level = one.get("level", one.get("type", "read")) if isinstance(one, dict) else None
            word = {"read-only": "read", "events-write": "contribute"}.get(str(level), level)
            if not isinstance(id_, str) or word not in ("read", "contribute", "manage"):
                raise InvalidInput("a permission has a channel and a level", field="permissions")
            name = one.get("defaultName") or p.get("defaultName")
            told: dict[str, Any] = {"streamId": id_, "level": word}
            found.append(told | ({"defaultName": name} if isinstance(name, str) else {}))
    return found


def _waiting(request: Request, key: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    origin = http.base_url(request, None)
    poll = f"{base_of(request)}/reg/access/{key}"
    query = {
        "lang": asked["languageCode"],
        "key": key,
        "requestingAppId": asked["requestingAppId"],
        "poll": f"{origin}/pryv/reg/access/{key}",
        "poll_rate_ms": POLL_MS,
    }
    return {
        "status": "NEED_SIGNIN",
        "code": 201,
        "key": key,
        "requestingAppId": asked["requestingAppId"],
        "requestedPermissions": asked.get(SAID) or asked["requestedPermissions"],
        "url": f"{origin}/pryv/auth?{urlencode(query)}",
        "poll": poll,
        "returnURL": asked.get("returnURL"),
        "poll_rate_ms": POLL_MS,
    }


async def poll(ctx: Context, request: Request) -> Response:
    """Tell how a request of an app stands."""
    key = request.path_params["key"]

    def look(tx: Tx) -> Any:
        return access_requests.look(tx, ctx, key)

    try:
        known = await http.read(ctx, look, quick=True)
    except NotFound:
        return _error("INVALID_KEY", "Unknown access key.", 400)
    if known.answer is None:
        return json_answer(_waiting(request, key, known.asked), 201)
    if known.answer["status"] == "ACCEPTED":
        told = {name: known.answer[name] for name in ("status", "username", "token")}
        return json_answer({**told, "code": 200})
    refused = {"status": "REFUSED", "reasonID": "REFUSED_BY_USER", "code": 403}
    return json_answer({**refused, "message": "The user refused to give access."}, 403)
