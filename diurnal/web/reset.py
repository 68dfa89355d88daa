"""A forgotten password, and the confirmation of an address: where links in mails lead."""

from __future__ import annotations

import structlog
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.errors import AppError, Forbidden, InvalidInput, TooMany
from diurnal.services import mail, mail_links
from diurnal.services.context import Context
from diurnal.web import page

log = structlog.get_logger(__name__)


async def reset_page(ctx: Context, request: Request) -> Response:
    """Ask for a name; or, by a link, for a new password."""
    token = request.query_params.get("token")
    if token is None:
        return _ask_form(ctx)
    address = http.address(request)
    name = await http.blocking(lambda: mail_links.check_reset(ctx, token, address))
    return _new_form(token, name, None)


def _ask_form(ctx: Context, *, asked: bool = False) -> Response:
    known = {"mails": mail.configured(ctx.settings), "asked": asked}
    return page.html("reset.html", known)


def _new_form(token: str, name: str, problem: AppError | None) -> Response:
    known = {"token": token, "username": name, "problem": problem}
    status, headers = page.status_of(problem), http.retry_headers(problem)
    return page.html("reset_new.html", known, status, headers)


async def ask(ctx: Context, request: Request) -> Response:
    """Mail a link, and say the same whether or not there is such an account."""
    form = await page.form_of(request)
    response = _ask_form(ctx, asked=True)
    # After the answer, so that its time tells nothing.
    response.background = BackgroundTask(_send, ctx, form.get("name", ""))
    return response


async def _send(ctx: Context, name: str) -> None:
    try:
        await http.blocking(lambda: mail_links.ask_reset(ctx, name))
    except AppError as error:
        log.warning("a password reset was not mailed", reason=error.message)


async def set_new(ctx: Context, request: Request) -> Response:
    """Set the new password; one signs in with it then."""
    form = await page.form_of(request)
    token, address = form.get("token", ""), http.address(request)
    try:
        name = await http.blocking(
            lambda: mail_links.reset(
                ctx, token=token, password=form.get("password", ""), address=address
            )
        )
    except InvalidInput as error:
        name = await http.blocking(lambda: mail_links.check_reset(ctx, token, address))
        return _new_form(token, name, error)
    response = page.html("done.html", {"title": "The password is set", "text": _SET.format(name)})
    http.drop_session(request, response)
    return response


_SET = "All sessions of {} have ended. Sign in with the new password."


async def verify_page(_ctx: Context, request: Request) -> Response:
    """Show a button: what only looks at a link must not use it up."""
    return page.html("verify.html", {"token": request.query_params.get("token", "")})


async def verify(ctx: Context, request: Request) -> Response:
    """Confirm the address."""
    form = await page.form_of(request)
    address = http.address(request)
    try:
        email = await http.blocking(
            lambda: mail_links.verify(ctx, token=form.get("token", ""), address=address)
        )
    except (Forbidden, TooMany) as error:
        return page.problem(error, page.status_of(error), "This did not work")
    return page.html("done.html", {"title": "The address is confirmed", "text": email})


ROUTES: page.Pages = {
    "/reset": {"GET": reset_page, "POST": ask},
    "/reset/new": {"POST": set_new},
    "/verify-email": {"GET": verify_page, "POST": verify},
}
