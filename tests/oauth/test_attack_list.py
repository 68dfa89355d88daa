"""The attacks on OAuth and signing in, each with the test that refuses it and that test's control.

`ATTACKS` has a line for each: what is tried, the test in which it is, and the guard without which
that test fails (`broken.py`). `test_a_test_without_its_guard_fails` takes each guard away and runs
the test: it is slow, and `make test-full` has it. Tests that stand beside no guard have their
control in themselves, or are held by something that cannot be taken away.
"""

from __future__ import annotations

import base64
import importlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jwt
import msgspec
import pytest

from diurnal.auth import signing
from diurnal.model.access import Access
from diurnal.services import passwords
from diurnal.services.context import Context
from tests.clock import SECOND
from tests.conftest import PASSWORD
from tests.oauth.browser import Browser, answered
from tests.oauth.conftest import App

ONCE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
ROOT = Path(__file__).parents[2]


class Attack(NamedTuple):
    """One line.

    Attributes:
        test: below `tests`, "file.test".
        guard: of `broken.py`; empty where the test is its own control, or `why` says more.
    """

    tried: str
    test: str
    guard: str = ""
    why: str = ""


HERE = "oauth.test_attack_list"
REDIRECTS, STAYS = (
    "oauth.test_redirects.test_only_what_is_registered_matches",
    "oauth.test_redirects.test_the_browser_stays_here_when_the_address_is_not_registered",
)
ONCE_ONLY = "oauth.test_attacks.test_a_code_is_good_once_and_its_reuse_ends_what_it_opened"
BOUND = "oauth.test_attacks.test_a_code_is_good_for_its_application_its_address_and_its_time"
VERIFIER_TEST = "oauth.test_attacks.test_a_stolen_code_is_worth_nothing_without_its_verifier"
PKCE = "oauth.test_attacks.test_pkce_cannot_be_stripped_or_weakened"
FORM = "oauth.test_consent.test_only_this_sessions_form_counts"
SILENT = "oauth.test_consent.test_no_page_no_consent"
ROTATES = "oauth.test_attacks.test_refreshing_rotates_and_an_old_token_ends_the_family"
REFRESH = "oauth.test_attacks.test_a_refresh_token_is_its_applications_and_grows_no_scope"
SECRET = "oauth.test_attacks.test_an_application_shows_its_secret"
REVOKED = "oauth.test_attacks.test_what_is_revoked_is_dead_at_once"
EXACT = "redirect-is-exact"

