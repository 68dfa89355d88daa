"""The records as the library wants to see them."""

from __future__ import annotations

import hmac

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
from diurnal.auth.oauth2.records import Application, Granted, Taken
from diurnal.catalog.scopes import ASKED_MAX


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
