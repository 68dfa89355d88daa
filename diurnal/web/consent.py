"""Where an owner is asked for consent; the page is loaded with its first visitor.

The rules of OAuth that it needs take 12 MB.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from diurnal.services import consents
from diurnal.services.context import Context
from diurnal.web import page


def _late(name: str) -> page.Page:
    async def show(ctx: Context, request: Request) -> Response:
        from diurnal.web import _consent

        found: page.Page = getattr(_consent, name)
        return await found(ctx, request)

    return show


ROUTES: page.Pages = {
    consents.PAGE: {"GET": _late("show"), "POST": _late("answer")},
    consents.DEVICE_PAGE: {"GET": _late("device"), "POST": _late("device_code")},
}
