"""A plug-in of pytest that takes one guard away.

    BROKEN_GUARD=code-ends python -m pytest -p tests.oauth.broken tests/oauth/test_attacks.py

Each function here is what the guard of its name is not: a test of the attack list that still
passes with it proves nothing. `test_attack_list.py` runs them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import jwt
import msgspec
import pytest

from diurnal import http
from diurnal.auth import passwords, signing
from diurnal.auth.oauth2 import redirects, server, views
from diurnal.dialects import oauth2 as door
from diurnal.http import door as oauth_door
from diurnal.http import limits
from diurnal.services import attempts, legacy, oauth2, own_address, sessions, sign_in, steps
from diurnal.store import grants, one_time
from diurnal.web import _consent as consent
from diurnal.web import page

GUARDS: dict[str, Callable[[], None]] = {}


def guard(apply: Callable[[], None]) -> Callable[[], None]:
    GUARDS[apply.__name__.replace("_", "-")] = apply
    return apply


def pytest_configure(config: pytest.Config) -> None:
    GUARDS[os.environ["BROKEN_GUARD"]]()


def put(of: Any, name: str, instead: Any) -> None:
    assert hasattr(of, name)
    setattr(of, name, instead)


def nothing(*_args: Any, **_given: Any) -> None: ...


def yes(*_args: Any, **_given: Any) -> bool:
    return True


@guard
def redirect_is_exact() -> None:
    put(redirects, "matching", lambda _known, asked: asked)


@guard
def redirect_is_named() -> None:
    put(views.Client, "get_default_redirect_uri", lambda self: self.record.redirect_uris[0])


@guard
def code_is_spent() -> None:
    put(grants, "redeem", nothing)


@guard
def code_ends() -> None:
    put(door, "FACE", msgspec.structs.replace(door.FACE, code_s=10**8))


@guard
def code_is_its_applications() -> None:
    real = steps.Steps.find_code

    def find(self: Any, code: str, client_id: str) -> Any:
        row = grants.code(self._tx, self._account_id, steps.tokens.digest(code))
        whose = client_id if row is None else msgspec.json.decode(row.given)["client_id"]
        return real(self, code, whose)

    put(steps.Steps, "find_code", find)


@guard
def code_is_for_its_address() -> None:
    def query(self: Any, code: str, client: Any) -> Any:
        found = self.server.storage.find_code(code, client.client_id)
        return None if found is None else views.CodeView(code, found)

    put(server._CodeGrant, "query_authorization_code", query)
    put(views.CodeView, "get_redirect_uri", lambda _self: None)


@guard
def verifier_fits() -> None:
    put(server._Challenge, "validate_code_verifier", nothing)


@guard
def challenge_is_demanded() -> None:
    put(server._Challenge, "validate_code_challenge", nothing)


@guard
def consent_is_the_sessions() -> None:
    class Blind:
        compare_digest = staticmethod(yes)

    put(consent, "hmac", Blind)


@guard
def page_is_in_no_frame() -> None:
    policy = page.HEADERS["Content-Security-Policy"].replace("frame-ancestors 'none'; ", "")
    page.HEADERS["Content-Security-Policy"] = policy  # type: ignore[index]


@guard
def silence_is_for_who_can_prove_it() -> None:
    real = oauth2.silent

    def silent(tx: Any, caller: Any, client: Any, *more: Any) -> Any:
        known = msgspec.structs.replace(client, dynamic=False, secret_hash=b"x")
        return real(tx, caller, known, *more)

    put(oauth2, "silent", silent)


@guard
def answer_names_its_issuer() -> None:
    put(oauth2, "_with_issuer", lambda _face, _issuer, location, _fragment: location)


@guard
def family_dies() -> None:
    put(steps.Steps, "_end", nothing)


@guard
def refresh_is_its_applications() -> None:
    real = steps.Steps._of_family

    def of_family(self: Any, token: str, _client_id: str) -> Any:
        family = steps.tokens.family_of(token)
        grant = grants.by_family(self._tx, self._account_id, family) if family else None
        stored = grant and steps.access_rows.by_id(self._tx, self._account_id, grant.access_id)
        return stored and real(self, token, stored.access.client_id)

    put(steps.Steps, "_of_family", of_family)
    put(views.TokenView, "check_client", yes)


@guard
def refresh_grows_no_scope() -> None:
    put(server._RefreshGrant, "_validate_token_scope", nothing)


@guard
def grant_ends() -> None:
    put(door, "FACE", msgspec.structs.replace(door.FACE, refresh_s=None))


@guard
def password_change_ends_applications() -> None:
    put(sessions, "_revoke", lambda *_args: 0)


@guard
def secret_fits() -> None:
    put(views.Client, "check_client_secret", yes)


@guard
def method_is_the_clients() -> None:
    put(views.Client, "check_endpoint_auth_method", yes)


@guard
def address_holds_no_secret() -> None:
    real = oauth_door.Door._form

    async def form(self: Any, request: Any) -> Any:
        return {**oauth_door._pairs(request.url.query), **await real(self, request)}

    put(oauth_door.Door, "_form", form)


@guard
def nothing_stands_twice() -> None:
    put(server.Server, "refuse_repeated", nothing)


@guard
def token_is_its_applications() -> None:
    real = steps.Steps.find_token

    def find(self: Any, token: str, client_id: str) -> Any:
        digest = steps.tokens.digest(token)
        stored = steps.access_rows.by_token(self._tx, self._account_id, digest)
        return real(self, token, stored.access.client_id if stored else client_id)

    put(steps.Steps, "find_token", find)


@guard
def scopes_are_known() -> None:
    put(views.Client, "get_allowed_scope", lambda _self, scope: scope)


@guard
def signature_is_ours() -> None:
    def read(_self: Any, token: str) -> Any:
        return jwt.decode(token, options={"verify_signature": False})

    put(signing.Signer, "read", read)


@guard
def token_is_at_its_resource() -> None:
    put(http, "_is_at", yes)


@guard
def resource_is_ours() -> None:
    put(oauth2, "_check_resource", nothing)


@guard
def requests_stand_in_no_document() -> None:
    put(oauth2, "_refuse_objects", nothing)


@guard
def addresses_are_limited() -> None:
    put(limits.Limits, "by_address", lambda _self, _address: None)


@guard
def legacy_way_is_closed() -> None:
    put(legacy, "allowed", yes)


@guard
def unknown_name_costs_the_same() -> None:
    real = passwords.fits
    put(passwords, "fits", lambda given, kept: kept is not None and real(given, kept))


@guard
def guesses_are_counted() -> None:
    put(attempts.Attempts, "check", nothing)


@guard
def session_is_new() -> None:
    real = http.keep_session

    def keep(request: Any, response: Any, token: str) -> None:
        real(request, response, request.cookies.get(http.COOKIE, token))

    put(http, "keep_session", keep)


@guard
def cookie_is_out_of_reach() -> None:
    def keep(_request: Any, response: Any, token: str) -> None:
        response.set_cookie(http.COOKIE, token)

    put(http, "keep_session", keep)


@guard
def page_is_our_own() -> None:
    put(http, "refuse_foreign", nothing)


@guard
def link_works_once() -> None:
    put(one_time, "take", one_time.get)
    put(one_time, "drop", nothing)


@guard
def second_factor_is_asked() -> None:
    put(sign_in, "asked_for", lambda *_args: False)


@guard
def mail_leads_here() -> None:
    put(own_address, "of", lambda _ctx: "https://evil.example")
