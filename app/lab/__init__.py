"""Sessions, runs and their records: what the window, the command line and the server share."""
