"""Run `python -m diurnal` as the command `diurnal`."""

from __future__ import annotations

from diurnal.cli import main

main()
