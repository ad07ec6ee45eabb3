"""Models behind an HTTP address: the client, what each server can, its figures, and servers started here."""
