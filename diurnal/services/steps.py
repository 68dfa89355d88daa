"""What an OAuth step keeps and finds: codes, grants, accesses, in one account's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from authlib.oauth2.rfc6749 import InvalidRequestError

from diurnal.auth import tokens
from diurnal.auth.oauth2.face import Face
from diurnal.auth.oauth2.records import Application, Granted, Taken
from diurnal.model.access import Access, Kind, Permission
from diurnal.model.time import DAY, SECOND
from diurnal.services import accesses, authentication, consents, subjects
from diurnal.services.context import Context
from diurnal.store import accesses as access_rows
from diurnal.store import accounts, changes, grants
from diurnal.store import clients as client_rows
from diurnal.store import consents as consent_rows
from diurnal.store.clients import Client
from diurnal.store.database import WriteTx
from diurnal.store.grants import Code, Grant

CODES_KEPT_US = DAY
"""A code is remembered this long after its end, to notice that it is used again."""


def application(client: Client) -> Application:
    """Return an application as the rules look at it."""
    return Application(
        id=client.id,
        name=client.name,
        secret_hash=client.secret_hash,
        redirect_uris=client.redirect_uris,
        scopes=client.scopes,
    )


class Nothing:
    """Storage of a step that has no account: it knows applications, and no codes or tokens."""

    touched = ""
    """The access that the step was about."""

    def __init__(self, *found: Client | None) -> None:
        self._clients = {c.id: c for c in found if c is not None}

    def client(self, client_id: str) -> Application | None:
        """See `Storage`."""
        client = self._clients.get(client_id)
        return None if client is None else application(client)

    def save_code(self, granted: Granted) -> str:
        """See `Storage`."""
        raise InvalidRequestError("Nothing was granted.")

    def find_code(self, code: str, client_id: str) -> Granted | None:
        """See `Storage`."""
        return None

    def issue(
        self,
        granted: Granted,
        *,
        code: str | None,
        refreshable: bool,
        resource: str | None,
    ) -> dict[str, Any]:
        """See `Storage`."""
        raise InvalidRequestError("Nothing was granted.")

    def find_refresh(self, token: str, client_id: str) -> Taken | None:
        """See `Storage`."""
        return None

    def renew(self, taken: Taken, scope: tuple[str, ...]) -> dict[str, Any]:
        """See `Storage`."""
        raise InvalidRequestError("Nothing was granted.")

    def find_token(self, token: str, client_id: str) -> Taken | None:
        """See `Storage`."""
        return None

    def end(self, taken: Taken) -> None:
        """See `Storage`."""

    def claims(self, scope: tuple[str, ...]) -> dict[str, Any]:
        """See `Storage`."""
        return {}


class Steps(Nothing):
    """Storage of a step in one account's transaction."""

    def __init__(
        self,
        tx: WriteTx,
        ctx: Context,
        face: Face,
        account_id: int,
        username: str,
        *found: Client,
    ) -> None:
        super().__init__(*found)
        self._tx, self._ctx, self._face = tx, ctx, face
        self._account_id, self._username = account_id, username

    def save_code(self, granted: Granted) -> str:
        """See `Storage`."""
        tx, now = self._tx, self._ctx.now()
        grants.forget_codes(tx, self._account_id, now - CODES_KEPT_US)
        code = tokens.make(self._account_id)
        kept = Code(
            code_hash=tokens.digest(code),
            given=msgspec.json.encode(granted).decode(),
            access_id=None,
            expires=now + self._face.code_s * SECOND,
        )
        grants.add_code(tx, self._account_id, kept)
        return code

    def find_code(self, code: str, client_id: str) -> Granted | None:
        """See `Storage`."""
        row = grants.code(self._tx, self._account_id, tokens.digest(code))
        if row is None:
            return None
        granted = msgspec.json.decode(row.given, type=Granted)
        if granted.client_id != client_id:
            return None
        if row.access_id is not None:
            # Somebody else had it, or has it now: nobody keeps what it opened (RFC 6749, 4.1.2).
            self._end(row.access_id)
            return None
        return granted if self._ctx.now() < row.expires else None

    def issue(
        self, granted: Granted, *, code: str | None, refreshable: bool, resource: str | None
    ) -> dict[str, Any]:
        """See `Storage`."""
        tx, ctx, now, face = self._tx, self._ctx, self._ctx.now(), self._face
        token = tokens.make_hex(self._account_id) if face.hex_tokens else None
        expires = _earlier(now + face.token_s * SECOND, granted.until)
        stored, token = accesses.issue(
            tx,
            ctx,
            account_id=self._account_id,
            username=self._username,
            kind=Kind.APP,
            name=granted.name,
            permissions=self._opened(granted, granted.scope),
            api=face.api,
            client_id=granted.client_id,
            scopes=granted.scope,
            expires=expires,
            token=token,
            resource=resource,
        )
        access_id = self.touched = stored.access.id
        until = granted.until
        if face.refresh_s is not None:
            until = _earlier(now + face.refresh_s * SECOND, until)
        refresh = (
            tokens.make_family(self._account_id, hex_=face.hex_tokens) if refreshable else None
        )
        kept = Grant(
            access_id=access_id,
            face=granted.face,
            family=tokens.family_of(refresh) if refresh else None,
            refresh_hash=tokens.digest(refresh) if refresh else None,
            refresh_until=self._idle(now, until),
            until=until,
            given=msgspec.json.encode(granted).decode(),
            authenticated=granted.authenticated * SECOND,
            refreshed=now,
            created=now,
        )
        grants.add(tx, self._account_id, kept)
        if code is not None:
            grants.redeem(tx, self._account_id, tokens.digest(code), access_id)
        if granted.consent_id is not None:
            consent_rows.taken(tx, self._account_id, granted.consent_id, access_id)
        client_rows.add_user(tx, granted.client_id, self._account_id, now)
        return _told(token, expires, refresh, granted.scope, now)

    def find_refresh(self, token: str, client_id: str) -> Taken | None:
        """See `Storage`."""
        found = self._of_family(token, client_id)
        if found is None:
            return None
        grant, taken = found
        if grant.refresh_hash != tokens.digest(token):
            # An older one: it was copied, or the answer was lost; nobody can tell which.
            self._end(grant.access_id)
            return None
        return taken if self._ctx.now() < (grant.refresh_until or 2**62) else None

    def renew(self, taken: Taken, scope: tuple[str, ...]) -> dict[str, Any]:
        """See `Storage`."""
        tx, now, face = self._tx, self._ctx.now(), self._face
        grant = grants.get(tx, self._account_id, taken.access_id)
        stored = access_rows.by_id(tx, self._account_id, taken.access_id)
        if grant is None or grant.family is None or stored is None:
            raise InvalidRequestError("Nothing was granted.")
        granted = msgspec.json.decode(grant.given, type=Granted)
        self.touched = taken.access_id
        permissions = self._opened(granted, scope)
        if stored.access.permissions != self._opened(granted, stored.access.scopes):
            permissions = stored.access.permissions  # its owner has changed them since
        hex_ = face.hex_tokens
        token = tokens.make_hex(self._account_id) if hex_ else tokens.make(self._account_id)
        limit = self._limit(stored.access, grant)
        expires = _earlier(now + face.token_s * SECOND, limit)
        stamp = changes.reserve(tx, self._account_id, 1, now, meta=True)
        grants.new_token(
            tx,
            self._account_id,
            taken.access_id,
            token_hash=tokens.digest(token),
            scopes=scope,
            permissions=permissions,
            expires=expires,
            now=now,
        )
        changes.append(
            tx, self._account_id, stamp, taken.access_id, [("access", "update", taken.access_id)]
        )
        refresh = tokens.make_family(self._account_id, of=grant.family, hex_=hex_)
        digest, until = tokens.digest(refresh), self._idle(now, limit)
        grants.rotate(tx, self._account_id, taken.access_id, digest, until, limit, now)
        return _told(token, expires, refresh, scope, now)

    def find_token(self, token: str, client_id: str) -> Taken | None:
        """See `Storage`."""
        stored = access_rows.by_token(self._tx, self._account_id, tokens.digest(token))
        if stored is None:
            found = self._of_family(token, client_id)
            if found is None or found[0].refresh_hash != tokens.digest(token):
                return None
            return found[1]
        access = stored.access
        gone = stored.deleted is not None or authentication.expired(self._ctx, access)
        if gone or access.client_id != client_id:
            return None
        return self._taken(access, grants.get(self._tx, self._account_id, access.id))

    def end(self, taken: Taken) -> None:
        """See `Storage`."""
        self._end(taken.access_id)

    def claims(self, scope: tuple[str, ...]) -> dict[str, Any]:
        """See `Storage`."""
        return subjects.claims(self._tx, self._account_id, scope)

    def _of_family(self, token: str, client_id: str) -> tuple[Grant, Taken] | None:
        family = tokens.family_of(token)
        grant = grants.by_family(self._tx, self._account_id, family) if family else None
        if grant is None or grant.face != self._face.name:
            return None
        stored = access_rows.by_id(self._tx, self._account_id, grant.access_id)
        if stored is None or stored.deleted is not None or stored.access.client_id != client_id:
            return None
        limit = self._limit(stored.access, grant)
        if limit is not None and limit <= self._ctx.now():
            return None
        return grant, self._taken(stored.access, grant, refresh=True)

    def _taken(self, access: Access, grant: Grant | None, *, refresh: bool = False) -> Taken:
        scope = access.scopes
        issued = 0
        expires = access.expires
        if grant is not None:
            issued = grant.refreshed
            if refresh:
                scope = msgspec.json.decode(grant.given, type=Granted).scope
                expires = grant.refresh_until
        return Taken(
            client_id=access.client_id or "",
            scope=scope,
            username=access.username,
            subject=subjects.of(self._tx, self._account_id),
            access_id=access.id,
            account_id=self._account_id,
            refresh=refresh,
            issued=issued // SECOND,
            expires=None if expires is None else expires // SECOND,
            resource=access.resource,
        )

    def _opened(self, granted: Granted, scope: Sequence[str]) -> tuple[Permission, ...]:
        """Return the permissions of scopes, within what the owner chose."""
        known = self._face.scopes.known
        opens = [name for name in scope if name in known and known[name].opens]
        return consents.of_scopes(opens, self._face.api, granted.frame)

    def _limit(self, access: Access, grant: Grant) -> int | None:
        """Return when a grant ends: as it was made, or as its owner has said since."""
        given = _earlier(grant.refreshed + self._face.token_s * SECOND, grant.until)
        if access.expires is None or access.expires == given:
            return grant.until
        return _earlier(access.expires, grant.until)

    def _idle(self, now: int, until: int | None) -> int | None:
        idle = self._face.idle_s
        return until if idle is None else _earlier(now + idle * SECOND, until)

    def _end(self, access_id: str) -> None:
        self.touched = access_id
        stored = access_rows.by_id(self._tx, self._account_id, access_id)
        if stored is not None and stored.deleted is None:
            owner = accesses.personal(self._account_id, self._username)
            accesses.revoke(self._tx, self._ctx, owner, access_id)


def storage(
    tx: WriteTx | None,
    ctx: Context,
    face: Face,
    account_id: int | None,
    found: Mapping[str, Client],
) -> Nothing:
    """Return the storage of a step: the account's, locked, or one that knows no account."""
    if tx is None or account_id is None or changes.revs(tx, account_id) is None:
        return Nothing(*found.values())
    # The first statement locks the account: of many who come at once, one is served.
    changes.reserve(tx, account_id, 0, ctx.now())
    account = accounts.get(tx, account_id)
    if account is None or account.disabled is not None:
        return Nothing(*found.values())
    return Steps(tx, ctx, face, account_id, account.username, *found.values())


def _told(
    token: str, expires: int | None, refresh: str | None, scope: Sequence[str], now: int
) -> dict[str, Any]:
    told: dict[str, Any] = {"access_token": token, "token_type": "Bearer"}
    if expires is not None:
        told["expires_in"] = max(0, (expires - now) // SECOND)
    if refresh is not None:
        told["refresh_token"] = refresh
    return {**told, "scope": " ".join(scope)}


def _earlier(at: int, other: int | None) -> int:
    return at if other is None else min(at, other)
