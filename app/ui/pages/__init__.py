"""One file a page: widgets laid out and bound to its state."""
