"""Ids of events as UUIDs: an event's own id written in 128 bits, back and forth."""

from __future__ import annotations

import uuid

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_FOREIGN = uuid.UUID("0b0f7c1e-2b1e-5d53-9e0a-6a2f7d9a4c11")
_MARK = 0xC << 124
"""Ours begin with a hex `c` or `d`: 36^24 is a little more than 2^124."""


def to_uuid(id_: str) -> str:
    """Return an event's UUID; one of a foreign form is the hash of the id."""
    # By hand rather than by an expression: lists of a thousand are written so.
    ours = len(id_) == 25 and id_[0] == "c" and id_.isalnum() and id_.islower() and id_.isascii()
    if not ours:
        return str(uuid.uuid5(_FOREIGN, id_))
    told = "%032x" % (_MARK + int(id_[1:], 36))
    return f"{told[:8]}-{told[8:12]}-{told[12:16]}-{told[16:20]}-{told[20:]}"


def from_uuid(text: str) -> str | None:
    """Return the id of an event that a UUID stands for, None where it is no id of ours."""
    try:
        number = uuid.UUID(text.strip()).int - _MARK
    except ValueError:
        return None
    if not 0 <= number < 36**24:
        return None
    digits = []
    for _ in range(24):
        number, rest = divmod(number, 36)
        digits.append(_ALPHABET[rest])
    return "c" + "".join(reversed(digits))
