"""Chat engines, one file an adapter, and what they share."""
