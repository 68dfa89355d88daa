"""What a door says of its OAuth: lifetimes, grants, shapes. Plain data."""

from __future__ import annotations

import msgspec

from diurnal.catalog import scopes
from diurnal.catalog.scopes import Scopes

DAY_S = 86_400
CODE = "authorization_code"
REFRESH = "refresh_token"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """One door to the one OAuth server.

    Attributes:
        name: names the door, where grants are kept.
        api: whose scopes are asked for, and what the accesses say of themselves.
        clients: APIs whose registered applications may come.
        issuer: path below the dialect's mount that names this issuer, None for the server's
            address itself; may hold parts of the route, "/oauth2/{id}".
        prefix: of the endpoints' paths, below the dialect's mount; like `issuer`.
        authorize, token, …: paths below `prefix`; None where the door has no such endpoint.
        response_types, grants: what is offered.
        code_s: life of an authorization code.
        token_s: life of an access token.
        refresh_s: how long a grant can be refreshed in all; None for as long as it stands.
        idle_s: after this long without refreshing, it cannot be any more; None for no such end.
        offline_only: refresh tokens are for those who ask for `offline_access`.
        hex_tokens: tokens are 40 hex digits.
        tolerant: `redirect_uri` may be left out where one is registered, and at the exchange.
        iss: answers name the issuer (RFC 9207).
        default_scopes: asked for where a request names none.
        implicit_way: the legacy way in (`services.legacy`) that lets answers with tokens in an
            address through; an owner may have switched it off.
        beyond: error for a known scope that the application is not registered for.
    """

    name: str
    api: str
    clients: tuple[str, ...]
    issuer: str | None = None
    prefix: str = ""
    authorize: str = "/authorize"
    token: str = "/token"  # noqa: S105 - a path
    revoke: str | None = "/revoke"
    introspect: str | None = "/introspect"
    userinfo: str | None = "/userinfo"
    keys: str | None = "/keys"
    device: str | None = None
    register: str | None = None
    logout: str | None = None
    response_types: tuple[str, ...] = ("code",)
    grants: tuple[str, ...] = (CODE, REFRESH)
    code_s: int = 600
    token_s: int = 3_600
    refresh_s: int | None = 90 * DAY_S
    idle_s: int | None = None
    offline_only: bool = False
    hex_tokens: bool = False
    tolerant: bool = False
    iss: bool = True
    default_scopes: tuple[str, ...] = ()
    implicit_way: str | None = None
    beyond: str = "invalid_scope"

    @property
    def scopes(self) -> Scopes:
        """The scopes that may be asked for."""
        return scopes.of(self.api)
