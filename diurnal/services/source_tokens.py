"""What opens a source for one connection: signing in, and renewing a token exactly once.

Tokens rotate: two workers that renew at once would lose the connection. Whoever may renew is
settled in the database; the others wait for what comes of it. When the source has rotated and we
died before we could store it, the next try either still works or asks the owner to sign in again.
"""

from __future__ import annotations

import base64
import secrets
import time as stopwatch
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from diurnal.connectors import Answer, Connector, Key, OAuth2, Token
from diurnal.connectors._answers import at, decode
from diurnal.errors import Conflict, InvalidInput, NotFound, Upstream
from diurnal.model.time import MINUTE, SECOND
from diurnal.services import upstreams
from diurnal.services.context import Context
from diurnal.services.schedule import ACTIVE, PAUSED, RECONNECT
from diurnal.services.upstreams import AppKeys, Later
from diurnal.store import changes
from diurnal.store import connections as store
from diurnal.store.connections import Stored
from diurnal.store.database import Tx, WriteTx

if TYPE_CHECKING:
    from diurnal.outbound.client import Client

EARLY = MINUTE
"""A token is renewed this long before it ends."""
RENEW_US = 60 * SECOND
"""Whoever renews a token has ended by then, or died."""
WAIT_STEP_S = 0.05
PENDING_US = 15 * MINUTE
CODE_MAX = 4_000
TOKEN_MAX = 16_000
_BUSY = frozenset({601})
"""Withings says in the body of a 200 that it was asked too often."""


class SignInAgain(Upstream):
    """The source does not take the credential any more; only its owner can help."""

    code = "sign-in-again"

    def __init__(self, message: str = "the source asks you to sign in again") -> None:
        super().__init__(message, permanent=True)


class Pending(msgspec.Struct, frozen=True):
    """A sign-in under way."""

    state: str
    verifier: str
    redirect_uri: str
    began: int


class Held(msgspec.Struct, frozen=True):
    """A token, its number and when it ends; `app` is the connection's own application."""

    token: Token
    n: int
    expires: int | None


# Sealing: bound to the account by the keys, and to the connection's row here.


def seal(ctx: Context, account_id: int, id_: str, value: Any) -> bytes:
    """Return a value that only this connection's row opens."""
    return ctx.keys.seal(msgspec.json.encode((id_, value)).decode(), account_id)


def unseal(ctx: Context, account_id: int, id_: str, sealed: bytes | None, kind: type[Any]) -> Any:
    """Return a sealed value, None where it is not this row's."""
    text = None if sealed is None else ctx.keys.open(sealed, account_id)
    if text is None:
        return None
    owner, value = msgspec.json.decode(text, type=tuple[str, Any])
    return msgspec.convert(value, kind) if owner == id_ else None


def secrets_of(ctx: Context, c: Stored) -> dict[str, Any]:
    """Return the secret settings of a connection, its pasted `key` and own `app` among them."""
    found: dict[str, Any] = unseal(ctx, c.account_id, c.id, c.secret, dict) or {}
    return found


def app_of(tx: Tx, ctx: Context, c: Stored) -> AppKeys | None:
    """Return the application that a connection signs in with: its own, or the household's."""
    own = secrets_of(ctx, c).get("app")
    if own:
        return msgspec.convert(own, AppKeys)
    return upstreams.app(tx, ctx, c.connector)


# Signing in


def begin(
    tx: WriteTx, ctx: Context, c: Stored, connector: Connector, redirect_uri: str
) -> tuple[str, str]:
    """Begin a sign-in; return the address to send the owner to, and its state.

    Raises:
        InvalidInput: the source has no such sign-in, or there is no application for it.
    """
    auth = connector.auth
    if not isinstance(auth, OAuth2):
        raise InvalidInput("this source is not signed in to this way")
    keys = app_of(tx, ctx, c)
    if keys is None:
        raise InvalidInput("an application is needed at this source first", field="client_id")
    pending = Pending(secrets.token_urlsafe(32), secrets.token_urlsafe(48), redirect_uri, ctx.now())
    store.set_pending(tx, c.account_id, c.id, seal(ctx, c.account_id, c.id, pending))
    more = dict(auth.authorize_params)
    if auth.pkce:
        more["code_challenge"] = create_s256_code_challenge(pending.verifier)
        more["code_challenge_method"] = "S256"
    scope = auth.scope_separator.join(auth.scopes) or None
    url: str = prepare_grant_uri(
        replaced(ctx, connector, auth.authorize_url),
        keys.client_id,
        "code",
        redirect_uri=redirect_uri,
        scope=scope,
        state=pending.state,
        **more,
    )
    return url, pending.state


