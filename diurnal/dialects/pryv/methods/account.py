"""The account: its profile sets, its settings, its password: Pryv's methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from diurnal.auth.passwords import Rule
from diurnal.dialects.pryv import service
from diurnal.dialects.pryv.checks import (
    TEXT,
    BadOperation,
    Kinds,
    Params,
    check,
)
from diurnal.dialects.pryv.methods import pseudo
from diurnal.dialects.pryv.methods.accesses import nothing
from diurnal.dialects.pryv.methods.table import Call, Method, Result, Table
from diurnal.errors import Forbidden, InvalidInput, NotFound
from diurnal.services import accesses, passwords, profile_sets
from diurnal.services.context import Context
from diurnal.store import accounts as account_rows
from diurnal.store import files
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx

RULE = Rule(length_min=6, length_max=100)
_OBJECT = Kinds("object", lambda v: isinstance(v, dict))


def _profile(which: str) -> tuple[Method, Method]:
    def get(tx: Tx, _ctx: Context, call: Call, _asked: None) -> Result:
        return {"profile": _done(lambda: profile_sets.get(tx, call.access, which))}

    def take(params: Params, _now: int) -> dict[str, Any]:
        check(params, {"update": _OBJECT}, required=("update",))
        return dict(params["update"])

    def update(tx: WriteTx, ctx: Context, call: Call, asked: dict[str, Any]) -> Result:
        return {"profile": _done(lambda: profile_sets.update(tx, ctx, call.access, which, asked))}

    return Method(nothing, get), Method(take, update, writes=True)


_SETS = (profile_sets.PUBLIC, profile_sets.PRIVATE, profile_sets.APP)


def _set_of(params: Params) -> str:
    """Return which profile set is meant, as 2.0 names it by its id.

    Raises:
        NotFound: there is none like that.
    """
    if params["id"] not in _SETS:
        raise NotFound(f'Unknown profile set "{params["id"]}"')
    return str(params["id"])


def _take_set(params: Params, _now: int) -> str:
    check(params, {"id": TEXT}, required=("id",))
    return _set_of(params)


def get_set(tx: Tx, _ctx: Context, call: Call, asked: str) -> Result:
    """Return a profile set by its id; https://api.pryv.com/reference/#get-profile."""
    return {"profile": _done(lambda: profile_sets.get(tx, call.access, asked))}


def _take_set_update(params: Params, _now: int) -> tuple[str, dict[str, Any]]:
    check(params, {"id": TEXT, "update": _OBJECT}, required=("id", "update"))
    return _set_of(params), dict(params["update"])


def update_set(tx: WriteTx, ctx: Context, call: Call, asked: tuple[str, dict[str, Any]]) -> Result:
    """Change a profile set by its id."""
    return {"profile": _done(lambda: profile_sets.update(tx, ctx, call.access, *asked))}


def tell_service(_tx: Tx, _ctx: Context, call: Call, _asked: None) -> Result:
    """Return what the service tells of itself; https://api.pryv.com/reference/#service-info."""
    parts = urlsplit(call.base)
    return service.info(call.base, f"{parts.scheme}://{parts.netloc}")


def _done(step: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return step()
    except InvalidInput as error:
        if error.field is None:
            raise BadOperation(error.message) from None
        raise


def _account(tx: Tx, call: Call) -> Account:
    accesses.must_own(call.access)
    found = account_rows.get(tx, call.access.account_id)
    if found is None:
        raise Forbidden("the account is gone")
    return found


def get(tx: Tx, _ctx: Context, call: Call, _asked: None) -> Result:
    """Return the account; https://api.pryv.com/reference/#get-account-information."""
    account = _account(tx, call)
    return {
        "account": {
            "username": account.username,
            "email": account.email or "",
            "language": pseudo.language_of(account),
            "storageUsed": {
                "dbDocuments": pseudo.documents_of(tx, account.account_id),
                "attachedFiles": files.total(tx, account.account_id),
            },
        }
    }


def _take_update(params: Params, _now: int) -> dict[str, Any]:
    check(params, {"update": _OBJECT}, required=("update",))
    given: dict[str, Any] = params["update"]
    check(given, {"email": TEXT, "language": TEXT})
    return given


def update(tx: WriteTx, ctx: Context, call: Call, asked: dict[str, Any]) -> Result:
    """Change e-mail and language; https://api.pryv.com/reference/#update-account-information."""
    accesses.must_own(call.access)
    if "email" in asked:
        passwords.put_email(tx, ctx, call.access, asked["email"] or None)
    if "language" in asked:
        pseudo.put_language(tx, ctx, call.access, asked["language"])
    return get(tx, ctx, call, None)


def _take_password(params: Params, _now: int) -> tuple[str, str]:
    kinds = {"oldPassword": TEXT, "newPassword": TEXT}
    check(params, kinds, required=("oldPassword", "newPassword"))
    return params["oldPassword"], params["newPassword"]


def change_password(_tx: None, ctx: Context, call: Call, asked: tuple[str, str]) -> Result:
    """Change the password; the session that does so stays."""
    accesses.must_own(call.access)
    try:
        passwords.change(
            ctx, call.access, current=asked[0], new=asked[1], address=call.address, rule=RULE
        )
    except InvalidInput as error:
        if error.field == "current":
            raise BadOperation("The given password does not match.") from None
        raise InvalidInput(error.message, field="newPassword") from None
    return {}


_PUBLIC, _PRIVATE, _APP = map(
    _profile, (profile_sets.PUBLIC, profile_sets.PRIVATE, profile_sets.APP)
)

METHODS: Table = {
    "service.info": Method(nothing, tell_service, quick=lambda _asked: True),
    "profile.get": Method(_take_set, get_set),
    "profile.update": Method(_take_set_update, update_set, writes=True),
    "profile.getPublic": _PUBLIC[0],
    "profile.updatePublic": _PUBLIC[1],
    "profile.getPrivate": _PRIVATE[0],
    "profile.updatePrivate": _PRIVATE[1],
    "profile.getApp": _APP[0],
    "profile.updateApp": _APP[1],
    "account.get": Method(nothing, get),
    "account.update": Method(_take_update, update, writes=True),
    "account.changePassword": Method(_take_password, change_password, alone=True),
}