ATTACKS = (
    *(
        Attack(f"redirect: {tried}", REDIRECTS, EXACT)
        for tried in (
            "another path",
            "a slash at the end",
            "a query added",
            "a fragment",
            "upper case",
            "%2e%2e",
            "user information: https://good@evil",
            "a backslash",
            "a host in Cyrillic",
            "port 443 spelled out",
            "a port elsewhere than loopback",
            "IPv6's loopback for IPv4's",
            "javascript: and data:",
            "the registered one's beginning",
        )
    ),
    Attack("redirect: two redirect_uri", STAYS, why="refused twice: by us, and by the library"),
    Attack(
        "redirect: none, with two registered",
        "oauth.test_redirects.test_one_of_several_addresses_must_be_named",
        "redirect-is-named",
    ),
    Attack("redirect: an error to an address that is not registered", STAYS, EXACT),
    Attack(
        "redirect: another program claims the scheme",
        "oauth.test_redirects.test_a_scheme_that_others_may_claim_needs_pkce",
        "challenge-is-demanded",
    ),
    Attack("code: used again, and 30 seconds later", ONCE_ONLY, "code-is-spent"),
    Attack("code: what the first use gave lives on", ONCE_ONLY, "family-dies"),
    Attack("code: too old", BOUND, "code-ends"),
    Attack("code: by another application", BOUND, "code-is-its-applications"),
    Attack("code: with another redirect_uri", BOUND, "code-is-for-its-address"),
    Attack("code: stolen, without its verifier", VERIFIER_TEST, "verifier-fits"),
    Attack(
        "code: many at once", "oauth.test_races.test_one_of_sixteen_redeems_a_code", "code-is-spent"
    ),
    Attack(
        "code: in Referer",
        "oauth.test_consent.test_the_page_is_in_no_frame_and_leads_only_to_the_application",
        why="a header that the test reads",
    ),
    Attack("code: guessed", f"{HERE}.test_codes_are_not_guessed", "addresses-are-limited"),
    Attack("PKCE: none, without a secret", PKCE, "challenge-is-demanded"),
    Attack("PKCE: plain", PKCE, "challenge-is-demanded"),
    Attack("PKCE: a verifier without a challenge", PKCE, "verifier-fits"),
    Attack("PKCE: the challenge stripped on its way", PKCE, "verifier-fits"),
    Attack("PKCE: another verifier", VERIFIER_TEST, "verifier-fits"),
    Attack("PKCE: too short, too long", VERIFIER_TEST, "verifier-fits"),
    Attack("consent: posted without a token", FORM, "consent-is-the-sessions"),
    Attack("consent: with another session's", FORM, "consent-is-the-sessions"),
    Attack("consent: of a scope that was changed", FORM, "consent-is-the-sessions"),
    Attack(
        "consent: in a frame",
        "oauth.test_consent.test_the_page_is_in_no_frame_and_leads_only_to_the_application",
        "page-is-in-no-frame",
    ),
    Attack("consent: prompt=none where nothing was granted", SILENT),
    Attack("consent: silently, for who cannot prove it", SILENT, "silence-is-for-who-can-prove-it"),
    Attack(
        "signing in: by another site (login CSRF)",
        "dialects.native.test_security.test_another_site_signs_nobody_in",
        "page-is-our-own",
    ),
    Attack(
        "mix-up: an answer without its issuer",
        "oauth.test_consent.test_refusing_tells_the_application_and_grants_nothing",
        "answer-names-its-issuer",
    ),
    Attack(
        "mix-up: a source's answer with another state, or for another connection",
        "services.test_source_tokens.test_the_answer_of_another_sign_in_is_refused",
        why="sources are those of our connectors: nobody adds one whose issuer could lie",
    ),
    Attack("refresh: an old token", ROTATES, "family-dies"),
    Attack("refresh: within a grace period", ROTATES, "family-dies", "there is none"),
    Attack("refresh: many at once", "oauth.test_races.test_one_of_sixteen_refreshes"),
    Attack("refresh: by another application", REFRESH, "refresh-is-its-applications"),
    Attack("refresh: for more", REFRESH, "refresh-grows-no-scope"),
    Attack("refresh: after 90 days", REFRESH, "grant-ends"),
    Attack(
        "refresh: after the password changed",
        f"{HERE}.test_a_new_password_ends_what_applications_could_refresh",
        "password-change-ends-applications",
    ),
    Attack("client: a wrong secret", SECRET, "secret-fits"),
    Attack("client: `none` for one with a secret", SECRET, "method-is-the-clients"),
    Attack("client: Basic with percent signs", SECRET, why="it must work, and does"),
    Attack("client: its secret in the address", SECRET, "address-holds-no-secret"),
    Attack("client: an empty secret", SECRET, "secret-fits"),
    Attack(
        "client: does it exist?",
        SECRET,
        why="its id is no secret: /authorize says so itself, and no time is measured",
    ),
    Attack("token: alg none", f"{HERE}.test_forged_signatures", "signature-is-ours"),
    Attack(
        "token: HS256 with the public key", f"{HERE}.test_forged_signatures", "signature-is-ours"
    ),
    Attack("token: a path or SQL as kid", f"{HERE}.test_forged_signatures", "signature-is-ours"),
    Attack("token: another's ID token hint", "oauth.test_conformance.test_what_is_asked_besides"),
    Attack(
        "token: for another resource",
        "oauth.test_audience.test_a_token_is_good_at_its_resource_alone",
        "token-is-at-its-resource",
    ),
    Attack(
        "token: asked for a resource elsewhere",
        "oauth.test_audience.test_a_resource_is_one_plain_address_of_this_server",
        "resource-is-ours",
    ),
    Attack("token: BEARER in other letters", f"{HERE}.test_bearer_in_any_letters"),
    Attack(
        "token: in the query where that is off",
        "dialects.native.test_security.test_a_legacy_way_is_counted_and_switched_off",
        "legacy-way-is-closed",
    ),
    Attack("token: parameters twice", SECRET, "nothing-stands-twice"),
    Attack(
        "token: response_type=token where that is off",
        "oauth.test_faces.test_personicles_errors_stand_where_its_clients_look",
        "legacy-way-is-closed",
    ),
    Attack("token: the password grant", SECRET, why="it is not there"),
    Attack("token: scope *", f"{HERE}.test_a_scope_of_everything", "scopes-are-known"),
    Attack("token: introspected by another", REVOKED, "token-is-its-applications"),
    Attack("token: revoked by another", REVOKED, "token-is-its-applications"),
    Attack(
        "token: a request object, a request_uri",
        "oauth.test_conformance.test_requests_that_are_not_right",
        "requests-stand-in-no-document",
    ),
    Attack(
        "login: is there such a name?",
        "services.test_sign_in.test_a_name_that_nobody_has_costs_the_same_work",
        "unknown-name-costs-the-same",
    ),
    Attack(
        "login: stuffing, by account and address",
        "services.test_sign_in.test_guessing_at_one_account_is_stopped_for_who_guesses_alone",
        "guesses-are-counted",
    ),
    Attack(
        "login: a session from before",
        "dialects.native.test_security.test_a_cookie_from_before_is_never_the_session",
        "session-is-new",
    ),
    Attack(
        "login: cookies that scripts read",
        "dialects.native.test_security.test_a_cookie_from_before_is_never_the_session",
        "cookie-is-out-of-reach",
    ),
    Attack(
        "login: a reset link used again",
        "services.test_mail_links.test_of_many_who_bring_one_link_one_sets_the_password",
        "link-works-once",
    ),
    Attack(
        "login: past the second factor",
        "services.test_sign_in.test_the_password_alone_opens_nothing_where_a_code_is_asked_for",
        "second-factor-is-asked",
    ),
    Attack(
        "login: another host in the reset mail",
        "services.test_mail_links.test_the_link_leads_to_the_settings_address_whatever_a_request_says",
        "mail-leads-here",
    ),
)
CONTROLS = sorted({(a.test, a.guard) for a in ATTACKS if a.guard})


