"""Links that sign in once: for whom, how long, how often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from diurnal.errors import AppError, Forbidden
from diurnal.model.access import Access
from diurnal.services import accounts, authentication, sign_in_links
from diurnal.services.context import Context
from tests.clock import MINUTE, Clock


def link(ctx: Context, who: Access) -> str:
    return sign_in_links.issue(ctx, ctx.store.read(lambda tx: accounts.find(tx, who.username)))


def test_a_link_opens_a_session_of_its_owner(ctx: Context, alice: Access) -> None:
    _, token = sign_in_links.redeem(ctx, link(ctx, alice), local=True)
    opened = ctx.store.read(lambda tx: authentication.resolve(tx, ctx, token))
    assert (opened.username, opened.owner) == ("alice", True)


def test_of_two_who_follow_a_link_at_once_one_gets_in(ctx: Context, alice: Access) -> None:
    token = link(ctx, alice)

    def follow(_: int) -> bool:
        try:
            sign_in_links.redeem(ctx, token, local=True)
        except Forbidden:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(follow, range(8))) == 1


def test_a_link_is_of_no_use_elsewhere_later_or_changed(
    ctx: Context, alice: Access, charlie: Access, clock: Clock
) -> None:
    token = link(ctx, alice)
    for tried, local in ((token, False), (token[:-1], True), ("", True)):
        with pytest.raises(Forbidden):
            sign_in_links.redeem(ctx, tried, local=local)
    clock.tick(10 * MINUTE + 1)
    with pytest.raises(Forbidden):
        sign_in_links.redeem(ctx, token, local=True)
    first = link(ctx, alice)
    second = link(ctx, charlie)
    with pytest.raises(Forbidden):
        sign_in_links.redeem(ctx, first, local=True)
    assert sign_in_links.redeem(ctx, second, local=True)[0].access.username == "charlie"


def test_what_lies_on_the_disk_opens_nothing(ctx: Context, alice: Access) -> None:
    token = link(ctx, alice)
    path = ctx.settings.data_dir / sign_in_links.FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert token not in path.read_text()
    path.write_text("{}")
    with pytest.raises(AppError):
        sign_in_links.redeem(ctx, token, local=True)
