"""The page on which an owner sees what an application asks, and answers; see `web.consent`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from diurnal import http
from diurnal.auth import signed
from diurnal.auth.oauth2.records import Frame
from diurnal.catalog import MEASURES
from diurnal.catalog.scopes import family
from diurnal.errors import AppError, Forbidden, InvalidInput, NotFound
from diurnal.http import doing
from diurnal.model.access import Access, Place
from diurnal.model.time import DAY, day_of, midnight, offset_min
from diurnal.services import clients, consents, devices, oauth2
from diurnal.services.consents import AccessAsk, AppAsk, Ask, Choice, Item
from diurnal.services.context import Context
from diurnal.store.clients import Client
from diurnal.store.database import Tx, WriteTx
from diurnal.web import page

FORM_BYTES_MAX = 256 << 10
FIELDS_MAX = 1_000
_PURPOSE = "consent form"
_GONE = "This application is no longer registered here."


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An ask as its page shows it.

    Attributes:
        client: None where it is none that is registered.
        target: where the browser goes afterwards.
        reached: the measures that it would read.
        before: the owner has allowed all of it already.
        closed: the owner has switched off the way it comes.
    """

    ask: Ask
    name: str
    items: Sequence[Item]
    reached: frozenset[str]
    client: Client | None = None
    target: str = ""
    scope: Sequence[str] = ()
    before: bool = False
    closed: bool = False
    signed_in: int = 0


def look(tx: Tx, ctx: Context, caller: Access, ask: Ask) -> Shown:
    """Return what the page of an ask shows.

    Raises:
        NotFound: the application is gone.
        InvalidInput: its registration has changed.
    """
    signed_in = oauth2.signed_in_at(tx, caller)
    if isinstance(ask, AccessAsk):
        return Shown(
            ask=ask,
            name=ask.name,
            items=consents.items(tx, ctx, caller, ask),
            reached=consents.reached(tx, ctx, caller, ask.permissions),
            target=ask.target,
            signed_in=signed_in,
        )
    client = _client(tx, ctx, ask)
    if ask.user_code is not None:
        scope, target = tuple(ask.params["scope"][0].split()), ""
    else:
        found = oauth2.check(ctx, ask.face, ask.issuer, "", client, _plain(ask))
        if found.problem is not None or found.location is not None:
            raise InvalidInput("This application has changed; go back and begin again.")
        scope, target = found.scope, found.redirect_uri
    known = ask.face.scopes.known
    return Shown(
        ask=ask,
        name=client.name,
        items=[consents.item_of(known[name]) for name in scope],
        reached=consents.reached(tx, ctx, caller, consents.of_scopes(scope, ask.face.api, Frame())),
        client=client,
        target=target,
        scope=scope,
        before=oauth2.standing(tx, caller, client, ask.face, scope),
        closed=oauth2.closed(tx, ctx, caller, ask),
        signed_in=signed_in,
    )


def _client(tx: Tx, ctx: Context, ask: AppAsk) -> Client:
    found = clients.find(tx, ctx, ask.client_id)
    if found is None or found.api not in ask.face.clients:
        raise NotFound(_GONE)
    return found


async def show(ctx: Context, request: Request) -> Response:
    """Show what is asked, to whoever is signed in."""
    text = request.query_params.get("request", "")
    ask = consents.opened(ctx, text)
    caller = await http.signed_in(ctx, request)
    wishes = _wishes(ask)
    if caller is None:
        if "none" in wishes and isinstance(ask, AppAsk):
            return await _without_asking(ctx, ask, "login_required")
        return _to_sign_in(text)
    shown = await http.read(ctx, lambda tx: look(tx, ctx, caller, ask))
    if "none" in wishes and isinstance(ask, AppAsk):
        return await _silently(ctx, caller, ask, shown)
    if _must_sign_in_again(ctx, ask, shown.signed_in):
        return _to_sign_in(text)
    if shown.closed and isinstance(ask, AppAsk):
        return _away(oauth2.refuse_way(ctx, ask, shown.client))
    return _page(ctx, caller, shown, text, None)


async def answer(ctx: Context, request: Request) -> Response:
    """Take the owner's answer and send the browser on."""
    form = await _form(request)
    text = _one(form, "request")
    ask = consents.opened(ctx, text)
    caller = await http.signed_in(ctx, request)
    if caller is None:
        return _to_sign_in(text)
    if not hmac.compare_digest(_one(form, "csrf"), _stamp(ctx, caller, text)):
        raise Forbidden("This form is another session's, or an old one. Go back and try again.")
    shown = await http.read(ctx, lambda tx: look(tx, ctx, caller, ask))
    if _must_sign_in_again(ctx, ask, shown.signed_in):
        return _to_sign_in(text)
    where, about = http.address(request), (shown.name,)
    if _one(form, "decision") != "allow":
        async with _doing(
            ctx, action="consent.refuse", access=caller, address=where, targets=about
        ):
            return await _refuse(ctx, caller, ask, shown)
    try:
        choice = await http.read(ctx, lambda tx: _choice(tx, ctx, caller, form))
        async with _doing(ctx, action="consent.allow", access=caller, address=where, targets=about):
            return await _allow(ctx, caller, ask, shown, choice)
    except InvalidInput as error:
        return _page(ctx, caller, shown, text, error)


