"""Look after a server: settings, doctor, migrations."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from diurnal.cli.command import Json, app, fail, plain, print_json, read_settings

if TYPE_CHECKING:
    from diurnal.settings import Settings


@app.command("config")
@plain
def config(json: Json = False) -> None:
    """Print every setting in force and where it came from; secrets are masked."""
    from diurnal import settings

    told = settings.describe(read_settings())
    if json:
        print_json({name: {"value": value, "origin": origin} for name, value, origin in told})
        return
    width = max(len(name) for name, _, _ in told)
    for name, value, origin in told:
        typer.echo(f"{name:<{width}}  {value or '-'}  ({origin})")


@app.command()
@plain
def doctor(json: Json = False) -> None:
    """Look for what is wrong, and say how to mend it."""
    from diurnal.services import health
    from diurnal.services.context import clock

    settings = read_settings()
    findings = [*health.examine(settings, clock), *_running(settings)]
    wrong = [f for f in findings if f.state == health.WRONG]
    if json:
        print_json({"ok": not wrong, "findings": findings})
    else:
        for found in findings:
            mend = f": {found.mend}" if found.mend else ""
            typer.echo(f"{found.state:<8} {found.name}: {found.what}{mend}")
    if wrong:
        fail(f"{len(wrong)} of {len(findings)} checks found something wrong")


def _running(settings: Settings) -> Iterator[Any]:
    """Look whether the server and its worker run, and else whether the port is free."""
    import socket
    from urllib.request import urlopen

    import msgspec

    from diurnal import worker as work
    from diurnal.app import socket_path
    from diurnal.services.health import OK, WARNING, WRONG, Finding

    try:
        told = msgspec.json.decode(socket_path(settings.data_dir).read_bytes())
        os.kill(told["pid"], 0)
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        told = None
    if told is not None:
        try:
            with urlopen(f"{told['url']}/healthz", timeout=5) as answer:  # noqa: S310 - our own
                well = answer.status == 200
        except OSError as error:
            # Our own certificate need not be one that this machine trusts.
            well = "CERTIFICATE" in str(error)
        yield Finding(
            name="server",
            state=OK if well else WRONG,
            what=f"{'answers' if well else 'does not answer'} at {told['url']}",
            mend="" if well else "look at its log, and start it again",
        )
        alive = work.alive(settings.data_dir)
        yield Finding(
            name="worker",
            state=OK if alive else WRONG,
            what="runs" if alive else "does not run; imports wait",
            mend="" if alive else "look at the server's log: it says why its worker ends",
        )
        return
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host.strip("[]"), settings.port), family=family).close()
    except OSError as error:
        yield Finding(
            name="port",
            state=WRONG,
            what=f"{settings.host} port {settings.port}: {error.strerror or error}",
            mend="end the program that has it, or choose another with --port",
        )
    else:
        yield Finding(
            name="server",
            state=OK,
            what=f"does not run; port {settings.port} is free",
        )
    if work.alive(settings.data_dir):
        yield Finding(
            name="worker",
            state=WARNING,
            what="runs without its server",
            mend="it ends by itself within seconds; else end it",
        )


@app.command()
@plain
def migrate(json: Json = False) -> None:
    """Bring the database to this program's schema, after a copy of it."""
    from diurnal.store import migrate as migrations
    from diurnal.store.migrations import HEAD

    settings = read_settings()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = migrations.version(settings.database_url)
    migrations.ensure(settings.database_url, settings.backups)
    if json:
        print_json({"before": before, "schema": HEAD})
    elif before == HEAD:
        typer.echo(f"the schema is {HEAD} already")
    else:
        typer.echo(f"brought the schema from {before or 'nothing'} to {HEAD}")
