"""The parts of the Models page: the library, its details, and the hub."""
