"""Signing in."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.errors import AppError, Forbidden, TooMany, Unauthenticated
from diurnal.services import first_run, sessions, sign_in_links
from diurnal.services.context import Context
from diurnal.services.sign_in import Pending, finish
from diurnal.web import page


async def sign_in_page(ctx: Context, request: Request) -> Response:
    """Show the form to sign in."""
    if await http.read(ctx, first_run.needed, quick=True):
        return page.go("/setup")
    return _sign_in_form(ctx, {}, None, page.inside(request.query_params.get("next", "/")))


def _sign_in_form(
    ctx: Context, form: Mapping[str, str], problem: AppError | None, next_: str
) -> Response:
    known = {"form": form, "problem": problem, "next": next_, "sign_up": ctx.settings.sign_up}
    status, headers = page.status_of(problem), http.retry_headers(problem)
    return page.html("sign_in.html", known, status, headers, scripted=True)


async def sign_in(ctx: Context, request: Request) -> Response:
    """Sign in and go on to where one wanted to be, or ask for the second factor."""
    form = await page.form_of(request)
    next_ = page.inside(form.get("next", "/"))
    try:
        return await come_in(ctx, request, form.get("name", ""), form.get("password", ""), next_)
    except (Unauthenticated, Forbidden, TooMany) as error:
        return _sign_in_form(ctx, form, error, next_)


async def come_in(ctx: Context, request: Request, name: str, password: str, next_: str) -> Response:
    """Sign in with name and password and go on."""
    found = await http.blocking(
        lambda: sessions.sign_in(
            ctx,
            name=name,
            password=password,
            address=http.address(request),
            device=request.headers.get("user-agent", ""),
        )
    )
    if isinstance(found, Pending):
        return _code_form(found.ticket, None, next_)
    return enter(request, found[1], next_)


def enter(request: Request, token: str, next_: str) -> Response:
    """Go on with a new session."""
    response = page.go(next_)
    http.keep_session(request, response, token)
    return response


def _code_form(ticket: str, problem: AppError | None, next_: str) -> Response:
    known = {"ticket": ticket, "problem": problem, "next": next_}
    status, headers = page.status_of(problem), http.retry_headers(problem)
    return page.html("sign_in_code.html", known, status, headers)


async def sign_in_code(ctx: Context, request: Request) -> Response:
    """Take the code of the second factor and go on."""
    form = await page.form_of(request)
    next_, ticket = page.inside(form.get("next", "/")), form.get("ticket", "")

    def redeem() -> str:
        address = http.address(request)
        proof = finish(ctx, ticket=ticket, code=form.get("code", ""), address=address)
        device = request.headers.get("user-agent", "")
        return sessions.begin(ctx, proof, address=address, device=device)[1]

    try:
        return enter(request, await http.blocking(redeem), next_)
    except (Unauthenticated, TooMany) as error:
        return _code_form(ticket, error, next_)
    except Forbidden as error:
        return _sign_in_form(ctx, {}, error, next_)


async def sign_in_once(ctx: Context, request: Request) -> Response:
    """Sign in by the link that a command printed."""
    # What only looks at a link must not use it up.
    if request.method != "GET":
        return Response(status_code=204, headers=page.HEADERS)
    local = http.from_here(ctx, request)
    _, token = await http.blocking(
        lambda: sign_in_links.redeem(
            ctx,
            request.query_params.get("token", ""),
            local=local,
            device=request.headers.get("user-agent", ""),
        )
    )
    return enter(request, token, "/")


ROUTES: page.Pages = {
    "/sign-in": {"GET": sign_in_page, "POST": sign_in},
    "/sign-in/code": {"POST": sign_in_code},
    "/sign-in/once": {"GET": sign_in_once},
}
