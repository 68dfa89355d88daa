"""Administration: sessions that last 14 days after their last use, the account, its profile."""

from __future__ import annotations

import re
from typing import Any

from diurnal.auth.passwords import Rule
from diurnal.dialects.pryv0 import checks
from diurnal.dialects.pryv0.table import API, Call, Method, Params, Table
from diurnal.dialects.pryv0.words import BadCredentials, BadNewPassword, WrongPassword
from diurnal.errors import Forbidden, InvalidInput, Unauthenticated
from diurnal.model import time
from diurnal.model.access import Access, Kind
from diurnal.services import (
    accesses,
    accounts,
    legacy,
    passwords,
    profile_sets,
    sessions,
    sign_in,
)
from diurnal.services.context import Context
from diurnal.services.sign_in import Pending
from diurnal.store import accounts as account_rows
from diurnal.store.accesses import Stored
from diurnal.store.database import Tx, WriteTx

LASTS_US = 14 * time.DAY
"""A session, after its last use."""
RULE = Rule(length_min=6, length_max=99)
LOGIN_WAY = "pryv0.password_login"
SESSION = "session of "
"""What the names of sessions begin with; an app's token is called just as the app."""
APP = "pryv0"
_APP_ID = re.compile(r"[^\s\0]{1,99}")
LANGUAGE = "en"


def login(ctx: Context, username: str, params: Params, address: str, device: str) -> Any:
    """Begin a session of an account whose name the address has too; blocks for the hash.

    Raises:
        BadCredentials: name and password do not belong together.
        Forbidden: the account takes no passwords this way, or asks for a second factor, which
            this API knows nothing of.
    """
    given = checks.text(params, "userName") or checks.text(params, "username", required=True)
    password = checks.text(params, "password", required=True) or ""
    app_id = checks.text(params, "appId") or APP
    wrong = BadCredentials("The given username/password pair is invalid.")
    if (given or "").lower() != username or not _APP_ID.fullmatch(app_id):
        raise wrong
    try:
        found = sign_in.begin(ctx, name=username, password=password, address=address)
    except Unauthenticated:
        raise wrong from None
    if isinstance(found, Pending):
        raise Forbidden("This account asks for a second factor: make a token on its own pages.")
    account = found.account

    def do(tx: WriteTx) -> tuple[Stored, str]:
        if not legacy.allowed(tx, ctx, account.account_id, LOGIN_WAY):
            raise Forbidden("The owner of this account does not take passwords from apps.")
        return sessions.open_session(
            tx,
            ctx,
            found,
            address=address,
            device=device,
            api=API,
            name=SESSION + app_id,
            lasts=LASTS_US,
            seal=True,
        )

    made, token = ctx.store.write(do).result()
    legacy.used(ctx, account.account_id, LOGIN_WAY)
    language = str(account.settings.get("language") or LANGUAGE)
    return made.access, {"sessionID": token, "preferredLanguage": language}


def prolong(tx: WriteTx, ctx: Context, access: Access) -> None:
    """Let a session that is used last on."""
    sessions.extend(tx, ctx, access, LASTS_US)


def is_stale(ctx: Context, access: Access) -> bool:
    """Return whether a session was prolonged more than a day ago."""
    if access.api != API or not access.name.startswith(SESSION) or access.expires is None:
        return False
    return access.expires - ctx.now() < LASTS_US - time.DAY


def logout(tx: WriteTx, ctx: Context, call: Call, _params: Params) -> Any:
    """End the session that calls."""
    accesses.revoke(tx, ctx, call.access, call.access.id)
    return {}


def who_am_i(_tx: Tx, _ctx: Context, call: Call, _params: Params) -> Any:
    """Tell whose the session is."""
    return {"username": call.access.username, "sessionID": call.token}


def get_my_token(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Return an app's own token for the account, made when it is first asked for."""
    name = checks.text(params, "applicationId") or call.access.name.removeprefix(SESSION)
    if not _APP_ID.fullmatch(name):
        raise InvalidInput("an app's id has no blanks", field="applicationId")
    known = sessions.of_app(tx, ctx, call.access.account_id, API, name)
    token = None if known is None else accesses.shown_token(ctx, known)
    if token is None:
        _, token = accesses.issue(
            tx,
            ctx,
            account_id=call.access.account_id,
            username=call.access.username,
            kind=Kind.PERSONAL,
            name=name,
            api=API,
            seal=True,
            made_by=call.access.id,
        )
    return {"token" if call.version.later else "id": token}


def get_user_info(tx: Tx, _ctx: Context, call: Call, _params: Params) -> Any:
    """Return the account."""
    found = account_rows.get(tx, call.access.account_id)
    if found is None:
        raise Forbidden("the account is gone")
    return {
        "username": found.username,
        "email": found.email or "",
        "language": str(found.settings.get("language") or LANGUAGE),
    }


def update_user_info(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
    """Change e-mail and language."""
    given = params["update"]
    checks.known(given, ("username", "email", "language"))
    if "email" in given:
        accounts.check_email(checks.text(given, "email"))
        passwords.put_email(tx, ctx, call.access, checks.text(given, "email"))
    language = checks.text(given, "language")
    if language is not None:
        if len(language) > 5:
            raise InvalidInput("a language has at most 5 characters", field="language")
        accounts.update(tx, ctx, call.access, settings={"language": language})
    return {}


def change_password(_tx: None, ctx: Context, call: Call, params: Params) -> Any:
    """Change the password; the session that does so stays."""
    old = checks.text(params, "oldPassword", required=True) or ""
    new = checks.text(params, "newPassword", required=True) or ""
    try:
        passwords.change(ctx, call.access, current=old, new=new, address=call.address, rule=RULE)
    except InvalidInput as error:
        if error.field == "current":
            raise WrongPassword("The given password does not match.") from None
        raise BadNewPassword(error.message) from None
    return {}


def _profile(which: str) -> tuple[Method, Method]:
    def get(tx: Tx, _ctx: Context, call: Call, _params: Params) -> Any:
        return profile_sets.get(tx, call.access, which)

    def update(tx: WriteTx, ctx: Context, call: Call, params: Params) -> Any:
        return profile_sets.update(tx, ctx, call.access, which, params["update"])

    return Method(get), Method(update, writes=True)


_PUBLIC, _PRIVATE, _APP = map(
    _profile, (profile_sets.PUBLIC, profile_sets.PRIVATE, profile_sets.APP)
)

METHODS: Table = {
    "admin.logout": Method(logout, writes=True, admin=True),
    "admin.whoAmI": Method(who_am_i, admin=True),
    "admin.getMyToken": Method(get_my_token, writes=True, admin=True),
    "admin.getUserInfo": Method(get_user_info, admin=True),
    "admin.updateUserInfo": Method(update_user_info, writes=True, admin=True),
    "admin.changePassword": Method(change_password, alone=True, admin=True),
    "profile.getPublic": _PUBLIC[0],
    "profile.updatePublic": _PUBLIC[1],
    "profile.getPrivate": _PRIVATE[0],
    "profile.updatePrivate": _PRIVATE[1],
    "profile.getApp": _APP[0],
    "profile.updateApp": _APP[1],
}
