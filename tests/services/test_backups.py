"""Backups: everything is in them, one flipped bit is found, and they come back on either engine."""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import BigInteger, Float, Integer, LargeBinary, SmallInteger, select

from diurnal.auth import keys, locked_file
from diurnal.errors import Conflict, InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.services import accounts, attachments, backups, restores, uploads
from diurnal.services.context import Context, Ids
from diurnal.settings import load
from diurnal.store import archive, changes, dump, migrate, tables
from diurnal.store.blobs import Blobs
from diurnal.store.database import open_store
from diurnal.store.sql import Sql
from tests import cases, postgres
from tests.clock import START, Clock
from tests.conftest import PASSWORD

PASSPHRASE = "seven crows over the harbour"
WORD = "a-word-that-only-alice-knows"


@pytest.fixture(autouse=True)
def cheap_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """scrypt with little cost: a guess is a thousand times cheaper, the way is the same."""
    monkeypatch.setattr(locked_file.Writer.__init__, "__kwdefaults__", {"cost": 4})


def fill(ctx: Context, who: Access) -> None:
    """Put something into every table there is, odd values among it."""
    do = ctx.store.write
    cases.plant(ctx, who, "a", "b")
    cases.add(ctx, who, cases.weigh(70, START, source="scale", source_id="w1"))
    cases.add(ctx, who, cases.note(stream_ids=("a",), tags=("t",), content=WORD, id="mine"))
    digest, size = ctx.blobs.put(who.account_id, [WORD.encode() * 9_000], limit=1 << 20)
    given = [("letter.txt", "text/plain", digest, size)]
    do(lambda tx: attachments.add(tx, ctx, who, "mine", given)).result()
    upload = do(lambda tx: uploads.create(tx, ctx, who, name="half.csv", size=20)).result()
    uploads.append(ctx, who, upload.id, 0, b"date,steps")
    draw = random.Random(7)
    for table in tables.metadata.sorted_tables:
        mine = None if "account_id" not in table.c else who.account_id
        if table.name in ("counter", "alembic_version"):
            continue
        if table.name in ("account", "account_clock", "totp") and _rows(ctx, table, mine):
            continue
        rows = [[_cell(c, who.account_id, n, draw) for c in table.columns] for n in range(3)]
        if table.name in ("account", "account_clock", "totp"):
            rows = rows[:1]
        do(lambda tx, t=table, r=rows: dump.put(tx, t, dump.columns(t), r)).result()


def _rows(ctx: Context, table: Any, account_id: int | None) -> int:
    return ctx.store.read(lambda tx: dump.count(tx, table, account_id))


def _cell(column: Any, account_id: int, n: int, draw: random.Random) -> Any:
    if column.name == "account_id":
        return account_id
    if column.nullable and n == 1:
        return None
    kind = column.type
    if isinstance(kind, LargeBinary):
        return draw.randbytes(40 + n)
    if isinstance(kind, Float):
        return (0.1 + 0.2, 1e-320, -5.0)[n]
    if isinstance(kind, SmallInteger):
        return n
    if isinstance(kind, BigInteger):
        return 2**62 + n if column.name not in ("rev", "seq") else 2**40 + n
    if isinstance(kind, Integer):
        return n + 9
    return ('ünïcode 🦉 \\ "', "two\nlines\t\x7f", "{}")[n] + f"-{column.name}-{account_id}-{n}"


def everything(ctx: Context) -> dict[str, list[str]]:
    """Return every row of every table but of those that a backup leaves out."""
    found = {}
    for t in tables.metadata.sorted_tables:
        if t.name not in dump.LEFT_OUT:
            rows = ctx.store.read(lambda tx, t=t: tx.execute(Sql(select(t)), {}))
            found[t.name] = sorted(
                repr([bytes(v) if isinstance(v, memoryview) else v for v in row]) for row in rows
            )
    return found


def files(ctx: Context) -> dict[str, bytes]:
    root = ctx.settings.data_dir
    return {
        str(p.relative_to(root)): p.read_bytes()
        for folder in ("blobs", "uploads")
        for p in (root / folder).rglob("*")
        if p.is_file() and p.name != "lock"
    }


def _opened(url: str, folder: Path, clock: Clock) -> Context:
    folder.mkdir(mode=0o700, exist_ok=True)
    return Context(
        store=open_store(url),
        settings=load(data_dir=folder, database_url=url, environ={}),
        keys=keys.load(folder),
        blobs=Blobs(folder),
        now=clock.now,
        new_id=Ids(clock.now).new,
    )


