"""Access requests: an app asks, its person signs in and consents on our page, the app looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from diurnal import http
from diurnal.dialects.pryv import checks, grants, service, wire, words
from diurnal.errors import InvalidInput, NotFound, Unauthenticated
from diurnal.http import Json
from diurnal.model.access import EVERY
from diurnal.services import access_requests, accesses, authentication, consents, events
from diurnal.services.access_requests import AccessRequest
from diurnal.services.consents import AccessAsk, Outcome
from diurnal.services.context import Context
from diurnal.store.database import Tx

POLL_MS = 1_000
TEXT_MAX = 1_000
BODY_BYTES_MAX = 64 << 10
_REFUSED = "The user refused to give access."
_FAILED = "Something went wrong where the user was asked."
_SCRIPTS = frozenset({"javascript", "data", "vbscript", "blob", "file", "about", "view-source"})
"""Schemes that run or open what a page must not."""
ECHOED = (
    "requestingAppId",
    "requestedPermissions",
    "languageCode",
    "returnURL",
    "clientData",
    "deviceName",
    "expireAfter",
    "serviceInfo",
)
HEADERS = {"Cache-Control": "no-store"}


async def start(ctx: Context, request: Request) -> Response:
    """Begin: keep what is asked, and tell where its person is to go."""
    given = checks.parse(await http.body(request, BODY_BYTES_MAX))
    asked = _asked(given)
    key = await http.write(ctx, lambda tx: access_requests.start(tx, ctx, asked))
    return Json(msgspec.json.encode(_waiting(request, key, asked)), 201, HEADERS)


def _asked(given: Any) -> dict[str, Any]:
    """Return what an app asks.

    Raises:
        BadRequestFields: something cannot be right.
    """
    if not isinstance(given, dict):
        raise words.BadAccessRequest("The body is no JSON object.")
    app_id = given.get("requestingAppId")
    if not isinstance(app_id, str) or not 0 < len(app_id.strip()) <= 100:
        raise words.BadAccessRequest("Missing or invalid requestingAppId field.")
    try:
        grants.read_permissions(given.get("requestedPermissions"), "#/requestedPermissions")
    except checks.BadParameters as error:
        message = "; ".join(f"{p.path}: {p.message}" for p in error.problems)
        raise words.BadAccessRequest(f"Invalid requestedPermissions field: {message}") from None
    back = given.get("returnURL")
    if back not in (None, False, "false", "") and not _may_return(back):
        raise words.BadAccessRequest("Invalid returnURL field.")
    data, expires = given.get("clientData"), given.get("expireAfter")
    if data is not None and not isinstance(data, dict):
        raise words.BadAccessRequest("Invalid clientData field.")
    if expires is not None and (
        isinstance(expires, bool)
        or not isinstance(expires, int | float)
        or not 0 <= expires <= grants.EXPIRE_S_MAX
    ):
        raise words.BadAccessRequest("Invalid expireAfter field.")
    for name in ("deviceName", "languageCode"):
        if given.get(name) is not None and not isinstance(given[name], str):
            raise words.BadAccessRequest(f"Invalid {name} field.")
    try:
        events.check_json({name: given.get(name) for name in ECHOED}, "body")
    except InvalidInput as error:
        raise words.BadAccessRequest(error.message) from None
    return {name: given[name] for name in ECHOED if given.get(name) is not None}


def _may_return(address: Any) -> bool:
    """Return whether a browser may be sent there: an address of a page or of an app."""
    if not isinstance(address, str) or len(address) > 2_000 or not address.isprintable():
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return bool(parts.scheme) and parts.scheme.lower() not in _SCRIPTS and " " not in address


def _waiting(request: Request, key: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    base = wire.base_of(request)
    language = str(asked.get("languageCode") or service.LANGUAGE)
    poll = f"{base}/reg/access/{key}"
    query = {
        "lang": language,
        "key": key,
        "requestingAppId": asked["requestingAppId"],
        "poll": poll,
        "poll_rate_ms": POLL_MS,
        "pryvServiceInfoUrl": f"{base}/service/info",
    }
    address = f"{base}/auth?{urlencode(query)}"
    info = service.info(base, http.base_url(request, None))
    return {
        "status": "NEED_SIGNIN",
        "code": 201,
        "key": key,
        "requestingAppId": asked["requestingAppId"],
        "requestedPermissions": asked["requestedPermissions"],
        "url": address,
        "authUrl": address,
        "poll": poll,
        "returnURL": asked.get("returnURL"),
        "poll_rate_ms": POLL_MS,
        "clientData": asked.get("clientData"),
        "deviceName": asked.get("deviceName"),
        "expireAfter": asked.get("expireAfter"),
        "lang": language,
        "serviceInfo": info,
    }


async def _known(ctx: Context, key: str) -> AccessRequest:
    def look(tx: Tx) -> AccessRequest:
        return access_requests.look(tx, ctx, key)

    try:
        return await http.read(ctx, look, quick=True)
    except NotFound:
        raise words.UnknownKey("Unknown access key") from None


async def poll(ctx: Context, request: Request) -> Response:
    """Tell how a request stands."""
    key = request.path_params["key"]
    known = await _known(ctx, key)
    return _told(request, key, known)


def _told(request: Request, key: str, known: AccessRequest) -> Response:
    if known.answer is None:
        return Json(msgspec.json.encode(_waiting(request, key, known.asked)), 201, HEADERS)
    accepted = known.answer["status"] == "ACCEPTED"
    status = 200 if accepted else 403
    told = {**known.answer, "code": status}
    if accepted:
        told["serviceInfo"] = service.info(wire.base_of(request), http.base_url(request, None))
    return Json(msgspec.json.encode(told), status, HEADERS)


async def answer(ctx: Context, request: Request) -> Response:
    """Take the answer from a page that is not ours: the random key is all that it shows."""
    key = request.path_params["key"]
    await _known(ctx, key)
    given = checks.params_of(checks.parse(await http.body(request, BODY_BYTES_MAX)))
    if given.get("status") == "ACCEPTED":
        settled = await _accepted(ctx, request, given)
    elif given.get("status") == "ERROR":
        settled = _failure(str(given.get("id") or "ERROR"), str(given.get("message") or _FAILED))
    elif given.get("status") == "REFUSED":
        reason = str(given.get("reasonId") or given.get("reasonID") or "REFUSED_BY_USER")
        settled = _refusal(reason, str(given.get("message") or _REFUSED))
    else:
        raise words.BadAccessRequest("Missing or invalid status field.")
    known = await http.write(ctx, lambda tx: access_requests.settle(tx, ctx, key, settled))
    return _told(request, key, known)


async def _accepted(ctx: Context, request: Request, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an acceptance, once its token is found to open what it says."""
    token, username = given.get("token"), given.get("username")
    if not isinstance(token, str) or not isinstance(username, str):
        raise words.BadAccessRequest("Missing or invalid token or username field.")
    account_id = await wire.look_up(ctx, username.lower())
    try:
        access = await http.resolve(ctx, token, account_id=account_id)
    except Unauthenticated:
        raise words.BadAccessRequest("The token opens nothing.") from None
    return _acceptance(wire.base_of(request), access.username, token)


