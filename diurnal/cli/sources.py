"""Look for news at connected sources now; list the sources; register applications there."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diurnal.cli.command import Json, app, fail, group, opened_context, plain, print_json, usage
from diurnal.errors import AppError, NotFound

if TYPE_CHECKING:
    from diurnal.services.context import Context
    from diurnal.services.syncs import Outcome
    from diurnal.store.connections import Stored

_connectors = group("connector", "List sources, and set the household's application at one.")


@app.command("sync")
@plain
def sync(
    connection: Annotated[
        str | None, typer.Option(help="Its id.", metavar="ID", show_default=False)
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every connection of every account.")] = False,
    json: Json = False,
) -> None:
    """Look for news at connected sources now; waits for the end."""
    if all_ == (connection is not None):
        usage("give --connection ID or --all")
    stop = threading.Event()
    with opened_context() as ctx:
        found = _wanted(ctx, connection)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        told = [_run(ctx, c, stop) for c in found if not stop.is_set()]
    wrong = [one for one in told if one["problem"]]
    if json:
        print_json({"connections": told})
    else:
        for one in told:
            typer.echo(f"{one['connection']}  {one['connector']:<20} {one['words']}")
    if wrong:
        fail(f"{len(wrong)} of {len(told)} connections have a problem")
    if stop.is_set():
        fail("stopped; what was fetched stays")


def _wanted(ctx: Context, id_: str | None) -> list[Stored]:
    from diurnal.services import jobs
    from diurnal.store import connections as store

    found = [
        c
        for account_id in ctx.store.read(jobs.everyone)
        for c in ctx.store.read(lambda tx, a=account_id: store.all_of(tx, a))  # type: ignore[misc]
    ]
    if id_ is None:
        return found
    mine = [c for c in found if c.id == id_]
    if not mine:
        raise NotFound(f"no connection {id_!r}")
    return mine


def _run(ctx: Context, c: Stored, stop: threading.Event) -> dict[str, Any]:
    """Do one run under the lease of its job, so that the worker does not do it at the same time."""
    from diurnal import worker as work
    from diurnal.services import connection_views, jobs, schedule, syncs
    from diurnal.services.jobs import LeaseLost

    told: dict[str, Any] = {
        "connection": c.id,
        "connector": c.connector,
        "new": 0,
        "same": 0,
        "changed": 0,
        "set_aside": 0,
        "problem": None,
    }
    if c.state != schedule.ACTIVE:
        words = connection_views.words(c, c.name, ctx.now())
        return {**told, "problem": words if c.state != schedule.PAUSED else None, "words": words}

    def claim(tx: Any) -> jobs.Lease:
        job = schedule.enqueue(tx, ctx, c, ctx.now())
        return jobs.claim(tx, ctx, c.account_id, job, owner="command")

    try:
        lease = ctx.store.write(claim).result()
        with work.beating(ctx, lease):
            outcome: Outcome = syncs.run(
                ctx, c.account_id, c.id, lease=lease, force=True, stopping=stop.is_set
            )
    except LeaseLost:
        return {**told, "words": "is being fetched already"}
    except jobs.Stopped:
        ctx.store.write(lambda tx: jobs.give_back(tx, ctx, lease)).result()
        return {**told, "words": "stopped"}
    except AppError as error:
        return {**told, "problem": error.message, "words": error.message}
    result = outcome.result
    if result is not None:
        told |= {
            "new": result.new,
            "same": result.same,
            "changed": result.changed,
            "set_aside": result.set_aside,
        }
    told["problem"] = outcome.problem
    told["words"] = outcome.problem or (
        f"{told['new']} new, {told['changed']} changed, {told['set_aside']} set aside"
    )
    return told


@_connectors.command("list")
@plain
def list_(json: Json = False) -> None:
    """List every source: what it is read from, and how it is signed in to."""
    from diurnal.services import sources

    found = sources.declare()
    if json:
        print_json({"connectors": found})
        return
    for d in found:
        ways = [w for w, there in (("file", d.file), ("pull", d.pull), ("push", d.push)) if there]
        typer.echo(f"{d.name:<20} {d.title:<24} {', '.join(ways):<18} {d.auth}")


@_connectors.command("app")
@plain
def set_app(
    name: Annotated[str, typer.Argument(help="The source.", show_default=False)],
    client_id: Annotated[
        str | None, typer.Option(help="The application's id there.", show_default=False)
    ] = None,
    client_secret_stdin: Annotated[
        bool, typer.Option("--client-secret-stdin", help="Read its secret from standard input.")
    ] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Forget it.")] = False,
) -> None:
    """Set the application that everybody here signs in with at a source."""
    from diurnal.services import source_apps, sources, upstreams

    if forget == (client_id is not None):
        usage("give --client-id or --forget")
    source_apps.must_sign_in(sources.declared(name))
    keys = None
    if client_id is not None:
        secret = sys.stdin.readline().strip() if client_secret_stdin else ""
        keys = upstreams.AppKeys(client_id, secret)
    with opened_context() as ctx:
        ctx.store.write(lambda tx: upstreams.set_app(tx, ctx, name, keys)).result()
