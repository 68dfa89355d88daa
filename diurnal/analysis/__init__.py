"""Pure functions on arrays, one file per question; found by scanning."""
