"""Signing out: by our own button, or at the wish of an application."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from diurnal import http
from diurnal.model.access import Access
from diurnal.services import accesses, sign_outs, subjects
from diurnal.services.context import Context
from diurnal.services.sign_outs import Wish
from diurnal.web import page


async def ask(ctx: Context, request: Request) -> Response:
    """Sign out whom the application's ID token names; ask everybody else whether they want it."""
    text = request.query_params.get("request", "")
    wish = sign_outs.opened(ctx, text)
    caller = await http.signed_in(ctx, request)
    if caller is None:
        return _on(wish)
    subject = await http.read(ctx, lambda tx: subjects.of(tx, caller.account_id), quick=True)
    if wish.subject == subject:
        return await _end(ctx, request, caller, _on(wish))
    known = {"name": wish.name, "username": caller.username, "request": text}
    return page.html("sign_out.html", known, headers=page.ending_at(wish.target))


async def sign_out(ctx: Context, request: Request) -> Response:
    """Revoke the session, and go to the sign-in page or where the application wishes."""
    text = (await page.form_of(request)).get("request")
    response = page.go("/sign-in") if text is None else _on(sign_outs.opened(ctx, text))
    return await _end(ctx, request, await http.signed_in(ctx, request), response)


async def _end(
    ctx: Context, request: Request, caller: Access | None, response: Response
) -> Response:
    if caller is not None:
        await http.write(ctx, lambda tx: accesses.revoke(tx, ctx, caller, caller.id))
    http.drop_session(request, response)
    return response


def _on(wish: Wish) -> Response:
    if wish.target is not None:
        return RedirectResponse(wish.target, 303, page.HEADERS)
    title = "You are signed out"
    text = "This browser is signed in no more. What applications were allowed before stands."
    return page.html("done.html", {"title": title, "text": text})


ROUTES: page.Pages = {sign_outs.PAGE: {"GET": ask, "POST": sign_out}}
