"""Alembic's numbered versions of the schema."""

HEAD = "0001"
"""The version this code needs; a test compares it with the scripts."""
