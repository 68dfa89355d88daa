"""Diurnal: the server that holds one person's digital life and speaks every personal-data API."""

__version__ = "0.1.0"
