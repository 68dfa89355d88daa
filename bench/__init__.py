"""Measures what Diurnal costs, as ratios against what it stands on: `python -m bench`."""
