"""Coming in with a passkey and with two steps, as a person does it, with and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import NAME, PASSWORD, Server, Visit, command, served, visiting

MODES = ["light", "dark-phone"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes new accounts; passkeys want a name in its address."""
    folder = tmp_path_factory.mktemp("open")
    (folder / "config.toml").write_text('sign_up = "open"\n')
    command(folder, "account", "create", NAME, "--password-stdin", stdin=PASSWORD)
    with served(folder) as running:
        running.url = running.url.replace("127.0.0.1", "localhost")
        link = command(folder, "account", "reset-password", NAME)["link"]
        running.token = link.partition("token=")[2]
        yield running


@contextmanager
def signed_in(chromium: Browser, home: Server, mode: str = "light") -> Iterator[Visit]:
    with visiting(chromium, home, mode) as visit:
        _sign_in(visit.page, home)
        visit.page.wait_for_url(f"{home.url}/plain")
        yield visit


def _sign_in(page: Page, home: Server, name: str = NAME) -> None:
    page.goto(f"{home.url}/sign-in?next=/plain")
    page.get_by_label("User name or e-mail").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "name", ["sign-in", "sign-up", "reset", "new-password", "security", "admin"]
)
def test_a_page_of_the_door_is_whole_and_readable(
    chromium: Browser, home: Server, name: str, mode: str
) -> None:
    path = f"/reset?token={home.token}" if name == "new-password" else f"/{name}"
    with signed_in(chromium, home, mode) as visit:
        if name in ("security", "admin"):
            visit.go(path)
            for summary in visit.page.locator("summary").all():
                summary.click()
        else:
            visit.go(path)
        visit.shoot(name)
        assert visit.faults() == []
        assert visit.overflow() <= 0
        assert visit.wrong == []


def test_a_passkey_is_made_and_opens_the_account(chromium: Browser, home: Server) -> None:
    with signed_in(chromium, home) as visit:
        page = visit.page
        session = visit.context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        visit.go("/security")
        part = page.locator("#passkeys")
        part.get_by_label("What to call the new one").fill("Laptop")
        part.get_by_label("Your password").fill("a guess")
        part.get_by_role("button", name="Add a passkey").click()
        expect(part.get_by_role("alert")).to_contain_text("not the account's password")
        part.get_by_label("Your password").fill(PASSWORD)
        part.get_by_role("button", name="Add a passkey").click()
        expect(part.get_by_text("Laptop")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{home.url}/sign-in")
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.wait_for_url(f"{home.url}/")
        visit.go("/security")
        expect(page.locator("#sessions li").first).to_contain_text("this one")
        visit.shoot("security-passkey")
        part = page.locator("#passkeys")
        part.get_by_text("Change").click()
        part.get_by_role("button", name="Remove").click()
        expect(part.get_by_text("Laptop")).to_have_count(0)
        # The refusal of the wrong password is the browser's to tell.
        assert [w for w in visit.wrong if "400 (Bad Request)" not in w] == []


@pytest.fixture
def plain(chromium: Browser, home: Server) -> Iterator[Page]:
    """A browser that runs no scripts."""
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def _code(app: pyotp.TOTP, later: int = 0) -> str:
    import time

    return app.at(int(time.time()) + later * 30)  # noqa: TID251


def test_without_scripts_one_signs_up_sets_two_steps_and_leaves(plain: Page, home: Server) -> None:
    page = plain
    page.goto(f"{home.url}/sign-up")
    page.get_by_label("User name").fill("dora")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.goto(f"{home.url}/security")
    expect(page.get_by_role("button", name="Add a passkey")).to_be_hidden()

    step = page.locator("#second-step")
    step.get_by_text("Set it up").click()
    step.get_by_label("Your password").fill(PASSWORD)
    step.get_by_role("button", name="Go on").click()
    expect(step.locator("svg")).to_be_visible()
    app = pyotp.TOTP(step.locator("code").inner_text())
    step.get_by_role("textbox", name="Code").fill("000000")
    step.get_by_role("button", name="Ask for codes").click()
    expect(step.get_by_text("not the code")).to_be_visible()
    step.get_by_role("textbox", name="Code").fill(_code(app))
    step.get_by_role("button", name="Ask for codes").click()
    recovery = step.locator(".codes code").all_inner_texts()
    assert len(recovery) == 10

    legacy = page.locator("#legacy")
    legacy.get_by_role("button", name="Switch off: Implicit grant").click()
    expect(legacy.get_by_role("button", name="Switch on: Implicit grant")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    _sign_in(page, home, "dora")
    page.get_by_label("Code").fill(_code(app, later=1))
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url(f"{home.url}/plain")
    page.goto(f"{home.url}/security")

    end = page.locator("#delete")
    end.get_by_text("Delete it").click()
    end.get_by_label("Type the account's name").fill("dora")
    end.get_by_label("Your password").fill(PASSWORD)
    end.get_by_label("Code").fill(recovery[0])
    end.get_by_role("button", name="Delete dora").click()
    expect(page.get_by_role("heading", name="Deleted")).to_be_visible()
