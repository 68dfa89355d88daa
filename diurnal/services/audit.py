"""Audit: one line for every doing, allowed or refused, chained by hash for each account.

What a write does is noted in its own transaction: no line, no write. Reads and refusals gather
in memory and are stored within a second.

The chain: a row's hash is SHA-256 of the hash before it (32 zero bytes at first), the text
`account:first:last` with the numbers of its lines, a line feed, and its lines as stored. Where old
lines were let go, a signed checkpoint stands for them.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from diurnal.auth import signing
from diurnal.errors import NotFound
from diurnal.model.access import Access
from diurnal.model.time import SECOND, to_datetime
from diurnal.services.context import Context
from diurnal.store import audit as store
from diurnal.store import changes
from diurnal.store.audit import Checkpoint, Row
from diurnal.store.database import Tx, WriteTx

TRAIL_MAX = 20_000
"""Lines that wait in memory; whoever notes one more stores them first."""
LINES_MAX = 1_000
"""Lines of one row."""
TARGET_MAX = 300
TEXT_MAX = 100
FLUSH_S = 0.5
PAGE_MAX = 10_000
START = bytes(32)
"""The hash before the first row."""

_ROWS = 500
_END = 2**62


class Line(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One doing.

    Attributes:
        time: microseconds UTC.
        access: id of the access; "" for the machine's own.
        door: the dialect, or "command", "worker", "page", "socket".
        action: the operation's name in that dialect.
        target: what it was aimed at: streams, measures, ids; comma-separated.
        n: data that were shown or written.
        error: code of the refusal, "" when it was done.
        address: from where.
        request: the same for all lines of one request.
    """

    time: int
    access: str
    door: str
    action: str
    target: str
    n: int
    error: str
    address: str
    request: str


class Entry(NamedTuple):
    """A line with its number."""

    seq: int
    line: Line


class Verdict(NamedTuple):
    """What came of a check of the chain.

    Attributes:
        lines: how many there are.
        hash: of the last row, hex; keep it with `lines`, and a later check tells whether the log
            up to there is still the same.
        broken: number of the first line that is not as it was written, None when all are.
        since: number of the first line that is still kept.
        pruned: when the lines before it were let go, microseconds; None where all are kept.
        proven: whether a signature of this server says so.
    """

    lines: int
    hash: str
    broken: int | None
    since: int = 1
    pruned: int | None = None
    proven: bool = True


class Doing(msgspec.Struct, eq=False):
    """What somebody is about to do, filled in as it becomes known; becomes one line.

    Attributes:
        recorded: whether a line of it is written, or need not be.
        limited: headers that tell what is left of the caller's limit.
    """

    door: str
    action: str
    address: str = ""
    request: str = ""
    access: str = ""
    account_id: int | None = None
    error: str = ""
    n: int = 0
    targets: tuple[str, ...] = ()
    recorded: bool = False
    limited: tuple[tuple[bytes, bytes], ...] = ()

    def by(self, access: Access) -> None:
        """Say who it is."""
        self.access, self.account_id = access.id, access.account_id

    def about(self, *targets: str) -> None:
        """Say what it is aimed at, beside what the use cases tell."""
        self.targets += targets

    def took(self, tx: Tx) -> None:
        """Add what a read has told."""
        if tx.told is not None:
            for n, targets in tx.told:
                self.n += n
                self.targets += targets

    def failed(self, tx: Tx) -> None:
        """Add what a refused transaction was aimed at; it showed and wrote nothing."""
        for _, targets in tx.told or ():
            self.targets += targets

    def line(self, now: int, tx: Tx | None = None) -> Line:
        """Return the line, with what a transaction has told so far."""
        n, targets = self.n, self.targets
        if tx is not None and tx.told is not None:
            for more, about in tx.told:
                n += more
                targets += about
        if not targets:
            target = ""
        elif len(targets) == 1:
            target = plain(targets[0], TARGET_MAX)
        else:
            target = plain(",".join(dict.fromkeys(targets)), TARGET_MAX)
        return Line(
            now,
            self.access,
            self.door,
            self.action,
            target,
            n,
            self.error,
            self.address,
            self.request,
        )


def tell(tx: Tx, n: int, *targets: str) -> None:
    """Say what a transaction showed or wrote, for the line of whoever asked."""
    if tx.told is None:
        tx.told = [(n, targets)]
    else:
        tx.told.append((n, targets))


