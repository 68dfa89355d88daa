"""Serve, serve a demonstration, and work beside it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from diurnal.cli import logs
from diurnal.cli.command import app, fail, given, opened_context, owner_of, plain, read_settings
from diurnal.cli.imports import shown
from diurnal.errors import InvalidInput

if TYPE_CHECKING:
    from diurnal.model.access import Access
    from diurnal.services.context import Context
    from diurnal.settings import Settings

GRACEFUL_S = 10
DEMO = "demo"
"""The account that `diurnal demo` serves."""


@app.command()
@plain
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free one.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM file with the certificate.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file with its key.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Server processes; above 1 needs PostgreSQL and Redis.")
    ] = None,
) -> None:
    """Serve until told to stop."""
    chosen = {
        "host": host,
        "port": port,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "workers": workers,
    }
    settings = read_settings(**chosen)
    listening = _listen(settings)
    from diurnal import worker
    from diurnal.services.context import open_context

    if settings.workers > 1:
        with opened_briefly(settings) as ctx:
            _announce(ctx, listening)
        with _told(settings, listening), worker.Supervisor(settings):
            _serve_many(settings, listening, chosen)
        return
    ctx = open_context(settings)
    logs.keep(ctx, "server")
    _serve_one(ctx, listening)


@app.command()
@plain
def demo(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free one.")] = None,
    timezone: Annotated[
        str, typer.Option(help="Where the made-up person lives.")
    ] = "Europe/Berlin",
) -> None:
    """Serve an account full of made-up data, in a folder of its own."""
    from diurnal.services.context import open_context
    from diurnal.settings import demo_data_dir

    if given.get("data_dir") is None and not os.environ.get("DIURNAL_DATA_DIR"):
        given["data_dir"] = demo_data_dir(os.environ)
    settings = read_settings(host=host, port=port)
    if settings.workers > 1:
        raise InvalidInput("the demo is served by one process", field="workers")
    listening = _listen(settings)
    ctx = open_context(settings)
    try:
        _fill(ctx, _demo_owner(ctx, timezone))
    except BaseException:
        ctx.store.close()
        raise
    _serve_one(ctx, listening, also=_demo_link)


def _demo_owner(ctx: Context, timezone: str) -> Access:
    """Return the owner of the demo account, which is made where nobody lives yet."""
    import secrets

    from diurnal.services import accounts
    from diurnal.store import accounts as stored

    names = [account.username for account in ctx.store.read(stored.all_of)]
    if not names:
        password = secrets.token_urlsafe(12)
        accounts.create(ctx, username=DEMO, password=password, timezone=timezone, first_only=True)
        typer.echo(f"The account is {DEMO}, its password {password}", err=True)
    elif names != [DEMO]:
        raise InvalidInput(
            f"{ctx.settings.data_dir} has accounts of its own; made-up data do not go among"
            " them. Give another folder with --data-dir",
            field="data_dir",
        )
    return owner_of(ctx, DEMO)


def _fill(ctx: Context, owner: Access) -> None:
    """Load the made-up year; anew when it was loaded on another day, so that it ends today."""
    from diurnal import worker as work
    from diurnal.services import demo as cases
    from diurnal.services import imports, jobs

    there = ctx.store.read(lambda tx: cases.loaded(tx, owner))
    if there is not None:
        # One that was cut off is gone on with by the worker.
        if there.state != imports.DONE or cases.reaches_today(ctx, there):
            return
        imports.undo(ctx, owner, there.id)

    def begin(tx: Any) -> tuple[int, jobs.Lease]:
        batch = cases.start(tx, ctx, owner)
        job = imports.job_of(tx, owner.account_id, batch) or ""
        return batch, jobs.claim(tx, ctx, owner.account_id, job, owner="command")

    batch, lease = ctx.store.write(begin).result()
    with shown(quiet=False) as show, work.beating(ctx, lease):
        imports.run(ctx, owner.account_id, batch, lease=lease, progress=show, bulk=False)


def _demo_link(ctx: Context, address: str) -> None:
    from diurnal.services import accounts, sign_in_links

    account = ctx.store.read(lambda tx: accounts.find(tx, DEMO))
    token = sign_in_links.issue(ctx, account)
    typer.echo(
        f"Open this on this machine within ten minutes; it signs in, once:\n\n"
        f"    {address}/sign-in/once?token={token}\n"
    )


@contextmanager
def opened_briefly(settings: Settings) -> Iterator[Context]:
    """Open the store in the process that only watches over the servers, and close it again."""
    from diurnal.services.context import opened

    with opened(settings) as ctx:
        yield ctx


def _listen(settings: Settings) -> Any:
    """Return a listening socket; before anything else is opened, so that a taken port is cheap."""
    import socket

    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    host = settings.host.strip("[]")
    try:
        return socket.create_server((host, settings.port), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidInput(
            f"cannot listen on {settings.host} port {settings.port}: {reason};"
            " choose another with --host or --port",
            field="port",
        ) from None


def _address(settings: Settings, listening: Any) -> str:
    name = listening.getsockname()
    host = "127.0.0.1" if name[0] == "0.0.0.0" else name[0]  # noqa: S104 - shown, not bound
    host = "[::1]" if host == "::" else f"[{host}]" if ":" in host else host
    scheme = "https" if settings.tls_cert is not None else "http"
    return f"{scheme}://{host}:{name[1]}"


def _announce(ctx: Context, listening: Any) -> None:
    """Say where the server is, and how the first account is made."""
    from diurnal.services import first_run

    address = _address(ctx.settings, listening)
    typer.echo(f"Diurnal is at {ctx.settings.public_url or address}")
    if ctx.store.read(first_run.needed):
        code = first_run.issue_code(ctx.settings.data_dir)
        typer.echo(f"Make the first account at {ctx.settings.public_url or address}/setup")
        typer.echo(f"From another machine that page asks for this code: {code}")
    sys.stdout.flush()


@contextmanager
def _told(settings: Settings, listening: Any) -> Iterator[None]:
    """Leave the server's address in the data directory for commands."""
    import msgspec

    from diurnal.app import socket_path

    path = socket_path(settings.data_dir)
    content = {"pid": os.getpid(), "url": _address(settings, listening)}
    temp = path.with_suffix(".new")
    temp.write_bytes(msgspec.json.encode(content))
    temp.chmod(0o600)
    temp.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


