"""What holds for whatever is written, in whatever order."""