def pasted(text: str) -> tuple[str, str | None]:
    """Return code and state of what a person pasted: the code, or the whole address.

    Raises:
        InvalidInput: neither; or the source says there why it refused.
    """
    text = text.strip()
    if not text or len(text) > CODE_MAX:
        raise InvalidInput("paste the code, or the address you were sent to", field="code")
    if "://" not in text and not text.startswith("?"):
        return text, None
    query = parse_qs(urlsplit(text).query)
    if "error" in query:
        raise InvalidInput(f"the source refused: {query['error'][0][:80]}", field="code")
    if "code" not in query:
        raise InvalidInput("there is no code in this address", field="code")
    return query["code"][0], query.get("state", [None])[0]


def finish(ctx: Context, c: Stored, connector: Connector, client: Client, code: str) -> Held:
    """Trade the code for the first token and store it. Not in a turn of the store.

    Raises:
        Conflict: no sign-in is under way, or it began too long ago.
        Upstream: the source does not take the code.
    """
    pending: Pending | None = unseal(ctx, c.account_id, c.id, c.pending, Pending)
    auth = connector.auth
    if pending is None or not isinstance(auth, OAuth2) or ctx.now() - pending.began > PENDING_US:
        raise Conflict("no sign-in is under way; begin again")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": pending.redirect_uri}
    if auth.pkce:
        form["code_verifier"] = pending.verifier
    token = _ask(ctx, c, connector, auth, client, form, auth.token_url)
    return _store(ctx, c, token)


def check_state(ctx: Context, c: Stored, state: str | None) -> bool:
    """Return whether an answer belongs to the sign-in under way."""
    pending: Pending | None = unseal(ctx, c.account_id, c.id, c.pending, Pending)
    return (
        pending is not None
        and state is not None
        and secrets.compare_digest(pending.state.encode(), state.encode())
    )


def exchange(ctx: Context, c: Stored, connector: Connector, http: Any) -> Held:
    """Trade a pasted key for the first token. Not in a turn of the store."""
    auth = connector.auth
    if not isinstance(auth, Key) or auth.exchange is None:
        raise InvalidInput("this source takes the key itself")
    return _store(ctx, c, auth.exchange(http, str(secrets_of(ctx, c).get("key", ""))))


# Renewing


def current(ctx: Context, account_id: int, id_: str) -> Held | None:
    """Return the token of a connection as it stands.

    Raises:
        NotFound: the connection is gone.
    """
    return _held(ctx, _row(ctx, account_id, id_))


def _row(ctx: Context, account_id: int, id_: str) -> Stored:
    found = ctx.store.read(lambda tx: store.get(tx, account_id, id_))
    if found is None:
        raise NotFound("this connection is gone")
    return found


def _held(ctx: Context, c: Stored) -> Held | None:
    token = unseal(ctx, c.account_id, c.id, c.token, Token)
    return None if token is None else Held(token, c.token_n, c.token_expires)


def stale(ctx: Context, held: Held, *, early: int = EARLY) -> bool:
    """Return whether a token ends soon."""
    return held.expires is not None and held.expires - early <= ctx.now()


def renew(
    ctx: Context, account_id: int, id_: str, connector: Connector, http: Any, seen: int
) -> Held:
    """Return a token newer than the one seen; one caller asks for it, the others wait.

    Raises:
        SignInAgain: the source gives no other; the connection says so.
        Later: it could not be had now.
    """
    end = stopwatch.monotonic() + RENEW_US / SECOND
    while True:
        c = _row(ctx, account_id, id_)
        held = _held(ctx, c)
        if c.state == RECONNECT:
            raise SignInAgain(c.problem or "the source asks you to sign in again")
        if held is not None and c.token_n != seen:
            return held
        if _claim(ctx, c, seen):
            return _renew(ctx, c, connector, http)
        if stopwatch.monotonic() >= end:
            raise Later("the token is being renewed elsewhere", retry_after_s=30)
        stopwatch.sleep(WAIT_STEP_S)


def _claim(ctx: Context, c: Stored, seen: int) -> bool:
    def turn(tx: WriteTx) -> bool:
        changes.reserve(tx, c.account_id, 0, ctx.now())
        now = ctx.now()
        return store.claim_refresh(tx, c.account_id, c.id, seen, now, now + RENEW_US)

    return ctx.store.write(turn).result()


def _renew(ctx: Context, c: Stored, connector: Connector, http: Any) -> Held:
    auth = connector.auth
    try:
        if isinstance(auth, Key) and auth.exchange is not None:
            key = str(secrets_of(ctx, c).get("key", ""))
            return _store(ctx, c, auth.exchange(http, key))
        held = _held(ctx, c)
        if not isinstance(auth, OAuth2) or held is None or not held.token.refresh:
            raise SignInAgain
        form = {"grant_type": "refresh_token", "refresh_token": held.token.refresh}
        url = auth.refresh_url or auth.token_url
        token = _ask(ctx, c, connector, auth, http.client, form, url)
        if not token.refresh:
            token = msgspec.structs.replace(token, refresh=held.token.refresh)
        kept = {**held.token.extra, **token.extra}
        return _store(ctx, c, msgspec.structs.replace(token, extra=kept))
    except SignInAgain as error:
        lose(ctx, c.account_id, c.id, error.message)
        raise
    except BaseException:
        _let_go(ctx, c)
        raise