@pytest.fixture
def elsewhere(
    other: str, tmp_path: Path, clock: Clock, request: pytest.FixtureRequest
) -> Iterator[Context]:
    """An empty server on another machine, so to speak."""
    folder = tmp_path / "elsewhere"
    folder.mkdir(mode=0o700)
    server: postgres.Postgres | None = None
    if other == "postgres":
        server = request.getfixturevalue("postgres_server")
        name = server.create(server.template("schema", migrate.ensure))
        url = server.url(name)
    else:
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / "diurnal.db")
        url = f"sqlite:///{folder / 'diurnal.db'}"
    there = _opened(url, folder, clock)
    yield there
    there.store.close()
    if server is not None:
        server.drop(name)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def other(request: pytest.FixtureRequest) -> str:
    return str(request.param)


only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
to_sqlite = pytest.mark.parametrize("other", ["sqlite"], indirect=True)


def test_all_there_is_comes_back_on_either_engine(
    ctx: Context, alice: Access, charlie: Access, elsewhere: Context, tmp_path: Path
) -> None:
    fill(ctx, alice)
    sealed = ctx.keys.seal("a token of a source", alice.account_id)
    before, held = everything(ctx), files(ctx)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    made = backups.make(ctx, tmp_path / "all.backup", passphrase=PASSPHRASE)
    assert made.people == 2
    assert made.files == 1
    assert elsewhere.keys.open(sealed, alice.account_id) is None

    restored = restores.restore(elsewhere, tmp_path / "all.backup", passphrase=PASSPHRASE)

    assert restored.manifest == made.manifest
    assert everything(elsewhere) == before
    assert files(elsewhere) == held
    assert elsewhere.keys.open(sealed, alice.account_id) == "a token of a source"
    # And from there: the same rows, told in the same words.
    again = backups.make(elsewhere, tmp_path / "again.backup")
    assert again.manifest.accounts == made.manifest.accounts
    assert accounts.check_password(elsewhere, "alice", PASSWORD).account_id == alice.account_id
    new = accounts.create(elsewhere, username="dora", password=PASSWORD)
    assert new.account_id > charlie.account_id


@to_sqlite
def test_a_backup_while_events_come_in_is_of_one_moment(
    ctx: Context, alice: Access, elsewhere: Context, tmp_path: Path
) -> None:
    over = threading.Event()
    written: list[int] = []

    def write() -> None:
        while not over.is_set():
            n = len(written)
            one = cases.note(content=f"{n}", tags=("busy",))
            cases.add(ctx, alice, *(one for _ in range(5)))
            digest, size = ctx.blobs.put(alice.account_id, [b"%d" % n], limit=99)
            made = cases.add(ctx, alice, cases.note(content="with a file"))
            event = made[0].id
            given = [("f", "text/plain", digest, size)]
            cases.write(ctx, attachments.add, alice, event, given)
            written.append(n)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        taken = []
        while len(taken) < 3 or len(written) < 20:
            taken.append(backups.make(ctx, tmp_path / f"{len(taken)}.backup"))
    finally:
        over.set()
        thread.join()
    assert taken[0].rows < taken[-1].rows
    made = restores.restore(elsewhere, Path(taken[1].path))
    (holding,) = made.manifest.accounts
    log = elsewhere.store.read(lambda tx: changes.since(tx, alice.account_id, 0, 100_000))
    assert [row[0] for row in log] == list(range(1, holding.rev + 1))
    there = set(_column(elsewhere, tables.event.c.id))
    assert {row[3] for row in log if row[1] == "event"} == there
    assert set(_column(elsewhere, tables.file.c.event_id)) <= there
    for digest in _column(elsewhere, tables.file.c.hash):
        assert elsewhere.blobs.intact(alice.account_id, digest)


def _column(ctx: Context, column: Any) -> list[Any]:
    return [r[0] for r in ctx.store.read(lambda tx: tx.execute(Sql(select(column)), {}))]


@pytest.fixture
def filled(ctx: Context, alice: Access) -> Context:
    fill(ctx, alice)
    return ctx


@pytest.fixture
def small(filled: Context, tmp_path: Path) -> Path:
    ctx = filled
    return Path(backups.make(ctx, tmp_path / "small.backup").path)


@pytest.fixture
def locked(filled: Context, tmp_path: Path) -> Path:
    ctx = filled
    return Path(backups.make(ctx, tmp_path / "locked.backup", passphrase=PASSPHRASE).path)


def _flip(path: Path, passphrase: str | None, times: int) -> None:
    whole = path.read_bytes()
    restores.verify(path, passphrase=passphrase)
    draw = random.Random(20_260_301)
    places = {draw.randrange(len(whole) * 8) for _ in range(times)}
    # The first and last bytes too.
    for place in sorted({*places, *range(8), *range(len(whole) * 8 - 8, len(whole) * 8)}):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(InvalidInput):
            restores.verify(path, passphrase=passphrase)


