"""Models: what is there, where it came from, what may be loaded."""
