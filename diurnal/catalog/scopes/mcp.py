"""Scopes of assistants: those of our own API."""

from __future__ import annotations

from diurnal.catalog.scopes.native import SCOPES

__all__ = ["SCOPES"]
