"""An export in other people's formats, each with what fits into it."""

from __future__ import annotations

from diurnal.services.exports import Writer

WRITERS: dict[str, Writer] = {}
