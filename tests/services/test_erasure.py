"""Deleting an account leaves nothing of it: a scan of every table and every file."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Float, Integer, LargeBinary, Table, insert, select

from diurnal import worker
from diurnal.auth import tokens
from diurnal.errors import InvalidInput
from diurnal.model.access import Access
from diurnal.services import (
    accounts,
    attachments,
    authentication,
    backups,
    export_jobs,
    imports,
    jobs,
    legacy,
    mail_links,
    passkeys,
    passwords,
    profile,
    server_log,
    sessions,
    sign_up,
    uploads,
)
from diurnal.services.context import Context
from diurnal.services.sign_in import Proof
from diurnal.store import accounts as account_rows
from diurnal.store import passkeys as passkey_rows
from diurnal.store import tables
from diurnal.store.passkeys import Passkey
from diurnal.store.sql import Sql
from tests import cases
from tests.clock import START, Clock
from tests.conftest import PASSWORD
from tests.dialects.native.client import opened, owner_token
from tests.services.test_sign_in import HERE, with_factor

PNG = b"\x89PNG\r\n\x1a\n" + b"canary-picture" * 50
CANARY = "canary-of-alice"
EMAIL = "canary@example.org"


def _live(ctx: Context, who: Access, clock: Clock) -> list[str]:
    """Fill an account through every door there is; return the secrets that were given out."""
    name = who.username
    word = f"{CANARY if name == 'alice' else 'word'}-{name}"

    def do(fn: Any) -> Any:
        return ctx.store.write(fn).result()

    secrets = [do(lambda tx: sign_up.invite(tx, ctx, who, note=word))[1]] if name == "alice" else []
    passwords.change_email(
        ctx, who, email=EMAIL if name == "alice" else "c@example.org", password=PASSWORD
    )
    cases.plant(ctx, who, "a", "b", client_data={"x": word})
    cases.add(
        ctx,
        who,
        cases.weigh(70, START, source="scale", source_id="w1"),
        cases.note(stream_ids=("a", "b"), tags=(word,), content=word, id="mine"),
    )
    digest, size = ctx.blobs.put(who.account_id, [word.encode() * 100], limit=1 << 20)
    do(lambda tx: attachments.add(tx, ctx, who, "mine", [(word, "text/plain", digest, size)]))
    profile.put_avatar(ctx, who, PNG + word.encode())
    do(lambda tx: profile.update(tx, ctx, who, {"bio": word, "last_name": word}))
    upload = do(lambda tx: uploads.create(tx, ctx, who, name=word, size=len(word)))
    uploads.append(ctx, who, upload.id, 0, word.encode())
    do(lambda tx: imports.start(tx, ctx, who, upload_id=upload.id, name=word))
    account = ctx.store.read(lambda tx: accounts.find(tx, name))
    _, token = sessions.begin(ctx, Proof(account, "password"), device=word, address=HERE)
    secrets += [token, owner_token(ctx, who)]
    secrets.append(do(lambda tx: mail_links.issue_reset(tx, ctx, account)).partition("token=")[2])
    key = Passkey(
        id=ctx.new_id(),
        credential=word,
        public_key=word.encode(),
        sign_count=0,
        transports=(),
        backed_up=False,
        name=word,
        created=START,
    )
    do(lambda tx: passkey_rows.add(tx, who.account_id, key))
    do(lambda tx: account_rows.claim(tx, passkeys.DIRECTORY, word, who.account_id, START))
    _, codes = with_factor(ctx, who, clock)
    secrets += [code.replace("-", "") for code in codes]
    legacy.used(ctx, who.account_id, "exist.simple_token")
    used = dict(ctx.ways)
    do(lambda tx: legacy.flush(tx, ctx, used))
    ctx.ways.clear()
    ctx.attempts.failed(name, HERE)
    ctx.store.read(lambda tx: authentication.resolve(tx, ctx, token))
    authentication.remembered(ctx, token)
    _leave_files(ctx, who, word)
    for t in tables.metadata.sorted_tables:
        _fill(ctx, t, who.account_id, word)
    return secrets


def _leave_files(ctx: Context, who: Access, word: str) -> None:
    """Leave what lies on the disk of an account: exports, what a killed backup left, the log."""
    ctx.store.write(lambda tx: export_jobs.start(tx, ctx, who, "jsonl")).result()
    assert worker.step(ctx, {"export": worker.handlers()["export"]}, owner="w")
    work = export_jobs.path_of(ctx, who.account_id, "killed").with_suffix(".work")
    work.mkdir()
    (work / "diurnal.jsonl").write_text(word)
    left = ctx.settings.data_dir / backups.TEMP_FOLDER / word / str(who.account_id)
    left.mkdir(parents=True)
    (left / "digest").write_text(word)
    ctx.settings.backups.mkdir(exist_ok=True)
    (ctx.settings.backups / f".diurnal-{word}.backup.0011").write_text(word)
    log = server_log.Writer(ctx.settings.data_dir, "server", now=ctx.now, redacted=str)
    log.write({"event": word, "account": who.account_id})
    log.write({"event": "a mail", "reason": f"to {who.username}"})


def _fill(ctx: Context, t: Table, account_id: int, word: str) -> None:
    """Put a row of an account into a table that has none: a new table is tested by itself."""
    if "account_id" not in t.c:
        return
    mine = select(t).where(t.c.account_id == account_id)
    if ctx.store.read(lambda tx: tx.execute(Sql(mine), {})):
        return
    row: dict[str, Any] = {}
    for c in t.columns:
        if c.name == "account_id":
            row[c.name] = account_id
        elif isinstance(c.type, LargeBinary):
            row[c.name] = word.encode()
        elif isinstance(c.type, BigInteger | Integer | Float):
            if not c.nullable:
                row[c.name] = 2**15 - 1
        else:
            row[c.name] = f'["{word}"]'  # some are read as JSON
    ctx.store.write(lambda tx: tx.execute(Sql(insert(t).values(row)), {})).result()


def _dump(ctx: Context) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table."""
    return {
        t.name: ctx.store.read(lambda tx, t=t: tx.execute(Sql(select(t)), {}))
        for t in tables.metadata.sorted_tables
    }


