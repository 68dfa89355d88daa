"""Making an account by oneself, with an invitation where one is needed."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.errors import AppError, Conflict, Forbidden, InvalidInput, TooMany
from diurnal.services import first_run, sessions, sign_up
from diurnal.services.context import Context
from diurnal.services.sign_in import Proof
from diurnal.web import page
from diurnal.web.setup import zones
from diurnal.web.sign_in import enter


async def sign_up_page(ctx: Context, request: Request) -> Response:
    """Show the form, or why there is none."""
    if await http.read(ctx, first_run.needed, quick=True):
        return page.go("/setup")
    invitation = request.query_params.get("invitation", "")
    problem: AppError | None = None
    if ctx.settings.sign_up == "invite" and invitation:
        address = http.address(request)
        if not await http.blocking(lambda: sign_up.check_invitation(ctx, invitation, address)):
            problem = Forbidden("This invitation has been used, or is too old.")
    return _form(ctx, {"invitation": invitation}, problem)


def _form(ctx: Context, form: Mapping[str, str], problem: AppError | None) -> Response:
    known = {
        "mode": ctx.settings.sign_up,
        "form": form,
        "problem": problem,
        "zones": zones(),
    }
    status = 403 if ctx.settings.sign_up == "closed" else page.status_of(problem)
    return page.html("sign_up.html", known, status, http.retry_headers(problem))


async def register(ctx: Context, request: Request) -> Response:
    """Make the account and sign in to it."""
    form = await page.form_of(request)
    address, device = http.address(request), request.headers.get("user-agent", "")

    def make() -> str:
        made = sign_up.register(
            ctx,
            username=form.get("username", "").strip(),
            password=form.get("password", ""),
            email=form.get("email", "").strip() or None,
            timezone=form.get("timezone") or None,
            invitation=form.get("invitation"),
            address=address,
        )
        return sessions.begin(ctx, Proof(made, "password"), address=address, device=device)[1]

    try:
        return enter(request, await http.blocking(make), "/")
    except (Conflict, Forbidden, InvalidInput, TooMany) as error:
        return _form(ctx, form, error)


ROUTES: page.Pages = {"/sign-up": {"GET": sign_up_page, "POST": register}}
