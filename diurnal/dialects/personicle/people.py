"""Users and physicians, as the mobile app asks for them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.personicle import door
from diurnal.errors import AppError, Forbidden, NotFound, Unauthenticated
from diurnal.http import Handler
from diurnal.model.access import Access
from diurnal.services import accesses, accounts, physicians
from diurnal.services.context import Context
from diurnal.store.database import Tx

REFUSED = "Unauthorized. You are not authorized to access this resource."
ABSENT = "Requested physician does not exist for this user"
IDS_MAX = 100
ROUTES = (
    "GET /api/user",
    "POST /api/update/user",
    "GET /api/physicians",
    "GET /api/physicians/all",
    "GET /api/physician/{id}",
    "POST /api/user/physicians",
    "POST /api/user/physicians/remove",
    "GET /physician/questions",
)


def handlers(ctx: Context) -> dict[str, Handler]:
    """Return the handlers by path."""

    async def user(request: Request) -> Response:
        caller = await _owner(ctx, request)
        subject = await door.user_of(ctx, caller)

        def row(tx: Tx) -> dict[str, Any]:
            account = accounts.find(tx, caller.username)
            told = physicians.info(tx, _own(caller))
            return {
                "user_id": subject,
                "email": account.email,
                "name": account.username,
                "is_physician": bool(told.get(physicians.FLAG)),
                "info": told,
            }

        return door.answer(await http.read(ctx, row))

    async def update(request: Request) -> Response:
        caller = await _owner(ctx, request)
        said = await door.body(request)
        if not isinstance(said, dict):
            raise door.Unreadable("Incorrectly formatted data packet")
        await http.write(ctx, lambda tx: physicians.tell(tx, ctx, _own(caller), said))
        return door.answer({})

    async def mine(request: Request) -> Response:
        caller = await _owner(ctx, request)
        found = await http.read(ctx, lambda tx: physicians.of(tx, _own(caller)))
        listed = [{"name": name, "user_id": subject} for name, subject in found]
        return door.answer({"name": caller.username, "physicians": listed})

    async def every(request: Request) -> Response:
        await _owner(ctx, request)
        found = await http.read(ctx, physicians.listed)
        return door.answer([{"name": n, "user_id": s, "is_physician": True} for n, s in found])

    async def one(request: Request) -> Response:
        caller = await _owner(ctx, request)
        found = await http.read(ctx, lambda tx: physicians.of(tx, _own(caller)))
        asked = request.path_params["id"]
        named = [{"name": n, "user_id": s} for n, s in found if s == asked]
        return door.answer(named) if named else door.answer({"error": ABSENT}, 404)

    async def add(request: Request) -> Response:
        caller = await _owner(ctx, request)
        chosen = await _ids(request)
        try:
            await http.write(ctx, lambda tx: physicians.add(tx, ctx, _own(caller), chosen))
        except NotFound as error:
            return door.answer({"error": error.message}, 404)
        return door.answer({"message": "Successfully added physicians"})

    async def remove(request: Request) -> Response:
        caller = await _owner(ctx, request)
        chosen = await _ids(request)
        await http.write(ctx, lambda tx: physicians.remove(tx, ctx, _own(caller), chosen))
        return door.answer({"message": "Successfully removed physicians"})

    async def questions(request: Request) -> Response:
        caller = await _owner(ctx, request)
        found = await http.read(ctx, lambda tx: physicians.of(tx, _own(caller)))
        listed = [
            {"physician_user_id": s, "questions": {}, "physician": {"name": n}} for n, s in found
        ]
        return door.answer({"name": caller.username, "physician_users": listed})

    return {
        "/api/user": _by(GET=user),
        "/api/update/user": _by(POST=update),
        "/api/physicians": _by(GET=mine),
        "/api/physicians/all": _by(GET=every),
        "/api/physician/{id}": _by(GET=one),
        "/api/user/physicians": _by(POST=add),
        "/api/user/physicians/remove": _by(POST=remove),
        "/physician/questions": _by(GET=questions),
    }


def _by(**methods: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            return door.answer({"detail": "Method Not Allowed"}, 405)
        return await handler(request)

    return answer


def render(error: AppError, status: int, _id: str) -> Response:
    """Return an error as this service words it."""
    if isinstance(error, Unauthenticated | Forbidden):
        return door.answer({"error": REFUSED}, status)
    return door.answer({"error": error.message}, status)


async def _owner(ctx: Context, request: Request) -> Access:
    """Return who calls, who must be the owner or an app that the owner let know who they are.

    Raises:
        Forbidden: another's token.
    """
    caller = await door.caller(ctx, request)
    if not caller.owner and "profile" not in caller.scopes:
        raise Forbidden(REFUSED)
    return caller


def _own(caller: Access) -> Access:
    """Return the owner's own access: an app with the scope `profile` acts for them here."""
    return accesses.personal(caller.account_id, caller.username)


async def _ids(request: Request) -> list[str]:
    said = await door.body(request)
    found = said.get("physicians") if isinstance(said, dict) else None
    if not isinstance(found, list) or len(found) > IDS_MAX:
        raise door.Unreadable("Incorrectly formatted data packet")
    return [str(one) for one in found]
