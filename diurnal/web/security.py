"""Security: password, second step, passkeys, sessions, legacy ways, and the end of an account."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.errors import AppError, Conflict, Forbidden, InvalidInput, NotFound, TooMany
from diurnal.model.access import Access
from diurnal.model.time import to_datetime
from diurnal.services import accounts, legacy, passkeys, passwords, second_factor, sessions
from diurnal.services.context import Context
from diurnal.store.accounts import Account
from diurnal.store.database import Tx
from diurnal.web import page

_HERE = "/security"
Act = Callable[[Context, Access, Mapping[str, str], str], "Mapping[str, Any] | None"]
"""(context, caller, form, address) -> what the page shows at once, or None to show it anew."""


async def security(ctx: Context, request: Request) -> Response:
    """Show everything."""
    caller = await http.signed_in(ctx, request)
    if caller is None:
        return page.go(f"/sign-in?next={_HERE}")
    return await _shown(ctx, caller)


async def _shown(
    ctx: Context, caller: Access, problem: AppError | None = None, at: str = "", **more: Any
) -> Response:
    now = http.doing.current()
    if problem is not None and now is not None:
        now.error = problem.code  # a page that says so is a refusal all the same
    known = await http.read(ctx, lambda tx: _known(tx, ctx, caller))
    known |= {"problem": problem, "at": at, "codes": None, "changed": "", **more}
    status, headers = page.status_of(problem), http.retry_headers(problem)
    return page.html("security.html", known, status, headers, scripted=True)


def _known(tx: Tx, ctx: Context, caller: Access) -> dict[str, Any]:
    account = accounts.find(tx, caller.username)
    setup = second_factor.pending(tx, ctx, caller)
    ways = legacy.listed(tx, ctx, caller)

    return {
        "account": account,
        "factor": second_factor.state(tx, caller),
        "setup": setup,
        "qr": setup.picture.decode() if setup else "",
        "passkeys": passkeys.listed(tx, caller),
        "sessions": sessions.listed(tx, ctx, caller),
        "current": caller.id,
        "ways": sorted(ways, key=lambda w: (-w.uses, w.way.key)),
        "when": lambda at: when(at, account),
        "device": device,
    }


def when(at: int | None, account: Account) -> str:
    """Return an instant as the account's owner reads it."""
    if at is None:
        return "never"
    told = to_datetime(at, account.timezone or "UTC")
    return f"{told.day} {told:%B %Y, %H:%M}"


_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux", "CrOS")
_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrom", "Chrome"))


def device(agent: str) -> str:
    """Return what a person calls the client that gave this name."""
    system = next((s for s in _SYSTEMS if s in agent), "")
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    if not browser and "Safari/" in agent:
        browser = "Safari"
    if browser:
        return f"{browser} on {system.replace('Mac OS X', 'Mac')}" if system else browser
    plain = re.split(r"[\s/(]", agent, maxsplit=1)[0]
    return plain[:40] or "Unknown device"


def _doing(section: str, act: Act) -> page.Page:
    """Return a page that does something and shows the result in its section."""

    async def do(ctx: Context, request: Request) -> Response:
        caller = await http.signed_in(ctx, request)
        if caller is None:
            return page.go(f"/sign-in?next={_HERE}")
        form = await page.form_of(request)
        try:
            told = await http.blocking(lambda: act(ctx, caller, form, http.address(request)))
        except (InvalidInput, Conflict, Forbidden, NotFound, TooMany) as error:
            return await _shown(ctx, caller, error, section)
        if told is not None:
            return await _shown(ctx, caller, None, section, **told)
        return page.go(f"{_HERE}#{section}")

    return do


def _password(
    ctx: Context, caller: Access, form: Mapping[str, str], address: str
) -> Mapping[str, Any]:
    ended = passwords.change(
        ctx,
        caller,
        current=form.get("current", ""),
        new=form.get("new", ""),
        revoke_apps="apps" in form,
        address=address,
    )
    return {"changed": f"The password is changed; {ended} other sessions and tokens have ended."}


