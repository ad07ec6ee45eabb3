"""The command line: one file a command. Imports no Qt and no engine library."""