_doing = partial(doing.doing, door="page")


async def _allow(ctx: Context, caller: Access, ask: Ask, shown: Shown, choice: Choice) -> Response:
    if isinstance(ask, AccessAsk):
        asked = ask
        return _away(
            await http.write(ctx, lambda tx: consents.allow(tx, ctx, caller, asked, choice))
        )
    client, app_ask = shown.client, ask
    if client is None:
        raise NotFound(_GONE)
    if ask.user_code is None:
        return _away(
            await http.write(
                ctx, lambda tx: oauth2.decide(tx, ctx, caller, app_ask, client, choice)
            )
        )
    code = await http.write(ctx, lambda tx: devices.grant(tx, ctx, caller, app_ask, client, choice))
    return await _settle(ctx, client, ask.user_code, code, shown.name)


async def _refuse(ctx: Context, caller: Access, ask: Ask, shown: Shown) -> Response:
    if isinstance(ask, AccessAsk):
        return _away(consents.refuse(ctx, caller, ask))
    if ask.user_code is not None and shown.client is not None:
        return await _settle(ctx, shown.client, ask.user_code, None, shown.name)
    location = oauth2.refuse(ctx, ask, shown.client)
    return _away(location) if location else page.go("/")


async def _settle(
    ctx: Context, client: Client, user_code: str, code: str | None, name: str
) -> Response:
    def write(tx: WriteTx) -> None:
        devices.settle(tx, ctx, client, user_code, code)

    await http.write(ctx, write)
    return page.html("device_done.html", {"name": name, "allowed": code is not None})


async def _silently(ctx: Context, caller: Access, ask: AppAsk, shown: Shown) -> Response:
    """Answer a request that wants no page: what stands is granted again, nothing else."""
    client = shown.client
    if client is None or _must_sign_in_again(ctx, ask, shown.signed_in):
        return await _without_asking(ctx, ask, "login_required")

    def step(tx: WriteTx) -> str | None:
        choice = oauth2.silent(tx, caller, client, ask.face, shown.scope)
        return None if choice is None else oauth2.decide(tx, ctx, caller, ask, client, choice)

    location = await http.write(ctx, step)
    return _away(location) if location else await _without_asking(ctx, ask, "consent_required")


async def _without_asking(ctx: Context, ask: AppAsk, error: str) -> Response:
    client = await http.read(ctx, lambda tx: _client(tx, ctx, ask), quick=True)
    location = oauth2.error_location(ctx, ask, client, error, "A page would have to be shown.")
    return _away(location) if location else page.go("/")


def _page(
    ctx: Context, caller: Access, shown: Shown, text: str, problem: AppError | None
) -> Response:
    client = shown.client
    known = {
        "name": shown.name,
        "items": [i for i in shown.items if not i.always],
        "plain": [i for i in shown.items if i.always],
        "reads": any(i.right == "read" or i.right == "write" for i in shown.items),
        "unseen": _unseen(shown.reached),
        "before": shown.before,
        "client": client,
        "mine": client is not None and client.account_id == caller.account_id,
        "home": urlsplit(client.home).hostname if client is not None and client.home else None,
        "age": _age(ctx, client),
        "username": caller.username,
        "target": shown.target,
        "code": _spelled(shown.ask),
        "request": text,
        "csrf": _stamp(ctx, caller, text),
        "lasts": _lasts(shown.ask),
        "expiries": consents.EXPIRY_DAYS,
        "backs": consents.BACK_DAYS,
        "delays": consents.DELAY_DAYS,
        "problem": problem,
    }
    back = shown.target or (shown.ask.return_to if isinstance(shown.ask, AccessAsk) else "")
    return page.html("consent.html", known, page.status_of(problem), page.ending_at(back))


def _unseen(seen: frozenset[str]) -> list[str]:
    """Return the families of data that stay closed, in words."""
    groups = dict.fromkeys(m.group for m in MEASURES.values() if m.group != "custom")
    closed = [
        g for g in groups if not any(m.key in seen for m in MEASURES.values() if m.group == g)
    ]
    return [family(g) for g in closed]


def _choice(tx: Tx, ctx: Context, caller: Access, form: Mapping[str, list[str]]) -> Choice:
    """Return what the owner chose; what is left as it was is all that was asked.

    Raises:
        InvalidInput: a field that the page does not have.
    """
    back, until, detail = (_one(form, name) for name in ("from", "until", "detail"))
    start = None
    if back not in ("", "all"):
        start = _today(tx, ctx, caller) - (0 if back == "today" else _days(back, "from")) * DAY
    delay = _days(_one(form, "delay"), "delay") if _one(form, "delay") not in ("", "0") else 0
    places = _one(form, "place") or Place.EXACT.value
    if places not in {p.value for p in Place}:
        raise InvalidInput("choose how exact places are", field="place")
    if detail not in ("", "full", "days"):
        raise InvalidInput("choose how much detail", field="detail")
    return Choice(
        keys=frozenset(form.get("item", [])),
        frame=Frame(start=start, days_only=detail == "days", place=Place(places), delay=delay),
        until=None if until in ("", "asked") else consents.until_after(ctx, _days(until, "until")),
    )


