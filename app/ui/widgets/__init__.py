"""Reused parts of pages. A widget is given its theme and its data; it knows no engine, store or session."""
