"""Secrets that were used, rightly and wrongly, lie nowhere and are told to nobody."""

from __future__ import annotations

import logging
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.services import accesses, audit, backups, exports
from diurnal.services.context import Context
from diurnal.store import archive
from tests import cases
from tests.canaries import Canaries
from tests.conftest import PASSWORD
from tests.dialects.client import personal_token, simple_token
from tests.dialects.native.client import opened


def test_no_secret_is_kept_told_or_logged(
    ctx: Context,
    alice: Access,
    charlie: Access,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    canaries = Canaries()
    canaries.keep(PASSWORD)
    wrong = canaries.keep("a wrong password of somebody")
    given: dict[str, Any] = {"name": "app", "permissions": (Permission(Level.MANAGE),)}
    held = []
    for more in (
        {},
        {"seal": True},
        {"api": "pryv", "token": "chosen-by-a-client-42", "seal": True},
        {"kind": Kind.PERSONAL, "permissions": ()},
    ):
        _, token = cases.write(ctx, accesses.create, alice, **{**given, **more})
        held.append(canaries.keep(token))
    held.append(canaries.keep(simple_token(ctx, alice)))
    revoked, token = cases.write(ctx, accesses.create, alice, **given)
    held.append(canaries.keep(token))
    cases.write(ctx, accesses.revoke, alice, revoked.access.id)

    answers: list[str] = []
    with opened(ctx) as api:

        def ask(method: str, path: str, **more: Any) -> None:
            answer = api.page(method, path, **more)
            answers.append(answer.text)
            # A new session's cookie and token are its own business.
            answers.extend(v for k, v in answer.headers.items() if k.lower() != "set-cookie")

        for token in held:
            for scheme in ("Bearer ", "Token ", ""):
                carried = {"headers": {"Authorization": f"{scheme}{token}"}}
                ask("GET", "/api/v1/events", **carried)
                ask("GET", "/api/v1/tokens", **carried)
                ask("GET", "/api/v1/audit", **carried)
                ask("POST", "/api/v1/events", json={"x": 1}, **carried)
                ask("GET", "/pryv/charlie/events", **carried)
                ask("GET", "/exist/api/1/users/$self/attributes/", **carried)
            ask("GET", f"/pryv/alice/events?auth={token}&streams=nowhere")
            ask("GET", f"/pryv/alice/nothing?auth={token}")
            ask("GET", f"/api/v1/events?auth={token}")
        for password in (PASSWORD, wrong):
            for name in ("alice", "nobody"):
                ask("POST", "/api/v1/session", json={"name": name, "password": password})
    audit.flush(ctx)
    rows, _ = ctx.store.read(lambda tx: audit.export(tx, alice, 0, 10_000))
    written = b"".join((*audit.jsonl(rows), *audit.as_csv(rows, header=True))).decode()
    assert "events.list" in written
    # What the test's own client logs is not ours.
    logs = [r.getMessage() for r in caplog.records if not r.name.startswith("http")]
    assert not canaries.found_in(
        answers=answers, audit=written, logs=logs, printed="".join(capfd.readouterr())
    )
    assert not canaries.found_at_rest(ctx)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_no_secret_leaves_with_what_leaves(
    ctx: Context,
    alice: Access,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Webhooks, shares, assistants, a second factor; exports, and a backup that is not locked."""
    caplog.set_level(logging.DEBUG)
    settings = msgspec.structs.replace(ctx.settings, outbound_allow=(ip_network("127.0.0.0/8"),))
    ctx = replace(ctx, settings=settings)
    canaries = Canaries()
    canaries.keep(PASSWORD)
    sealed = {"name": "app", "permissions": (Permission(Level.MANAGE),), "seal": True}
    token = canaries.keep(cases.write(ctx, accesses.create, alice, **sealed)[1])
    owner = canaries.keep(personal_token(ctx, alice, api="native"))
    answers: list[str] = []
    with opened(ctx, owner) as api:

        def made(path: str, member: str, body: Any) -> None:
            canaries.keep(api.ok("POST", path, body)[member].rpartition("/")[2])

        see = [{"level": "read", "stream": "diurnal-notes"}]
        password = canaries.keep("the password of a share")
        made("/webhooks", "secret", {"url": "http://127.0.0.1:9/"})
        made("/shares", "url", {"name": "S", "permissions": see, "password": password})
        made("/second-factor", "secret", {"password": PASSWORD})
        shown = ("/webhooks", "/second-factor", "/account", "/exports", "/tokens")
        answers += [api("GET", path).text for path in shown]
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "nothing"}}
        for secret in (token, f"{token}x"):
            headers = {"Authorization": f"Bearer {secret}", "Accept": "application/json"}
            answers.append(api.page("POST", "/mcp", json=call, headers=headers).text)
            answers.append(api.page("POST", f"/mcp?token={secret}", json=call).text)
        canaries.keep(f"{token}x")
    assert not canaries.found_at_rest(ctx)
    left: dict[str, str] = {}
    exports.write(ctx, alice, "jsonl", tmp_path / "export")
    for path in (tmp_path / "export").rglob("*"):
        if path.is_file():
            left[f"export/{path.name}"] = path.read_bytes().decode("utf-8", "replace")
    backup = Path(backups.make(ctx, tmp_path).path)
    with backup.open("rb") as file:
        for member in archive.Reader(file).members():
            raw = member.all(1 << 30)
            plain = zstandard.ZstdDecompressor().decompress(raw) if ".zst" in member.name else raw
            left[member.name] = plain.decode("utf-8", "replace")
    assert any("webhook" in name for name in left)  # what holds the sealed ones was looked at
    assert any(name.startswith("export/") for name in left)
    logs = [r.getMessage() for r in caplog.records if not r.name.startswith("http")]
    printed = "".join(capfd.readouterr())
    assert not canaries.found_in(answers=answers, logs=logs, printed=printed, **left)


def test_a_canary_is_found(ctx: Context, alice: Access) -> None:
    canaries = Canaries()
    canaries.keep("a secret in the open")
    cases.add(ctx, alice, cases.note(content="this is a secret in the open, is it not"))
    assert canaries.found_at_rest(ctx)
    assert canaries.found_in(logs=["x", "GET /?q=a%20secret%20in%20the%20open"])