def plain(text: str, most: int = TEXT_MAX) -> str:
    """Return text that stays on one line, whatever its writer meant it to do."""
    text = text[:most]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


# Writing


_encode = msgspec.json.Encoder().encode


def append(tx: WriteTx, ctx: Context, account_id: int, lines: Sequence[Line]) -> None:
    """Chain lines to the account's log, in the transaction that they tell of.

    Does nothing for an account that is no more.
    """
    if tx.clock != account_id:
        try:
            changes.reserve(tx, account_id, 0, ctx.now())
        except NotFound:
            return
    known = store.head(tx, account_id)
    seq, last = known if known is not None else (0, START)
    for i in range(0, len(lines), LINES_MAX):
        some = lines[i : i + LINES_MAX]
        text = b"\n".join(map(_encode, some))
        first, seq = seq + 1, seq + len(some)
        last = chained(last, account_id, first, seq, text)
        times = [line.time for line in some] if len(some) > 1 else [some[0].time]
        store.add(tx, account_id, Row(first, seq, min(times), max(times), text.decode(), last))


def chained(before: bytes, account_id: int, first: int, last: int, lines: bytes) -> bytes:
    """Return the hash of a row."""
    head = f"{account_id}:{first}:{last}\n".encode()
    return hashlib.sha256(before + head + lines).digest()


def note(ctx: Context, doing: Doing) -> None:
    """Keep a read or a refusal in mind; `flush` stores it. Whose it is must be known."""
    if doing.account_id is None:
        return
    ctx.trail.append((doing.account_id, doing.line(ctx.now())))
    if doing.error and doing.access:
        key = (doing.account_id, doing.access)
        ctx.refusals[key] = ctx.refusals.get(key, 0) + 1


def full(ctx: Context) -> bool:
    """Return whether as many lines wait as may."""
    return len(ctx.trail) >= TRAIL_MAX


def waiting(ctx: Context) -> dict[int, list[Line]]:
    """Take the lines that wait, by account."""
    found: dict[int, list[Line]] = {}
    for _ in range(len(ctx.trail)):
        try:
            account_id, line = ctx.trail.popleft()
        except IndexError:  # another thread took it
            break
        found.setdefault(account_id, []).append(line)
    return found


def keep_waiting(ctx: Context, account_id: int, lines: Iterable[Line]) -> None:
    """Put lines back that could not be stored."""
    ctx.trail.extendleft((account_id, line) for line in reversed(list(lines)))


def flush(ctx: Context) -> None:
    """Store the lines that wait; for whoever has no event loop."""
    for account_id, lines in waiting(ctx).items():
        ctx.store.write(partial(append, ctx=ctx, account_id=account_id, lines=lines)).result()