def _acceptance(base: str, username: str, token: str) -> dict[str, Any]:
    return {
        "status": "ACCEPTED",
        "username": username,
        "token": token,
        "apiEndpoint": grants.endpoint(base, username, token),
    }


def _refusal(reason: str, message: str) -> dict[str, Any]:
    reason, message = reason[:100], message[:TEXT_MAX]
    return {"status": "REFUSED", "reasonID": reason, "reasonId": reason, "message": message}


def _failure(id_: str, message: str) -> dict[str, Any]:
    return {"status": "ERROR", "id": id_[:100], "message": message[:TEXT_MAX]}


async def page(ctx: Context, request: Request) -> Response:
    """Lead the browser to our page that signs in and shows what is asked."""
    key = request.query_params.get("key", "")
    known = await _known(ctx, key)
    asked = known.asked
    wanted = grants.read_permissions(asked["requestedPermissions"])
    if not wanted.permissions:
        raise words.BadAccessRequest("No permission is asked for.")
    expires = asked.get("expireAfter")
    root = request.scope.get("root_path", "")
    back = asked.get("returnURL")
    ask = AccessAsk(
        api="pryv",
        name=asked["requestingAppId"].strip(),
        permissions=wanted.permissions,
        return_to=f"{root}/auth/done",
        target=back if isinstance(back, str) and _may_return(back) else "",
        at=ctx.now(),
        key=key,
        streams={k: v for k, v in wanted.names.items() if k != EVERY},
        device=asked.get("deviceName"),
        expires_s=None if expires is None else max(1, round(expires)),
        client_data=asked.get("clientData"),
        features=wanted.features,
    )
    return RedirectResponse(consents.page(ctx, ask), 302, HEADERS)


async def done(ctx: Context, request: Request) -> Response:
    """Take how our page ended, and lead the browser back."""
    ended = consents.outcome(ctx, request.query_params.get("outcome", ""))
    base = wire.base_of(request)
    settled = await http.read(ctx, lambda tx: _ended(tx, ctx, base, ended))
    known = await http.write(ctx, lambda tx: access_requests.settle(tx, ctx, ended.key, settled))
    back = known.asked.get("returnURL")
    if isinstance(back, str) and _may_return(back):
        return RedirectResponse(_back(back, ended.key, base, known.answer or {}), 302, HEADERS)
    return wire.page(
        "You can close this page",
        "The app goes on by itself."
        if settled["status"] == "ACCEPTED"
        else "Nothing was given to the app.",
    )


def _ended(tx: Tx, ctx: Context, base: str, ended: Outcome) -> dict[str, Any]:
    if ended.access_id is None:
        return _refusal("REFUSED_BY_USER", _REFUSED)
    stored = authentication.standing(tx, ctx, ended.account_id, ended.access_id)
    token = None if stored is None else accesses.shown_token(ctx, stored)
    if stored is None or token is None:
        raise InvalidInput("this access is there no more")
    return _acceptance(base, stored.access.username, token)


def _back(address: str, key: str, base: str, answered: Mapping[str, Any]) -> str:
    """Return the address to lead back to, with what clients of 1.x and of 2.0 look for."""
    told = {
        "prYvkey": key,
        "pryvKey": key,
        "prYvstatus": answered.get("status", ""),
        "prYvpoll": f"{base}/reg/access/{key}",
    }
    if answered.get("status") == "ACCEPTED":
        told |= {"prYvusername": answered["username"], "prYvtoken": answered["token"]}
    joint = "" if address[-1] in "?#&" else "&" if "?" in address else "?"
    return f"{address}{joint}{urlencode(told)}"
