"""The pages of a shared link: what it is, its password, and what a guest sees and may add."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.auth import tokens
from diurnal.errors import AppError, Forbidden, InvalidInput, NotFound, TooMany, Unauthenticated
from diurnal.http import doing
from diurnal.model.access import Access
from diurnal.model.time import day_from_text, to_datetime
from diurnal.services import guest, sharing
from diurnal.services.context import Context
from diurnal.services.guest import Glance, OneDay
from diurnal.services.guest_words import date_words
from diurnal.services.sharing import Landing
from diurnal.store.database import Tx
from diurnal.web import page

COOKIE = "diurnal_guest"
PATH = "/share"
LASTS_S = 12 * 3600


async def _landing(ctx: Context, request: Request) -> Landing:
    link = request.path_params["link"]
    return await http.read(ctx, lambda tx: sharing.look(tx, ctx, link))


async def _guest(ctx: Context, request: Request, landing: Landing) -> Access | None:
    """Return the share's access where this browser has opened it."""
    token = request.cookies.get(COOKIE)
    if token is None or tokens.account_of(token) != landing.access.account_id:
        return None
    try:
        access = await http.resolve(ctx, token)
    except Unauthenticated:
        return None
    return access if access.id == landing.access.id else None


async def _owner(ctx: Context, request: Request, landing: Landing) -> bool:
    caller = await http.signed_in(ctx, request)
    return caller is not None and caller.account_id == landing.access.account_id


async def show(ctx: Context, request: Request) -> Response:
    """Show what is shared to whoever has opened it, and to its owner as a guest would see it."""
    landing = await _landing(ctx, request)
    access = await _guest(ctx, request, landing)
    preview = access is None and await _owner(ctx, request, landing)
    if access is None and not preview:
        return _door(landing, request, None)
    return await _shown(ctx, request, landing, preview=preview)


async def _shown(
    ctx: Context,
    request: Request,
    landing: Landing,
    problem: AppError | None = None,
    *,
    preview: bool = False,
    added: bool = False,
) -> Response:
    access = landing.access
    window, day = _asked(request)

    def read(tx: Tx) -> tuple[Glance, OneDay | None]:
        one = None if day is None else guest.one_day(tx, ctx, access, day)
        return guest.glance(tx, ctx, access, window), one

    if preview:
        found, one = await http.read(ctx, read)
    else:
        where = http.address(request)
        async with doing.doing(ctx, sharing.DOOR, "share.view", access=access, address=where):
            found, one = await http.read(ctx, read)
    known = {
        **_words(landing, request),
        "glance": found,
        "one": one,
        "window": window,
        "windows": guest.WINDOWS,
        "preview": preview,
        "problem": problem,
        "added": added or "added" in request.query_params,
        "said": lambda date: date_words(day_from_text(date)),
        "size": (guest.LINE_W, guest.LINE_H),
        "chart": (guest.CHART_W, guest.CHART_H),
    }
    return page.html("share.html", known, page.status_of(problem))


def _asked(request: Request) -> tuple[int, int | None]:
    """Return how many days are to be shown, and which one by itself; what cannot be is left out."""
    wanted = request.query_params
    window = next((n for n in guest.WINDOWS if str(n) == wanted.get("days")), guest.WINDOWS[0])
    try:
        return window, day_from_text(wanted.get("day", ""), field="day")
    except InvalidInput:
        return window, None


def _words(landing: Landing, request: Request) -> dict[str, Any]:
    until = landing.access.expires
    told = None if until is None else to_datetime(until)
    return {
        "link": request.path_params["link"],
        "name": landing.access.name,
        "owner": landing.access.username,
        "words": landing.words,
        "until": None if told is None else f"{told.day} {told:%B %Y}",
    }


def _door(landing: Landing, request: Request, problem: AppError | None) -> Response:
    known = {**_words(landing, request), "locked": landing.locked, "problem": problem}
    headers = http.retry_headers(problem)
    return page.html("share_door.html", known, page.status_of(problem), headers)


async def enter(ctx: Context, request: Request) -> Response:
    """Open the link, with its password where it has one."""
    link = request.path_params["link"]
    landing = await _landing(ctx, request)
    form = await page.form_of(request)
    where = http.address(request)
    try:
        _, token = await http.blocking(
            lambda: sharing.open_link(ctx, link, form.get("password", ""), where)
        )
    except (Unauthenticated, TooMany) as error:
        now = http.doing.current()
        if now is not None:
            now.error = error.code
        return _door(landing, request, error)
    response = page.go(f"{PATH}/{link}")
    response.set_cookie(
        COOKIE,
        token,
        max_age=LASTS_S,
        path=PATH,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


async def add(ctx: Context, request: Request) -> Response:
    """Store what a guest adds."""
    landing = await _landing(ctx, request)
    access = await _guest(ctx, request, landing)
    if access is None:
        return page.go(f"{PATH}/{request.path_params['link']}")
    form = await page.form_of(request)
    try:
        await _add(ctx, access, form)
    except (InvalidInput, Forbidden, NotFound) as error:
        now = http.doing.current()
        if now is not None:
            now.error = error.code
        return await _shown(ctx, request, landing, error)
    return page.go(f"{PATH}/{request.path_params['link']}?added")


async def _add(ctx: Context, access: Access, form: dict[str, str]) -> None:
    if "measure" in form:
        day = day_from_text(form.get("date", ""), field="date")
        await http.write(
            ctx,
            lambda tx: guest.add_value(
                tx, ctx, access, form["measure"], day, form.get("value", "")
            ),
        )
        return
    stream, text = form.get("stream", ""), form.get("text", "")
    await http.write(ctx, lambda tx: guest.add_note(tx, ctx, access, stream, text))


async def leave(_ctx: Context, request: Request) -> Response:
    """Forget that this browser has opened it."""
    response = page.go(f"{PATH}/{request.path_params['link']}")
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="lax")
    return response


ROUTES: page.Pages = {
    "/share/{link}": {"GET": show, "POST": enter},
    "/share/{link}/add": {"POST": add},
    "/share/{link}/leave": {"POST": leave},
}
