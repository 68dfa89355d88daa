"""Look for links, averages and insights now."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diurnal.cli.command import Json, app, fail, opened_context, owner_of, plain, print_json, usage

if TYPE_CHECKING:
    from diurnal.model.access import Access
    from diurnal.services.context import Context


@app.command()
@plain
def analyse(
    account: Annotated[str | None, typer.Option(help="Whose.", show_default=False)] = None,
    all_: Annotated[bool, typer.Option("--all", help="Everybody's.")] = False,
    json: Json = False,
) -> None:
    """Compute averages, links, insights and goals now; waits for the end."""
    if (account is None) != all_:
        usage("analyse takes --account NAME or --all")
    from diurnal.services import accesses
    from diurnal.store import accounts

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with opened_context() as ctx:
        if account is not None:
            owners = [owner_of(ctx, account)]
        else:
            every = ctx.store.read(accounts.all_of)
            owners = [accesses.personal(a.account_id, a.username) for a in every]
        told = []
        for owner in owners:
            told.append(_analysed(ctx, owner, stop))
            if not json:
                _tell_links(told[-1])
    if json:
        print_json({"accounts": told} if all_ else told[0])


def _analysed(ctx: Context, owner: Access, stop: threading.Event) -> dict[str, Any]:
    from diurnal import worker as work
    from diurnal.model.time import day_text
    from diurnal.services import analyse as cases
    from diurnal.services import findings, jobs

    def begin(tx: Any) -> jobs.Lease:
        # Leased at once, or a worker beside us would take it; should we be killed, it will.
        return jobs.claim(tx, ctx, owner.account_id, cases.ask(tx, ctx, owner), owner="command")

    lease = ctx.store.write(begin).result()
    try:
        with work.beating(ctx, lease):
            done = cases.run(ctx, owner.account_id, lease=lease, stopping=stop.is_set)
    except jobs.Stopped:
        ctx.store.write(lambda tx: jobs.give_back(tx, ctx, lease)).result()
        fail("stopped; the same command begins anew")

    def links(tx: Any) -> dict[str, Any]:
        state = ctx.state(tx, owner.account_id)

        def name(key: str) -> str:
            measure = state.measure(key)
            own = key in state.measures
            return key if measure is None else findings.wire_name(measure, own=own)

        shown: dict[str, list[dict[str, Any]]] = {"links": [], "bends": []}
        for found in findings.of_kind(tx, ctx, owner, findings.LINK):
            body = found.body
            link = {"a": name(body["a"]), "b": name(body["b"]), "lag": body["lag"]}
            if body["sign"]:
                link["sign"] = body["sign"]
            else:
                link["shape"] = body["shape"]
            link |= {key: body[key] for key in ("q", "n", "sentence")}
            shown["links" if body["sign"] else "bends"].append(link)
        return shown

    return {
        "account": owner.username,
        "day": None if done.day is None else day_text(done.day),
        "again": not done.skipped,
        "found": done.counts,
        **ctx.store.read(links),
    }


def _tell_links(told: dict[str, Any]) -> None:
    if told["day"] is None:
        typer.echo(f"{told['account']}: no days to look at yet")
        return
    counts = ", ".join(f"{n} {kind}" for kind, n in told["found"].items() if n)
    same = "" if told["again"] else " (nothing has changed since the last time)"
    typer.echo(f"{told['account']}, up to {told['day']}{same}: {counts or 'nothing found'}")
    for link in (*told["links"], *told["bends"]):
        typer.echo(f"  {link['sentence']} (n {link['n']}, q {link['q']:.2g})")
