"""The simple token for name and password: a legacy way in, of this API's clients alone."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.exist import door
from diurnal.errors import Forbidden, InvalidInput, TooMany, Unauthenticated
from diurnal.http import Handler
from diurnal.services import accesses, legacy, sign_in, simple_tokens
from diurnal.services.context import Context

WAY = "exist.simple_token"
WRONG = "Unable to log in with provided credentials."


def handler(ctx: Context) -> Handler:
    """Return the handler."""

    async def token(request: Request) -> Response:
        if request.method != "POST":
            raise InvalidInput(f'Method "{request.method}" not allowed.')
        form = await door.document(request)
        if not isinstance(form, dict):
            raise InvalidInput("Expected username and password.")
        missing = {
            k: ["This field is required."] for k in ("username", "password") if not form.get(k)
        }
        if missing:
            return door.answer(missing, 400)
        name, password = str(form["username"]), str(form["password"])
        address = http.address(request)
        try:
            said = await http.blocking(lambda: _checked(ctx, name, password, address))
        except TooMany:
            raise
        except (Unauthenticated, Forbidden) as error:
            told = WRONG if isinstance(error, Unauthenticated) else error.message
            return door.answer({"non_field_errors": [told]}, 400)
        return door.answer({"token": said})

    return token


def _checked(ctx: Context, name: str, password: str, address: str) -> str:
    """Return the simple token of who knows the password; blocks.

    Raises:
        Unauthenticated: name and password do not belong together.
        Forbidden: a second factor is asked for, or the way is switched off.
    """
    proof = sign_in.begin(ctx, name=name, password=password, address=address)
    if isinstance(proof, sign_in.Pending):
        raise Forbidden("This account asks for a second factor: take the token from its settings.")
    account = proof.account
    if not ctx.store.read(lambda tx: legacy.allowed(tx, ctx, account.account_id, WAY)):
        raise Forbidden("This account has switched this way off: take the token from its settings.")
    legacy.used(ctx, account.account_id, WAY)
    owner = accesses.personal(account.account_id, account.username)
    return ctx.store.write(lambda tx: simple_tokens.simple_token(tx, ctx, owner)).result()
