"""Write an account for its owner to keep or to carry elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diurnal.cli.backup import shown
from diurnal.cli.command import Account, Json, app, opened_context, owner_of, plain, print_json


@app.command()
@plain
def export(
    account: Account,
    out: Annotated[
        Path, typer.Option(help="A folder, new or empty.", metavar="DIR", show_default=False)
    ],
    format_: Annotated[
        str,
        typer.Option(
            "--format", help="jsonl, csv, parquet, sqlite, ics, gpx, fhir or omh.", metavar="F"
        ),
    ] = "jsonl",
    json: Json = False,
) -> None:
    """Write everything of one account; `import` reads jsonl back."""
    from diurnal.services import exports

    with opened_context() as ctx, shown("rows", quiet=json) as show:
        owner = owner_of(ctx, account)
        made = exports.write(ctx, owner, format_, out.expanduser(), progress=show)
    if json:
        print_json(made)
        return
    counts = ", ".join(f"{n} {what}" for what, n in made.rows.items())
    typer.echo(f"wrote {counts} to {made.path}, {made.bytes} bytes")
