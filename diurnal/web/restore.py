"""The first run on a new machine: put a backup back, in the browser."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import IO, Any

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.auth import signed
from diurnal.errors import AppError, Conflict, Forbidden, InvalidInput, TooLarge
from diurnal.services import first_run, restores
from diurnal.services.context import Context
from diurnal.web import page

PURPOSE = "restore"
TICKET_US = 1_800_000_000
"""Half an hour between the code and the file."""
COPY = 1 << 20


async def ask(ctx: Context, request: Request) -> Response:
    """Show the form: for the code from afar, for the file where that is known."""
    if not await http.read(ctx, first_run.needed, quick=True):
        return page.go("/sign-in")
    return _form(ctx, http.from_here(ctx, request), None)


def _form(ctx: Context, known: bool, problem: AppError | None) -> Response:
    # Nobody sends a file before the code was right: the address that takes it carries the proof.
    ticket = _ticket(ctx) if known else None
    told: dict[str, Any] = {"ticket": ticket, "form": {}, "problem": problem}
    return page.html("restore.html", told, page.status_of(problem), http.retry_headers(problem))


def _ticket(ctx: Context) -> str:
    return signed.sign(ctx.keys, PURPOSE, str(ctx.now() + TICKET_US).encode())


async def show_code(ctx: Context, request: Request) -> Response:
    """Take the one-time code and show the form for the file."""
    if not await http.read(ctx, first_run.needed, quick=True):
        return page.go("/sign-in")
    form = await page.form_of(request)
    try:
        await http.blocking(
            lambda: first_run.check_code(ctx, form.get("code"), http.address(request))
        )
    except AppError as error:
        return _form(ctx, False, error)
    return _form(ctx, True, None)


async def restore(ctx: Context, request: Request) -> Response:
    """Take the file and put it back; who has an account in it signs in then."""
    told = signed.read(ctx.keys, PURPOSE, request.query_params.get("ticket", ""))
    if told is None or int(told) <= ctx.now():
        raise Forbidden("This took too long, or was not begun here: begin again at /setup/restore.")
    if not await http.read(ctx, first_run.needed, quick=True):
        return page.go("/sign-in")
    try:
        form = await _sent(ctx, request)
    except AppError as error:
        return _form(ctx, True, error)
    try:
        given, passphrase = form.get("backup"), form.get("passphrase")
        if not isinstance(given, UploadFile) or not given.size:
            raise InvalidInput("choose the file of a backup", field="backup")
        source = given.file
        await http.blocking(
            lambda: _restore(ctx, source, passphrase if isinstance(passphrase, str) else "")
        )
    except Conflict:
        return page.go("/sign-in")
    except AppError as error:
        return _form(ctx, True, error)
    finally:
        await form.close()
    return page.go("/sign-in")


async def _sent(ctx: Context, request: Request) -> FormData:
    most = ctx.settings.upload_bytes_max

    async def bounded() -> AsyncGenerator[bytes, None]:
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise TooLarge(f"a backup sent here has at most {most} bytes", limit=most)
            yield part

    try:
        return await MultiPartParser(request.headers, bounded(), max_files=1, max_fields=2).parse()
    except (MultiPartException, KeyError, ValueError, LookupError):
        raise InvalidInput("the form did not come whole", field="backup") from None


def _restore(ctx: Context, source: IO[bytes], passphrase: str) -> None:
    with tempfile.NamedTemporaryFile(dir=ctx.settings.data_dir, prefix="restore-") as file:
        while part := source.read(COPY):
            file.write(part)
        file.flush()
        restores.restore(ctx, Path(file.name), passphrase=passphrase or None)


ROUTES: page.Pages = {
    "/setup/restore": {"GET": ask, "POST": show_code},
    "/setup/restore/file": {"POST": restore},
}
