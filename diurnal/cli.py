"""The command line: what scripts and operators depend on.

One JSON document on stdout with `--json`, all else on stderr; exit status 0 done, 1 failed with
one plain line, 2 bad usage. Everything heavy is imported inside its command.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec

import typer

from diurnal.errors import AppError, InvalidInput, NotFound

if TYPE_CHECKING:
    from diurnal.model.access import Access, Level
    from diurnal.services.context import Context
    from diurnal.services.imports import Progress, Result
    from diurnal.settings import Settings
    from diurnal.store.batches import Stored

P = ParamSpec("P")

PASSWORD_BYTES_MAX = 4_096
MAP_BYTES_MAX = 256 << 10
ASIDE_SHOWN = 5
GRACEFUL_S = 10
DEMO = "demo"
"""The account that `diurnal demo` serves."""
RIGHTS = ("create", "read", "update", "delete")
TOKEN_APIS = ("exist", "native", "personal", "personyze", "pryv")

_EVERYWHERE = ("--data-dir", "--database-url")
"""Options that may stand before or after the command."""

app = typer.Typer(
    name="diurnal",
    help="The server that holds one person's digital life and speaks every personal-data API.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _group(name: str, about: str) -> typer.Typer:
    made = typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(made, name=name)
    return made


_accounts = _group("account", "Make, list and delete accounts.")
_tokens = _group("token", "Make tokens.")
_imports = _group("imports", "List and undo imports.")

_given: dict[str, Any] = {}
"""What stood before or after the command, for all of them."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Name = Annotated[str, typer.Argument(help="The account's name.", show_default=False)]
Account = Annotated[str, typer.Option(help="Whose.", show_default=False)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    try:
        app(_in_front(list(sys.argv[1:] if arguments is None else arguments)), prog_name="diurnal")
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _in_front(arguments: list[str]) -> list[str]:
    """Move the options that may stand anywhere in front of the command."""
    moved: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            return [*moved, *rest, argument, *waiting]
        name, equals, _ = argument.partition("=")
        if name not in _EVERYWHERE:
            rest.append(argument)
        elif equals:
            moved.append(argument)
        else:
            value = next(waiting, None)
            if value is None:
                _usage(f"option {name} needs a value")
            moved += [argument, value]
    return [*moved, *rest]


@app.callback()
def _everywhere(
    data_dir: Annotated[
        Path | None, typer.Option(help="Where everything lives.", show_default=False)
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(help="postgresql://… or sqlite:///FILE.", show_default=False),
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Take what stands before every command."""
    if version:
        from diurnal import __version__

        typer.echo(__version__)
        raise typer.Exit
    _given.update(data_dir=data_dir, database_url=database_url)


def _usage(message: str) -> NoReturn:
    typer.echo(f"diurnal: {message}", err=True)
    sys.exit(2)


def _plain(command: Callable[P, None]) -> Callable[P, None]:
    """Make failures one plain line and the exit status 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except AppError as error:
            _fail(error.message)
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _fail(f"{where}{error.strerror or error}")
        except KeyboardInterrupt:
            _fail("stopped")

    return run


def _fail(message: str) -> NoReturn:
    typer.echo(f"diurnal: {' '.join(message.split())}", err=True)
    sys.exit(1)


def _settings(**options: Any) -> Settings:
    from diurnal import settings

    read = settings.load(**_given, options=options, environ=os.environ)
    _start_log(read)
    return read


@contextmanager
def _opened(**options: Any) -> Iterator[Context]:
    from diurnal.services.context import opened

    with opened(_settings(**options)) as ctx:
        yield ctx


def _owner(ctx: Context, name: str) -> Access:
    from diurnal.services import accesses, accounts

    found = ctx.store.read(lambda tx: accounts.find(tx, name))
    return accesses.personal(found.account_id, found.username)


def _print(document: Any) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(document).decode())


def _start_log(settings: Settings) -> None:
    """Log to stderr, with secrets in addresses blotted out; first of all, so that all obeys."""
    import logging

    import structlog

    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.log_format == "json":
        ends: list[Any] = [structlog.processors.format_exc_info, _redact]
        renderer: Any = structlog.processors.JSONRenderer()
    else:
        ends = [structlog.processors.format_exc_info, _redact]
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[*shared, *ends, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *ends,
                renderer,
            ],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


def _redact(_logger: Any, _method: str, fields: Any) -> Any:
    """Blot out tokens and passwords in whatever is logged."""
    for key, value in fields.items():
        if isinstance(value, str):
            fields[key] = redacted(value)
    return fields


def redacted(text: str) -> str:
    """Return text with the secrets of addresses blotted out."""
    import re

    text = re.sub(
        r"(?i)\b((?:auth|(?:access_|refresh_)?token|api_?key|key|code|secret|client_secret"
        r"|password|readToken|sharing)=)[^&\s\"'<>]+",
        r"\1***",
        text,
    )
    text = re.sub(r"(?i)\b(bearer|token|basic)\s+[\w.+/=-]{12,}", r"\1 ***", text)
    text = re.sub(r"\bdn_[0-9a-z]+_\w+", "***", text)
    return re.sub(r"(\w+://[^:/@\s]*:)[^@/\s]+@", r"\1***@", text)


# serve


@app.command()
@_plain
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
    settings = _settings(**chosen)
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
    _serve_one(ctx, listening)


@app.command()
@_plain
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

    if _given.get("data_dir") is None and not os.environ.get("DIURNAL_DATA_DIR"):
        _given["data_dir"] = demo_data_dir(os.environ)
    settings = _settings(host=host, port=port)
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
    return _owner(ctx, DEMO)


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
    with _shown(quiet=False) as show, work.beating(ctx, lease):
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


def _config(settings: Settings, application: Any, **more: Any) -> Any:
    import uvicorn

    return uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
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
        _fail("the server did not start")


def _serve_many(settings: Settings, listening: Any, chosen: dict[str, Any]) -> None:
    from uvicorn.supervisors import Multiprocess

    # The processes read their settings for themselves; what the command line said goes with them.
    os.environ.pop("DIURNAL_DATABASE_URL_FILE", None)
    os.environ["DIURNAL_DATA_DIR"] = str(settings.data_dir)
    os.environ["DIURNAL_DATABASE_URL"] = settings.database_url
    for name, value in chosen.items():
        if value is not None:
            os.environ[f"DIURNAL_{name.upper()}"] = str(value)
    config = _config(settings, "diurnal.cli:application", factory=True, workers=settings.workers)
    Multiprocess(config, sockets=[listening]).run()


def application() -> Any:
    """Make the application of one of several server processes."""
    from diurnal import app as whole
    from diurnal.services.context import open_context

    _given.clear()
    return whole.on(open_context(_settings()))


@app.command(hidden=True)
@_plain
def worker(
    supervised: Annotated[
        bool, typer.Option("--supervised", help="End when standard input does.")
    ] = False,
) -> None:
    """Do due jobs: imports, and what follows from them."""
    from diurnal import worker as work

    stop = threading.Event()
    work.obey(stop, supervised=supervised)
    with _opened() as ctx:
        work.run(ctx, work.handlers(), stop)


# account


@_accounts.command("create")
@_plain
def account_create(
    name: Name,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Home zone, like Europe/Berlin.")] = None,
    json: Json = False,
) -> None:
    """Make an account."""
    from diurnal.services import accounts

    if not password_stdin:
        _usage("account create needs --password-stdin: give the password on standard input")
    password = _password()
    with _opened() as ctx:
        made = accounts.create(
            ctx, username=name, password=password, email=email, timezone=timezone
        )
    if json:
        _print({"account": made.username})
    else:
        typer.echo(f"made the account {made.username}")


def _password() -> str:
    raw = sys.stdin.buffer.read(PASSWORD_BYTES_MAX + 1)
    if len(raw) > PASSWORD_BYTES_MAX:
        raise InvalidInput("the password is too long", field="password")
    try:
        # One line end is the terminal's or echo's, not the password's.
        return raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InvalidInput("the password is not UTF-8", field="password") from None


@_accounts.command("list")
@_plain
def account_list(json: Json = False) -> None:
    """List the accounts."""
    from diurnal.model.time import to_datetime
    from diurnal.store import accounts

    with _opened() as ctx:
        found = ctx.store.read(accounts.all_of)
    listed = [
        {
            "account": a.username,
            "email": a.email,
            "timezone": a.timezone,
            "created": to_datetime(a.created).isoformat(timespec="seconds"),
        }
        for a in found
    ]
    if json:
        _print({"accounts": listed})
        return
    for row in listed:
        typer.echo("\t".join(str(value or "-") for value in row.values()))


@_accounts.command("delete")
@_plain
def account_delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete an account with all its data."""
    from diurnal.services import accounts

    with _opened() as ctx:
        owner = _owner(ctx, name)
        if not yes and sys.stdin.isatty():
            typer.confirm(f"Delete {name} and all its data for good?", abort=True, err=True)
        accounts.delete(ctx, owner.account_id)
    if json:
        _print({"account": name, "deleted": True})
    else:
        typer.echo(f"deleted the account {name}")


# token


@_tokens.command("create")
@_plain
def token_create(
    account: Account,
    api: Annotated[str, typer.Option(help=f"One of {', '.join(TOKEN_APIS)}.", show_default=False)],
    right: Annotated[
        list[str] | None,
        typer.Option(help=f"Of {', '.join(RIGHTS)}; comma-separated or repeated."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a token of an account."""
    from diurnal import plugins

    if api not in TOKEN_APIS:
        _usage(f"--api is one of {', '.join(TOKEN_APIS)}")
    rights = _rights(right or [])
    if api not in plugins.names("diurnal.dialects"):
        raise InvalidInput(f"this version does not serve the API {api!r}", field="api")
    with _opened() as ctx:
        owner = _owner(ctx, account)
        token = _make_token(ctx, owner, api, rights)
    if json:
        _print({"token": token})
    else:
        typer.echo(token)


def _rights(said: Sequence[str]) -> frozenset[str]:
    rights = frozenset(name.strip() for part in said for name in part.split(",") if name.strip())
    unknown = sorted(rights - set(RIGHTS))
    if unknown:
        _usage(f"no right is called {unknown[0]!r} (there are {', '.join(RIGHTS)})")
    return rights


def _level(rights: frozenset[str]) -> Level:
    """Return the level that is exactly these rights.

    Raises:
        InvalidInput: there is none; a wider one would give what was not asked for.
    """
    from diurnal.model.access import Level

    levels = {
        frozenset(): Level.MANAGE,
        frozenset(RIGHTS): Level.MANAGE,
        frozenset({"read"}): Level.READ,
        frozenset({"create"}): Level.CREATE_ONLY,
    }
    level = levels.get(rights)
    if level is None:
        raise InvalidInput(
            "a token of this API may read, or create, or has all four rights", field="right"
        )
    return level


def _make_token(ctx: Context, owner: Access, api: str, rights: frozenset[str]) -> str:
    from diurnal.model.access import Kind, Permission
    from diurnal.services import accesses

    if api == "exist":
        if rights - {"read"}:
            raise InvalidInput("Exist's simple token only reads", field="right")
        return ctx.store.write(lambda tx: accesses.simple_token(tx, ctx, owner)).result()
    whole = api == "native" and not rights
    level = _level(rights)
    _, token = ctx.store.write(
        lambda tx: accesses.issue(
            tx,
            ctx,
            account_id=owner.account_id,
            username=owner.username,
            kind=Kind.PERSONAL if whole else Kind.APP,
            name="Command line",
            permissions=() if whole else (Permission(level),),
            api=api,
            seal=api == "pryv",
        )
    ).result()
    return token


# import


@app.command("import")
@_plain
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
    with _opened() as ctx:
        owner = _owner(ctx, account)

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
            with _shown(quiet=json and not sys.stderr.isatty()) as show, work.beating(ctx, lease):
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
            _fail(reason)
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
def _shown(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
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
    for name in result.unknown[:ASIDE_SHOWN]:
        typer.echo(f"not recognised: {name}", err=True)
    for one in aside:
        typer.echo(f"set aside: {one.place}: {one.reason}", err=True)
    if result.set_aside > len(aside):
        typer.echo(f"set aside: {result.set_aside - len(aside)} more", err=True)
    if json:
        _print(_document(result))
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
    }


@_imports.command("list")
@_plain
def imports_list(
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    json: Json = False,
) -> None:
    """List the imports, newest first."""
    from diurnal.services import accesses, imports
    from diurnal.store import accounts

    with _opened() as ctx:
        if account is not None:
            owners = [_owner(ctx, account)]
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
        _print({"imports": listed})
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
@_plain
def imports_undo(
    batch: Annotated[int, typer.Argument(help="Its number.", show_default=False)],
    json: Json = False,
) -> None:
    """Take back what an import wrote."""
    from diurnal.services import accesses, imports
    from diurnal.store import batches

    with _opened() as ctx:
        found = ctx.store.read(lambda tx: batches.anyones(tx, batch))
        if found is None:
            raise NotFound(f"no import {batch}")
        gone = imports.undo(ctx, accesses.personal(found.account_id, ""), batch)
    if json:
        _print({"batch": batch, "removed": gone, "state": "undone"})
    else:
        typer.echo(f"undid import {batch}: {gone} rows removed")


# analyse


@app.command()
@_plain
def analyse(
    account: Annotated[str | None, typer.Option(help="Whose.", show_default=False)] = None,
    all_: Annotated[bool, typer.Option("--all", help="Everybody's.")] = False,
    json: Json = False,
) -> None:
    """Compute averages, links, insights and goals now; waits for the end."""
    if (account is None) != all_:
        _usage("analyse takes --account NAME or --all")
    from diurnal.services import accesses
    from diurnal.store import accounts

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _opened() as ctx:
        if account is not None:
            owners = [_owner(ctx, account)]
        else:
            every = ctx.store.read(accounts.all_of)
            owners = [accesses.personal(a.account_id, a.username) for a in every]
        told = []
        for owner in owners:
            told.append(_analysed(ctx, owner, stop))
            if not json:
                _tell_links(told[-1])
    if json:
        _print({"accounts": told} if all_ else told[0])


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
        _fail("stopped; the same command begins anew")

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


# Looking after it


@app.command("config")
@_plain
def config(json: Json = False) -> None:
    """Print every setting in force and where it came from; secrets are masked."""
    from diurnal import settings

    told = settings.describe(_settings())
    if json:
        _print({name: {"value": value, "origin": origin} for name, value, origin in told})
        return
    width = max(len(name) for name, _, _ in told)
    for name, value, origin in told:
        typer.echo(f"{name:<{width}}  {value or '-'}  ({origin})")


@app.command()
@_plain
def doctor(json: Json = False) -> None:
    """Look for what is wrong, and say how to mend it."""
    from diurnal.services import health
    from diurnal.services.context import clock

    settings = _settings()
    findings = [*health.examine(settings, clock), *_running(settings)]
    wrong = [f for f in findings if f.state == health.WRONG]
    if json:
        _print({"ok": not wrong, "findings": findings})
    else:
        for found in findings:
            mend = f": {found.mend}" if found.mend else ""
            typer.echo(f"{found.state:<8} {found.name}: {found.what}{mend}")
    if wrong:
        _fail(f"{len(wrong)} of {len(findings)} checks found something wrong")


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
@_plain
def migrate(json: Json = False) -> None:
    """Bring the database to this program's schema."""
    from diurnal.store import migrate as migrations
    from diurnal.store.migrations import HEAD

    settings = _settings()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = migrations.version(settings.database_url)
    migrations.ensure(settings.database_url)
    if json:
        _print({"before": before, "schema": HEAD})
    elif before == HEAD:
        typer.echo(f"the schema is {HEAD} already")
    else:
        typer.echo(f"brought the schema from {before or 'nothing'} to {HEAD}")
