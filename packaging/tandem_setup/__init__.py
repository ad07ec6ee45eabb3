"""The parts of `packaging/bootstrap.py`. Standard library only."""