def test_every_attack_has_its_test() -> None:
    assert len(ATTACKS) >= 60
    assert len({a.tried for a in ATTACKS}) == len(ATTACKS)
    for attack in ATTACKS:
        module, _, name = attack.test.rpartition(".")
        assert hasattr(importlib.import_module(f"tests.{module}"), name), attack.tried


@pytest.mark.slow
@pytest.mark.parametrize(("test", "guard"), CONTROLS)
def test_a_test_without_its_guard_fails(test: str, guard: str) -> None:
    module, _, name = test.rpartition(".")
    path = f"tests/{module.replace('.', '/')}.py"
    plugins = ("-p", "tests.oauth.broken", "-p", "no:randomly", "-p", "no:cacheprovider")
    only = ("-k", f"{name} and not postgres", "-m", "not slow")  # not this test again
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", *plugins, path, *only],
        cwd=ROOT,
        env={**os.environ, "BROKEN_GUARD": guard},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 1, ran.stdout[-2_000:] + ran.stderr[-2_000:]
    assert "1 failed" in ran.stdout


@ONCE
def test_codes_are_not_guessed(app: App, ctx: Context) -> None:
    """238 random bits, and few tries of an address."""
    code = app.code()
    settings = msgspec.structs.replace(ctx.settings, address_rate="5/minute")
    app.browser = Browser(replace(ctx, settings=settings, edges={}), app.browser.cookie)
    tries = [app.redeem(f"{code[:-3]}{n:03}") for n in range(6)]
    assert [t.status_code for t in tries] == [400] * 5 + [429]
    assert tries[5].json()["error"] == "slow_down"
    assert int(tries[5].headers["retry-after"]) > 0


@ONCE
def test_a_new_password_ends_what_applications_could_refresh(
    app: App, ctx: Context, alice: Access
) -> None:
    tokens = app.tokens()
    new = "another good one"
    passwords.change(ctx, alice, current=PASSWORD, new=new, revoke_apps=True)
    assert not app.opens(tokens["access_token"])
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


@ONCE
def test_forged_signatures(app: App, ctx: Context) -> None:
    signer = signing.load(ctx.settings.data_dir, ctx.now() // SECOND)
    real = app.tokens(scope="openid")["id_token"]
    claims = jwt.decode(real, options={"verify_signature": False})
    shown = app.browser.client.get("/oauth2/keys").json()["keys"][0]
    public = base64.urlsafe_b64decode(shown["n"] + "==")
    forged = [
        jwt.encode(claims, None, algorithm="none", headers={"kid": signer.kid}),
        jwt.encode(claims, public, algorithm="HS256", headers={"kid": signer.kid}),
        *(
            jwt.encode(claims, b"x" * 32, algorithm="HS256", headers={"kid": kid})
            for kid in ("/dev/null", "../../keys", "' OR 1=1 --", "")
        ),
        real.rpartition(".")[0] + ".",
    ]
    assert signer.read(real) == claims
    for token in forged:
        assert signer.read(token) is None
        assert not app.opens(token)


@ONCE
def test_bearer_in_any_letters(app: App) -> None:
    token = app.tokens()["access_token"]
    ask = app.browser.client.get
    for scheme in ("Bearer", "bearer", "BEARER", "bEaReR"):
        headers = {"Authorization": f"{scheme} {token}"}
        assert ask("/api/v1/tokens", headers=headers).status_code == 200
    for wrong in (f"Bear {token}", f"Bearer{token}", f"Token {token}"):
        assert ask("/api/v1/tokens", headers={"Authorization": wrong}).status_code == 401


@ONCE
def test_a_scope_of_everything(app: App) -> None:
    for scope in ("*", "read:*", "all", "read:all *"):
        told = answered(app.browser.request("GET", app.url(scope=scope)))
        assert told["error"] == "invalid_scope"