def _let_go(ctx: Context, c: Stored) -> None:
    def turn(tx: WriteTx) -> None:
        changes.reserve(tx, c.account_id, 0, ctx.now())
        store.let_go(tx, c.account_id, c.id, c.token_n)

    ctx.store.write(turn).result()


def lose(ctx: Context, account_id: int, id_: str, reason: str) -> None:
    """Note that only the owner can help: the connection asks to be signed in to again."""

    def turn(tx: WriteTx) -> None:
        stamp = changes.reserve(tx, account_id, 1, ctx.now())
        c = store.get(tx, account_id, id_)
        store.set_state(tx, account_id, id_, RECONNECT, reason)
        access_id = c.access_id if c is not None else ""
        changes.append(tx, account_id, stamp, access_id, [("connection", "update", id_)])

    ctx.store.write(turn).result()


def _store(ctx: Context, c: Stored, token: Token) -> Held:
    expires = None if token.expires_s is None else ctx.now() + token.expires_s * SECOND
    sealed = seal(ctx, c.account_id, c.id, token)

    def turn(tx: WriteTx) -> int:
        stamp = changes.reserve(tx, c.account_id, 1, ctx.now())
        state = PAUSED if c.state == PAUSED else ACTIVE
        store.set_token(tx, c.account_id, c.id, sealed, expires, state)
        changes.append(tx, c.account_id, stamp, c.access_id, [("connection", "update", c.id)])
        known = store.get(tx, c.account_id, c.id)
        return known.token_n if known is not None else 0

    return Held(token, ctx.store.write(turn).result(), expires)


# The token endpoint


def _ask(
    ctx: Context,
    c: Stored,
    connector: Connector,
    auth: OAuth2,
    client: Client,
    form: Mapping[str, str],
    url: str,
) -> Token:
    """Ask the token endpoint.

    Raises:
        SignInAgain: it refuses.
        Later: it does not answer now.
    """
    keys = ctx.store.read(lambda tx: app_of(tx, ctx, c))
    if keys is None:
        raise SignInAgain("the application at this source is gone")
    body = {**auth.token_params, **form}
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
    }
    if auth.client_auth == "basic":
        pair = f"{quote(keys.client_id, safe='')}:{quote(keys.client_secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        body["client_id"] = keys.client_id
        if keys.client_secret:
            body["client_secret"] = keys.client_secret
    said = client.request(
        "POST",
        replaced(ctx, connector, url),
        headers=headers,
        body=urlencode(body).encode(),
        bytes_max=1 << 20,
        seconds_max=30.0,
    )
    return _read(auth, Answer(status=said.status, headers=said.headers, body=said.body))


def _read(auth: OAuth2, said: Answer) -> Token:
    if said.status == 429 or said.status >= 500:
        raise Later("the source gives no token now", retry_after_s=_after(said))
    try:
        told = decode(said)
    except Upstream:
        told = None
    if not isinstance(told, dict) and said.status < 400:
        raise Later("the source's answer about the token is no JSON", retry_after_s=60)
    found = at(told, auth.envelope)
    access = found.get("access_token") if isinstance(found, dict) else None
    if said.status >= 400 or not isinstance(access, str) or not 0 < len(access) <= TOKEN_MAX:
        told = told if isinstance(told, dict) else {}
        if told.get("status") in _BUSY:
            raise Later("the source gives no token now", retry_after_s=60)
        code = told.get("error")
        reason = f" ({code[:60]})" if isinstance(code, str) and code.isascii() else ""
        raise SignInAgain(f"the source asks you to sign in again{reason}")
    refresh = found.get("refresh_token")
    expires = found.get("expires_in")
    return Token(
        access=access,
        refresh=refresh if isinstance(refresh, str) and refresh else None,
        expires_s=_seconds(expires),
        extra={name: found[name] for name in auth.keep if name in found},
    )


def _seconds(told: Any) -> int | None:
    try:
        return min(max(int(told), 0), 10 * 365 * 86_400)
    except (TypeError, ValueError, OverflowError):
        return None


def _after(said: Answer) -> int:
    told = said.headers.get("retry-after", "")
    return min(int(told), 3_600) if told.isascii() and told.isdigit() and len(told) < 9 else 60


def replaced(ctx: Context, connector: Connector, url: str) -> str:
    """Return an address with the host that the settings put in place of the source's."""
    told = ctx.settings.connectors.get(connector.name)
    if told is None or not told.base_url:
        return url
    parts = urlsplit(url)
    return f"{told.base_url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
