"""Forgotten passwords and confirmed addresses, by mails that a real server takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from diurnal import worker
from diurnal.errors import Conflict, Forbidden, InvalidInput, TooMany, Unauthenticated
from diurnal.model.access import Access
from diurnal.services import (
    accounts,
    authentication,
    jobs,
    mail_links,
    passwords,
    sessions,
    sign_in,
)
from diurnal.services.context import Context
from diurnal.services.sign_in import Pending, Proof
from diurnal.store import jobs as job_rows
from tests import mail_server
from tests.clock import HOUR, MINUTE, Clock
from tests.conftest import PASSWORD
from tests.dialects.native.client import Api, opened
from tests.services.test_sign_in import HERE, code_now, with_factor

NEW = "another battery staple"
ADDRESS = "Alice@example.org"


@pytest.fixture
def mailing(ctx: Context) -> Iterator[tuple[Context, mail_server.MailServer]]:
    """A context that sends through a server of this test."""
    with mail_server.running() as server:
        settings = msgspec.structs.replace(
            ctx.settings,
            smtp_host="127.0.0.1",
            smtp_port=server.port,
            smtp_security="none",
            smtp_from="diurnal@example.org",
            public_url="https://diurnal.example.org",
        )
        yield replace(ctx, settings=settings), server


@pytest.fixture
def owner(mailing: tuple[Context, Any], alice: Access) -> Access:
    """Alice, who can be reached."""
    passwords.change_email(mailing[0], alice, email=ADDRESS, password=PASSWORD)
    return alice


def work(ctx: Context) -> None:
    while worker.step(ctx, {"mail": worker.handlers()["mail"]}, owner="w"):
        pass


def link_in(server: mail_server.MailServer) -> str:
    """Return the link of the only mail, and forget the mail."""
    [mail] = server.mails
    server.mails.clear()
    [link] = re.findall(r"https?://\S+", mail.get_content())
    return str(link)


def token_in(server: mail_server.MailServer) -> str:
    return link_in(server).partition("token=")[2]


def opens(ctx: Context, password: str) -> bool:
    try:
        sign_in.begin(ctx, name="alice", password=password, address=HERE)
    except Unauthenticated:
        return False
    return True


@pytest.mark.parametrize("name", ["alice", "ALICE@example.org"])
def test_a_forgotten_password_is_set_anew_by_mail(
    mailing: tuple[Context, mail_server.MailServer], owner: Access, name: str
) -> None:
    ctx, server = mailing
    account = ctx.store.read(lambda tx: accounts.find(tx, "alice"))
    _, session = sessions.begin(ctx, Proof(account, "password"))
    mail_links.ask_reset(ctx, name)
    work(ctx)
    assert server.mails[0]["To"] == ADDRESS
    assert server.mails[0]["From"] == "diurnal@example.org"
    token = token_in(server)
    assert mail_links.check_reset(ctx, token, HERE) == "alice"
    with pytest.raises(InvalidInput):
        mail_links.reset(ctx, token=token, password="short", address=HERE)
    assert mail_links.reset(ctx, token=token, password=NEW, address=HERE) == "alice"
    assert (opens(ctx, PASSWORD), opens(ctx, NEW)) == (False, True)
    with pytest.raises(Unauthenticated):
        ctx.store.read(lambda tx: authentication.resolve(tx, ctx, session))
    # The link has shown that the address is theirs; and they are told of the change.
    assert ctx.store.read(lambda tx: accounts.find(tx, "alice")).email_verified
    work(ctx)
    assert [m["Subject"] for m in server.mails] == ["Your password was changed"]
    with pytest.raises(Forbidden):
        mail_links.reset(ctx, token=token, password="a third good one", address=HERE)


def test_of_many_who_bring_one_link_one_sets_the_password(
    mailing: tuple[Context, mail_server.MailServer], owner: Access
) -> None:
    ctx, server = mailing
    mail_links.ask_reset(ctx, "alice")
    work(ctx)
    token, done = token_in(server), []

    def bring(new: str) -> None:
        try:
            mail_links.reset(ctx, token=token, password=new, address=HERE)
        except Forbidden:
            return
        done.append(new)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bring, [f"a good one {i}" for i in range(8)]))
    assert len(done) == 1
    assert opens(ctx, done[0])


def test_a_link_ends_with_its_hour_with_a_change_and_with_the_next_password(
    mailing: tuple[Context, mail_server.MailServer], owner: Access, clock: Clock
) -> None:
    ctx, server = mailing
    links = []
    for _ in range(3):
        mail_links.ask_reset(ctx, "alice")
        work(ctx)
        links.append(token_in(server))
    mail_links.reset(ctx, token=links[0], password=NEW, address=HERE)
    with pytest.raises(Forbidden):
        mail_links.reset(ctx, token=links[1], password=PASSWORD, address=HERE)
    account = ctx.store.read(lambda tx: accounts.find(tx, "alice"))
    link = ctx.store.write(lambda tx: mail_links.issue_reset(tx, ctx, account)).result()
    clock.tick(HOUR)
    with pytest.raises(Forbidden):
        mail_links.reset(ctx, token=link.partition("token=")[2], password=PASSWORD, address=HERE)


def test_a_mailbox_is_not_filled_and_nobody_is_told_who_has_one(
    mailing: tuple[Context, mail_server.MailServer], owner: Access, charlie: Access
) -> None:
    ctx, server = mailing
    for name in ("nobody", "nobody@example.org", "charlie", "", "x" * 1_000):
        mail_links.ask_reset(ctx, name)
    work(ctx)
    assert server.mails == []
    for _ in range(10):
        mail_links.ask_reset(ctx, "alice")
    work(ctx)
    assert len(server.mails) == mail_links.PER_HOUR_MAX


def test_guessing_links_is_stopped(mailing: tuple[Context, Any], owner: Access) -> None:
    ctx, _ = mailing
    for _ in range(10):
        with pytest.raises(Forbidden):
            mail_links.check_reset(ctx, "dn_1_guess", HERE)
    with pytest.raises(TooMany):
        mail_links.check_reset(ctx, "dn_1_guess", HERE)


def test_a_new_password_does_not_lead_past_the_second_factor(
    mailing: tuple[Context, mail_server.MailServer], owner: Access, clock: Clock
) -> None:
    ctx, server = mailing
    app, _ = with_factor(ctx, owner, clock)
    mail_links.ask_reset(ctx, "alice")
    work(ctx)
    mail_links.reset(ctx, token=token_in(server), password=NEW, address=HERE)
    pending = sign_in.begin(ctx, name="alice", password=NEW, address=HERE)
    assert isinstance(pending, Pending)
    code = code_now(app, clock)
    assert sign_in.finish(ctx, ticket=pending.ticket, code=code, address=HERE).method == "code"


def test_the_link_leads_to_the_settings_address_whatever_a_request_says(
    mailing: tuple[Context, mail_server.MailServer], owner: Access
) -> None:
    ctx, server = mailing
    asked = {"name": "alice"}
    with opened(ctx) as nobody:
        evil = {"Host": "evil.example"}
        assert nobody("POST", "/password-reset", asked, headers=evil).status_code == 421
        for name in ("X-Forwarded-Host", "Forwarded", "Origin"):
            headers = {name: "host=evil.example"} if name != "Origin" else {}
            answer = nobody("POST", "/password-reset", asked, headers=headers)
            assert answer.status_code == 202
            work(ctx)
            assert link_in(server).startswith("https://diurnal.example.org/reset?token=dn_")


def test_asking_answers_the_same_for_everybody_before_anything_is_looked_up(
    mailing: tuple[Context, mail_server.MailServer],
    owner: Access,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ctx, _ = mailing
    looked: list[str] = []
    monkeypatch.setattr(mail_links, "ask_reset", lambda _ctx, name: looked.append(name))
    with opened(ctx) as nobody:
        told = [nobody("POST", "/password-reset", {"name": n}) for n in ("alice", "nobody")]
        pages = [nobody.page("POST", "/reset", data={"name": n}) for n in ("alice", "nobody")]
    assert told[0].content == told[1].content
    assert pages[0].content == pages[1].content
    assert looked == ["alice", "nobody"] * 2


def test_an_address_is_confirmed_by_its_link(
    mailing: tuple[Context, mail_server.MailServer], owner: Access
) -> None:
    ctx, server = mailing
    assert ctx.store.write(lambda tx: mail_links.ask_verify(tx, ctx, owner)).result()
    work(ctx)
    token = token_in(server)
    with opened(ctx) as nobody:
        # Whoever only looks at the link, as mail scanners do, does not use it up.
        assert token in nobody.page("GET", f"/verify-email?token={token}").text
        done = nobody.page("POST", "/verify-email", data={"token": token})
        assert ADDRESS in done.text
        assert nobody.page("POST", "/verify-email", data={"token": token}).status_code == 403
    assert not ctx.store.write(lambda tx: mail_links.ask_verify(tx, ctx, owner)).result()
    passwords.change_email(ctx, owner, email="new@example.org", password=PASSWORD)
    assert ctx.store.read(lambda tx: accounts.find(tx, "alice")).email_verified is None


def test_a_confirmation_is_of_the_address_it_was_sent_to(
    mailing: tuple[Context, mail_server.MailServer], owner: Access, charlie: Access
) -> None:
    ctx, server = mailing
    ctx.store.write(lambda tx: mail_links.ask_verify(tx, ctx, owner)).result()
    work(ctx)
    passwords.change_email(ctx, owner, email="new@example.org", password=PASSWORD)
    with pytest.raises(Forbidden):
        mail_links.verify(ctx, token=token_in(server), address=HERE)
    with pytest.raises(InvalidInput):
        ctx.store.write(lambda tx: mail_links.ask_verify(tx, ctx, charlie)).result()


def test_a_mail_waits_for_its_server_and_is_given_up_when_refused(
    mailing: tuple[Context, mail_server.MailServer], owner: Access, clock: Clock
) -> None:
    ctx, server = mailing
    server.recipient_says = b"451 later"
    mail_links.ask_reset(ctx, "alice")
    work(ctx)
    assert server.mails == []
    server.recipient_says = b"250 ok"
    clock.tick(2 * MINUTE)
    work(ctx)
    assert len(server.mails) == 1
    server.recipient_says = b"550 no such mailbox"
    mail_links.ask_reset(ctx, "alice")
    [waiting] = ctx.store.read(lambda tx: jobs.open_jobs(tx, owner.account_id, ["mail"]))
    work(ctx)
    dead = ctx.store.read(lambda tx: jobs.get(tx, owner.account_id, waiting.id))
    assert dead.state == job_rows.DEAD
    assert "550" in (dead.last_error or "")
    assert ADDRESS not in (dead.last_error or "")


def test_what_a_mail_says_waits_sealed(mailing: tuple[Context, Any], owner: Access) -> None:
    ctx, _ = mailing
    mail_links.ask_reset(ctx, "alice")
    [waiting] = ctx.store.read(lambda tx: jobs.open_jobs(tx, owner.account_id, ["mail"]))
    assert "example.org" not in waiting.args
    assert "reset" not in waiting.args


def test_without_a_mail_server_the_page_says_what_to_do(ctx: Context, alice: Access) -> None:
    with opened(ctx) as nobody:
        assert "diurnal account reset-password" in nobody.page("GET", "/reset").text
    with pytest.raises(InvalidInput):
        ctx.store.write(lambda tx: mail_links.ask_verify(tx, ctx, alice)).result()
    passwords.change_email(ctx, alice, email=ADDRESS, password=PASSWORD)
    with pytest.raises(Conflict):
        ctx.store.write(lambda tx: mail_links.ask_verify(tx, ctx, alice)).result()


def test_the_page_of_a_link_sets_the_password(ctx: Context, alice: Access) -> None:
    account = ctx.store.read(lambda tx: accounts.find(tx, "alice"))
    link = ctx.store.write(lambda tx: mail_links.issue_reset(tx, ctx, account)).result()
    path = link.removeprefix(ctx.settings.own_url)
    token = path.partition("token=")[2]
    with opened(ctx) as nobody:
        _page_of_a_link(nobody, path, token)
    assert opens(ctx, NEW)


def _page_of_a_link(nobody: Api, path: str, token: str) -> None:
    assert "alice" in nobody.page("GET", path).text
    short = nobody.page("POST", "/reset/new", data={"token": token, "password": "short"})
    assert short.status_code == 400
    assert "at least 8" in short.text
    done = nobody.page("POST", "/reset/new", data={"token": token, "password": NEW})
    assert done.status_code == 200
    assert "diurnal_session" not in nobody.cookies
    assert nobody.page("GET", path).status_code == 403
