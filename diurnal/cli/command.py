"""The command itself: its options, how it speaks and fails, and what commands share."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec

import typer

from diurnal import process
from diurnal.errors import AppError

if TYPE_CHECKING:
    from diurnal.model.access import Access
    from diurnal.services.context import Context
    from diurnal.settings import Settings

P = ParamSpec("P")
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


def group(name: str, about: str) -> typer.Typer:
    """Make a group of commands."""
    made = typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(made, name=name)
    return made


given: dict[str, Any] = {}
"""What stood before or after the command, for all of them."""
running: dict[str, str] = {}
"""What the command is called in the audit."""
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Name = Annotated[str, typer.Argument(help="The account's name.", show_default=False)]
Account = Annotated[str, typer.Option(help="Whose.", show_default=False)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    process.search_seldom()
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
                usage(f"option {name} needs a value")
            moved += [argument, value]
    return [*moved, *rest]


def _version(asked: bool) -> None:
    if asked:
        from diurnal import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _everywhere(
    data_dir: Annotated[
        Path | None, typer.Option(help="Where everything lives.", show_default=False)
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(help="postgresql://… or sqlite:///FILE.", show_default=False),
    ] = None,
    version: Annotated[
        bool,
        # Eager: asked for before a missing command is complained of.
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Take what stands before every command."""
    given.update(data_dir=data_dir, database_url=database_url)


def usage(message: str) -> NoReturn:
    """End with a plain line about how the command was given."""
    typer.echo(f"diurnal: {message}", err=True)
    sys.exit(2)


def plain(command: Callable[P, None]) -> Callable[P, None]:
    """Make failures one plain line and the exit status 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        running["command"] = command.__name__.strip("_").replace("_", ".")
        try:
            command(*args, **kwargs)
        except AppError as error:
            fail(error.message)
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            fail(f"{where}{error.strerror or error}")
        except KeyboardInterrupt:
            fail("stopped")

    return run


def fail(message: str) -> NoReturn:
    """End with a plain line about what went wrong."""
    typer.echo(f"diurnal: {' '.join(message.split())}", err=True)
    sys.exit(1)


def read_settings(**options: Any) -> Settings:
    """Read the settings, options first, and start the log by them."""
    from diurnal import settings

    read = settings.load(**given, options=options, environ=os.environ)
    from diurnal.cli import logs

    logs.start(read)
    return read


@contextmanager
def opened_context(*, noted: bool = False, **options: Any) -> Iterator[Context]:
    """Open what use cases need, and close it.

    Args:
        noted: leave a line in the audit of each account that the command changes.
    """
    from diurnal.services.context import opened

    with opened(read_settings(**options)) as ctx:
        changed: set[int] = set()
        if noted:
            ctx.store.listen(changed.update)
        yield ctx
        _note(ctx, sorted(changed))


def _note(ctx: Context, changed: Sequence[int]) -> None:
    from diurnal.services import audit, authentication

    for account_id in changed:
        doing = audit.Doing("command", running["command"])
        doing.access, doing.account_id = authentication.SYSTEM, account_id
        audit.note(ctx, doing)
    audit.flush(ctx)


def owner_of(ctx: Context, name: str) -> Access:
    """Return the owner's access to the account of that name."""
    from diurnal.services import accesses, accounts

    found = ctx.store.read(lambda tx: accounts.find(tx, name))
    return accesses.personal(found.account_id, found.username)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    import msgspec

    typer.echo(msgspec.json.encode(document).decode())