# Reading


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines; what is None is not looked at.

    Attributes:
        actions: operations, or the part before their dot.
        apart: accesses whose lines are left out.
        start, end: microseconds, [start, end).
        before: only lines with a smaller number: the cursor of the next page.
    """

    access: str | None = None
    apart: frozenset[str] = frozenset()
    actions: tuple[str, ...] = ()
    doors: tuple[str, ...] = ()
    allowed: bool | None = None
    start: int | None = None
    end: int | None = None
    before: int | None = None
    limit: int = 100

    def fits(self, line: Line) -> bool:
        """Return whether a line is asked for."""
        return (
            (self.access is None or line.access == self.access)
            and line.access not in self.apart
            and (self.allowed is None or (not line.error) == self.allowed)
            and (self.start is None or line.time >= self.start)
            and (self.end is None or line.time < self.end)
            and (not self.doors or line.door in self.doors)
            and (
                not self.actions
                or line.action in self.actions
                or line.action.partition(".")[0] in self.actions
            )
        )


_decode = msgspec.json.Decoder(Line).decode


def entries(row: Row) -> list[Entry]:
    """Return the lines of a row."""
    return [Entry(row.seq + i, _decode(text)) for i, text in enumerate(row.lines.split("\n"))]


def find(tx: Tx, caller: Access, query: Query) -> list[Entry]:
    """Return lines, newest first: all to the owner, to others their own."""
    if not caller.owner:
        query = msgspec.structs.replace(query, access=caller.id)
    found: list[Entry] = []
    before = _END if query.before is None else query.before
    at = before
    while len(found) < query.limit:
        # The row that holds the cursor's line may begin before it.
        rows = store.before(tx, caller.account_id, at, query.start or -_END, _ROWS)
        for row in rows:
            told = reversed(entries(row))
            found += [e for e in told if e.seq < before and query.fits(e.line)]
        if len(rows) < _ROWS:
            break
        at = rows[-1].seq
    return found[: query.limit]


def claims_of(account_id: int, last_seq: int, hash_: bytes, made: int) -> dict[str, Any]:
    """Return what is signed when older lines are let go."""
    return {
        "sub": str(account_id),
        "through": last_seq,
        "hash": hash_.hex(),
        "iat": made // SECOND,
    }


def _proven(ctx: Context, account_id: int, at: Checkpoint) -> bool:
    claims = signing.load(ctx.settings.data_dir, ctx.now() // SECOND).read(at.proof)
    return claims == claims_of(account_id, at.last_seq, at.hash, at.made)


def verify(
    tx: Tx, ctx: Context, caller: Access, *, lines: int | None = None, hash_: str | None = None
) -> Verdict:
    """Check the whole chain of the caller's account, and that it holds what it once held.

    Where older lines were let go (`services.audit_retention`) it begins at what was signed then.

    Args:
        lines, hash_: what an earlier check said; a log that was cut or written anew since then
            does not have them any more. Of a log that was longer then than the part that was let
            go since, only this server's signature tells.
    """
    known = store.checkpoints(tx, caller.account_id)
    last, seq, broken = START, 0, None
    if known:
        last, seq = known[0].hash, known[0].last_seq
    since, told = seq + 1, {one.last_seq: one.hash for one in known}
    met = not lines or (lines < since and told.get(lines) in (None, _bytes(hash_)))
    while broken is None and (rows := store.after(tx, caller.account_id, seq, _ROWS)):
        for row in rows:
            text = row.lines.encode()
            whole = row.seq == seq + 1 and row.last_seq - row.seq == row.lines.count("\n")
            if not whole or chained(last, caller.account_id, row.seq, row.last_seq, text) != (
                row.hash
            ):
                broken = seq + 1
                break
            last, seq = row.hash, row.last_seq
            if seq == lines:
                met = hash_ is None or last.hex() == hash_.lower()
    if broken is None and not met:
        broken = min(lines or 0, seq + 1)
    if not known:
        return Verdict(seq, last.hex(), broken)
    proven = _proven(ctx, caller.account_id, known[0])
    return Verdict(seq, last.hex(), broken, since, known[0].made, proven)


def _bytes(hash_: str | None) -> bytes | None:
    return None if hash_ is None else bytes.fromhex(hash_)


COLUMNS = (
    "seq",
    "time",
    "access",
    "door",
    "action",
    "target",
    "n",
    "error",
    "address",
    "request",
)


def export(tx: Tx, caller: Access, after: int, most: int) -> tuple[list[Row], int]:
    """Return rows of the log after line `after`, oldest first, and the number of their last."""
    rows = store.after(tx, caller.account_id, after, most)
    return rows, rows[-1].last_seq if rows else after


def begun(tx: Tx, caller: Access) -> Iterator[bytes]:
    """Yield where the log begins as a JSON line, where older lines were let go."""
    for one in store.checkpoints(tx, caller.account_id)[:1]:
        told = {"through": one.last_seq, "hash": one.hash.hex(), "proof": one.proof}
        yield _encode(told) + b"\n"


def jsonl(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield rows as JSON lines: each doing, and after those of a row its hash."""
    for row in rows:
        for seq, line in entries(row):
            told = {"seq": seq, **{f: getattr(line, f) for f in Line.__struct_fields__}}
            yield _encode(told) + b"\n"
        yield _encode({"through": row.last_seq, "hash": row.hash.hex()}) + b"\n"


def as_csv(rows: Iterable[Row], *, header: bool) -> Iterator[bytes]:
    """Yield rows as CSV; nothing in it is a formula to a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(COLUMNS)
    for row in rows:
        for seq, line in entries(row):
            told = (getattr(line, name) for name in Line.__struct_fields__[1:])
            shown = [f"'{v}" if isinstance(v, str) and v[:1] in "=+-@" and v else v for v in told]
            writer.writerow([seq, to_datetime(line.time).isoformat(), *shown])
        yield out.getvalue().encode()
        out.seek(0)
        out.truncate()
