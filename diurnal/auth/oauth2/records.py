"""What passes between the library's rules and the storage: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

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


Form = Mapping[str, list[str]]
"""Parameters of a request: name -> values in their order."""
