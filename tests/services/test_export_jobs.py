"""Exports and backups that the worker makes, through the API that asks for them."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from diurnal import worker
from diurnal.auth import locked_file
from diurnal.model.access import Access
from diurnal.model.time import DAY, HOUR
from diurnal.services import accounts, backup_jobs, restores
from diurnal.services.context import Context
from tests import cases
from tests.dialects.native.client import opened, owner_token
from tests.test_invented_person import bring_in

PASSPHRASE = "seven crows over the harbour"


def work(ctx: Context, kind: str) -> bool:
    return worker.step(ctx, {kind: worker.handlers()[kind]}, owner="w")


def test_an_export_is_asked_for_made_and_fetched(
    ctx: Context, alice: Access, charlie: Access, tmp_path: Path
) -> None:
    cases.add(ctx, alice, *(cases.note(content=f"{n}") for n in range(20)))
    with opened(ctx, owner_token(ctx, alice)) as api:
        asked = api.ok("POST", "/exports", {"format": "jsonl"})
        assert asked["state"] == "waiting"
        place = f"/exports/{asked['id']}"
        api.refused(404, "GET", f"{place}/file")
        assert work(ctx, "export")
        told = api.ok("GET", place)
        assert (told["state"], told["done"], told["total"]) == ("done", 20, 20)
        got = api("GET", f"{place}/file")
        assert got.headers["content-type"] == "application/zip"
        assert len(got.content) == told["bytes"]
        other = api.with_token(owner_token(ctx, charlie))
        for path in (place, f"{place}/file"):
            other.refused(404, "GET", path)
        other.refused(404, "DELETE", place)
        packed = tmp_path / "export.zip"
        packed.write_bytes(got.content)
        assert zipfile.ZipFile(io.BytesIO(got.content)).namelist() == ["diurnal.jsonl"]
        assert bring_in(ctx, charlie, packed).new == 20
        assert api.ok("DELETE", place) == {"deleted": asked["id"]}
        assert api.ok("GET", "/exports") == {"exports": []}
        for _ in range(3):
            api.ok("POST", "/exports", {"format": "csv"})
        api.refused(429, "POST", "/exports", {"format": "csv"})
        assert work(ctx, "export")
    folder = ctx.settings.data_dir / "exports"
    assert len(list((folder / str(alice.account_id)).glob("*.zip"))) == 1
    accounts.delete(ctx, alice.account_id)
    assert not (folder / str(alice.account_id)).exists()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_old_exports_go(ctx: Context, alice: Access) -> None:
    from diurnal.services import export_jobs

    ctx.store.write(lambda tx: export_jobs.start(tx, ctx, alice, "jsonl")).result()
    assert work(ctx, "export")
    later = replace(ctx, now=lambda: 2**60)
    assert len(ctx.store.read(lambda tx: export_jobs.listed(tx, ctx, alice))) == 1
    export_jobs.tidy(later, alice.account_id)
    assert ctx.store.read(lambda tx: export_jobs.listed(tx, ctx, alice)) == []


@pytest.fixture
def scheduled(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(locked_file.Writer.__init__, "__kwdefaults__", {"cost": 4})
    given = {"backup_hours": 24, "backup_keep": 2, "backup_passphrase": PASSPHRASE}
    return replace(ctx, settings=msgspec.structs.replace(ctx.settings, **given))


def test_backups_come_on_schedule_and_the_oldest_go(scheduled: Context, alice: Access) -> None:
    ctx = scheduled
    now = ctx.now()
    for day in range(4):
        at = now + day * (DAY + HOUR)
        then = replace(ctx, now=lambda at=at: at)
        assert backup_jobs.plan(then)
        assert not backup_jobs.plan(then), "one is under way"
        assert work(then, "backup")
        assert not backup_jobs.plan(replace(ctx, now=lambda at=at: at + HOUR)), "not due"
    found = backup_jobs.kept(ctx)
    assert len(found) == 2
    assert all(k.locked for k in found)
    newest = restores.verify(ctx.settings.backups / found[0].name, passphrase=PASSPHRASE)
    assert newest.people == 1


def test_admins_start_fetch_and_remove_backups(
    ctx: Context, alice: Access, charlie: Access, tmp_path: Path
) -> None:
    with opened(ctx, owner_token(ctx, alice)) as api:
        assert api.ok("POST", "/admin/backups") == {"started": True}
        assert api.ok("POST", "/admin/backups") == {"started": False}
        assert work(ctx, "backup")
        (one,) = api.ok("GET", "/admin/backups")["backups"]
        place = f"/admin/backups/{one['name']}"
        assert not one["locked"]
        checked = api.ok("POST", f"{place}/verify")
        assert (checked["whole"], checked["accounts"]) == (True, 2)
        assert checked["rows"] > 0
        other = api.with_token(owner_token(ctx, charlie))
        for method, path in (
            ("GET", "/admin/backups"),
            ("GET", place),
            ("POST", f"{place}/verify"),
            ("DELETE", place),
        ):
            other.refused(403, method, path)
        # Not locked, and of two people: an admin does not see the other's data.
        api.refused(403, "GET", place)
        accounts.delete(ctx, charlie.account_id)
        got = tmp_path / "fetched.backup"
        got.write_bytes(api("GET", place).content)
        assert restores.verify(got).people == 2
        file = ctx.settings.backups / one["name"]
        held = bytearray(file.read_bytes())
        held[len(held) // 2] ^= 1
        file.write_bytes(held)
        checked = api.ok("POST", f"{place}/verify")
        assert not checked["whole"]
        assert checked["problem"]
        for wrong in ("..%2Fkeys", "diurnal.db", "diurnal-20260101T000000Z.backup"):
            api.refused(404, "GET", f"/admin/backups/{wrong}")
        assert api.ok("DELETE", place) == {"deleted": one["name"]}
        assert api.ok("GET", "/admin/backups")["backups"] == []
