"""Back up, verify, restore."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diurnal.cli.command import (
    Json,
    app,
    fail,
    opened_context,
    plain,
    print_json,
    read_settings,
    usage,
)
from diurnal.errors import InvalidInput

if TYPE_CHECKING:
    from diurnal.services.backups import Made

PASSPHRASE_BYTES_MAX = 4_096
Stdin = Annotated[
    bool, typer.Option("--passphrase-stdin", help="Read the passphrase from standard input.")
]
File = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="Read the passphrase from a file.", show_default=False),
]
In = Annotated[Path, typer.Argument(metavar="IN", help="The backup.", show_default=False)]


def _passphrase(stdin: bool, file: Path | None) -> str | None:
    if stdin and file is not None:
        usage("give the passphrase by standard input or by a file, not by both")
    if file is not None:
        with file.open("rb") as opened:
            raw = opened.read(PASSPHRASE_BYTES_MAX + 1)
    elif stdin:
        raw = sys.stdin.buffer.read(PASSPHRASE_BYTES_MAX + 1)
    else:
        return None
    if len(raw) > PASSPHRASE_BYTES_MAX:
        raise InvalidInput("the passphrase is too long")
    try:
        # One line end is the terminal's or the editor's.
        read = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InvalidInput("the passphrase is not UTF-8") from None
    if not read:
        raise InvalidInput("the passphrase is empty")
    return read


@contextmanager
def shown(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show on a terminal how much is done."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, all_: bar.update(task, completed=done, total=all_)


@app.command()
@plain
def backup(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="A new file, or a folder to put one into.", show_default=False
        ),
    ],
    passphrase_stdin: Stdin = False,
    passphrase_file: File = None,
    json: Json = False,
) -> None:
    """Write everything into one file, while the server runs."""
    from diurnal.services import backups

    passphrase = _passphrase(passphrase_stdin, passphrase_file)
    with opened_context() as ctx, shown("accounts", quiet=json) as show:
        made = backups.make(ctx, out.expanduser(), passphrase=passphrase, progress=show)
    _tell("backed up", made, json=json)
    if made.lost:
        fail(f"the backup is made, but lacks {len(made.lost)} attachments that are gone or damaged")


@app.command()
@plain
def verify(
    path: In,
    passphrase_stdin: Stdin = False,
    passphrase_file: File = None,
    json: Json = False,
) -> None:
    """Read a backup from end to end; fail if one bit is not as it was written."""
    from diurnal.services import restores

    read_settings()
    passphrase = _passphrase(passphrase_stdin, passphrase_file)
    _tell("whole:", restores.verify(path.expanduser(), passphrase=passphrase), json=json)


@app.command()
@plain
def restore(
    path: In,
    passphrase_stdin: Stdin = False,
    passphrase_file: File = None,
    json: Json = False,
) -> None:
    """Put a backup back into a server that has no account yet."""
    from diurnal.services import restores

    passphrase = _passphrase(passphrase_stdin, passphrase_file)
    with opened_context() as ctx, shown("accounts", quiet=json) as show:
        made = restores.restore(ctx, path.expanduser(), passphrase=passphrase, progress=show)
    _tell("restored", made, json=json)


def _tell(done: str, made: Made, *, json: bool) -> None:
    manifest = made.manifest
    for lost in made.lost:
        typer.echo(f"an attachment is gone or damaged: {lost}", err=True)
    if json:
        print_json(document(made))
        return
    for left_out in manifest.not_held:
        typer.echo(f"not in it: {left_out}", err=True)
    people = f"{made.people} accounts" if made.people != 1 else "1 account"
    locked = ", locked" if made.locked else ""
    typer.echo(
        f"{done} {people}, {made.rows} rows, {made.files} attachments;"
        f" {made.path}, {made.size} bytes{locked}"
    )


def document(made: Made) -> dict[str, Any]:
    """Return what the commands tell as JSON."""
    from diurnal.model.time import to_datetime

    manifest = made.manifest
    return {
        "path": made.path,
        "bytes": made.size,
        "locked": made.locked,
        "keys": manifest.keys,
        "made": to_datetime(manifest.made_us).isoformat(timespec="seconds"),
        "program": manifest.program,
        "schema": manifest.schema,
        "engine": manifest.engine,
        "rows": made.rows,
        "attachments": made.files,
        "accounts": [
            {
                "account": a.username,
                "rows": sum(t.rows for t in a.tables.values()),
                "attachments": a.files,
                "tables": {name: t.rows for name, t in a.tables.items()},
                "digests": {name: t.sha256 for name, t in a.tables.items()},
            }
            for a in manifest.accounts
            if a.username is not None
        ],
        "lost": made.lost,
        "not_held": manifest.not_held,
    }
