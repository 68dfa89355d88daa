"""Tests; a package, so that `tests.clock` is ours whatever else is installed."""
