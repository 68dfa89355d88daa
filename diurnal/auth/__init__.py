"""Credentials: make, hash, compare. No I/O."""
