"""What a request brings back, or why it brings nothing."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from diurnal.errors import Upstream


class Failed(Upstream):
    """No answer: not reached, cut off, too slow; another try may succeed."""

    code = "upstream-away"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, whole; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
