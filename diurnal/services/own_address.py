"""Where this server is reached: for links in mails and in what commands print.

Never what a request says of itself: whoever asks could have the link lead to them.
"""

from __future__ import annotations

import msgspec

from diurnal.services.context import Context

FILE = "server.json"
"""Where the running server leaves its address, in the data directory."""


class _Told(msgspec.Struct):
    url: str


def of(ctx: Context) -> str:
    """Return scheme and host: as the settings say, else where the server runs."""
    settings = ctx.settings
    if settings.public_url is not None:
        return settings.public_url
    try:
        told = msgspec.json.decode((settings.data_dir / FILE).read_bytes(), type=_Told)
    except (OSError, msgspec.DecodeError):
        return settings.own_url
    return told.url