def _of(rows: dict[str, list[tuple[Any, ...]]], account_id: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for t in tables.metadata.sorted_tables:
        if "account_id" in t.c:
            at = list(t.c.keys()).index("account_id")
            found[t.name] = sorted(repr(r) for r in rows[t.name] if r[at] == account_id)
    return found


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_left_of_a_deleted_account_and_others_are_whole(
    ctx: Context, alice: Access, charlie: Access, clock: Clock
) -> None:
    secrets = _live(ctx, alice, clock)
    _live(ctx, charlie, clock)
    before = _dump(ctx)
    words = [CANARY.encode(), b"canary@", *(tokens.digest(s) for s in secrets)]
    assert all(_seen(ctx, before, word) for word in words)  # the scan sees what is there
    mine = _of(before, alice.account_id)
    assert sum(map(len, mine.values())) > 50
    assert not [name for name, rows in mine.items() if not rows], "every table has something"
    his = {
        p: b
        for p, b in _files(ctx.settings.data_dir).items()
        if f"/{charlie.account_id}/" in str(p) and backups.TEMP_FOLDER not in str(p)
    }
    assert his

    with pytest.raises(InvalidInput):
        passwords.delete_account(ctx, alice, password=PASSWORD, code="000000", address=HERE)
    accounts.delete(ctx, alice.account_id)

    after = _dump(ctx)
    assert not any(_of(after, alice.account_id).values())
    for word in [*words, b"alice"]:
        assert not _seen(ctx, after, word), word
    assert _of(after, charlie.account_id) == _of(before, charlie.account_id)
    now = _files(ctx.settings.data_dir)
    assert {p: now.get(p) for p in his} == his
    assert alice.account_id not in {*ctx.blobs.accounts(), *uploads.owners(ctx)}
    kept = (ctx.states, ctx.uses, ctx.ways, ctx.accesses)
    assert not any(repr(alice.username) in repr(memory) for memory in kept)
    with opened(ctx) as nobody:
        for secret in secrets:
            assert nobody.with_token(secret)("GET", "/session").status_code == 401
    # The name is free again, and leads to nothing of the one before.
    again = accounts.create(ctx, username="alice", password=PASSWORD, email=EMAIL)
    assert again.account_id != alice.account_id


def _seen(ctx: Context, rows: dict[str, list[tuple[Any, ...]]], word: bytes) -> bool:
    """Return whether a word is in a row or in a file, also in what SQLite has let go of."""
    text = word.decode(errors="replace")
    for table in rows.values():
        for row in table:
            for value in row:
                if isinstance(value, bytes | memoryview):
                    if word in bytes(value):
                        return True
                elif text in str(value):
                    return True
    return any(word in body for body in _files(ctx.settings.data_dir).values())


def test_work_under_way_writes_nothing_after_its_account_is_gone(
    ctx: Context, alice: Access, charlie: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = ctx.store.write(
        lambda tx: uploads.create(tx, ctx, alice, name="days.csv", size=22)
    ).result()
    uploads.append(ctx, alice, upload.id, 0, b"date,steps\n2026-03-01,5"[:22])
    ctx.store.write(
        lambda tx: imports.start(tx, ctx, alice, upload_id=upload.id, name="days.csv")
    ).result()
    lease = ctx.store.write(lambda tx: jobs.take(tx, ctx, ["import"], owner="w")).result()
    assert lease is not None
    accounts.delete(ctx, alice.account_id)
    worker.do(ctx, worker.handlers()["import"], lease, threading.Event())
    # What it had put on the disk meanwhile goes with the next tidying.
    ctx.blobs.put(alice.account_id, [b"late"], limit=10)
    ctx.blobs.put(charlie.account_id, [b"mine"], limit=10)
    worker.tidy(ctx)
    assert ctx.blobs.accounts() == [charlie.account_id]
    assert uploads.owners(ctx) == []
    assert not any(_of(_dump(ctx), alice.account_id).values())


def test_deleting_needs_the_password_again(ctx: Context, alice: Access, charlie: Access) -> None:
    token = owner_token(ctx, charlie)
    with opened(ctx, token) as api:
        wrong = api.refused(400, "DELETE", "/account", {"password": "a guess"})
        assert wrong["field"] == "password"
        assert api.ok("DELETE", "/account", {"password": PASSWORD}) == {"deleted": "charlie"}
        api.refused(401, "GET", "/session")
        mine = api.with_token(owner_token(ctx, alice))
        assert [a["username"] for a in mine.ok("GET", "/admin/accounts")["accounts"]] == ["alice"]


def test_the_page_deletes_who_types_the_name(ctx: Context, alice: Access) -> None:
    form = {"username": "alice", "password": PASSWORD}
    with opened(ctx) as browser:
        browser.page("POST", "/sign-in", data={"name": "alice", "password": PASSWORD})
        for wrong in ({"username": "bob"}, {"password": "a guess"}):
            again = browser.page("POST", "/security/delete", data=form | wrong)
            assert again.status_code == 400
        assert "deleted" in browser.page("POST", "/security/delete", data=form).text
        assert "diurnal_session" not in browser.cookies
        assert browser.page("GET", "/").headers["location"] == "/setup"