def _begin(ctx: Context, caller: Access, form: Mapping[str, str], address: str) -> None:
    second_factor.begin(ctx, caller, password=form.get("password", ""), address=address)


def _confirm(ctx: Context, caller: Access, form: Mapping[str, str], _: str) -> Mapping[str, Any]:
    code = form.get("code", "")
    codes = ctx.store.write(lambda tx: second_factor.confirm(tx, ctx, caller, code)).result()
    return {"codes": codes}


def _codes(
    ctx: Context, caller: Access, form: Mapping[str, str], address: str
) -> Mapping[str, Any]:
    codes = second_factor.renew_codes(
        ctx,
        caller,
        password=form.get("password", ""),
        code=form.get("code", ""),
        address=address,
    )
    return {"codes": codes}


def _remove(ctx: Context, caller: Access, form: Mapping[str, str], address: str) -> None:
    second_factor.remove(
        ctx,
        caller,
        password=form.get("password", ""),
        code=form.get("code", ""),
        address=address,
    )


def _rename(ctx: Context, caller: Access, form: Mapping[str, str], _: str) -> None:
    id_, name = form.get("id", ""), form.get("name", "")
    ctx.store.write(lambda tx: passkeys.rename(tx, ctx, caller, id_, name)).result()


def _forget(ctx: Context, caller: Access, form: Mapping[str, str], _: str) -> None:
    id_ = form.get("id", "")
    ctx.store.write(lambda tx: passkeys.remove(tx, ctx, caller, id_)).result()


def _end(ctx: Context, caller: Access, form: Mapping[str, str], _: str) -> None:
    id_ = form.get("id", "")
    ctx.store.write(lambda tx: sessions.end(tx, ctx, caller, id_)).result()


def _end_others(ctx: Context, caller: Access, _form: Mapping[str, str], _: str) -> None:
    ctx.store.write(lambda tx: sessions.end_others(tx, ctx, caller)).result()


def _legacy(ctx: Context, caller: Access, form: Mapping[str, str], _: str) -> None:
    way, on = form.get("way", ""), form.get("on") == "yes"
    ctx.store.write(lambda tx: legacy.switch(tx, ctx, caller, way, on=on)).result()


async def delete(ctx: Context, request: Request) -> Response:
    """Delete the account for good."""
    caller = await http.signed_in(ctx, request)
    if caller is None:
        return page.go(f"/sign-in?next={_HERE}")
    form = await page.form_of(request)
    try:
        if form.get("username", "").strip() != caller.username:
            raise InvalidInput("type the account's name to delete it", field="username")
        await http.blocking(
            lambda: passwords.delete_account(
                ctx,
                caller,
                password=form.get("password", ""),
                code=form.get("code", ""),
                address=http.address(request),
            )
        )
    except (InvalidInput, TooMany) as error:
        return await _shown(ctx, caller, error, "delete")
    text = f"The account {caller.username} and all that was its are deleted."
    response = page.html("done.html", {"title": "Deleted", "text": text})
    http.drop_session(request, response)
    return response


ROUTES: page.Pages = {
    _HERE: {"GET": security},
    f"{_HERE}/password": {"POST": _doing("password", _password)},
    f"{_HERE}/second-step": {"POST": _doing("second-step", _begin)},
    f"{_HERE}/second-step/confirm": {"POST": _doing("second-step", _confirm)},
    f"{_HERE}/second-step/codes": {"POST": _doing("second-step", _codes)},
    f"{_HERE}/second-step/remove": {"POST": _doing("second-step", _remove)},
    f"{_HERE}/passkeys/rename": {"POST": _doing("passkeys", _rename)},
    f"{_HERE}/passkeys/remove": {"POST": _doing("passkeys", _forget)},
    f"{_HERE}/sessions/end": {"POST": _doing("sessions", _end)},
    f"{_HERE}/sessions/end-others": {"POST": _doing("sessions", _end_others)},
    f"{_HERE}/legacy": {"POST": _doing("legacy", _legacy)},
    f"{_HERE}/delete": {"POST": delete},
}
