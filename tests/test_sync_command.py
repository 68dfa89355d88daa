"""`diurnal sync` and `diurnal connector`, as operators meet them: a real process each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diurnal.services import accesses, accounts, connections, sources, upstreams
from diurnal.services.context import Context, opened
from diurnal.settings import Settings, load
from tests.test_cli import diurnal, document, home, made_home
from tests.upstream import Asked, Said, serving

__all__ = ["home", "made_home"]


def commits(asked: Asked) -> Said:
    """Answer a search: three commits, on the first page."""
    found = [
        {
            "sha": f"{i:040x}",
            "html_url": "https://github.com/a/b/commit/1",
            "commit": {"author": {"date": "2026-02-20T10:00:00+01:00"}, "message": f"m{i}"},
        }
        for i in range(3)
    ]
    return Said({"items": found if asked.query.get("page") == "1" else []})


def connected(ctx: Context) -> str:
    account = ctx.store.read(lambda tx: accounts.find(tx, "alice"))
    owner = accesses.personal(account.account_id, "")
    github = sources.find("github")
    given = {"user": "a", "since": "2026-02-01"}
    wish = connections.prepare(ctx, github, given, key="very-secret")
    made, _ = ctx.store.write(lambda tx: connections.create(tx, ctx, owner, github, wish)).result()
    return made.id


def test_syncing_says_what_came_and_what_is_wrong(home: Path) -> None:
    with serving(commits) as service:
        environ = {
            "DIURNAL_DATA_DIR": str(home),
            "DIURNAL_OUTBOUND_ALLOW": "127.0.0.0/8",
            "DIURNAL_CONNECTORS_GITHUB_BASE_URL": service.url,
        }
        settings: Settings = load(environ=environ)
        with opened(settings) as ctx:
            id_ = connected(ctx)
        [told] = document(diurnal("sync", "--all", "--json", environ=environ))["connections"]
        assert (told["connection"], told["new"], told["problem"]) == (id_, 3, None)
        service.answer = lambda _: Said({"message": "Bad credentials"}, 401)
        ran = diurnal("sync", "--connection", id_, environ=environ)
    assert ran.returncode == 1
    assert ran.stderr.strip().endswith("1 of 1 connections have a problem")
    assert "does not take the credential" in ran.stdout
    assert "very-secret" not in ran.stdout + ran.stderr
    unknown = diurnal("sync", "--connection", "nope", environ=environ)
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)
    assert diurnal("sync", environ=environ).returncode == 2


def test_the_household_s_application_is_set_and_forgotten(home: Path) -> None:
    environ = {"DIURNAL_DATA_DIR": str(home)}
    name: tuple[Any, ...] = ("connector", "app", "withings")
    given = (*name, "--client-id", "our-id", "--client-secret-stdin")
    assert diurnal(*given, stdin="our-secret\n", environ=environ).returncode == 0
    with opened(load(environ=environ)) as ctx:
        found = ctx.store.read(lambda tx: upstreams.app(tx, ctx, "withings"))
    assert found == upstreams.AppKeys("our-id", "our-secret")
    assert diurnal("connector", "app", "csv_file", "--client-id", "x").returncode == 1
    assert diurnal(*name, "--forget", environ=environ).returncode == 0
    with opened(load(environ=environ)) as ctx:
        assert ctx.store.read(lambda tx: upstreams.app(tx, ctx, "withings")) is None
