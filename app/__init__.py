"""The program a person runs: window, command line, library, store. It imports no engine library."""