def _days(text: str, field: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:6]) <= 3_660:
        raise InvalidInput("choose one of the lines", field=field)
    return int(text[:6])


def _today(tx: Tx, ctx: Context, caller: Access) -> int:
    zone = ctx.state(tx, caller.account_id).zones.home
    now = ctx.now()
    return midnight(day_of(now, offset_min(zone, now)), zone)


def _wishes(ask: Ask) -> set[str]:
    return set(" ".join(ask.params.get("prompt", [])).split()) if isinstance(ask, AppAsk) else set()


def _must_sign_in_again(ctx: Context, ask: Ask, signed_in: int) -> bool:
    """Return whether the application wants the owner to show anew who they are."""
    if not isinstance(ask, AppAsk):
        return False
    if "login" in _wishes(ask) and signed_in < ask.at:
        return True
    oldest = "".join(ask.params.get("max_age", []))
    if not oldest.isascii() or not oldest.isdigit():
        return False
    # A sign-in for this very ask is fresh enough, whatever the age that is named.
    return signed_in < ask.at and ctx.now() - signed_in > int(oldest[:9]) * 1_000_000


def _lasts(ask: Ask) -> str:
    """Return in words until when what is asked lasts, if nothing else is chosen."""
    if isinstance(ask, AccessAsk):
        return _span(ask.expires_s)
    face = ask.face
    if "refresh_token" in face.grants:
        return _span(face.refresh_s)
    return _span(face.token_s)


def _span(seconds: int | None) -> str:
    if seconds is None:
        return "You withdraw it"
    if seconds < 2 * 86_400:
        return f"As it asks: {max(1, round(seconds / 3_600))} hours"
    return f"As it asks: {round(seconds / 86_400)} days"


def _age(ctx: Context, client: Client | None) -> str:
    if client is None:
        return ""
    days = (ctx.now() - client.created) // DAY
    return "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"


def _spelled(ask: Ask) -> str | None:
    code = ask.user_code if isinstance(ask, AppAsk) else None
    return None if code is None else f"{code[:4]}-{code[4:]}"


def _stamp(ctx: Context, caller: Access, text: str) -> str:
    """Return what a form of this session, for this ask, carries."""
    said = f"{caller.account_id}:{caller.id}:{hashlib.sha256(text.encode()).hexdigest()}"
    return signed.sign(ctx.keys, _PURPOSE, said.encode()).partition(".")[2]


def _to_sign_in(text: str) -> Response:
    next_ = f"{consents.PAGE}?request={quote(text, safe='')}"
    return page.go(f"/sign-in?next={quote(next_, safe='')}")


def _away(location: str) -> Response:
    # 303: the answer is not posted on to the application. No referrer: it may hold a code.
    headers = {**page.HEADERS, "Referrer-Policy": "no-referrer"}
    return RedirectResponse(location, 303, headers)


def _plain(ask: AppAsk) -> dict[str, list[str]]:
    return {name: values for name, values in ask.params.items() if name != "resource"}


def _one(form: Mapping[str, list[str]], name: str) -> str:
    return next(iter(form.get(name, [])), "")


async def _form(request: Request) -> dict[str, list[str]]:
    raw = await http.body(request, FORM_BYTES_MAX)
    try:
        pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise InvalidInput("The form has too many fields.") from None
    form: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise InvalidInput("The form has a NUL character.")
        form.setdefault(name, []).append(value)
    return form


async def device(ctx: Context, request: Request) -> Response:
    """Take the code that a device shows."""
    typed = request.query_params.get("user_code", "")
    caller = await http.signed_in(ctx, request)
    if caller is None:
        here = consents.DEVICE_PAGE + (f"?user_code={quote(typed, safe='')}" if typed else "")
        return page.go(f"/sign-in?next={quote(here, safe='')}")
    return _device_form({"user_code": typed}, None)


async def device_code(ctx: Context, request: Request) -> Response:
    """Lead from a device's code to what it asks."""
    form = await page.form_of(request)
    caller = await http.signed_in(ctx, request)
    if caller is None:
        return page.go(f"/sign-in?next={consents.DEVICE_PAGE}")
    name, where = f"device {caller.username}", http.address(request)
    await http.blocking(lambda: ctx.attempts.check(name, where))
    try:
        ask = await http.read(ctx, lambda tx: devices.find(tx, ctx, form.get("user_code", "")))
    except NotFound as error:
        await http.blocking(lambda: ctx.attempts.failed(name, where))
        return _device_form(form, error)
    return page.go(consents.page(ctx, ask))


def _device_form(form: Mapping[str, str], problem: AppError | None) -> Response:
    known: dict[str, Any] = {"form": form, "problem": problem}
    return page.html("device.html", known, page.status_of(problem))