@only_sqlite
def test_one_flipped_bit_is_found(small: Path) -> None:
    _flip(small, None, 80)


@only_sqlite
def test_one_flipped_bit_is_found_in_what_is_locked(locked: Path) -> None:
    _flip(locked, PASSPHRASE, 80)


@pytest.mark.slow
@only_sqlite
def test_a_thousand_flipped_bits_are_found(small: Path) -> None:
    _flip(small, None, 1_000)


@only_sqlite
def test_every_cut_is_found(small: Path, locked: Path) -> None:
    for path, passphrase in ((small, None), (locked, PASSPHRASE)):
        whole = path.read_bytes()
        for length in (0, 1, 511, 512, 40_000, len(whole) - 512, len(whole) - 1):
            path.write_bytes(whole[:length])
            with pytest.raises(InvalidInput):
                restores.verify(path, passphrase=passphrase)
        path.write_bytes(whole + b"\0")
        with pytest.raises(InvalidInput):
            restores.verify(path, passphrase=passphrase)


def _members(path: Path) -> list[tuple[str, bytes]]:
    """Read a backup as anybody can, with a tar program."""
    with tarfile.open(path) as tar:
        return [(m.name, tar.extractfile(m).read()) for m in tar.getmembers()]  # type: ignore[union-attr]


def _pack(path: Path, members: list[tuple[str, bytes]]) -> None:
    """Write it again, with the hash of the whole that fits."""
    out = io.BytesIO()
    for name, body in members:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(body), 0o600
        out.write(info.tobuf(tarfile.GNU_FORMAT) + body + bytes(-len(body) % 512))
    out.write(bytes(1024))
    seal = b"diurnal-backup sha256 " + hashlib.sha256(out.getvalue()).hexdigest().encode() + b"\n"
    path.write_bytes(out.getvalue() + seal.ljust(512, b"\0"))


@only_sqlite
def test_every_file_that_is_missing_moved_or_there_twice_is_found(small: Path) -> None:
    members = _members(small)
    _pack(small, members)
    restores.verify(small)
    for n in range(len(members)):
        _pack(small, members[:n] + members[n + 1 :])
        with pytest.raises(InvalidInput):
            restores.verify(small)
    for n in range(len(members) - 1):
        _pack(small, [*members[:n], members[n + 1], members[n], *members[n + 2 :]])
        with pytest.raises(InvalidInput):
            restores.verify(small)
        _pack(small, [*members[:n], members[n], *members[n:]])
        with pytest.raises(InvalidInput):
            restores.verify(small)
    for name in ("accounts/1/event-999999.jsonl.zst", "accounts/1/../../etc/passwd", "/x"):
        _pack(small, [(name, b"x"), *members])
        with pytest.raises(InvalidInput):
            restores.verify(small)