WS_BYTES_MAX = 4 << 20
"""Of one message of a web socket, put together."""


def _web_socket(**given: Any) -> Any:
    """Return the protocol of one web socket; loaded with the first."""
    from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

    return WSProtocol(**given)


def _config(settings: Settings, application: Any, **more: Any) -> Any:
    import uvicorn

    return uvicorn.Config(
        application,
        http="httptools",
        ws=cast(Any, _web_socket),
        ws_max_size=WS_BYTES_MAX,
        ws_per_message_deflate=False,  # 60 kB a socket
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the application does so, for those that have any
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=GRACEFUL_S,
        timeout_keep_alive=20,
        **more,
    )


def _serve_one(
    ctx: Context, listening: Any, also: Callable[[Context, str], None] | None = None
) -> None:
    import uvicorn

    from diurnal import app as application
    from diurnal import worker

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets=sockets)
            if self.started:
                _announce(ctx, listening)
                if also is not None:
                    also(ctx, _address(ctx.settings, listening))
                    sys.stdout.flush()

    server = Server(_config(ctx.settings, application.on(ctx)))

    def stop(*_: object) -> None:
        # uvicorn raises its signal once more when it has ended; then there is nothing left to do.
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with _told(ctx.settings, listening), worker.Supervisor(ctx.settings):
        server.run(sockets=[listening])
    if not server.started:
        fail("the server did not start")


def _serve_many(settings: Settings, listening: Any, chosen: dict[str, Any]) -> None:
    from uvicorn.supervisors import Multiprocess

    # The processes read their settings for themselves; what the command line said goes with them.
    os.environ.pop("DIURNAL_DATABASE_URL_FILE", None)
    os.environ["DIURNAL_DATA_DIR"] = str(settings.data_dir)
    os.environ["DIURNAL_DATABASE_URL"] = settings.database_url
    for name, value in chosen.items():
        if value is not None:
            os.environ[f"DIURNAL_{name.upper()}"] = str(value)
    config = _config(
        settings, "diurnal.cli.serve:application", factory=True, workers=settings.workers
    )
    Multiprocess(config, sockets=[listening]).run()


def application() -> Any:
    """Make the application of one of several server processes."""
    from diurnal import app as whole
    from diurnal.services.context import open_context

    given.clear()
    ctx = open_context(read_settings())
    logs.keep(ctx, "server")
    return whole.on(ctx)


@app.command(hidden=True)
@plain
def worker(
    supervised: Annotated[
        bool, typer.Option("--supervised", help="End when standard input does.")
    ] = False,
) -> None:
    """Do due jobs: imports, and what follows from them."""
    from diurnal import worker as work

    stop = threading.Event()
    work.obey(stop, supervised=supervised)
    with opened_context() as ctx:
        logs.keep(ctx, "worker")
        work.run(ctx, work.handlers(), stop)
