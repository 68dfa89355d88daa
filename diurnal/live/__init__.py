"""What live doors share."""
