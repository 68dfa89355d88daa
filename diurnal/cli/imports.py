"""Import files; list and undo imports."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diurnal.cli.command import (
    Account,
    Json,
    app,
    fail,
    group,
    opened_context,
    owner_of,
    plain,
    print_json,
)
from diurnal.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from diurnal.services.imports import Progress, Result
    from diurnal.store.batches import Stored

_imports = group("imports", "List and undo imports.")
MAP_BYTES_MAX = 256 << 10
ASIDE_SHOWN = 5
FILES_SHOWN = 20


@app.command("import")
@plain
def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files, archives or folders.", metavar="PATH…", show_default=False),
    ],
    account: Account,
    source: Annotated[
        str | None, typer.Option(help="Read everything as this kind.", metavar="KIND")
    ] = None,
    map_: Annotated[
        Path | None, typer.Option("--map", help="JSON file with the mapping of a CSV.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    json: Json = False,
) -> None:
    """Import files; waits for the end."""
    from diurnal import worker as work
    from diurnal.services import imports, jobs

    found = [path.expanduser().absolute() for path in paths]
    for path in found:
        if not path.exists():
            raise NotFound(f"{path}: no such file or folder")
    mapping = _mapping(map_)
    stop = threading.Event()
    with opened_context() as ctx:
        owner = owner_of(ctx, account)

        def begin(tx: Any) -> tuple[int, jobs.Lease]:
            batch = imports.start(
                tx,
                ctx,
                owner,
                paths=[str(path) for path in found],
                name=found[0].name if len(found) == 1 else f"{found[0].name} and more",
                source=source,
                options=mapping,
                dry_run=dry_run,
            )
            # Leased at once, or a worker beside us would take it; should we be killed, it will.
            job = imports.job_of(tx, owner.account_id, batch) or ""
            return batch, jobs.claim(tx, ctx, owner.account_id, job, owner="command")

        batch, lease = ctx.store.write(begin).result()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        work.give_way()
        try:
            with shown(quiet=json and not sys.stderr.isatty()) as show, work.beating(ctx, lease):
                result = imports.run(
                    ctx,
                    owner.account_id,
                    batch,
                    lease=lease,
                    progress=show,
                    stopping=stop.is_set,
                )
        except jobs.Stopped:
            reason = "stopped; what was read stays, and the same import goes on from there"
            imports.fail(ctx, owner.account_id, batch, lease, reason)
            fail(reason)
        aside = ctx.store.read(lambda tx: imports.aside(tx, owner, batch, most=ASIDE_SHOWN))
    _report(result, aside, json=json, dry_run=dry_run)


def _mapping(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    import msgspec

    with path.open("rb") as file:
        raw = file.read(MAP_BYTES_MAX + 1)
    if len(raw) > MAP_BYTES_MAX:
        raise InvalidInput(f"{path} is too large for a mapping", field="map")
    try:
        read: dict[str, Any] = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is no JSON object: {error}", field="map") from None
    if not read:
        raise InvalidInput(f"{path} maps nothing", field="map")
    return read


@contextmanager
def shown(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Show progress on stderr: a bar on a terminal, a line for each phase elsewhere."""
    if quiet:
        yield lambda _: None
        return
    if not sys.stderr.isatty():
        phases: list[str] = []

        def line(progress: Progress) -> None:
            if progress.phase not in phases:
                phases.append(progress.phase)
                typer.echo(f"{progress.phase} …", err=True)

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[counts]}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("recognising", total=None, counts="")

        def update(progress: Progress) -> None:
            counts = f"{progress.new} new, {progress.same} the same"
            bar.update(
                task,
                description=progress.phase,
                completed=progress.done,
                total=progress.total or None,
                counts=counts,
            )

        yield update


def _report(result: Result, aside: Sequence[Any], *, json: bool, dry_run: bool) -> None:
    for names, what in (
        (result.unmapped, "needs a mapping (--map FILE says what its columns mean)"),
        (result.unknown, "not recognised"),
    ):
        for name in names[:FILES_SHOWN]:
            typer.echo(f"{what}: {name}", err=True)
        if len(names) > FILES_SHOWN:
            typer.echo(f"{what}: {len(names) - FILES_SHOWN} more", err=True)
    for one in aside:
        typer.echo(f"set aside: {one.place}: {one.reason}", err=True)
    if result.set_aside > len(aside):
        typer.echo(f"set aside: {result.set_aside - len(aside)} more", err=True)
    if json:
        print_json(_document(result))
        return
    kinds = ", ".join(result.kinds)
    written = "would be written" if dry_run else f"written as import {result.batch}"
    typer.echo(
        f"{kinds}: {result.read} read: {result.new} new, {result.same} the same,"
        f" {result.changed} changed; {result.set_aside} set aside; {written}"
    )


def _document(result: Result) -> dict[str, Any]:
    return {
        "batch": result.batch,
        "read": result.read,
        "new": result.new,
        "same": result.same,
        "changed": result.changed,
        "set_aside": result.set_aside,
        "kinds": result.kinds,
        "unknown": result.unknown,
        "unmapped": result.unmapped,
    }


@_imports.command("list")
@plain
def imports_list(
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    json: Json = False,
) -> None:
    """List the imports, newest first."""
    from diurnal.services import accesses, imports
    from diurnal.store import accounts

    with opened_context() as ctx:
        if account is not None:
            owners = [owner_of(ctx, account)]
        else:
            every = ctx.store.read(accounts.all_of)
            owners = [accesses.personal(a.account_id, a.username) for a in every]
        listed = [
            _batch(owner.username, batch)
            for owner in owners
            for batch in ctx.store.read(lambda tx, owner=owner: imports.listed(tx, owner))  # type: ignore[misc]
        ]
    listed.sort(key=lambda row: -int(row["batch"]))
    if json:
        print_json({"imports": listed})
        return
    for row in listed:
        counts = f"{row['new']} new, {row['same']} the same, {row['set_aside']} set aside"
        shown = (row["batch"], row["account"], row["state"], row["created"], row["name"], counts)
        typer.echo("\t".join(str(value) for value in shown))


def _batch(username: str, batch: Stored) -> dict[str, Any]:
    from diurnal.model.time import to_datetime

    counts = {**batch.progress, **batch.result}
    numbers = {k: counts.get(k, 0) for k in ("read", "new", "same", "changed", "set_aside")}
    return {
        "batch": batch.id,
        "account": username,
        "name": batch.name,
        "state": batch.state,
        "dry_run": batch.dry_run,
        "created": to_datetime(batch.created).isoformat(timespec="seconds"),
        "phase": batch.progress.get("phase"),
        **numbers,
        "kinds": batch.result.get("kinds", {}),
        "error": batch.error,
    }


@_imports.command("undo")
@plain
def imports_undo(
    batch: Annotated[int, typer.Argument(help="Its number.", show_default=False)],
    json: Json = False,
) -> None:
    """Take back what an import wrote."""
    from diurnal.services import accesses, imports
    from diurnal.store import batches

    with opened_context() as ctx:
        found = ctx.store.read(lambda tx: batches.anyones(tx, batch))
        if found is None:
            raise NotFound(f"no import {batch}")
        gone = imports.undo(ctx, accesses.personal(found.account_id, ""), batch)
    changed = found.result.get("changed", 0)
    if json:
        print_json({"batch": batch, "removed": gone, "state": "undone", "changed": changed})
        return
    typer.echo(f"undid import {batch}: {gone} rows removed")
    if changed:
        typer.echo(f"{changed} that were there before stay as the import changed them", err=True)