def _emptied(members: dict[str, bytes], name: str) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the members without those of a table, and a manifest that says it was empty."""
    manifest = msgspec.json.decode(members["manifest.json"])
    gone = {m for m in members if m.split("/")[-1].startswith(f"{name}-")}
    assert gone
    manifest["parts"] = [part for part in manifest["parts"] if part[0] not in gone]
    for held in (manifest["server"], *(a["tables"] for a in manifest["accounts"])):
        if name in held:
            held[name] = {"rows": 0, "sha256": hashlib.sha256().hexdigest()}
    left = {m: body for m, body in members.items() if m not in gone and m != "manifest.json"}
    return left, manifest


@only_sqlite
@pytest.mark.parametrize("name", ["event", "account", "account_clock", "change", "source"])
def test_a_table_that_was_emptied_with_care_is_found(small: Path, name: str) -> None:
    """The manifest was made to fit; that there must be something is told by the other tables."""
    members, manifest = _emptied(dict(_members(small)), name)
    told = msgspec.convert(manifest | {"parts": []}, backups.Manifest)
    manifest["census"] = backups.census(told.accounts, told.server)
    _pack(small, [*members.items(), ("manifest.json", msgspec.json.encode(manifest))])
    with pytest.raises(InvalidInput, match=r"none of|no row of"):
        restores.verify(small)


@only_sqlite
def test_whichever_table_is_empty_that_was_not_is_found(small: Path) -> None:
    """Of all tables there are, with counts and hashes of the others that fit."""
    whole = dict(_members(small))
    said = msgspec.json.decode(whole["manifest.json"])
    had = {
        name
        for tables in (said["server"], *(a["tables"] for a in said["accounts"]))
        for name, table in tables.items()
        if table["rows"]
    }
    assert len(had) > 15
    for name in sorted(had):
        members, manifest = _emptied(whole, name)
        _pack(small, [*members.items(), ("manifest.json", msgspec.json.encode(manifest))])
        with pytest.raises(InvalidInput, match="census"):
            restores.verify(small)


@only_sqlite
@pytest.mark.parametrize("name", ["event", "webhook"])
def test_a_table_of_which_nothing_is_told_is_found(small: Path, name: str) -> None:
    members = dict(_members(small))
    manifest = msgspec.json.decode(members.pop("manifest.json"))
    for account in manifest["accounts"]:
        del account["tables"][name]
    gone = {m for m in members if m.split("/")[-1].startswith(f"{name}-")}
    manifest["parts"] = [part for part in manifest["parts"] if part[0] not in gone]
    told = msgspec.convert(manifest | {"parts": []}, backups.Manifest)
    manifest["census"] = backups.census(told.accounts, told.server)
    left = [(m, body) for m, body in members.items() if m not in gone]
    _pack(small, [*left, ("manifest.json", msgspec.json.encode(manifest))])
    with pytest.raises(InvalidInput, match=f"nothing is told of {name}"):
        restores.verify(small)


@pytest.mark.parametrize("missing", ["event", "audit", "access"])
def test_a_backup_that_reads_nothing_of_a_table_is_not_made(
    ctx: Context, alice: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    fill(ctx, alice)
    pages = dump.pages
    monkeypatch.setattr(
        dump, "pages", lambda tx, t, a: iter(()) if t.name == missing else pages(tx, t, a)
    )
    with pytest.raises(InvalidInput, match=f"0 of .* rows of {missing}"):
        backups.make(ctx, tmp_path / "x.backup")
    assert list(tmp_path.glob("*.backup")) == []
    assert list((ctx.settings.data_dir / backups.TEMP_FOLDER).iterdir()) == []


@only_sqlite
def test_no_secret_lies_in_it_in_clear(
    ctx: Context, alice: Access, tmp_path: Path, small: Path, locked: Path
) -> None:
    key = ctx.keys.text().strip()
    inside = b"".join(body for _, body in _members(small))
    for secret in (key, PASSWORD.encode(), b"BEGIN PRIVATE", b"BEGIN RSA"):
        assert secret not in inside
        assert secret not in locked.read_bytes()
    for word in (b"alice", WORD.encode(), b"manifest", b"accounts/"):
        assert word in inside + b"".join(n.encode() for n, _ in _members(small))
        assert word not in locked.read_bytes()
    assert PASSPHRASE.encode() not in locked.read_bytes()
    assert (small.stat().st_mode & 0o777, locked.stat().st_mode & 0o777) == (0o600, 0o600)
    said = restores.verify(small).manifest
    assert any("keys" in left_out for left_out in said.not_held)


@to_sqlite
@only_sqlite
def test_a_locked_backup_opens_with_its_passphrase_only(
    locked: Path, small: Path, elsewhere: Context
) -> None:
    for passphrase in (None, "seven crows over the harbor", PASSPHRASE + " "):
        with pytest.raises(InvalidInput, match="passphrase"):
            restores.restore(elsewhere, locked, passphrase=passphrase)
    with pytest.raises(InvalidInput, match="no locked backup"):
        restores.restore(elsewhere, small, passphrase=PASSPHRASE)
    assert not any(rows for name, rows in everything(elsewhere).items() if name != "counter")


@only_sqlite
@to_sqlite
def test_only_an_empty_server_takes_a_backup(ctx: Context, small: Path, elsewhere: Context) -> None:
    accounts.create(elsewhere, username="zoe", password=PASSWORD)
    before = everything(elsewhere)
    with pytest.raises(Conflict, match="has accounts"):
        restores.restore(elsewhere, small)
    assert everything(elsewhere) == before


@only_sqlite
def test_of_a_restore_that_fails_nothing_stays_and_the_next_one_works(
    small: Path, elsewhere: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, calls = dump.put, []

    def failing(tx: Any, table: Any, names: Any, rows: Any) -> None:
        calls.append(table.name)
        if table.name == "totp":
            raise OSError(28, "no space")
        put(tx, table, names, rows)

    with monkeypatch.context() as patch:
        patch.setattr(dump, "put", failing)
        with pytest.raises(OSError, match="no space"):
            restores.restore(elsewhere, small)
    assert len(calls) > 10
    left = everything(elsewhere)
    assert not any(rows for name, rows in left.items() if name not in ("counter", "upstream"))
    assert files(elsewhere) == {}
    assert restores.restore(elsewhere, small).people == 1


@only_sqlite
def test_an_attachment_that_is_gone_or_damaged_is_told(
    ctx: Context, alice: Access, tmp_path: Path
) -> None:
    fill(ctx, alice)
    (digest, _) = next(iter(ctx.blobs.hashes(alice.account_id)))
    path = ctx.settings.data_dir / "blobs" / str(alice.account_id) / digest[:2] / digest
    path.write_bytes(b"rotten")
    made = backups.make(ctx, tmp_path / "1.backup")
    assert digest in made.manifest.accounts[0].lost
    path.unlink()
    made = backups.make(ctx, tmp_path / "2.backup")
    assert any(digest in lost for lost in made.lost)
    assert restores.verify(tmp_path / "2.backup").lost == made.lost


@only_sqlite
def test_a_backup_overwrites_nothing_and_a_folder_gets_a_name(
    ctx: Context, alice: Access, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    made = backups.make(ctx, folder)
    assert Path(made.path).name.startswith("diurnal-2")
    assert restores.verify(folder).path == made.path
    with pytest.raises(Conflict):
        backups.make(ctx, Path(made.path))
    with pytest.raises(NotFound):
        backups.make(ctx, tmp_path / "nowhere" / "x")
    shutil.copy(made.path, folder / "second.backup")
    with pytest.raises(InvalidInput, match="2 backups"):
        restores.verify(folder)
    with pytest.raises(InvalidInput, match="at least 8"):
        backups.make(ctx, tmp_path / "y", passphrase="short")
    assert not (tmp_path / "y").exists()


@only_sqlite
def test_a_backup_of_a_newer_schema_is_refused_plainly(small: Path, ctx: Context) -> None:
    made = restores.verify(small)
    newer = msgspec.structs.replace(made.manifest, schema="9999")
    with pytest.raises(InvalidInput, match="newer than this version"):
        restores._must_fit(newer)
    odd = msgspec.structs.replace(
        made.manifest, schema="0000", columns={**made.manifest.columns, "once": ["x"]}
    )
    with pytest.raises(InvalidInput, match="schema 0000"):
        restores._must_fit(odd)


@only_sqlite
def test_many_rows_take_many_pages_and_members(
    ctx: Context, alice: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "PART_BYTES", 3_000)
    monkeypatch.setattr(dump, "PAGE_BYTES", 1_000)
    for n in range(20):
        cases.add(ctx, alice, *(cases.note(content=f"{n}-{i}") for i in range(20)))
    made = backups.make(ctx, tmp_path / "x.backup")
    assert made.manifest.accounts[0].tables["event"].rows == 400
    parts = [n for n, _ in _members(tmp_path / "x.backup") if "/event-" in n]
    assert len(parts) > 20
    assert restores.verify(tmp_path / "x.backup").rows == made.rows


def test_the_archive_reads_what_it_wrote() -> None:
    out = io.BytesIO()
    writer = archive.Writer(out)
    writer.add("a", b"")
    writer.add("b", b"x" * 513)
    writer.finish({"said": 1})
    reader = archive.Reader(io.BytesIO(out.getvalue()))
    assert [(m.name, b"".join(m.chunks())) for m in reader.members()] == [
        ("a", b""),
        ("b", b"x" * 513),
    ]
    assert reader.manifest() == {"said": 1}


@only_sqlite
def test_a_backup_maps_nothing_of_a_large_database(ctx: Context, alice: Access) -> None:
    """The file counted as memory of the worker: 167 MB with 100,000 events."""

    def mapped() -> int:
        path = str(ctx.settings.data_dir / "diurnal.db")
        text = Path("/proc/self/smaps").read_text()
        kib, ours = 0, False
        for line in text.splitlines():
            if "-" in line.split(" ", 1)[0]:
                ours = line.endswith(path)
            elif ours and line.startswith("Rss:"):
                kib += int(line.split()[1])
        return kib

    notes = [cases.note(content="x" * 4_000, id=None) for _ in range(500)]
    cases.add(ctx, alice, *notes)
    ctx.store.scrub()  # into the file
    of_event = next(t for t in dump.of_accounts() if t.name == "event")

    def read(tx: Any) -> int:
        for _ in dump.pages(tx, of_event, alice.account_id):
            pass
        return mapped()

    assert ctx.store.read(read) > 1_000, "what everybody else reads is mapped"
    assert ctx.store.scan(read) < 1_000, "the writer has some pages of its own"
    assert ctx.store.read(read) > 1_000
