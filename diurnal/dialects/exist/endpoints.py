"""Every path of both versions and of their OAuth, with what it does in the words of the audit."""

from __future__ import annotations

from diurnal.auth.oauth2.face import Face
from diurnal.dialects.exist import v1, v2
from diurnal.http import Handler, oauth
from diurnal.services.context import Context

FACE = Face(
    name="exist",
    api="exist",
    clients=("exist",),
    prefix="/oauth2",
    token="/access_token",  # noqa: S106 - a path
    token_s=31_535_999,
    refresh_s=None,
    hex_tokens=True,
    tolerant=True,
    iss=False,
    revoke=None,
    introspect=None,
    userinfo=None,
    keys=None,
    default_scopes=("read",),
)
_USERS, _ATTRIBUTES, _V2 = v1.USERS, v1.ATTRIBUTES, v2.BASE
ROUTES = {
    f"GET {_USERS}/profile": "profile.read",
    f"GET {_USERS}/today": "attributes.today",
    f"GET {_USERS}/avatar": "profile.avatar",
    f"GET {_USERS}/attributes": "attributes.list",
    f"GET {_USERS}/attributes/{{attribute}}": "attributes.values",
    f"GET {_USERS}/averages": "averages.list",
    f"GET {_USERS}/averages/attribute/{{attribute}}": "averages.list",
    f"GET {_USERS}/correlations/strongest": "correlations.list",
    f"GET {_USERS}/correlations/attribute/{{attribute}}": "correlations.list",
    f"GET {_USERS}/insights": "insights.list",
    f"GET {_USERS}/insights/attribute/{{attribute}}": "insights.list",
    f"POST {_ATTRIBUTES}/acquire": "attributes.acquire",
    f"POST {_ATTRIBUTES}/release": "attributes.release",
    f"GET {_ATTRIBUTES}/owned": "attributes.owned",
    f"POST {_ATTRIBUTES}/update": "attributes.update",
    f"POST {_ATTRIBUTES}/custom/append": "tags.append",
    "POST /api/1/auth/simple-token": "tokens.simple",
    f"GET {_V2}/accounts/profile": "profile.read",
    f"GET {_V2}/profile": "profile.read",
    f"GET {_V2}/attributes/templates": "attributes.templates",
    f"GET {_V2}/attributes": "attributes.list",
    f"GET {_V2}/attributes/owned": "attributes.owned",
    f"GET {_V2}/attributes/with-values": "attributes.list",
    f"GET {_V2}/attributes/values": "attributes.values",
    f"POST {_V2}/auth/simple-token": "tokens.simple",
    f"GET {_V2}/averages": "averages.list",
    f"GET {_V2}/correlations": "correlations.list",
    f"GET {_V2}/correlations/combo": "correlations.list",
    f"GET {_V2}/insights": "insights.list",
    f"POST {_V2}/attributes/acquire": "attributes.acquire",
    f"POST {_V2}/attributes/release": "attributes.release",
    f"POST {_V2}/attributes/create": "attributes.create",
    f"POST {_V2}/attributes/update": "attributes.update",
    f"POST {_V2}/attributes/increment": "attributes.increment",
}
ACTIONS = {route.partition(" ")[2]: action for route, action in ROUTES.items()}


def handlers(ctx: Context) -> dict[str, Handler]:
    """Return the handlers of the API by path."""
    return {**v1.handlers(ctx), **v2.handlers(ctx)}


def oauth_handlers(ctx: Context) -> dict[str, Handler]:
    """Return the handlers of OAuth by path; they word their own errors."""
    return oauth.endpoints(ctx, FACE)
