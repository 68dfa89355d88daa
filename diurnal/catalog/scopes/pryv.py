"""Pryv has no scopes: its applications ask for permissions on streams."""

from __future__ import annotations

from diurnal.catalog.scopes import Scopes

SCOPES = Scopes(known={}, offered=())
