"""Follow changes as they are committed: in this process, or in another on the same store."""

from __future__ import annotations

from diurnal.live.doors import Changed, Door, Doors, Entering, Guest, Notice, Refused
from diurnal.live.hub import PACE_S, Follower, Hub, given, hub_of

__all__ = [
    "PACE_S",
    "Changed",
    "Door",
    "Doors",
    "Entering",
    "Follower",
    "Guest",
    "Hub",
    "Notice",
    "Refused",
    "given",
    "hub_of",
]
