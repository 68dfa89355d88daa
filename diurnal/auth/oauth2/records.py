"""What passes between the library's rules and the storage: plain data, and views of it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    ClientMixin,
    InvalidScopeError,
    OAuth2Error,
    TokenMixin,
)

from diurnal.auth import tokens
from diurnal.auth.oauth2 import redirects
from diurnal.auth.oauth2.face import Face
from diurnal.catalog.scopes import ASKED_MAX
from diurnal.model.access import Place


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """A registered application, as far as the rules look at it."""

    id: str
    name: str
    secret_hash: bytes | None
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]


class Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the owner opens what scopes name.

    Attributes:
        start: only data from this instant on are read, microseconds UTC.
        days_only, place, delay: as of a permission.
        writable: the only measures that may be changed; None for all.
    """

    start: int | None = None
    days_only: bool = False
    place: Place = Place.EXACT
    delay: int = 0
    writable: tuple[str, ...] | None = None


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner allowed, until the application takes it.

    Attributes:
        redirect_sent: whether the request named its redirect URI, so that the exchange must too.
        authenticated: Unix seconds when the owner last showed who they are.
        until: microseconds when all that comes of it ends; None for the door's own lifetimes.
        device: the code was typed on another device; nothing was redirected.
    """

    client_id: str
    face: str
    scope: tuple[str, ...]
    frame: Frame
    authenticated: int
    redirect_uri: str = ""
    redirect_sent: bool = False
    challenge: str | None = None
    nonce: str | None = None
    resource: str | None = None
    until: int | None = None
    consent_id: str | None = None
    name: str = ""
    device: bool = False


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A token that stands: what its application may be told of it."""

    client_id: str
    scope: tuple[str, ...]
    username: str
    subject: str
    access_id: str
    account_id: int
    refresh: bool
    issued: int
    expires: int | None
    resource: str | None


class Reply(msgspec.Struct, kw_only=True):
    """An answer: JSON, or a way to send the browser.

    Attributes:
        access_id: of the access that it is about, where it is about one.
    """

    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    access_id: str = ""

    @property
    def location(self) -> str | None:
        """Where the browser is sent."""
        return self.headers.get("Location")


class Storage(Protocol):
    """What one step may ask for and do, all in one transaction."""

    def client(self, client_id: str) -> Application | None:
        """Return an application."""
        ...

    def save_code(self, granted: Granted) -> str:
        """Keep what was granted under a new code, and return the code."""
        ...

    def find_code(self, code: str, client_id: str) -> Granted | None:
        """Return what a code of this application stands for.

        None for an unknown or old one; one that was used ends what it was used for.
        """
        ...

    def issue(
        self, granted: Granted, *, code: str | None, refreshable: bool, resource: str | None
    ) -> dict[str, Any]:
        """Make the access, and return the members of the answer that tell its tokens."""
        ...

    def find_refresh(self, token: str, client_id: str) -> Taken | None:
        """Return what a refresh token stands for; an older one of its family ends the family."""
        ...

    def renew(self, taken: Taken, scope: tuple[str, ...]) -> dict[str, Any]:
        """Replace both tokens of a grant, and return those members of the answer."""
        ...

    def find_token(self, token: str, client_id: str) -> Taken | None:
        """Return what a token of this application stands for, of either kind."""
        ...

    def end(self, taken: Taken) -> None:
        """Revoke the access behind a token, and with it all its tokens."""
        ...

    def claims(self, scope: tuple[str, ...]) -> dict[str, Any]:
        """Return what the scopes tell of the owner."""
        ...


class Client(ClientMixin):  # type: ignore[misc]
    """The library's view of an application."""

    def __init__(self, application: Application, face: Face) -> None:
        self.record = application
        self.client_id = application.id
        self._face = face

    def get_client_id(self) -> str:
        """See `ClientMixin`."""
        return self.record.id

    def get_default_redirect_uri(self) -> str | None:
        """See `ClientMixin`; the one that is registered, where there is but one."""
        uris = self.record.redirect_uris
        return uris[0] if len(uris) == 1 or (uris and self._face.tolerant) else None

    def get_allowed_scope(self, scope: str | None) -> str:
        """See `ClientMixin`; scopes by their own names.

        Raises:
            InvalidScopeError: unknown, or none.
            OAuth2Error: more than the application is registered for.
        """
        known = self._face.scopes
        names = known.split(scope or "")
        names = names or list(self._face.default_scopes or self.record.scopes)
        if not names or len(names) > ASKED_MAX or any(known.find(n) is None for n in names):
            raise InvalidScopeError()
        most = {known.aliases.get(s, s) for s in self.record.scopes}
        plain = {s.name for s in known.known.values() if not s.opens}
        if most and not set(names) <= most | plain:
            raise OAuth2Error(
                "The application is not registered for this scope.", error=self._face.beyond
            )
        return " ".join(names)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """See `ClientMixin`."""
        return redirects.matching(self.record.redirect_uris, redirect_uri) is not None

    def check_client_secret(self, client_secret: str) -> bool:
        """See `ClientMixin`."""
        known = self.record.secret_hash
        return known is not None and hmac.compare_digest(known, tokens.digest(client_secret))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """See `ClientMixin`; who has a secret shows it, in either place."""
        return (method == "none") == (self.record.secret_hash is None)

    def check_response_type(self, response_type: str) -> bool:
        """See `ClientMixin`."""
        return response_type in self._face.response_types

    def check_grant_type(self, grant_type: str) -> bool:
        """See `ClientMixin`."""
        return grant_type in self._face.grants


class CodeView(AuthorizationCodeMixin):  # type: ignore[misc]
    """The library's view of a code."""

    code_challenge_method = "S256"

    def __init__(self, code: str, granted: Granted) -> None:
        self.code = code
        self.granted = granted
        self.code_challenge = granted.challenge

    def get_redirect_uri(self) -> str | None:
        """See `AuthorizationCodeMixin`; None where the exchange need not repeat it."""
        return self.granted.redirect_uri if self.granted.redirect_sent else None

    def get_scope(self) -> str:
        """See `AuthorizationCodeMixin`."""
        return " ".join(self.granted.scope)

    def get_nonce(self) -> str | None:
        """See the library's mix-in for OpenID Connect."""
        return self.granted.nonce

    def get_auth_time(self) -> int:
        """See the library's mix-in for OpenID Connect."""
        return self.granted.authenticated

    def get_acr(self) -> None:
        """See the library's mix-in for OpenID Connect."""

    def get_amr(self) -> None:
        """See the library's mix-in for OpenID Connect."""


class TokenView(TokenMixin):  # type: ignore[misc]
    """The library's view of a token."""

    def __init__(self, taken: Taken) -> None:
        self.taken = taken

    def check_client(self, client: Client) -> bool:
        """See `TokenMixin`."""
        return client.client_id == self.taken.client_id

    def get_scope(self) -> str:
        """See `TokenMixin`."""
        return " ".join(self.taken.scope)

    def get_expires_in(self) -> int:
        """See `TokenMixin`."""
        return 0 if self.taken.expires is None else self.taken.expires - self.taken.issued

    def is_expired(self) -> bool:
        """See `TokenMixin`; the storage finds none that is."""
        return False

    def is_revoked(self) -> bool:
        """See `TokenMixin`; the storage finds none that is."""
        return False


Form = Mapping[str, list[str]]
"""Parameters of a request: name -> values in their order."""
