"""What each page shows and can do: QtCore only, tested without widgets."""
